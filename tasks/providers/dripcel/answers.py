"""What Dripcel's answers mean: one envelope, and an `error` of many shapes."""

import time
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from tasks.providers.answers import Answer, classify_by_status, describe, quote, retry_after_seconds
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)

# The members of an answer, as Dripcel spells them.
_OK = "ok"
_DATA = "data"
_ERROR = "error"
_CODE = "code"
_MESSAGE = "message"
_RESETS_AT = "resetsAt"
_CUSTOMER_ID = "customerId"
_TOTAL_COST = "totalCost"
_PAGINATION = "pagination"
# A catalogue of third parties has the first spelling, and says that the wire may have the second.
_HAS_NEXT = ("hasNext", "has_next")
_NEXT_CURSOR = ("nextCursor", "next_cursor")

_TEXTS: tuple[tuple[str, type[ProviderError], str], ...] = (
    ("invalid cell number", RequestRejected, "bad_destination"),
    # Likely on a send too, and perhaps with 400: rejecting every message for want of money could not be undone.
    ("insufficient balance", CreditExhausted, "no_credit"),
    ("unauthorized", CredentialsRejected, "auth"),
    ("opted out", RequestRejected, "opted_out"),  # not documented: an opt-out may also be a 200
)
"""What the text of an error decides, in small letters; the first that occurs in it counts."""

_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_RATE_WINDOW_SECONDS = 60.0
"""The pause where a 429 names none: the documented limit is one per minute."""
_LEAST_MILLISECONDS = 10**11
"""An epoch time above this is in milliseconds: in seconds, it would be the year 5138."""
_IMPLAUSIBLE = Decimal(10) ** 15


class IncompleteAnswer(OutcomeUnknown):
    """There is more than was shown, and no way to ask for it."""


def classify_dripcel(answer: Answer) -> ProviderError | None:
    """What an answer to any request means.

    `ok: false` is an error even with 200. The text decides before the status, which varies; but any 5xx is
    possibly accepted, whatever its body says.
    """
    is_refusal = answer.get(_OK) is False
    if answer.is_success and not is_refusal:
        return None
    error = answer.get(_ERROR)
    code = _find_member(error, _CODE)
    raw_status = None if code is None else quote(str(code))
    explanation = _read_text(error)
    message = describe(answer, raw_status=raw_status, explanation=explanation)
    raw_or_http_status = raw_status or str(answer.status)
    if answer.is_success or 400 <= answer.status < 500:  # noqa: PLR2004  # HTTP's own classes
        if answer.status == _TOO_MANY_REQUESTS or _find_member(error, _RESETS_AT) is not None:
            return ProviderThrottled(
                describe(answer, raw_status=raw_status),  # the rest is a time, which reads like a phone number
                raw_status=raw_or_http_status,
                retry_after_seconds=_pause_seconds(answer),
            )
        for words, error_class, reason in _TEXTS:
            if explanation is not None and words in explanation.lower():
                return error_class(message, reason=reason, raw_status=raw_or_http_status)
    if answer.is_success:
        return RequestRejected(message, reason="bad_request", raw_status=raw_or_http_status)
    return classify_by_status(answer, raw_status=raw_status, explanation=explanation)


def classify_sms(answer: Answer) -> ProviderError | None:
    """What an answer to an SMS means; a 2xx without the id of the send says nothing."""
    error = classify_dripcel(answer)
    if error is None and not customer_id_of(answer):
        error = _unclear(answer, "no customerId", "no_message_id")
    return error


def classify_email(answer: Answer) -> ProviderError | None:
    """What an answer to a bulk e-mail means: `ok` is all that it says."""
    error = classify_dripcel(answer)
    if error is None and answer.get(_OK) is not True:
        error = _unclear(answer, "not ok", "no_confirmation")
    return error


def classify_list(answer: Answer) -> ProviderError | None:
    """What an answer to a question for records means; a 2xx without a list is none, and not an empty one."""
    error = classify_dripcel(answer)
    if error is not None:
        return error
    records = answer.get(_DATA)
    if isinstance(records, list) and all(isinstance(record, dict) for record in records):
        return None
    return _unclear(answer, "no list of records", "unreadable_answer")


def is_not_found(error: ProviderError) -> bool:
    """Whether there is nothing of the kind that was asked for."""
    return error.raw_status in {str(_NOT_FOUND), "resource_not_found"}


def records_of(answer: Answer) -> list[Mapping[str, Any]]:
    """The records of an answer that `classify_list` has nothing against."""
    records: list[Mapping[str, Any]] = answer.get(_DATA)
    return records


def next_cursor_of(answer: Answer) -> str | None:
    """Where the next page begins; None after the last one.

    Raises:
        IncompleteAnswer: There is a next page, and it is not told where it begins.
    """
    pagination = answer.get(_PAGINATION)
    has_next, cursor = _first_of(pagination, _HAS_NEXT), _first_of(pagination, _NEXT_CURSOR)
    if has_next is False or not (has_next or cursor):
        return None
    if not cursor:
        raise incomplete(answer)
    return str(cursor)


def incomplete(answer: Answer) -> IncompleteAnswer:
    """The error of an answer that has not all, and tells of no way to the rest."""
    return IncompleteAnswer(
        f"{describe(answer)}: more records than it shows, and no way to ask for them",
        reason="incomplete_answer",
        raw_status=str(answer.status),
    )


def customer_id_of(answer: Answer) -> str | None:
    """Dripcel's id of one SMS, by which its delivery status is asked for; None where there is none."""
    customer_id = _find_member(answer.get(_DATA), _CUSTOMER_ID)
    return None if customer_id is None else str(customer_id)


def cost_of(answer: Answer) -> Decimal | None:
    """The cost of one SMS; None where Dripcel does not tell it."""
    cost = _number(_find_member(answer.get(_DATA), _TOTAL_COST))
    return None if cost is None or cost < 0 else cost


def credits_of(answer: Answer) -> Decimal | None:
    """The balance, a bare number; None where it is something else."""
    return _number(answer.get(_DATA))


def _unclear(answer: Answer, what: str, reason: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"{describe(answer)}: {what}", reason=reason, raw_status=str(answer.status))


def _first_of(value: Any, keys: tuple[str, ...]) -> Any:
    found = (_find_member(value, key) for key in keys)
    return next((member for member in found if member is not None), None)


def _find_member(value: Any, key: str) -> Any:
    """A member of an object, or of the first object of an array that has it; None where there is none such."""
    if isinstance(value, list):
        found = (_find_member(item, key) for item in value)
        return next((member for member in found if member is not None), None)
    return value.get(key) if isinstance(value, dict) else None


def _read_text(error: Any) -> str | None:
    """An `error` as one text: a string, an object (its message, else all of it), an array of them, or nothing."""
    if error is None:
        return None
    if isinstance(error, list):
        return "; ".join(text for text in map(_read_text, error) if text is not None)
    if isinstance(error, dict):
        message = error.get(_MESSAGE)
        return _read_text(message) or "; ".join(f"{key}: {_read_text(value)}" for key, value in error.items())
    return str(error)


def _pause_seconds(answer: Answer) -> float:
    """How long a 429 asks to wait."""
    asked = retry_after_seconds(answer)
    if asked is not None:
        return asked
    resets_at = _number(_find_member(answer.get(_ERROR), _RESETS_AT))
    if resets_at is None:
        return _RATE_WINDOW_SECONDS
    seconds = float(resets_at / 1000 if resets_at > _LEAST_MILLISECONDS else resets_at)
    pause = seconds - _server_time(answer)
    return pause if pause > 0 else _RATE_WINDOW_SECONDS  # in the past: the clocks differ by more than the pause


def _server_time(answer: Answer) -> float:
    """The Unix time of the answer by the server's own clock where it tells it, else by ours."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()


def _number(value: object) -> Decimal | None:
    """A plausible JSON number."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    number = Decimal(value)
    return number if number.is_finite() and abs(number) < _IMPLAUSIBLE else None
