"""Handing a run over to its provider: one Prefect task run per chunk."""

from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.connection import connect
from tasks.credit import check_credit
from tasks.patience import read_patience
from tasks.providers.errors import ConfigurationError
from tasks.requests import shape_requests
from tasks.running import run_to_end
from tasks.sender import ChunkReport, ChunkSender
from tasks.stopping import is_stop_requested
from tasks.store import outbox, runs
from tasks.store.session import Ledger, LedgerError


class ChunkNotHandedOver(Exception):
    """The provider could not be reached, or told us to wait for longer than we do. The rest is `planned`."""

    def __init__(self, report: ChunkReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return self.report.stop_message or ""


def _provider_may_come_back(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    error: object = state.result(raise_on_failure=False)
    return isinstance(error, ChunkNotHandedOver) and not is_stop_requested()


@task(
    name="hand over chunk",
    task_run_name="hand over chunk {chunk_id}",
    # With persistence on, a cached result would make a second sending silently not happen, or a retry a lie.
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_jitter_factor=0.5,
    retry_condition_fn=_provider_may_come_back,
)
def hand_over_chunk(run_id: int, chunk_id: int, owner: str) -> ChunkReport:
    """Hand over what is left of one chunk.

    Requests that surely were not sent are retried by the provider's HTTP client; a chunk that still could not be
    handed over leaves its messages `planned` and is tried again by Prefect. It may be run again at any time:
    what is claimed or handed over already is not touched.

    Args:
        run_id: The run.
        chunk_id: One of its chunks.
        owner: The process that sends the run, as the ledger names it.

    Raises:
        ChunkNotHandedOver: The provider is down or asks to wait.
    """
    report = ChunkReport(chunk_id)
    with Ledger() as ledger:
        with ledger.writing() as connection:
            if not outbox.claim_chunk(connection, chunk_id, owner):
                return report
            runs.renew_lease(connection, run_id, owner)
        with ledger.reading() as connection:
            run = runs.get_run(connection, run_id)
            messages = outbox.planned_messages(connection, chunk_id)
        try:
            connected = connect(ledger, run)
            requests = shape_requests(run.token, messages, connected.texts, connected.capabilities)
            sender = ChunkSender(ledger, run, owner, connected=connected, report=report)
            run_to_end(lambda: sender.send_all(requests))
        finally:
            with ledger.writing() as connection:
                outbox.release_chunk(connection, chunk_id, owner, error=report.stop_message or report.first_error)
    if report.may_be_retried:
        raise ChunkNotHandedOver(report)
    return report


def hand_over_run(run_id: int, owner: str) -> str | None:
    """Hand over every chunk of a run that has something left, one task run each.

    One chunk at a time: its requests alone fill what the provider allows in flight, and after a chunk that
    could not be handed over no other one is tried.

    Args:
        run_id: A run that this process owns.
        owner: This process, as the ledger names it.

    Returns:
        Why it stopped, for a person; None when nothing is left.
    """
    with Ledger() as ledger, ledger.reading() as connection:
        chunk_ids = outbox.open_chunks(connection, run_id)
    if chunk_ids and (objection := check_credit(run_id)):
        return objection
    patience = read_patience()
    patient_task = hand_over_chunk.with_options(
        retries=patience.chunk_retries, retry_delay_seconds=patience.chunk_retry_seconds
    )
    for chunk_id in chunk_ids:
        try:
            report = patient_task(run_id, chunk_id, owner)
        except ChunkNotHandedOver as error:
            report = error.report
        except (LedgerError, ConfigurationError) as error:  # not a refusal: something may have been sent by now
            return str(error)
        if report.stop_message is not None:
            return report.stop_message
    return None
