"""Durations as people write them: `90s`, `30m`, `2h`, `1d`."""

import re
from datetime import timedelta
from typing import Any

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)\s*([smhd])")


def parse_duration(value: Any) -> Any:
    """`2h` as two hours. Anything that is not a text is left to the caller's own checks.

    Raises:
        ValueError: It is not a duration.
    """
    if not isinstance(value, str) or value.startswith("P"):  # ISO 8601 (PT2H) is pydantic's own form
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"`{value}` is not a duration; write for example 30m, 2h or 1d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def format_duration(value: timedelta) -> str:
    """Two hours as `2h`: the largest unit that divides it."""
    seconds = round(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
