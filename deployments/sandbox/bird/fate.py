"""What becomes of a Bird message after the 202: its statuses in their order, and why it failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

STATUSES = frozenset(
    {
        "accepted",
        "processing",
        "pending",
        "scheduled",
        "sent",
        "delivered",
        "read",
        "rejected",
        "skipped",
        "sending_failed",
        "delivery_failed",
        "deleted",
    }
)
FAILURE_STATUSES = frozenset({"rejected", "sending_failed", "delivery_failed"})
NOT_RECEIVED = FAILURE_STATUSES | {"skipped", "deleted"}

CHANNEL_CONFIGURATION = 11001
BAD_INPUT = 11002
UNSUPPORTED_TYPE = 12002
UNSUPPORTED_DESTINATION = 12003
NO_CREDIT = 14998
"""Placeholder: the documentation does not give the code."""
UNKNOWN_SUBSCRIBER = 15005

_CUSTOMER = "account or policy"
_FAMILIES = {11: "validation", 12: "service", 14: _CUSTOMER}
_SOURCES = {
    CHANNEL_CONFIGURATION: "pre-processing",
    BAD_INPUT: "pre-processing",
    UNSUPPORTED_TYPE: "pre-processing",
    UNSUPPORTED_DESTINATION: "pre-processing",
    NO_CREDIT: "accounting",
}
_DESCRIPTIONS = {
    CHANNEL_CONFIGURATION: "channel configuration or several receivers",
    BAD_INPUT: "bad input",
    12001: "dependency failure",
    UNSUPPORTED_TYPE: "unsupported message type",
    UNSUPPORTED_DESTINATION: "unsupported destination",
    NO_CREDIT: "insufficient balance",
    15001: "network error",
    UNKNOWN_SUBSCRIBER: "unknown subscriber",
}
_DEFAULT_CODES = {"rejected": BAD_INPUT, "sending_failed": 12001, "delivery_failed": UNKNOWN_SUBSCRIBER}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message failed."""

    code: int
    description: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The `failure` member of a message."""
        source_code = "1" if self.code == UNKNOWN_SUBSCRIBER else str(self.code)
        return {
            "code": self.code,
            "description": self.description,
            "source": {"name": self.source, "code": source_code},
        }


@dataclass(frozen=True, slots=True)
class Fate:
    """Statuses in their order, one per step; `failure` is told once a status is a failure."""

    statuses: tuple[str, ...]
    failure: Failure | None = None

    @property
    def reaches_person(self) -> bool:
        """Whether the person gets the message in the end."""
        return self.statuses[-1] not in NOT_RECEIVED


def failure(code: int, description: str | None = None) -> Failure:
    """The failure with this code, described as its family is."""
    family = _FAMILIES.get(code // 1000, "platform")
    source = _SOURCES.get(code, "touchpoint" if family == _CUSTOMER else "sms-messagebird")
    return Failure(code, description or _DESCRIPTIONS.get(code, family), source)


def parse_script(script: Sequence[str]) -> Fate:
    """Read `["accepted", "delivery_failed:15001"]`.

    Raises:
        ValueError: A word that is not a status, or a code that is not a number.
    """
    return _parse_script(tuple(script))


@lru_cache(maxsize=1024)
def _parse_script(script: tuple[str, ...]) -> Fate:
    statuses = []
    reason = None
    for step in script:
        status, colon, code = step.partition(":")
        if status not in STATUSES or (colon and not (code.isdecimal() and status in FAILURE_STATUSES)):
            raise ValueError(f"{step!r}; allowed: {', '.join(sorted(STATUSES))}; a failure may add :<code>")
        statuses.append(status)
        if status in FAILURE_STATUSES:
            reason = failure(int(code) if colon else _DEFAULT_CODES[status])
    return Fate(tuple(statuses), reason)
