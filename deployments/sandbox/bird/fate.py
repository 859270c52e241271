"""What becomes of a Bird message after the 202: its statuses in their order, and why it failed."""

import sys
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
UNDOCUMENTED = "?"
"""Begins a word of a script that the documentation does not have: `?buffered` is shown as `buffered`."""
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
_ON_ITS_WAY = ("accepted", "processing", "sent")
_STEPS_BEFORE = {
    "accepted": (),
    "rejected": _ON_ITS_WAY[:1],
    "skipped": _ON_ITS_WAY[:1],
    "processing": _ON_ITS_WAY[:1],
    "pending": _ON_ITS_WAY[:1],
    "sending_failed": _ON_ITS_WAY[:2],
    "deleted": _ON_ITS_WAY[:2],
    "sent": _ON_ITS_WAY[:2],
    "read": (*_ON_ITS_WAY, "delivered"),
}
"""What a message goes through before its last word; `_ON_ITS_WAY` where it is not listed."""
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


def script_to(outcome: str) -> tuple[str, ...]:
    """What a message goes through to end in this word."""
    return (*_STEPS_BEFORE.get(outcome.partition(":")[0], _ON_ITS_WAY), outcome)


@lru_cache(maxsize=1024)
def _parse_script(script: tuple[str, ...]) -> Fate:
    statuses = []
    reason = None
    for step in script:
        status, colon, code = step.partition(":")
        if step.startswith(UNDOCUMENTED) and step[1:].isidentifier():
            statuses.append(sys.intern(step[1:]))
            continue
        if status not in STATUSES or (colon and not (code.isdecimal() and status in FAILURE_STATUSES)):
            allowed = f"{', '.join(sorted(STATUSES))}, ?<undocumented word>"
            raise ValueError(f"{step!r}; allowed: {allowed}; a failure may add :<code>")
        statuses.append(status)
        if status in FAILURE_STATUSES:
            reason = failure(int(code) if colon else _DEFAULT_CODES[status])
    return Fate(tuple(statuses), reason)
