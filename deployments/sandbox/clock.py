"""The two clocks of the sandbox, replaceable so that tests need not wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the sandbox reads the time.

    Attributes:
        now: Unix time in seconds: timestamps of messages, and their age.
        monotonic: Seconds that never jump: request rates.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


def rfc3339(unix_seconds: float) -> str:
    """`2026-01-05T11:46:06.123Z`."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
