"""What a provider's HTTP answer means where its own page has no other word for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tasks.contacts.masking import mask_text
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)

_QUOTE_MAX_CHARS = 200

_VERDICTS: dict[int, tuple[type[ProviderError], str]] = {
    # A redirect that keeps the method: the API is not at this address, nothing was processed, and every request of
    # the run would fare alike. After 302 and 303 the request may have been processed.
    301: (CredentialsRejected, "redirected"),
    302: (OutcomeUnknown, "redirected"),
    303: (OutcomeUnknown, "redirected"),
    307: (CredentialsRejected, "redirected"),
    308: (CredentialsRejected, "redirected"),
    401: (CredentialsRejected, "auth"),
    402: (CreditExhausted, "no_credit"),
    403: (CredentialsRejected, "auth"),
    408: (OutcomeUnknown, "answer_timeout"),  # gateways say so when what is behind them was too slow
    429: (ProviderThrottled, "rate_limited"),
}
"""Statuses that mean something else than the rest of their hundred."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: HTTP status.
        body: Decoded JSON, numbers with a decimal point as `Decimal`; None where there is none.
    """

    status: int
    body: Any = field(repr=False)  # holds addresses
    headers: Mapping[str, str] = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # HTTP's own classes

    def get(self, key: str) -> Any:
        """A member of the body; None where the body is no object or has none such."""
        return self.body.get(key) if isinstance(self.body, dict) else None


Classifier = Callable[[Answer], ProviderError | None]
"""Says what an answer means: None where the provider took the request, else the error to raise."""


def classify_by_status(
    answer: Answer, *, raw_status: str | None = None, explanation: object = None
) -> ProviderError | None:
    """What an answer means by its HTTP status alone; None for 2xx.

    Args:
        answer: What the server answered.
        raw_status: The provider's own code, where the body has one.
        explanation: The provider's own text; it is shortened and masked.
    """
    if answer.is_success:
        return None
    if answer.status in _VERDICTS:
        error_class, reason = _VERDICTS[answer.status]
    elif 400 <= answer.status < 500:  # noqa: PLR2004  # HTTP's own classes
        error_class, reason = RequestRejected, "bad_request"
    else:  # a 5xx may come from a gateway behind which the request was processed
        error_class, reason = OutcomeUnknown, "server_error"
    message = describe(answer, raw_status=raw_status, explanation=explanation)
    error = error_class(message, reason=reason, raw_status=raw_status or str(answer.status))
    if isinstance(error, ProviderThrottled):
        error.retry_after_seconds = retry_after_seconds(answer)
    return error


def describe(answer: Answer, *, raw_status: str | None = None, explanation: object = None) -> str:
    """An answer as the message of an error: safe to show.

    Args:
        answer: What the server answered.
        raw_status: The provider's own code, where the body has one.
        explanation: The provider's own text; it is shortened and masked.
    """
    message = f"the provider answered {answer.status}"
    if raw_status is not None:
        message += f" ({mask_text(raw_status)})"
    return message if explanation is None else f"{message}: {quote(str(explanation))}"


def retry_after_seconds(answer: Answer) -> float | None:
    """How long the header `Retry-After` (RFC 9110, 10.2.3: seconds or a date) asks to wait; None without it."""
    value = answer.headers.get("Retry-After", "").strip()
    try:
        if value.isascii() and value.isdigit():
            return float(value)
        # By the server's own clock where it tells it: ours may differ by more than the pause.
        now = parsedate_to_datetime(answer.headers["Date"]) if "Date" in answer.headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None


def quote(text: str) -> str:
    """A provider's text as it may stand in an error: on one line, short, addresses masked."""
    line = mask_text(" ".join(text.split()))
    return line if len(line) <= _QUOTE_MAX_CHARS else f"{line[:_QUOTE_MAX_CHARS]}..."
