"""Handing a run over to its provider: every process that sends it takes chunk after chunk, one task run each."""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.concealment import concealed_errors
from tasks.connection import connect
from tasks.credit import check_credit
from tasks.outages import Outages
from tasks.ownership import why_stop
from tasks.patience import read_patience
from tasks.providers.errors import ConfigurationError
from tasks.requests import shape_requests
from tasks.running import run_to_end
from tasks.sender import ChunkReport, ChunkSender
from tasks.sending_windows import renew_passed_windows, renew_windows
from tasks.stopping import is_stop_requested
from tasks.store import chunks, leadership, outbox, rerouting, runs
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger, LedgerError

_LOOK_SECONDS = 0.3
_ALLOCATIONS_PER_COLLECTION = 20_000  # Python's own 700 are for programs that are smaller


class ChunkNotHandedOver(Exception):
    """The provider could not be reached, or told us to wait for longer than we do. The rest is `planned`."""

    def __init__(self, report: ChunkReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return self.report.stop_message or ""


class Portion:
    """The part of a run that is handed over for now; the rest stays `planned`.

    Counts what of it was handed over, also over the tries of one chunk.

    Args:
        limit: At most so many messages; None means all.
        addresses: Only to these (E.164 or e-mail, as in the ledger); None means everybody.
    """

    def __init__(self, limit: int | None = None, addresses: frozenset[str] | None = None) -> None:
        self.left = limit
        self.addresses = addresses
        self.is_everything = limit is None and addresses is None

    def count(self, handed_over: int) -> None:
        """Take messages off that were handed over."""
        if self.left is not None:
            self.left = max(0, self.left - handed_over)


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
@concealed_errors()
def hand_over_chunk(run_id: int, chunk_id: int, owner: str, portion: Portion | None = None) -> ChunkReport:
    """Hand over what is left of one chunk.

    Requests that surely were not sent are retried by the provider's HTTP client; a chunk that still could not be
    handed over leaves its messages `planned` and is tried again by Prefect. It may be run again at any time:
    what is claimed or handed over already is not touched.

    Args:
        run_id: The run.
        chunk_id: One of its chunks, taken by this process, or free.
        owner: This process, as the ledger names it.
        portion: What of it is handed over.

    Raises:
        ChunkNotHandedOver: The provider is down or asks to wait.
    """
    report = ChunkReport(chunk_id)
    portion = portion or Portion()
    with Ledger() as ledger:
        with ledger.writing() as connection:
            if not chunks.claim_chunk(connection, chunk_id, owner):
                return report
        try:
            with ledger.reading() as connection:
                run = runs.get_run(connection, run_id)
                report.provider = chunks.provider_of(connection, chunk_id)
                messages = outbox.planned_messages(
                    connection, chunk_id, addresses=portion.addresses, limit=portion.left
                )
            connected = connect(ledger, run, report.provider)
            requests = shape_requests(run.token, messages, connected.texts, connected.capabilities)
            sender = ChunkSender(ledger, run, owner, connected=connected, report=report)
            run_to_end(lambda: sender.send_all(requests))
        finally:
            portion.count(report.handed_over)
            _release(ledger, chunk_id, owner, report.stop_message or report.first_error)
    if report.may_be_retried:
        raise ChunkNotHandedOver(report)
    return report


@again_while_busy
def _release(ledger: Ledger, chunk_id: int, owner: str, error: str | None) -> None:
    with ledger.writing() as connection:
        chunks.release_chunk(connection, chunk_id, owner, error=error)


def lead_sending(run_id: int, owner: str, portion: Portion | None = None) -> str | None:
    """Hand over a run, and wait for the processes that help.

    What a helper leaves behind, because it died or was stopped, is taken up here. What is for a provider that is
    out of order goes to the next one; where there is none it stays, and all the rest is handed over first.

    Args:
        run_id: A run that this process leads.
        owner: This process, as the ledger names it.
        portion: What is handed over for now.

    Returns:
        Why it stopped, for a person; None when nothing is left, or nothing of the portion.
    """
    portion = portion or Portion()
    with Ledger() as ledger:
        renew_windows(ledger, run_id)
        outages = Outages(ledger, run_id)
        _check_credit(run_id, outages)
        while True:
            turn = _Turn(ledger, run_id, owner, portion, outages)
            if stopped := turn.hand_over():
                return stopped
            is_more_to_come, held_back = _look_after_others(ledger, run_id, owner, outages, turn.tried)
            if held_back or not is_more_to_come or not portion.is_everything:
                return held_back or outages.objection()
            time.sleep(_LOOK_SECONDS)


def _check_credit(run_id: int, outages: Outages) -> None:
    """Ask each provider that has something to do; also who has it because another one has no credit."""
    asked: list[str] = []
    while providers := outages.new_providers(asked):
        asked += providers
        for provider in providers:
            if objection := check_credit(run_id, provider):
                outages.note(provider, objection)


@again_while_busy
def _look_after_others(
    ledger: Ledger, run_id: int, owner: str, outages: Outages, tried: Mapping[int, str]
) -> tuple[bool, str | None]:
    """Free what those left who died; whether there may be more to hand over, and why the run must not go on."""
    with ledger.writing() as connection:
        # Asked first: what is freed here, because its sender died, is left for the next turn of this process.
        out = outages.providers
        is_more_to_come = rerouting.can_still_go_elsewhere(connection, run_id, owner, out)
        # Or given back by somebody since this process found none that was free.
        is_more_to_come = is_more_to_come or rerouting.is_any_left(connection, run_id, tried, out)
        chunks.settle_abandoned(connection, run_id)
        return is_more_to_come, leadership.read_standing(connection, run_id).held_back


def hand_over_free_chunks(run_id: int, owner: str) -> str | None:
    """Take chunk after chunk of a run and hand each over, one task run each, until none is free.

    One chunk at a time: its requests alone fill what the provider allows in flight. After a chunk that could not
    be handed over no other one of its provider is tried: what is left for that one goes to the next, or stays.

    Args:
        run_id: The run.
        owner: This process, as the ledger names it.

    Returns:
        Why it stopped, for a person; None when nothing is left to take.
    """
    with Ledger() as ledger:
        outages = Outages(ledger, run_id)
        return _Turn(ledger, run_id, owner, Portion(), outages).hand_over() or outages.objection()


@dataclass(frozen=True, slots=True)
class _Turn:
    """One way through the free chunks of a run.

    Attributes:
        tried: Whom each chunk that was taken was for. What is left of it then is left for the next turn, unless it
            goes to another provider.
    """

    ledger: Ledger
    run_id: int
    owner: str
    portion: Portion
    outages: Outages
    tried: dict[int, str] = field(default_factory=dict)

    def hand_over(self) -> str | None:
        """Hand chunk after chunk over.

        Returns:
            Why it stopped; None when none is free, but for those that wait for a provider that is out of order.
        """
        _calm_the_garbage_collector()
        while self.portion.left != 0:
            if is_stop_requested():
                return "stopped on request"
            if stop := why_stop(self.owner):
                return stop.message
            renew_passed_windows(self.ledger, self.run_id)
            if (chunk_id := self._take()) is None:
                if self.outages.move_what_was_given_back():
                    continue
                with self.ledger.reading() as connection:
                    return leadership.read_standing(connection, self.run_id).held_back
            if stopped := self._hand_over_one(chunk_id):
                return stopped
        return None

    def _hand_over_one(self, chunk_id: int) -> str | None:
        patience = read_patience()
        patient_task = hand_over_chunk.with_options(
            retries=patience.chunk_retries, retry_delay_seconds=patience.chunk_retry_seconds
        )
        try:
            report = patient_task(self.run_id, chunk_id, self.owner, self.portion)
        except ChunkNotHandedOver as error:
            report = error.report
        except (LedgerError, ConfigurationError) as error:  # not a refusal: something may have been sent
            _release(self.ledger, chunk_id, self.owner, None)
            return str(error)
        except BaseException:  # Prefect may have failed before the task began
            _release(self.ledger, chunk_id, self.owner, None)
            raise
        if not report.is_provider_out:
            return report.stop_message
        # Not always the one that it was taken for: between two tries another process may have moved it.
        self.tried[chunk_id] = report.provider or self.tried[chunk_id]
        self.outages.note(self.tried[chunk_id], report.stop_message or "")
        return None

    @again_while_busy
    def _take(self) -> int | None:
        out = self.outages.providers
        with self.ledger.writing() as connection:
            moved = rerouting.moved_since(connection, self.tried) if out else set()
            chunk_id = chunks.take_chunk(
                connection,
                self.run_id,
                self.owner,
                without=self.tried.keys() - moved,
                not_through=out,
                addresses=self.portion.addresses,
            )
            if chunk_id is not None:
                self.tried[chunk_id] = chunks.provider_of(connection, chunk_id)
            return chunk_id


@cache
def _calm_the_garbage_collector() -> None:
    """Once in a process: it looks less often, and no more at what Prefect imports.

    Handing over makes and drops objects by the million, hardly any of them in a cycle, and each full collection
    walks through hundreds of thousands that stay. Together that was a quarter of the CPU of a million recipients,
    with pauses of 150 ms while requests were under way.
    """
    gc.collect()  # what is garbage now would stay for good
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
