"""`python -m deployments.provision`: makes in Prefect what Rollcall needs there; run again, it changes nothing.

Block types for the providers' credentials, the work pool, the deployments of `deployments/prefect.yaml` with their
limits and schedules, and alerts. A schedule that was switched off in the UI stays off, a paused deployment paused;
schedules that somebody added, for a campaign every Monday, stay.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate, DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from deployments.alerts import WEBHOOK_BLOCK, AlertError, alert_url, wanted_automations, webhook_of
from deployments.demo import sandbox_variables
from deployments.forms import form_of
from deployments.manifest import HOME_VARIABLE, DeploymentEntry, Manifest, ManifestError, PoolOf, read_manifest
from tasks.blocks import BLOCK_DOCUMENT_NAME, CredentialsBlock, credentials_block, variable_name
from tasks.providers.registry import PROVIDER_NAMES

POOL_TYPE = ProcessWorker.type


class Outcome(StrEnum):
    """What was done about one thing."""

    MADE = "made"
    CHANGED = "changed"
    THERE = "was there"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that Rollcall needs in Prefect.

    Attributes:
        outcome: What was done about it.
        thing: Which it is, for a person.
        detail: What differed, or why it was left out.
    """

    outcome: Outcome
    thing: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:<9}  {self.thing}" + (f" ({self.detail})" if self.detail else "")


class ProvisionError(Exception):
    """Prefect has something in the way, or cannot be reached."""


def provision(
    client: SyncPrefectClient, manifest: Manifest | None = None, sandbox_url: str | None = None
) -> Iterator[Step]:
    """Make what is missing and change what differs, one thing after another.

    Args:
        client: Of the Prefect server.
        manifest: What to deploy; None: `deployments/prefect.yaml`.
        sandbox_url: Whose credentials to save for each provider that has none.

    Yields:
        Each thing, once it is as it should be.

    Raises:
        ManifestError, AlertError: Refused before anything was made.
        ProvisionError: There is a work pool of that name and of another type.
    """
    manifest = manifest or read_manifest()
    alerts_to = alert_url()
    flows = {entry.name: entry.load_flow() for entry in manifest.deployments}
    for provider in PROVIDER_NAMES:
        yield _register(client, credentials_block(provider))
        if sandbox_url is not None:
            yield _save_sandbox_credentials(client, provider, sandbox_url)
    for pool in manifest.work_pools:
        yield _make_work_pool(client, pool)
    for queue, limit in manifest.work_queues.items():
        yield _make_work_queue(client, queue, limit)
    ids: dict[str, UUID] = {}
    for entry in manifest.deployments:
        wanted = _wanted(entry, manifest) | {"parameter_openapi_schema": form_of(flows[entry.name])}
        step, ids[entry.name] = _deploy(client, entry, flows[entry.name].name, wanted)
        yield step
    if alerts_to is None:
        why = "set ROLLCALL_ALERT_URL to be told about runs that need a look; alerts that were made before stay"
        yield Step(Outcome.LEFT_OUT, "alerts", why)
        return
    step, webhook = _save_webhook(client, alerts_to)
    yield step
    yield from _make_automations(client, ids, webhook)


def _register(client: SyncPrefectClient, block: type[CredentialsBlock]) -> Step:
    def known() -> Any:
        try:
            of_type = client.read_block_type_by_slug(block.get_block_type_slug())
        except ObjectNotFound:
            return None
        schema = client.get_most_recent_block_schema_for_block_type(of_type.id)
        return of_type.model_dump(exclude={"updated"}), schema and schema.checksum

    before = known()
    block.register_type_and_schema()
    outcome = Outcome.MADE if before is None else Outcome.THERE if before == known() else Outcome.CHANGED
    return Step(outcome, f"block type {block.get_block_type_slug()}")


def _save_sandbox_credentials(client: SyncPrefectClient, provider: str, sandbox_url: str) -> Step:
    block = credentials_block(provider)
    slug = block.get_block_type_slug()
    thing = f"block {slug}/{BLOCK_DOCUMENT_NAME}"
    variables = {name: variable_name(provider, name) for name in block.model_fields}
    if any(map(os.environ.get, variables.values())):
        return Step(Outcome.LEFT_OUT, thing, "the environment has credentials")
    of_sandbox = sandbox_variables(sandbox_url)
    wanted = {name: of_sandbox[variable] for name, variable in variables.items() if variable in of_sandbox}
    try:
        there = client.read_block_document_by_name(BLOCK_DOCUMENT_NAME, slug, include_secrets=True)
    except ObjectNotFound:
        block(**wanted).save(BLOCK_DOCUMENT_NAME)
        return Step(Outcome.MADE, thing, "of the sandbox")
    differing = [name for name, value in wanted.items() if str(there.data.get(name)) != value]
    if not differing:
        return Step(Outcome.THERE, thing, "of the sandbox")
    if differing != ["base_url"]:
        return Step(Outcome.THERE, thing, "your own")
    client.update_block_document(there.id, BlockDocumentUpdate(data=there.data | {"base_url": wanted["base_url"]}))
    return Step(Outcome.CHANGED, thing, "of the sandbox, which listens elsewhere now")


def _make_work_pool(client: SyncPrefectClient, name: str) -> Step:
    thing = f"work pool {name}"
    try:
        there = client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE, base_job_template=template))
        return Step(Outcome.MADE, thing)
    if there.type != POOL_TYPE:
        raise ProvisionError(
            f"the {thing} is of type {there.type}, not {POOL_TYPE}: rename or delete it in Prefect"
        )
    return Step(Outcome.THERE, thing)


def _make_work_queue(client: SyncPrefectClient, queue: PoolOf, limit: int | None) -> Step:
    thing = f"work queue {queue.name}/{queue.work_queue_name}"
    at: Any = {"work_pool_name": queue.name, "name": queue.work_queue_name}
    wanted = {"concurrency_limit": limit}
    try:
        there = client.request("GET", "/work_pools/{work_pool_name}/queues/{name}", path_params=at).json()
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        made = {"name": queue.work_queue_name, **wanted}
        client.request("POST", "/work_pools/{work_pool_name}/queues", path_params=at, json=made)
        return Step(Outcome.MADE, thing)
    if there["concurrency_limit"] == limit:
        return Step(Outcome.THERE, thing)
    client.request("PATCH", "/work_pools/{work_pool_name}/queues/{name}", path_params=at, json=wanted)
    return Step(Outcome.CHANGED, thing, "concurrency_limit")


def _wanted(entry: DeploymentEntry, manifest: Manifest) -> dict[str, Any]:
    limit = entry.concurrency_limit
    return {
        "description": entry.description,
        "entrypoint": entry.entrypoint,
        "tags": entry.tags,
        "parameters": entry.parameters,
        "work_pool_name": entry.work_pool.name,
        "work_queue_name": entry.work_pool.work_queue_name,
        "pull_steps": manifest.pull,
        "concurrency_limit": limit and limit.limit,
        "concurrency_options": limit and ConcurrencyOptions(collision_strategy=limit.strategy),
        "enforce_parameter_schema": True,
    }


def _deploy(
    client: SyncPrefectClient, entry: DeploymentEntry, flow_name: str, wanted: dict[str, Any]
) -> tuple[Step, UUID]:
    name = f"{flow_name}/{entry.name}"
    try:
        there = client.read_deployment_by_name(name)
    except ObjectNotFound:
        there = None
    differing = [] if there is None else _differences(there, entry, wanted)
    thing = f"deployment {name}"
    if there is not None and not differing:
        return Step(Outcome.THERE, thing), there.id
    active = {} if there is None else {line.slug: line.active for line in there.schedules}
    ours = [line.as_schedule(active=active.get(line.slug, line.active)) for line in entry.schedules]
    made = client.create_deployment(
        flow_id=client.create_flow_from_name(flow_name),
        name=entry.name,
        paused=there is not None and there.paused,
        schedules=[*ours, *_added_by_somebody(there, entry)],
        job_variables=None if there is None else there.job_variables,
        **wanted,
    )
    return Step(Outcome.CHANGED if there else Outcome.MADE, thing, ", ".join(differing)), made


def _added_by_somebody(there: DeploymentResponse | None, entry: DeploymentEntry) -> list[DeploymentScheduleCreate]:
    """Schedules that the file does not name, which would be removed if they were not handed over again."""
    ours = {line.slug for line in entry.schedules}
    return [
        DeploymentScheduleCreate.model_validate(
            line.model_dump(include={"schedule", "active", "max_scheduled_runs", "parameters", "slug"})
        )
        for line in (there.schedules if there else [])
        if line.slug not in ours
    ]


def _differences(there: DeploymentResponse, entry: DeploymentEntry, wanted: dict[str, Any]) -> list[str]:
    limit = there.global_concurrency_limit
    # The field `concurrency_limit` of an answer is always None; reading it warns.
    has = {key: getattr(there, key) for key in wanted if key != "concurrency_limit"}
    has["concurrency_limit"] = limit and limit.limit
    if options := there.concurrency_options:  # the server adds defaults of its own
        has["concurrency_options"] = ConcurrencyOptions(collision_strategy=options.collision_strategy)
    differing = [key for key in wanted if has[key] != wanted[key]]
    schedules = {line.slug: line.schedule.model_dump() for line in there.schedules}
    ours = {line.slug: line.as_schedule(active=True).schedule.model_dump() for line in entry.schedules}
    if any(schedules.get(slug) != schedule for slug, schedule in ours.items()):
        differing.append("schedules")
    return differing


def _save_webhook(client: SyncPrefectClient, url: str) -> tuple[Step, UUID]:
    thing = f"block webhook/{WEBHOOK_BLOCK}"
    block = webhook_of(url)
    try:
        there = client.read_block_document_by_name(WEBHOOK_BLOCK, "webhook", include_secrets=True)
    except ObjectNotFound:
        block.save(WEBHOOK_BLOCK)
        return Step(Outcome.MADE, thing), client.read_block_document_by_name(WEBHOOK_BLOCK, "webhook").id
    if there.data.get("url") == url:
        return Step(Outcome.THERE, thing), there.id
    client.update_block_document(there.id, BlockDocumentUpdate(data=there.data | {"url": url}))
    return Step(Outcome.CHANGED, thing, "url"), there.id


def _make_automations(client: SyncPrefectClient, ids: dict[str, UUID], webhook: UUID) -> Iterator[Step]:
    for wanted in wanted_automations(ids, webhook):
        thing = f"automation {wanted.name!r}"
        named = client.read_automations_by_name(wanted.name)
        if not named:
            client.create_automation(wanted)
            yield Step(Outcome.MADE, thing)
            continue
        there, *_ = named
        # Whether it is switched on is the operator's.
        wanted.enabled = there.enabled
        fields = {"description", "trigger", "actions"}
        # Not as JSON: there the names of events are lists, in any order.
        if there.model_dump(include=fields) == wanted.model_dump(include=fields):
            yield Step(Outcome.THERE, thing)
            continue
        client.update_automation(there.id, wanted)
        yield Step(Outcome.CHANGED, thing)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m deployments.provision`.

    Returns:
        0 when everything is there, 2 when Prefect cannot be reached or something was refused.
    """
    parser = argparse.ArgumentParser(prog="python -m deployments.provision", description=__doc__)
    parser.add_argument(
        "--sandbox", metavar="URL", help="save credentials of this sandbox for each provider that has none"
    )
    options = parser.parse_args(arguments)
    if not PREFECT_API_URL.value():
        sys.stderr.write(
            "provision: set PREFECT_API_URL to the Prefect server, for example http://127.0.0.1:4200/api\n"
        )
        return 2
    try:
        with get_client(sync_client=True) as client:
            for step in provision(client, sandbox_url=options.sandbox):
                sys.stdout.write(f"{step}\n")
        sys.stdout.write(
            f"workers: {HOME_VARIABLE}=FOLDER prefect worker start --pool {read_manifest().work_pools[0]}\n"
        )
    except (AlertError, ManifestError, ProvisionError) as error:
        sys.stderr.write(f"provision: {error}\n")
        return 2
    except httpx.TransportError as error:
        sys.stderr.write(f"provision: {PREFECT_API_URL.value()} does not answer ({type(error).__name__})\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
