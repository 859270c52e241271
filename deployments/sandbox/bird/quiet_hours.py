"""When Bird holds a marketing message back."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

_FROM = time(21)
"""Not documented; until when is."""
_UNTIL = time(8)


def is_marketing(request: Mapping[str, Any]) -> bool:
    """Whether a message has to wait for the end of quiet hours."""
    use_case = request.get("meta", {}).get("extraInformation", {}).get("useCase")
    return use_case == "marketing" and not request.get("ignoreQuietHours", False)


def quiet_until(number: str, unix_seconds: float) -> float | None:
    """The end, in Unix time, of the quiet hours that a number's country is in; None outside them."""
    local = datetime.fromtimestamp(unix_seconds, _zone_of(number))
    if _UNTIL <= local.time() < _FROM:
        return None
    day = local.date() if local.time() < _UNTIL else local.date() + timedelta(days=1)
    return datetime.combine(day, _UNTIL, local.tzinfo).timestamp()


def _zone_of(number: str) -> ZoneInfo:
    try:
        return ZoneInfo(time_zones_for_number(phonenumbers.parse(number))[0])
    except (phonenumbers.NumberParseException, ZoneInfoNotFoundError):
        return ZoneInfo("UTC")
