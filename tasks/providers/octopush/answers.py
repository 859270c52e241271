"""What Octopush's answers mean: its codes, and the receipt of a request."""

from decimal import Decimal, InvalidOperation

from tasks.providers.answers import Answer, classify_by_status, describe, quote, retry_after_seconds
from tasks.providers.base import Balance, BatchReceipt
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)

# The members of an answer, as Octopush spells them.
_TICKET = "sms_ticket"
_CONTACTS = "number_of_contacts"
_TOTAL_COST = "total_cost"
_RESIDUAL_CREDIT = "residual_credit"
_PARTS = "number_of_sms_needed"
_CODE = "code"
_MESSAGE = "message"
_AMOUNT = "amount"
_UNIT = "unit"

_COST_STEP = Decimal("0.000001")
_IMPLAUSIBLE = Decimal(10) ** 12
"""No count, price or code is as large; a number that is must not break the account of what was taken."""

_Verdict = tuple[type[ProviderError], str]
_AUTH: _Verdict = (CredentialsRejected, "auth")
_NO_CREDIT: _Verdict = (CreditExhausted, "no_credit")
_BAD_REQUEST: _Verdict = (RequestRejected, "bad_request")
_STOP_MISSING: _Verdict = (RequestRejected, "stop_mention_missing")
_BAD_DESTINATION: _Verdict = (RequestRejected, "bad_destination")
_THROTTLED: _Verdict = (ProviderThrottled, "rate_limited")
_UNAVAILABLE: _Verdict = (OutcomeUnknown, "server_error")

ALREADY_SENT = 132
NOT_READY = frozenset({126, 127, 129, 130})

# Only 121 is confirmed on this API; the other codes come from the older published list and are likely the same.
CODES: dict[int | None, _Verdict] = {
    **dict.fromkeys((101, 108, 109), _AUTH),
    **dict.fromkeys((113, 114, *range(201, 211), 300), _AUTH),  # not validated, under investigation, not permitted
    **dict.fromkeys((104, 105), _NO_CREDIT),
    **dict.fromkeys((100, 102, 103, 106, 107, 110, 111, 112, 115, 116, 119, 123, 124), _BAD_REQUEST),
    **dict.fromkeys((121, 122), _STOP_MISSING),
    **dict.fromkeys((117, 150, 151, 152), _BAD_DESTINATION),
    # "The first one was accepted": to call these refused would report people as not reached who were.
    **dict.fromkeys((120, 133), (OutcomeUnknown, "duplicate_request")),
    ALREADY_SENT: (OutcomeUnknown, "already_sent"),
    **dict.fromkeys((*range(301, 307), 131), _BAD_REQUEST),  # list or campaign unknown, exists (302), full
    **dict.fromkeys(NOT_READY, _THROTTLED),
    **dict.fromkeys((128, 153), _THROTTLED),  # too many attempts, route congested
    **dict.fromkeys((125, 308, 500, 501), _UNAVAILABLE),
}
"""What each `code` of an error means."""

_PAUSE_SECONDS: dict[int | None, float] = dict.fromkeys(NOT_READY, 2.0)
_LONG_PAUSE_SECONDS = 60.0
"""Of every other throttle, unless a `Retry-After` asks for another; none was ever seen."""


def classify_octopush(answer: Answer) -> ProviderError | None:
    """What an answer to a direct send means: a 2xx with a ticket was taken."""
    if answer.is_success and answer.get(_TICKET):
        return None
    return explain_refusal(answer, without="ticket")


def classify_balance(answer: Answer) -> ProviderError | None:
    """What an answer about the wallet means."""
    if answer.is_success and answer.get(_CODE) is None:
        return None
    return explain_refusal(answer, without="balance")


def explain_refusal(answer: Answer, *, without: str) -> ProviderError:
    """The error of an answer that does not accept.

    `code` decides and not the text, which varies; then the HTTP status. Any 5xx is possibly accepted, whatever its
    body says.

    Args:
        answer: Any answer but an accepting one.
        without: What a 2xx lacks, one word.
    """
    if answer.status in {404, 405}:
        # No such path: the base URL is wrong, and every request would fare alike. Rejecting the recipients would
        # burn the whole list.
        return CredentialsRejected(
            f"the provider answered {answer.status}: nothing is there; is ROLLCALL_OCTOPUSH_BASE_URL right?",
            reason="no_such_path",
            raw_status=str(answer.status),
        )
    code = code_of(answer)
    raw_status = None if code is None else str(code)
    message = describe(answer, raw_status=raw_status, explanation=answer.get(_MESSAGE))
    error: ProviderError | None = None
    if code in CODES and answer.status < 500:  # noqa: PLR2004  # HTTP's own classes
        error_class, reason = CODES[code]
        error = error_class(message, reason=reason, raw_status=raw_status)
    else:
        error = classify_by_status(answer, raw_status=raw_status, explanation=answer.get(_MESSAGE))
    if isinstance(error, ProviderThrottled):
        asked = retry_after_seconds(answer)
        error.retry_after_seconds = _PAUSE_SECONDS.get(code, _LONG_PAUSE_SECONDS) if asked is None else asked
    return error or OutcomeUnknown(
        f"{message}: neither a {without} nor a known code",
        reason=f"no_{without}",
        raw_status=raw_status or str(answer.status),
    )


def read_receipt(answer: Answer) -> BatchReceipt:
    """The receipt of a request that was taken; older answers have only its first three members."""
    note = answer.get(_MESSAGE)
    return BatchReceipt(
        ticket=str(answer.get(_TICKET)),
        accepted_count=read_count(answer, _CONTACTS),
        total_cost=read_number(answer, _TOTAL_COST),
        residual_credit=read_number(answer, _RESIDUAL_CREDIT),
        parts_count=read_count(answer, _PARTS),
        note=quote(note) if isinstance(note, str) and note else None,
    )


def read_balance_answer(answer: Answer) -> Balance | None:
    """What is left in the account; None where the answer does not say so."""
    amount = read_number(answer, _AMOUNT)
    return None if amount is None else Balance(amount, str(answer.get(_UNIT) or ""))


def mean_cost(receipt: BatchReceipt, recipients_count: int) -> Decimal | None:
    """The cost of one message; None where Octopush dropped some, because it does not say which ones."""
    if receipt.total_cost is None or receipt.total_cost < 0 or receipt.accepted_count != recipients_count:
        return None
    return (receipt.total_cost / recipients_count).quantize(_COST_STEP)


def code_of(answer: Answer) -> int | None:
    """The `code` of an error, None where there is none."""
    return read_count(answer, _CODE)


def read_count(answer: Answer, key: str) -> int | None:
    """A member that is a whole number."""
    number = read_number(answer, key)
    return None if number is None else int(number)


def read_number(answer: Answer, key: str) -> Decimal | None:
    """A member that is a JSON number, or one in quotes; None where it is neither, or implausibly large."""
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _IMPLAUSIBLE else None
