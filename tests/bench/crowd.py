"""A contact list of any size as companies have them: several countries, untidy cells, duplicates, opt-outs.

There are far too few numbers reserved for fiction for a million people, so these are made by the numbering plans'
own examples. They exist in a temporary directory alone, and are never sent to anything but a sandbox on loopback.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tasks.contacts.phones import TEXTABLE_TYPES

COUNTRIES = ("FR", "SE", "DE", "GB", "US", "ES", "IT", "PL")
_HEADER = ("Customer ID", "First name", "Last name", "Mobile", "Country", "E-mail", "City", "Status")
_FREE_DIGITS = 6
_STEMS = 2
_MESSY, _REPEATED, _SUPPRESSED = 0.10, 0.05, 0.03
_FIRST_NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Søren", "Zoë", "Jürgen", "Chloé", "Łukasz")


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was written.

    Attributes:
        contacts: The list: `Customer ID, First name, Last name, Mobile, Country, E-mail, City, Status`.
        rows: How many rows it has.
        suppressed: Addresses for the suppression table, in E.164; some of them are in the list.
    """

    contacts: Path
    rows: int
    suppressed: list[str]


def write_crowd(directory: Path, rows: int, *, suppressed: int = 0, seed: int = 6) -> Crowd:
    """Write a list of so many rows; the same every time.

    Raises:
        ValueError: There are not so many numbers.
    """
    dice = random.Random(seed)  # noqa: S311 - a seed is what a benchmark wants
    path = directory / f"crowd-{rows}.csv"
    numbers = _Numbers()
    if rows + suppressed > numbers.count:
        raise ValueError(f"only {numbers.count:,} numbers can be made")
    opted_out = [numbers[numbers.count - 1 - serial] for serial in range(suppressed)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Customer ID", "First name", "Last name", "Mobile", "Country", "E-mail", "City", "Status"]
        )
        for row, (country, cell) in enumerate(_cells(dice, numbers, rows, opted_out)):
            name = _FIRST_NAMES[row % len(_FIRST_NAMES)]
            status = "active" if row % 100 else "inactive"
            person = [f"C{row:08d}", name, f"Person{row}", cell, country, f"person{row}@example.com"]
            writer.writerow([*person, f"City{row % 977}", status])
    return Crowd(path, rows, [number for _, number in opted_out])


def _cells(
    dice: random.Random, numbers: "_Numbers", rows: int, opted_out: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    for row in range(rows):
        if opted_out and dice.random() < _SUPPRESSED:
            country, number = dice.choice(opted_out)
        else:
            country, number = numbers[dice.randrange(row) if row and dice.random() < _REPEATED else row]
        yield country, _as_written(dice, number) if dice.random() < _MESSY else number


class _Numbers:
    """Numbers by place: country and E.164, the countries in turns."""

    def __init__(self) -> None:
        self._stems = [_stems(country) for country in COUNTRIES]
        self.count = len(COUNTRIES) * _STEMS * 10**_FREE_DIGITS

    def __getitem__(self, place: int) -> tuple[str, str]:
        place, which = divmod(place, len(COUNTRIES))
        stem, last = divmod(place, 10**_FREE_DIGITS)
        return COUNTRIES[which], f"{self._stems[which][stem]}{last:0{_FREE_DIGITS}d}"


def _stems(country: str) -> list[str]:
    """Beginnings of mobile numbers in E.164 whose last six digits are free."""
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    digits = phonenumbers.national_significant_number(example)
    shorter = f"+{example.country_code}{digits[: len(digits) - _FREE_DIGITS - 1]}"
    found = [stem for last in "0123456789" if _is_free(stem := f"{shorter}{last}")]
    if len(found) < _STEMS:
        raise ValueError(f"not enough free numbers that begin with {shorter}")
    return found[:_STEMS]


def _is_free(stem: str) -> bool:
    tried = (phonenumbers.parse(f"{stem}{last:0{_FREE_DIGITS}d}") for last in range(0, 10**_FREE_DIGITS, 9_973))
    return all(phonenumbers.number_type(number) in TEXTABLE_TYPES for number in tried)


def _as_written(dice: random.Random, number: str) -> str:
    """One of the ways in which people and programs write it, and a few in which it is lost."""
    parsed = phonenumbers.parse(number)
    way = dice.randrange(20)
    if way < 6:
        return phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    if way < 11:
        return phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    if way < 13:
        return number.removeprefix("+")
    if way < 15:
        return f"{number.removeprefix('+')}.0"
    if way == 15:
        return f"00{number.removeprefix('+')}"
    return dice.choice([f" {number} ", f"tel:{number}", f"{number} / {number}", number[:-3], "unknown", ""])
