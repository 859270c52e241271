"""Times as indigitall writes them."""

import re
from datetime import UTC, datetime
from typing import Any

_ZONE_WORD = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_DAY_FIRST_FORMS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")


def read_moment(value: Any) -> datetime | None:
    """A time in UTC; None for what is none.

    The API writes ISO 8601. The form in the console's report is not known: besides ISO 8601 it may be day, month
    and year with slashes, as in Spain, where the console comes from. Without a zone it is taken for UTC.
    """
    if not isinstance(value, str):
        return None
    text = _ZONE_WORD.sub("", value.strip())
    moment = _from_iso(text) or _from_day_first(text.replace("-", "/").replace(",", ""))
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else _in_utc(moment)


def _from_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_day_first(text: str) -> datetime | None:
    for form in _DAY_FIRST_FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  # the caller knows the zone
        except ValueError:
            continue
    return None


def _in_utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the year 1 or 9999: some systems write "never" so
        return None
