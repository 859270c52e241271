"""What the page of a flow run in the Prefect UI shows while it works: tags, and a bar of progress."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.artifacts import create_progress_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.runtime import flow_run

from tasks.store import runs
from tasks.store.session import Ledger

log = logging.getLogger(__name__)


def tag_flow_run(*tags: str) -> None:
    """Add tags to the own flow run, by which runs are found in the UI. Without a flow run nothing happens."""
    if not flow_run.id:
        return

    def add(client: SyncPrefectClient) -> None:
        flow_run_id = UUID(str(flow_run.id))
        there = client.read_flow_run(flow_run_id).tags
        client.update_flow_run(flow_run_id, tags=sorted({*there, *tags}))

    _if_the_server_answers(add)


class ProgressBar:
    """How much of a run has an outcome, on the page of the flow run that sends it.

    Args:
        run_id: The run.
    """

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._shown = self._count()
        self._artifact: UUID | None = None
        try:
            made: Any = create_progress_artifact(
                self._percent, key=f"rollcall-progress-{run_id}", description=self._description
            )
            self._artifact = made
        except Exception as error:  # noqa: BLE001  # as below
            _say_that_it_failed(error)

    def update(self) -> None:
        """Show how far it is now."""
        if self._artifact is not None:
            _if_the_server_answers(self._update)

    def _update(self, client: SyncPrefectClient) -> None:
        counted = self._count()
        if counted != self._shown and self._artifact is not None:
            self._shown = counted
            client.update_artifact(
                self._artifact, ArtifactUpdate(data=self._percent, description=self._description)
            )

    def _count(self) -> tuple[int, int]:
        with Ledger() as ledger, ledger.reading() as connection:
            return runs.count_handled(connection, self._run_id)

    @property
    def _percent(self) -> float:
        handled, total = self._shown
        return round(100 * handled / total, 1) if total else 100.0

    @property
    def _description(self) -> str:
        handled, total = self._shown
        return f"{handled:,} of {total:,} messages have an outcome"


def _if_the_server_answers(ask: Callable[[SyncPrefectClient], Any]) -> None:
    """What only the page would show must not stop a sending."""
    try:
        with get_client(sync_client=True) as client:
            ask(client)
    except Exception as error:  # noqa: BLE001  # whatever the server or the network has
        _say_that_it_failed(error)


def _say_that_it_failed(error: Exception) -> None:
    log.warning("the page of the flow run could not be kept up to date: %s", type(error).__name__)
