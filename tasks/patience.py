"""How long Rollcall waits for a provider that is down or asks to wait, and for a person, before a run stops."""

import os
from dataclasses import dataclass

from tasks.providers.errors import ConfigurationError
from tasks.providers.http import RetryPolicy


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of waiting. Requests are repeated only if they surely were not sent; nothing else ever is.

    Attributes:
        request_wait_seconds: `ROLLCALL_REQUEST_WAIT_SECONDS`: longest time from the first to the last attempt.
        chunk_retries: `ROLLCALL_CHUNK_RETRIES`: how often a chunk that could not be handed over is run again.
        chunk_retry_seconds: `ROLLCALL_CHUNK_RETRY_SECONDS`: the pause before that.
        approval_wait_seconds: `ROLLCALL_APPROVAL_WAIT_SECONDS`: how long a flow run is paused for approval.
    """

    request_wait_seconds: float = 120.0
    chunk_retries: int = 1
    chunk_retry_seconds: float = 5.0
    approval_wait_seconds: float = 24 * 3600.0

    @property
    def of_requests(self) -> RetryPolicy:
        """The bounds as the HTTP client takes them."""
        return RetryPolicy(
            first_wait_seconds=min(1.0, self.request_wait_seconds / 8), max_total_seconds=self.request_wait_seconds
        )


def read_patience() -> Patience:
    """The bounds from the environment, defaults for what is not set.

    Raises:
        ConfigurationError: A variable is not a number, or negative.
    """
    default = Patience()
    return Patience(
        request_wait_seconds=_number("ROLLCALL_REQUEST_WAIT_SECONDS", default.request_wait_seconds),
        chunk_retries=int(_number("ROLLCALL_CHUNK_RETRIES", default.chunk_retries)),
        chunk_retry_seconds=_number("ROLLCALL_CHUNK_RETRY_SECONDS", default.chunk_retry_seconds),
        approval_wait_seconds=_number("ROLLCALL_APPROVAL_WAIT_SECONDS", default.approval_wait_seconds),
    )


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ConfigurationError(f"{variable} is {text!r}, which is not a number from 0 up")
    return number
