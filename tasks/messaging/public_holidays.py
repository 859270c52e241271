"""Public holidays of a country, as the `holidays` package knows them."""

from datetime import date
from functools import cache, lru_cache

import holidays


@cache
def _parts_by_country() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


def has_holidays(country: str) -> bool:
    """Whether the package knows the country at all (ISO 3166-1 alpha-2)."""
    return country in _parts_by_country()


def is_holiday(country: str, day: date, *, in_any_part: bool) -> bool | None:
    """Whether a day is a public holiday.

    Args:
        country: ISO 3166-1 alpha-2.
        day: The local date where the person is.
        in_any_part: Count the days that are holidays only in some part of the country too.

    Returns:
        None where it is not known: the package does not have the country, or the year. Some are made known only a
        year ahead, as those of the full moon in Sri Lanka.
    """
    found = _holidays_of(country, day.year, in_any_part)
    return None if found is None else day in found


@lru_cache(maxsize=2048)
def _holidays_of(country: str, year: int, in_any_part: bool) -> frozenset[date] | None:
    if not has_holidays(country):
        return None
    nationwide = holidays.country_holidays(country, years=year)
    if not nationwide.start_year <= year <= nationwide.end_year:
        return None
    days = set(nationwide)
    for part in _parts_by_country()[country] if in_any_part else ():
        days.update(holidays.country_holidays(country, subdiv=part, years=year))
    return frozenset(days)
