"""The interface of reading what a provider sends by itself.

Two sides use it. The receiver asks whether a request is genuine and what to call it, stores it, and answers.
Reconciliation, later, asks what a stored payload says. Both need no network and no database.
"""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from tasks.messaging.statuses import EventKind
from tasks.providers.base import ProviderCredentials
from tasks.providers.reports import CallbackRequest, ReceivedEvent, Report

_RAW_MAX_CHARS = 20_000


class CallbackReader(ABC):
    """How one provider's callbacks are checked and read."""

    is_signed: ClassVar[bool] = False
    """The provider signs its requests; otherwise a secret in the URL is all that tells it from anybody else."""

    def is_genuine(self, request: CallbackRequest, credentials: ProviderCredentials) -> bool:
        """Whether the provider made this request. Asked only where `is_signed`.

        Raises:
            ConfigurationError: The credentials have no key to check the signature with.
        """
        del request, credentials
        raise NotImplementedError

    @abstractmethod
    def receive(self, request: CallbackRequest) -> ReceivedEvent:
        """Name an event, cheaply; whatever the body is, this returns, and what came is in the payload."""

    @abstractmethod
    def read(self, payload: Mapping[str, Any], received_at: datetime) -> Sequence[Report]:
        """What a stored payload says; it may be nothing.

        Args:
            payload: As `receive` gave it.
            received_at: When it came, for events that do not say when they happened.

        Raises:
            UnreadableEvent: A member that is needed is missing or wrong.
        """


def unreadable(request: CallbackRequest, error: str) -> ReceivedEvent:
    """An event of which nothing can be made, to be kept all the same; the same bytes again are the same event."""
    text = request.body[:_RAW_MAX_CHARS].decode("utf-8", errors="backslashreplace")
    payload: dict[str, Any] = {"raw": text}
    if request.query:
        payload["query"] = dict(request.query)
    return ReceivedEvent(
        kind=EventKind.UNKNOWN,
        dedupe_key=f"unreadable:{digest_of(request.body, *map(str, sorted(request.query.items())))}",
        payload=payload,
        error=error,
    )


def decode_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else, and for what a JSON column refuses (`NaN`, `1e999`)."""
    try:
        decoded = json.loads(body, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("not a number that JSON has")
    return number


def digest_of(*parts: bytes | str | None) -> str:
    """A short name for these parts in this order; equal parts have equal names."""
    digest = hashlib.sha256()
    for part in parts:
        raw = b"" if part is None else part.encode(errors="surrogatepass") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:40]
