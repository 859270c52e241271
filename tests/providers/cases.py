"""The shape of what an adapter must be shown to do; `cases_<provider>.py` holds the data."""

from dataclasses import dataclass, field
from typing import Any

from tasks.messaging.content import Content
from tasks.providers.base import Batch, OutboundMessage, SendOutcome
from tasks.providers.errors import ProviderError

SECRET = "s3cret-that-nobody-may-see"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request that must be put on the wire, and the answer to it.

    Attributes:
        request: The JSON body; None where it has none.
    """

    method: str = "POST"
    url: str
    request: dict[str, Any] | None = None
    status: int = 200
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestCase:
    """One call of `send`: the request it must put on the wire, the answer to it, and what is made of that.

    Attributes:
        before: Requests that must go before, where it takes several.
        url: Where the request goes, if not where most of this provider's go.
        request: The JSON body; None where nothing may be sent.
    """

    id: str
    content: Content
    options: dict[str, Any] = field(default_factory=dict)
    messages: list[OutboundMessage]
    batch: Batch | None = None
    before: list[Exchange] = field(default_factory=list)
    url: str | None = None
    request: dict[str, Any] | None
    status: int = 200
    answer: str = ""
    outcomes: list[SendOutcome]


@dataclass(frozen=True, kw_only=True)
class ErrorCase:
    """An answer that does not accept, and the error it must become."""

    id: str
    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    error: type[ProviderError]
    reason: str
    raw_status: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class ProblemCase:
    """A campaign that the provider would refuse or change: each problem begins with its key and holds the word."""

    id: str
    content: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    countries: frozenset[str] = frozenset()
    problems: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ProviderCases:
    """All cases of one provider."""

    credentials: dict[str, Any]
    secrets: tuple[str, ...]
    url: str
    headers: dict[str, str]
    requests: list[RequestCase]
    errors: list[ErrorCase]
    problems: list[ProblemCase]
