"""Octopush's send in two phases: fill a list, draft a campaign on it, wait until it is counted, confirm.

Nothing is sent before the confirmation. So whatever is lost earlier was surely not sent, and leaves a list and at
most a draft that nobody confirms. The answer of the confirmation itself may be lost: it is repeated with the same
ticket, which Octopush sends once; a repetition is told "already sent" (code 132).
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tasks.providers.answers import Answer
from tasks.providers.base import BatchReceipt
from tasks.providers.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
    RequestRejected,
)
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.octopush.answers import (
    ALREADY_SENT,
    CODES,
    NOT_READY,
    code_of,
    explain_refusal,
    read_count,
    read_number,
)

_FILL_PATH = "/contact/create"
_DRAFT_PATH = "/sms-campaign-on-list/create"
_STATUS_PATH = "/sms-campaign-on-list/status"
_CONFIRM_PATH = "/sms-campaign-on-list/send"

_TICKET = "ticket_number"
_TICKET_NAMES = (_TICKET, "sms_ticket", "ticket")
"""Names under which the ticket may come; the shape of that answer is not documented."""

_READY_WORDS = frozenset({"ready_to_be_sent", "ready_to_be_send"})  # the page's list and the page's sample
_FAILED_WORD = "failed"

PAUSES_SECONDS = (2.0, 3.0, 4.5, 7.0, 10.0, 15.0, 22.0, *[30.0] * 8)
"""Before each new question whether a draft is ready: five minutes in all. How long it takes is not documented."""

_BAD_REQUEST_STATUS = 400
_SAYS_THAT_IT_WAS_SENT = frozenset({"already_sent", "duplicate_request"})


class TwoPhaseSend:
    """Hands requests over in two phases. Requests of different lists may run concurrently.

    Args:
        client: Octopush's.
        retry: How often, and after which pauses, a confirmation whose answer was lost is repeated.
        sleep: Waits that many seconds.
    """

    def __init__(
        self, client: HttpClient, *, retry: RetryPolicy, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._client = client
        self._retry = retry
        self._sleep = sleep

    async def send(self, contacts: dict[str, Any], draft: dict[str, Any]) -> BatchReceipt:
        """Hand over one list.

        Args:
            contacts: Body of the request that fills it.
            draft: Body of the request that drafts the campaign.

        Returns:
            Ticket, number of contacts and cost, as Octopush told them before the confirmation.

        Raises:
            ProviderError: `OutcomeUnknown` only once a confirmation may have arrived; anything else was not sent.
        """
        try:
            # Not repeated: if it arrived, people could stand in the list twice. The next try fills another list.
            await self._client.request_json("POST", _FILL_PATH, json=contacts, classify=_classify_filled)
            drafted = await self._ask("POST", _DRAFT_PATH, json=draft, classify=_classify_drafted)
            receipt = await self._wait_until_ready(read_draft_ticket(drafted), len(contacts["contacts"]))
        except OutcomeUnknown as error:
            unsent = _as_surely_unsent(error)
        else:
            await self._confirm(receipt.ticket)
            return receipt
        raise unsent  # outside the handler, so that it has no context

    async def _wait_until_ready(self, ticket: str, contacts_count: int) -> BatchReceipt:
        for pause_seconds in (*PAUSES_SECONDS, 0):
            answer = await self._ask("GET", _STATUS_PATH, params={_TICKET: ticket}, classify=_classify_status)
            if answer.is_success and answer.get("status") in _READY_WORDS:
                return _check_counted(answer, ticket, contacts_count)
            await self._sleep(pause_seconds)
        raise _not_ready(ticket)

    async def _confirm(self, ticket: str) -> None:
        """Send the draft."""
        may_have_sent: OutcomeUnknown | None = None
        for pause_seconds in (*PAUSES_SECONDS, 0):
            answer, lost = await self._repeat(
                "POST", _CONFIRM_PATH, json={_TICKET: ticket}, classify=_classify_confirmed
            )
            may_have_sent = may_have_sent or lost
            # After a lost answer no refusal tells that nothing was sent: a credit that is used up now may have
            # been used up by this very campaign, and a code that we do not know may be a word for "already sent".
            if isinstance(answer, ProviderError):
                raise may_have_sent or answer
            if answer.is_success or code_of(answer) == ALREADY_SENT:
                return
            await self._sleep(pause_seconds)
        raise may_have_sent or _not_ready(ticket)

    async def _ask(self, method: str, path: str, **request: Any) -> Answer:
        """The answer to a request that may arrive twice without harm."""
        answer, lost = await self._repeat(method, path, **request)
        if isinstance(answer, ProviderError):
            raise lost or answer
        return answer

    async def _repeat(
        self, method: str, path: str, **request: Any
    ) -> tuple[Answer | ProviderError, OutcomeUnknown | None]:
        """Make a request again while its answer is lost; returns the last answer, and the last loss."""
        lost: OutcomeUnknown | None = None
        pauses = self._pauses_after_lost_answers()
        while True:
            try:
                return await self._client.request_json(method, path, **request), lost
            except OutcomeUnknown as unknown:
                lost = unknown
            except ProviderError as refused:
                return refused, lost
            pause_seconds = next(pauses, None)
            if pause_seconds is None or lost.reason in _SAYS_THAT_IT_WAS_SENT:
                return lost, lost
            await self._sleep(pause_seconds)

    def _pauses_after_lost_answers(self) -> Iterator[float]:
        for repetition in range(self._retry.attempts - 1):
            yield min(self._retry.first_wait_seconds * 2.0**repetition, self._retry.max_wait_seconds)


def read_draft_ticket(answer: Answer) -> str:
    """The ticket of a draft; "" where the answer has none."""
    return next((str(ticket) for name in _TICKET_NAMES if (ticket := answer.get(name))), "")


def _classify_filled(answer: Answer) -> ProviderError | None:
    if answer.is_success and answer.get("code") is None:
        return None
    return explain_refusal(answer, without="confirmation")


def _classify_drafted(answer: Answer) -> ProviderError | None:
    if answer.is_success and read_draft_ticket(answer):
        return None
    return explain_refusal(answer, without="ticket")


def _classify_status(answer: Answer) -> ProviderError | None:
    """Not ready is no error here: `_wait_until_ready` asks again, and holds no connection meanwhile."""
    if answer.is_success and answer.get("status") == _FAILED_WORD:
        # Not said why. The same contacts and text would fail again, other lists may be well.
        return RequestRejected(
            "Octopush could not compute the campaign", reason="computation_failed", raw_status=_FAILED_WORD
        )
    if (answer.is_success and answer.get("status")) or _is_not_ready(answer):
        return None
    return explain_refusal(answer, without="status")


def _classify_confirmed(answer: Answer) -> ProviderError | None:
    is_confirmed = answer.is_success and answer.get("code") is None
    was_confirmed = answer.status < 500 and code_of(answer) == ALREADY_SENT  # noqa: PLR2004  # HTTP's own classes
    if is_confirmed or was_confirmed or _is_not_ready(answer):
        return None
    return explain_refusal(answer, without="confirmation")


def _is_not_ready(answer: Answer) -> bool:
    """A 400 "while not ready": which code it has is not documented, if it has one."""
    code = code_of(answer)
    return answer.status == _BAD_REQUEST_STATUS and (code in NOT_READY or code not in CODES)


def _check_counted(answer: Answer, ticket: str, contacts_count: int) -> BatchReceipt:
    counted = read_count(answer, "number_of_contacts")
    if counted is not None and not 0 < counted <= contacts_count:
        # More: a list of that name was there before, with people to whom this campaign was never addressed.
        raise RequestRejected(
            f"Octopush counts {counted} contacts in a list of {contacts_count}: not confirmed, nothing is sent",
            reason="list_differs",
            raw_status=str(counted),
        )
    return BatchReceipt(ticket=ticket, accepted_count=counted, total_cost=read_number(answer, "cost"))


def _not_ready(ticket: str) -> ProviderThrottled:
    return ProviderThrottled(
        f"the campaign {ticket} was not ready after {sum(PAUSES_SECONDS):.0f} s: not confirmed, nothing is sent",
        reason="not_ready",
    )


def _as_surely_unsent(error: OutcomeUnknown) -> ProviderError:
    """The same failure, before anything was confirmed: it may be tried again, with another list and draft."""
    if error.reason in _SAYS_THAT_IT_WAS_SENT:  # then what the page says of drafts does not hold
        return error
    return ProviderUnreachable(
        f"{error}; the campaign was not confirmed, nothing is sent",
        reason=error.reason,
        raw_status=error.raw_status,
    )
