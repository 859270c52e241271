"""What Octopush's answers mean: its codes, and the receipt of a request."""

from decimal import Decimal, InvalidOperation

from tasks.providers.answers import Answer, classify_by_status, describe, retry_after_seconds
from tasks.providers.base import BatchReceipt
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
_CODE = "code"
_MESSAGE = "message"

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

# Only 121 is confirmed on this API; the other codes come from the older published list and are likely the same.
_CODES: dict[int | None, _Verdict] = {
    **dict.fromkeys((101, 108, 109), _AUTH),
    **dict.fromkeys((113, 114, *range(201, 211), 300), _AUTH),  # not validated, under investigation, not permitted
    **dict.fromkeys((104, 105), _NO_CREDIT),
    **dict.fromkeys((100, 102, 103, 106, 107, 110, 111, 112, 115, 116, 119, 123, 124), _BAD_REQUEST),
    **dict.fromkeys((121, 122), _STOP_MISSING),
    **dict.fromkeys((117, 150, 151, 152), _BAD_DESTINATION),
    # "The first one was accepted": to call these refused would report people as not reached who were.
    **dict.fromkeys((120, 133), (OutcomeUnknown, "duplicate_request")),
    132: (OutcomeUnknown, "already_sent"),
    **dict.fromkeys((*range(301, 307), 131), _BAD_REQUEST),  # list or campaign unknown, exists (302), full
    **dict.fromkeys((126, 127, 129, 130), _THROTTLED),  # not ready
    **dict.fromkeys((128, 153), _THROTTLED),  # too many attempts, route congested
    **dict.fromkeys((125, 308, 500, 501), _UNAVAILABLE),
}

_PAUSE_SECONDS: dict[int | None, float] = dict.fromkeys((126, 127, 129, 130), 2.0)
_LONG_PAUSE_SECONDS = 60.0
"""Of every other throttle, unless a `Retry-After` asks for another; none was ever seen."""


def classify_octopush(answer: Answer) -> ProviderError | None:
    """What an answer to a send means.

    A 2xx with a ticket was taken. Else `code` decides and not the text, which varies; then the HTTP status. Any
    5xx is possibly accepted, whatever its body says.
    """
    if answer.is_success and answer.get(_TICKET):
        return None
    code = _code_of(answer)
    raw_status = None if code is None else str(code)
    message = describe(answer, raw_status=raw_status, explanation=answer.get(_MESSAGE))
    error: ProviderError | None
    if code in _CODES and answer.status < 500:  # noqa: PLR2004  # HTTP's own classes
        error_class, reason = _CODES[code]
        error = error_class(message, reason=reason, raw_status=raw_status)
    elif answer.is_success:
        error = OutcomeUnknown(
            f"{message}: neither a ticket nor a known code",
            reason="no_ticket",
            raw_status=raw_status or str(answer.status),
        )
    else:
        error = classify_by_status(answer, raw_status=raw_status, explanation=answer.get(_MESSAGE))
    if isinstance(error, ProviderThrottled):
        asked = retry_after_seconds(answer)
        error.retry_after_seconds = _PAUSE_SECONDS.get(code, _LONG_PAUSE_SECONDS) if asked is None else asked
    return error


def read_receipt(answer: Answer) -> BatchReceipt:
    """The receipt of a request that was taken; older answers have only its first three members."""
    contacts = _number(answer.get(_CONTACTS))
    return BatchReceipt(
        ticket=str(answer.get(_TICKET)),
        accepted_count=None if contacts is None else int(contacts),
        total_cost=_number(answer.get(_TOTAL_COST)),
        residual_credit=_number(answer.get(_RESIDUAL_CREDIT)),
    )


def mean_cost(receipt: BatchReceipt, recipients_count: int) -> Decimal | None:
    """The cost of one message; None where Octopush dropped some, because it does not say which ones."""
    if receipt.total_cost is None or receipt.total_cost < 0 or receipt.accepted_count != recipients_count:
        return None
    return (receipt.total_cost / recipients_count).quantize(_COST_STEP)


def _code_of(answer: Answer) -> int | None:
    number = _number(answer.get(_CODE))
    return None if number is None else int(number)


def _number(value: object) -> Decimal | None:
    """A JSON number, or one in quotes."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _IMPLAUSIBLE else None
