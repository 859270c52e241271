"""Handing chunks over to the provider: claim, commit, send, record.

For every window of messages: one transaction claims them and commits the intent; their requests run at once, with
no transaction open; one transaction records the outcomes. Here, and only here, an error class becomes a status.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.breaker import Breaker
from tasks.connection import RunConnection, connect
from tasks.contacts.addresses import reachable_address
from tasks.credit import check_credit
from tasks.messaging.statuses import MessageStatus
from tasks.patience import read_patience
from tasks.providers.base import Batch, OutboundMessage, SendOutcome
from tasks.providers.errors import OutcomeUnknown, ProviderError, RequestRejected
from tasks.requests import PlannedRequest, shape_requests
from tasks.stopping import is_stop_requested
from tasks.store import outbox, runs
from tasks.store.outbox import PlannedMessage, RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.session import Ledger
from tasks.store.tables import RequestState

_REQUESTS_PER_WINDOW = 4
"""Requests of one window, as a multiple of those in flight: long enough that claiming and recording, a transaction
each, cost little beside the requests; short enough that a crash leaves few messages unknown."""

_WINDOWS_AT_ONCE = 2
"""While one window claims or records, the other one sends."""


@dataclass(slots=True)
class ChunkReport:
    """What became of a chunk.

    Attributes:
        outcomes: Messages by the status they were left in.
        withdrawn: Cancelled because their address opted out since planning.
        stop_reason: Why the rest was not handed over; None when all of it was.
        stop_message: The same for a person.
        may_be_retried: It stopped for a reason that may pass by itself.
        faults: Errors of ours; what they touched is `unknown`.
        first_error: What the provider said to the first request that it did not accept.
    """

    chunk_id: int
    outcomes: dict[MessageStatus, int] = field(default_factory=dict)
    withdrawn: int = 0
    stop_reason: str | None = None
    stop_message: str | None = None
    may_be_retried: bool = False
    faults: list[Exception] = field(default_factory=list)
    first_error: str | None = None

    def stop(self, reason: str, message: str, *, may_be_retried: bool = False) -> None:
        """Let nothing more of the chunk be sent; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason, self.stop_message, self.may_be_retried = reason, message, may_be_retried

    def is_stopped(self) -> bool:
        """Whether nothing more may be sent."""
        if is_stop_requested():
            self.stop("cancelled", "stopped on request")
        return self.stop_reason is not None


class ChunkNotHandedOver(Exception):
    """The provider could not be reached, or told us to wait for longer than we do. The rest is `planned`."""

    def __init__(self, report: ChunkReport) -> None:
        super().__init__(report.stop_message)
        self.report = report


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
            sender = _ChunkSender(ledger, run, owner, connected=connected, report=report)
            asyncio.run(sender.send_all(requests))
        finally:
            with ledger.writing() as connection:
                outbox.release_chunk(connection, chunk_id, error=report.stop_message or report.first_error)
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
        if report.stop_message is not None:
            return report.stop_message
    return None


class _ChunkSender:
    """Sends windows of one chunk, and keeps the account of it."""

    def __init__(
        self,
        ledger: Ledger,
        run: runs.RunRecord,
        owner: str,
        *,
        connected: RunConnection,
        report: ChunkReport,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._owner = owner
        self._provider = connected.provider
        self._texts = connected.texts
        self._report = report
        in_flight = connected.capabilities.max_requests_in_flight
        self._window_size = _REQUESTS_PER_WINDOW * in_flight
        self._breaker = Breaker(is_bulk=connected.capabilities.max_recipients_per_request > 1)
        self._window_slots = asyncio.Semaphore(_WINDOWS_AT_ONCE)
        # The HTTP client has as many. What waits here instead of there can still be stopped.
        self._request_slots = asyncio.Semaphore(in_flight)

    async def send_all(self, requests: Iterator[PlannedRequest]) -> None:
        """Send all of these, until something stops the chunk."""
        async with self._provider, asyncio.TaskGroup() as group:
            while window := list(islice(requests, self._window_size)):
                await self._window_slots.acquire()
                if self._report.is_stopped():
                    break
                group.create_task(self._send_window(window))
        if self._report.faults:
            raise self._report.faults[0]

    async def _send_window(self, window: Sequence[PlannedRequest]) -> None:
        try:
            await self._claim_send_record(window)
        finally:
            self._window_slots.release()

    async def _claim_send_record(self, window: Sequence[PlannedRequest]) -> None:
        claim = await asyncio.to_thread(self._claim, window)
        self._report.withdrawn += claim.withdrawn
        ready = [
            (
                claim.request_ids.get(request.reference),
                replace(
                    request,
                    messages=[message for message in request.messages if message.id in claim.message_ids],
                ),
            )
            for request in window
        ]
        sending: list[Coroutine[Any, Any, tuple[list[RecordedOutcome], RecordedRequest | None]]] = [
            self._send(request_id, request) for request_id, request in ready if request.messages
        ]
        results = await asyncio.gather(*sending)
        outcomes = [outcome for of_request, _ in results for outcome in of_request]
        await asyncio.to_thread(self._record, outcomes, [request for _, request in results if request])
        for outcome in outcomes:
            self._report.outcomes[outcome.status] = self._report.outcomes.get(outcome.status, 0) + 1

    def _claim(self, window: Sequence[PlannedRequest]) -> outbox.Claim:
        with self._ledger.writing() as connection:
            return outbox.claim_messages(
                connection,
                self._report.chunk_id,
                self._run.id,
                [message.id for request in window for message in request.messages],
                [
                    RequestToOpen(request.reference, [message.id for message in request.messages])
                    for request in window
                    if request.is_bulk
                ],
                channel=self._run.channel,
                purpose=self._run.purpose,
            )

    def _record(self, outcomes: Sequence[RecordedOutcome], requests: Sequence[RecordedRequest]) -> None:
        with self._ledger.writing() as connection:
            outbox.record_outcomes(connection, self._report.chunk_id, outcomes, requests)
            runs.renew_lease(connection, self._run.id, self._owner)

    async def _send(
        self, request_id: int | None, request: PlannedRequest
    ) -> tuple[list[RecordedOutcome], RecordedRequest | None]:
        async with self._request_slots:
            if self._report.is_stopped():  # while this one waited for its turn
                return _all_planned(request), _refused(request_id, self._report.stop_message)
            try:
                outbound = [self._outbound(message, request) for message in request.messages]
                batch = Batch(request.reference, request.batch_text) if request.is_bulk else None
                outcomes = await self._provider.send(outbound, batch)
            except ProviderError as error:
                self._report.first_error = self._report.first_error or str(error)
                if error.stops_run:
                    self._report.stop(error.reason, str(error), may_be_retried=error.retryable)
                elif self._breaker.note(failed=True):
                    self._report.stop("too_many_failures", f"most requests fail, the last one so: {error}")
                return outcomes_of_error(request, error), _request_of_error(request_id, error)
            except Exception as error:  # noqa: BLE001  # raised again when the outcomes of the chunk are recorded
                # A fault of ours, perhaps after the request left: these messages must not be sent again blindly.
                self._report.stop("internal_error", f"{type(error).__name__} while sending: a fault of Rollcall")
                self._report.faults.append(error)
                unknown = OutcomeUnknown("internal error", reason="internal_error")
                return outcomes_of_error(request, unknown), _request_of_error(request_id, unknown)
        self._breaker.note(failed=False)
        recorded = [
            RecordedOutcome(
                message_id=message.id,
                status=outcome.status,
                provider_message_id=outcome.provider_message_id,
                raw_status=outcome.raw_status,
                reason=outcome.reason,
                cost=outcome.cost,
            )
            for message, outcome in zip(request.messages, outcomes, strict=True)
        ]
        return recorded, _accepted(request_id, outcomes)

    def _outbound(self, message: PlannedMessage, request: PlannedRequest) -> OutboundMessage:
        outbound = OutboundMessage(
            reference=message.reference,
            address=reachable_address(message.address),
            country=message.country,
            external_code=message.external_code,
        )
        if request.batch_text is None:
            rendered = self._texts.render(message.variables)
            return replace(outbound, text=rendered.text, template_fields=rendered.template_fields)
        shared = self._texts.shared
        values = shared.values(message.variables) if shared and shared.text == request.batch_text else None
        return replace(outbound, placeholder_values=values or {})


def outcomes_of_error(request: PlannedRequest, error: ProviderError) -> list[RecordedOutcome]:
    """What a failed request means for its messages.

    May have been sent: `unknown`. Refused by the provider for what it is: `rejected`. Anything else surely was not
    sent and has nothing to do with the message: `planned`, for the next try.
    """
    if error.may_have_sent:
        status = MessageStatus.UNKNOWN
    elif isinstance(error, RequestRejected):
        status = MessageStatus.REJECTED
    else:
        status = MessageStatus.PLANNED
    return [
        RecordedOutcome(message.id, status, raw_status=error.raw_status, reason=error.reason)
        for message in request.messages
    ]


def _all_planned(request: PlannedRequest) -> list[RecordedOutcome]:
    return [RecordedOutcome(message.id, MessageStatus.PLANNED) for message in request.messages]


def _refused(request_id: int | None, why: str | None) -> RecordedRequest | None:
    return None if request_id is None else RecordedRequest(request_id, RequestState.REFUSED, error=why)


def _request_of_error(request_id: int | None, error: ProviderError) -> RecordedRequest | None:
    if request_id is None:
        return None
    state = RequestState.UNKNOWN if error.may_have_sent else RequestState.REFUSED
    return RecordedRequest(request_id, state, error=str(error))


def _accepted(request_id: int | None, outcomes: Sequence[SendOutcome]) -> RecordedRequest | None:
    if request_id is None:
        return None
    receipt = outcomes[0].batch
    if receipt is None:
        return RecordedRequest(request_id, RequestState.ACCEPTED)
    return RecordedRequest(
        request_id,
        RequestState.ACCEPTED,
        ticket=receipt.ticket,
        accepted_count=receipt.accepted_count,
        total_cost=receipt.total_cost,
        residual_credit=receipt.residual_credit,
    )
