"""Sending the requests of one chunk: claim, commit, send, record.

For every window of requests: one transaction claims their messages and commits the intent; the requests run at
once, with no transaction open; one transaction records the outcomes. Here, and only here, an error class becomes a
status.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy.exc import OperationalError

from tasks.breaker import Breaker
from tasks.concealment import conceal_text
from tasks.connection import RunConnection
from tasks.contacts.addresses import reachable_address
from tasks.messaging.rendering import RenderedMessage
from tasks.messaging.statuses import MessageStatus
from tasks.ownership import why_stop
from tasks.providers.base import Batch, OutboundMessage, SendOutcome
from tasks.providers.errors import OutcomeUnknown, ProviderError, RequestRejected
from tasks.requests import PlannedRequest
from tasks.sending_windows import LAST_CALL
from tasks.stopping import is_stop_requested
from tasks.store import chunks, outbox, runs
from tasks.store.outbox import PlannedMessage, RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import RequestState

_WINDOWS_AT_ONCE = 3
"""While one window claims or records, the others send."""

_NO_TEXT_OF_ITS_OWN = RenderedMessage(text=None)

_LATE_AT: ContextVar[float | None] = ContextVar("late_at", default=None)
"""For the request of a task: when, on the sender's clock, its sending hours are over."""

_TOO_LATE = "its sending hours were over before its turn came"
_TAKEN_OVER = "another process took this chunk over, because this one seemed dead"


@dataclass(slots=True)
class ChunkReport:
    """What became of a chunk.

    Attributes:
        outcomes: Messages by the status they were left in.
        withdrawn: Cancelled because their address opted out since planning.
        stop_reason: Why the rest was not handed over; None when all of it was.
        stop_message: The same for a person.
        may_be_retried: It stopped for a reason that may pass by itself.
        provider: Whom it was handed over to.
        is_provider_out: It stopped because that one is down, refuses the credentials, has no credit left, or fails
            nearly all requests: what is left of it may go to another one.
        faults: Errors of ours; what they touched is `unknown`.
        first_error: What the provider said to the first request that it did not accept.
    """

    chunk_id: int
    outcomes: dict[MessageStatus, int] = field(default_factory=dict)
    withdrawn: int = 0
    stop_reason: str | None = None
    stop_message: str | None = None
    may_be_retried: bool = False
    provider: str | None = None
    is_provider_out: bool = False
    faults: list[Exception] = field(default_factory=list)
    first_error: str | None = None

    @property
    def handed_over(self) -> int:
        """Messages whose request left."""
        return sum(count for status, count in self.outcomes.items() if status is not MessageStatus.PLANNED)

    def stop(
        self, reason: str, message: str, *, may_be_retried: bool = False, is_provider_out: bool = False
    ) -> None:
        """Let nothing more of the chunk be sent; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason, self.stop_message, self.may_be_retried = reason, message, may_be_retried
            self.is_provider_out = is_provider_out

    def is_stopped(self) -> bool:
        """Whether nothing more may be sent."""
        if is_stop_requested():
            self.stop("cancelled", "stopped on request")
        return self.stop_reason is not None


class ChunkSender:
    """Sends windows of one chunk, and keeps the account of it."""

    def __init__(
        self,
        ledger: Ledger,
        run: runs.RunRecord,
        owner: str,
        *,
        connected: RunConnection,
        report: ChunkReport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._run = run
        self._owner = owner
        self._provider = connected.provider
        self._texts = connected.texts
        self._report = report
        in_flight = connected.capabilities.max_requests_in_flight
        is_bulk = connected.capabilities.max_recipients_per_request > 1
        # What is claimed and not recorded is unknown after a crash, so windows are small: one request where it has
        # many recipients, else half of what is in flight. Two transactions cost little beside that many requests.
        self._window_size = 1 if is_bulk else max(1, in_flight // 2)
        self._window_slots = asyncio.Semaphore(in_flight if is_bulk else _WINDOWS_AT_ONCE)
        # The HTTP client has as many. What waits here instead of there can still be stopped.
        self._request_slots = asyncio.Semaphore(in_flight)
        self._breaker = Breaker(is_bulk=is_bulk)
        self._provider.use_stop_check(self._must_not_begin)

    def _is_stopped(self) -> bool:
        if stop := why_stop(self._owner):
            self._report.stop(stop.reason, stop.message)
        return self._report.is_stopped()

    def _is_too_late(self) -> bool:
        """Whether the hours of the request of this task are over: it waited for its turn, or for the provider."""
        late_at = _LATE_AT.get()
        return late_at is not None and self._clock() >= late_at

    def _must_not_begin(self) -> bool:
        return self._is_stopped() or self._is_too_late()

    async def send_all(self, requests: Iterator[PlannedRequest]) -> None:
        """Send all of these, until something stops the chunk."""
        async with self._provider, asyncio.TaskGroup() as group:
            while window := list(islice(requests, self._window_size)):
                await self._window_slots.acquire()
                if self._is_stopped():
                    break
                group.create_task(self._send_window(window))
        if self._report.faults:
            raise self._report.faults[0]

    async def _send_window(self, window: Sequence[PlannedRequest]) -> None:
        try:
            await self._claim_send_record(window)
        except Exception as error:  # noqa: BLE001  # raised again at the end: the other windows' requests go on
            self._report.stop("internal_error", f"{type(error).__name__} in the ledger: {_first_line(error)}")
            self._report.faults.append(error)
        finally:
            self._window_slots.release()

    async def _claim_send_record(self, window: Sequence[PlannedRequest]) -> None:
        began = self._clock()
        claim = await asyncio.to_thread(self._claim, window)
        late_at = None if claim.closes_in is None else began + (claim.closes_in + LAST_CALL).total_seconds()
        self._report.withdrawn += claim.withdrawn
        if not claim.is_ours:
            self._report.stop("taken_over", _TAKEN_OVER)
        if claim.is_held_back:
            self._report.stop("held_back", "the run was paused or cancelled")
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
            self._send(request_id, request, late_at) for request_id, request in ready if request.messages
        ]
        results = await asyncio.gather(*sending)
        outcomes = [outcome for of_request, _ in results for outcome in of_request]
        requests = [request for _, request in results if request]
        still_ours = await asyncio.to_thread(self._record, outcomes, requests)
        for outcome in outcomes:
            self._report.outcomes[outcome.status] = self._report.outcomes.get(outcome.status, 0) + 1
        if not still_ours:
            self._report.stop("taken_over", _TAKEN_OVER)

    def _claim(self, window: Sequence[PlannedRequest]) -> outbox.Claim:
        try:
            return self._claim_once(window)
        except OperationalError:
            return self._claim_again(window)

    @again_while_busy
    def _claim_again(self, window: Sequence[PlannedRequest]) -> outbox.Claim:
        # The first attempt may have been committed, and only the answer to that lost. Nothing of it was sent.
        with self._ledger.writing() as connection:
            outbox.undo_claim(
                connection,
                self._report.chunk_id,
                self._owner,
                {message.id: message.attempts for request in window for message in request.messages},
                [request.reference for request in window if request.is_bulk],
            )
        return self._claim_once(window)

    def _claim_once(self, window: Sequence[PlannedRequest]) -> outbox.Claim:
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
                owner=self._owner,
                channel=self._run.channel,
                purpose=self._run.purpose,
                through=self._report.provider,
                has_codes=any(message.external_code for request in window for message in request.messages),
                has_hours=self._run.campaign.get("hours") is not None,
            )

    # A known outcome must not be lost to a database that is away for a while. Recording twice is harmless.
    @again_while_busy
    def _record(self, outcomes: Sequence[RecordedOutcome], requests: Sequence[RecordedRequest]) -> bool:
        with self._ledger.writing() as connection:
            chunk_id, through = self._report.chunk_id, self._report.provider
            outbox.record_outcomes(connection, chunk_id, outcomes, requests, through=through)
            return chunks.hold_chunk(connection, self._report.chunk_id, self._owner)

    async def _send(
        self, request_id: int | None, request: PlannedRequest, late_at: float | None
    ) -> tuple[list[RecordedOutcome], RecordedRequest | None]:
        _LATE_AT.set(late_at)  # each request has a task of its own
        async with self._request_slots:
            if self._must_not_begin():  # while this one waited for its turn
                return _all_planned(request), _refused(request_id, self._report.stop_message or _TOO_LATE)
            outbound = [self._outbound(message, request) for message in request.messages]
            batch = Batch(request.reference, request.batch_text) if request.is_bulk else None
            try:
                outcomes = await self._provider.send(outbound, batch)
            except ProviderError as error:
                if error.retryable and not error.may_have_sent and self._is_too_late():
                    # No provider is out of order because of that: the rest of its window is held.
                    return outcomes_of_error(request, error), _request_of_error(request_id, error)
                return self._note_error(request_id, request, error)
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
                attempt=message.attempts + 1,
                status=outcome.status,
                provider_message_id=outcome.provider_message_id,
                raw_status=outcome.raw_status,
                reason=outcome.reason,
                cost=outcome.cost,
            )
            for message, outcome in zip(request.messages, outcomes, strict=True)
        ]
        return recorded, _accepted(request_id, outcomes)

    def _note_error(
        self, request_id: int | None, request: PlannedRequest, error: ProviderError
    ) -> tuple[list[RecordedOutcome], RecordedRequest | None]:
        if not self._report.is_stopped():
            self._report.first_error = self._report.first_error or str(error)
            if error.stops_run:
                self._report.stop(error.reason, str(error), may_be_retried=error.retryable, is_provider_out=True)
            elif self._breaker.note(failed=True):
                self._report.stop(
                    "too_many_failures", f"most requests fail, the last one so: {error}", is_provider_out=True
                )
        return outcomes_of_error(request, error), _request_of_error(request_id, error)

    def _outbound(self, message: PlannedMessage, request: PlannedRequest) -> OutboundMessage:
        rendered, values = _NO_TEXT_OF_ITS_OWN, None
        if request.batch_text is None:
            rendered = self._texts.render(message.variables)
        elif (shared := self._texts.shared) and shared.text == request.batch_text:
            values = shared.values(message.variables)
        return OutboundMessage(
            reference=message.reference,
            address=reachable_address(message.address),
            text=rendered.text,
            country=message.country,
            external_code=message.external_code,
            placeholder_values=values or {},
            template_fields=rendered.template_fields,
        )


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
        RecordedOutcome(message.id, message.attempts + 1, status, raw_status=error.raw_status, reason=error.reason)
        for message in request.messages
    ]


def _all_planned(request: PlannedRequest) -> list[RecordedOutcome]:
    return [
        RecordedOutcome(message.id, message.attempts + 1, MessageStatus.PLANNED) for message in request.messages
    ]


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
    receipt = next((outcome.batch for outcome in outcomes if outcome.batch is not None), None)
    if receipt is None:
        taken = any(outcome.status.is_handed_over for outcome in outcomes)
        return RecordedRequest(request_id, RequestState.ACCEPTED if taken else RequestState.REFUSED)
    return RecordedRequest(
        request_id,
        RequestState.ACCEPTED,
        ticket=receipt.ticket,
        accepted_count=receipt.accepted_count,
        total_cost=receipt.total_cost,
        residual_credit=receipt.residual_credit,
        parts=receipt.parts_count,
        note=receipt.note,
    )


def _first_line(error: Exception) -> str:
    return conceal_text(str(error).partition("\n")[0])
