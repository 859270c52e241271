"""`deployments/prefect.yaml`, read strictly: what Prefect's own reader would ignore is an error here."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
HOME_VARIABLE = "ROLLCALL_HOME"
"""Set where a worker runs: the folder with `flows/`, `tasks/` and `data/`."""

DEFAULT_QUEUE = "default"
"""Of every work pool; Prefect makes it."""


class ManifestError(ValueError):
    """The file cannot be deployed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolOf(_Strict):
    """The work pool of a deployment, and the queue in it."""

    name: str
    work_queue_name: str = DEFAULT_QUEUE


class Limit(_Strict):
    """How many runs of a deployment may be under way at once, and what becomes of one more."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]

    @property
    def strategy(self) -> ConcurrencyLimitStrategy:
        """As Prefect's client knows it."""
        return ConcurrencyLimitStrategy(self.collision_strategy)


class CronLine(_Strict):
    """A schedule. No intervals: Prefect anchors them at the instant they are made, so each would be another."""

    slug: str
    cron: str
    timezone: str
    active: bool = True

    def as_schedule(self, *, active: bool) -> DeploymentScheduleCreate:
        """As Prefect's client wants it."""
        schedule = CronSchedule(cron=self.cron, timezone=self.timezone)
        return DeploymentScheduleCreate(schedule=schedule, slug=self.slug, active=active)


class DeploymentEntry(_Strict):
    """One deployment."""

    name: str
    description: str
    entrypoint: str
    tags: list[str] = []
    parameters: dict[str, Any] = {}
    work_pool: PoolOf
    concurrency_limit: Limit | None = None
    schedules: list[CronLine] = []

    def load_flow(self) -> Flow[..., Any]:
        """The flow, imported under the module's own name.

        Raises:
            ManifestError: The entrypoint names no flow.
        """
        module, _, name = self.entrypoint.rpartition(".")
        try:
            flow = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ManifestError(f"{self.name}: there is no {self.entrypoint} ({error})") from error
        if not isinstance(flow, Flow):
            raise ManifestError(f"{self.name}: {self.entrypoint} is not a flow")
        return flow


class Definitions(BaseModel):
    """What Prefect ignores: parts that several deployments share, and the limits of work queues."""

    model_config = ConfigDict(extra="allow", frozen=True)

    work_queue_limits: dict[str, Annotated[int, Field(ge=1)]] = {}


class Manifest(_Strict):
    """All of it."""

    name: str
    prefect_version: str = Field(alias="prefect-version")
    pull: list[dict[str, Any]]
    definitions: Definitions = Definitions()
    deployments: list[DeploymentEntry] = Field(min_length=1)

    @property
    def work_pools(self) -> list[str]:
        """The pools that the deployments need."""
        return sorted({entry.work_pool.name for entry in self.deployments})

    @property
    def work_queues(self) -> dict[PoolOf, int | None]:
        """The queues that the deployments need besides the default ones, and their limits."""
        pools = {entry.work_pool for entry in self.deployments if entry.work_pool.work_queue_name != DEFAULT_QUEUE}
        return {pool: self.definitions.work_queue_limits.get(pool.work_queue_name) for pool in pools}


def read_manifest(path: Path = PREFECT_FILE) -> Manifest:
    """Read and check the file.

    Raises:
        ManifestError: It cannot be read, or has a key or a value that is not understood.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, Mapping):
        raise ManifestError(f"{path.name} has no deployments")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)
        )
        raise ManifestError(f"{path.name}: {faults}") from error
