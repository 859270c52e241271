"""What providers tell, asked or unasked, in one form for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tasks.messaging.reports import ConsentReport, HandedOver, ReplyReport, Report, StatusReport
from tasks.messaging.statuses import EventKind

__all__ = [
    "CallbackRequest",
    "ConsentReport",
    "Finding",
    "HandedOver",
    "ReceivedEvent",
    "ReplyReport",
    "Report",
    "StatusReport",
    "UnreadableEvent",
    "Verdict",
]


class Verdict(StrEnum):
    """What a search for a message whose answer was lost can end in."""

    FOUND = "found"
    """The provider has it."""
    ABSENT = "absent"
    """The provider provably does not have it; true only once its grace time is over."""
    UNDECIDED = "undecided"
    """Neither can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of such a search.

    Attributes:
        reference: Ours, of the message.
        report: What the provider says of it; only and always with `FOUND`.
    """

    reference: str
    verdict: Verdict
    report: StatusReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
    """A request that somebody made to the receiver.

    Attributes:
        url: The address that the provider was told to call, with its query.
        headers: By lower-case name.
        query: Query parameters.
        body: As it came.
    """

    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """A callback, as it is kept.

    Attributes:
        kind: What it is about; `unknown` where that cannot be told.
        dedupe_key: Equal for repetitions of the same event, without the provider's name; at most 150 characters.
        payload: The decoded body; `{"raw": text}` where it cannot be decoded.
        error: Why nothing can be made of it; None when it is in order.
    """

    kind: EventKind
    dedupe_key: str
    payload: Mapping[str, Any]
    error: str | None = None


class UnreadableEvent(Exception):
    """A kept event of which nothing can be made. Its text names the member that is missing or wrong."""
