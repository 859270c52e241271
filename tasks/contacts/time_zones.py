"""The time zones that a contact may be in, from the list's own column, the phone number or the country.

Where somebody may be in several zones, all of them count: what is not allowed in one of them is not sent.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
import pandas as pd
import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

SEPARATOR: Final = ","
"""Between the zones of one contact in a column; no zone has it in its name."""

_NORTH_AMERICA = 1
_AREA_CHARS = 5
"""+1 and the area code behind it."""
_MOST_CALLING_CODE_DIGITS = 3
_HEAD_CHARS = 9
"""As much of a number as decides: no calling code and first digits are longer than +39 06698, of the Vatican."""

_OFFSETS = frozenset(
    {
        *("CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"),
        *("GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "UCT", "UTC", "Universal", "Zulu", "Factory"),
    }
)
"""Names that say how far a clock is from UTC and not where it hangs. `EST` keeps the hours of Panama all year, and
the person in New York who wrote it does not; `UTC` is what a system writes when nobody said anything."""


class ZoneSource(StrEnum):
    """What the zones were taken from."""

    CELL = "cell"
    """The list's own time zone column."""
    NUMBER = "number"
    """The phone number."""
    COUNTRY = "country"
    """The country: all of its zones."""
    NOTHING = "nothing"
    """They are not known."""


@dataclass(frozen=True, slots=True)
class ContactZones:
    """Where a contact may be.

    Attributes:
        zones: IANA names that zoneinfo knows, in order; none where nothing is known.
        source: What they were taken from.
        problem: Why the time zone cell was not used, as a sentence; "" where it was, or was empty.
    """

    zones: tuple[str, ...]
    source: ZoneSource
    problem: str


def zones_of_contact(cell: str, number: str, country: str) -> ContactZones:
    """The zones of one contact.

    Args:
        cell: The time zone as the list has it, or "".
        number: The phone number in E.164, valid, or "".
        country: ISO 3166-1 alpha-2, or ""; asked only where there is no number.
    """
    zone, problem = _read_cell(cell)
    if zone:
        return ContactZones((zone,), ZoneSource.CELL, "")
    zones = zones_of_number(number) if number else zones_of_country(country)
    source = ZoneSource.NUMBER if number else ZoneSource.COUNTRY
    return ContactZones(zones, source if zones else ZoneSource.NOTHING, problem)


def zones_of_contacts(
    cells: "pd.Series[str]", numbers: "pd.Series[str]", countries: "pd.Series[str]"
) -> pd.DataFrame:
    """The same for columns with one index; different contacts of which all that counts is the same are asked once.

    Returns:
        A frame with that index, all str: `zones` (joined by `SEPARATOR`, "" where none is known), `zones_source`
        (a `ZoneSource`), `timezone_problem`.
    """
    rows = pd.DataFrame({"cell": cells, "number": _heads(numbers), "country": countries.where(numbers == "", "")})
    codes, different = pd.factorize(pd.MultiIndex.from_frame(rows))
    found = [zones_of_contact(*row) for row in different]
    columns = {
        "zones": [SEPARATOR.join(contact.zones) for contact in found],
        "zones_source": [str(contact.source) for contact in found],
        "timezone_problem": [contact.problem for contact in found],
    }
    return pd.DataFrame(
        {name: pd.array(values, dtype="str").take(codes) for name, values in columns.items()}, index=cells.index
    )


def _heads(numbers: "pd.Series[str]") -> "pd.Series[str]":
    """As much of each number as decides."""
    codes, starts = pd.factorize(numbers.str[:_AREA_CHARS])
    says_enough = np.array([_says_enough(start) for start in starts], bool)[codes]
    return numbers.str[:_HEAD_CHARS].mask(says_enough, numbers.str[:_AREA_CHARS])


@lru_cache(maxsize=4096)
def _read_cell(cell: str) -> tuple[str, str]:
    """The zone of a time zone cell, or "" and why it is none."""
    text = cell.strip()
    if not text:
        return "", ""
    zone = _zones_by_spelling().get(text.replace(" ", "_").casefold())
    if zone is None:
        return "", "the time zone is not a name of the IANA database, such as Europe/Paris"
    if zone in _OFFSETS or zone.startswith("Etc/"):
        return "", "the time zone is an offset and not a place, such as Europe/Paris"
    return zone, ""


@cache
def _zones_by_spelling() -> dict[str, str]:
    # What the machine has not, zoneinfo takes from this package. `available_timezones` opens 600 files to say it.
    names = (files("tzdata") / "zones").read_text("utf-8").split()
    return {zone.casefold(): zone for zone in names}


def zones_of_number(e164: str) -> tuple[str, ...]:
    """All zones that a phone number may be in, in order; none where that is not known.

    In North America those that phonenumbers has for the area code. The library itself looks at the exchange: to it
    +1 850 555 is New York, though a half of that area keeps Chicago's time, and people keep their mobile numbers
    when they move within it.

    Everywhere else those of the country, by the calling code; where countries share one, the first digits behind
    it say which they may be. What phonenumbers itself says of mobile numbers is too narrow or wrong for some:
    Algeria has the summer time of Paris in it, Chile no Easter Island, and an Indonesian network that serves all
    islands is in Jakarta. Jamaica has 42 zones, from Guam to Newfoundland, and no rule that leaves the night out
    has a window in all of them.

    Args:
        e164: A valid number, with its +.
    """
    return _zones_of_head(e164[:_HEAD_CHARS])


@lru_cache(maxsize=65536)
def _zones_of_head(head: str) -> tuple[str, ...]:
    code = _calling_code(head)
    if code == _NORTH_AMERICA and (zones := _zones_of_area(head[:_AREA_CHARS])):
        return zones
    each = [zones_of_country(country) for country in _countries_of(code, head[1 + len(str(code)) :])]
    return _in_order(zone for zones in each for zone in zones) if all(each) else ()


def _countries_of(code: int, national: str) -> list[str]:
    """The countries that a number may belong to: those that have no first digits of their own can have any."""
    firsts = {country: _first_digits(country) for country in COUNTRY_CODE_TO_REGION_CODE.get(code, ())}
    sure = [country for country, digits in firsts.items() if digits and digits.match(national)]
    return sure or [country for country, digits in firsts.items() if not digits]


@cache
def _first_digits(country: str) -> re.Pattern[str] | None:
    metadata = PhoneMetadata.metadata_for_region(country, None)
    return re.compile(metadata.leading_digits) if metadata and metadata.leading_digits else None


def zones_of_country(country: str) -> tuple[str, ...]:
    """All zones of a country (ISO 3166-1 alpha-2), in order; none where it is not known."""
    return _zones_by_country().get(country, ())


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    zones = defaultdict(set)
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones[country].add(zone)
    # Without a code of ISO's own (Kosovo), or so small that the table has only the main island.
    for country in phonenumbers.SUPPORTED_REGIONS - zones.keys():
        code = phonenumbers.country_code_for_region(country)
        zones[country].update(TIMEZONE_DATA.get(str(code), ()))
    return {country: _in_order(found) for country, found in zones.items()}


def _calling_code(head: str) -> int:
    """0 where it has none."""
    starts = (head[1 : 1 + length] for length in range(1, _MOST_CALLING_CODE_DIGITS + 1))
    codes = (int(digits) for digits in starts if head.startswith("+") and digits.isdecimal())
    return next((code for code in codes if code in COUNTRY_CODE_TO_REGION_CODE), 0)


@lru_cache(maxsize=1024)
def _zones_of_area(start: str) -> tuple[str, ...]:
    """Of an area code of North America, from the + on; none of a code that belongs to no place."""
    found = (zones for digits, zones in TIMEZONE_DATA.items() if digits.startswith(start[1:]))
    return _in_order(zone for zones in found for zone in zones)


@lru_cache(maxsize=16384)
def _says_enough(start: str) -> bool:
    """Whether the zones of a number follow from its first four digits."""
    code = _calling_code(start)
    if code == _NORTH_AMERICA:
        return bool(_zones_of_area(start))
    countries = COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    return len(countries) == 1 or not any(_first_digits(country) for country in countries)


def _in_order(zones: Iterable[str]) -> tuple[str, ...]:
    """Sorted; none at all where zoneinfo does not know one of them: that one may be where the person is."""
    found = sorted(set(zones))
    return tuple(found) if all(zone.casefold() in _zones_by_spelling() for zone in found) else ()
