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

COUNTRIES = ("FR", "SE", "DE", "GB", "US", "ES", "IT", "PL")
_FREE_DIGITS = 6
_MESSY, _REPEATED, _SUPPRESSED = 0.10, 0.05, 0.03
_FIRST_NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Søren", "Zoë", "Jürgen", "Chloé", "Łukasz")


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was written.

    Attributes:
        contacts: The list: `Customer ID, First name, Last name, Mobile, Country, E-mail, City, Status`.
        suppressed: Addresses for the suppression table, in E.164; some of them are in the list.
    """

    contacts: Path
    suppressed: list[str]


def write_crowd(directory: Path, rows: int, *, suppressed: int = 0, seed: int = 6) -> Crowd:
    """Write a list of so many rows; the same every time."""
    dice = random.Random(seed)  # noqa: S311 - a seed is what a benchmark wants
    path = directory / f"crowd-{rows}.csv"
    stems = {country: _stem(country) for country in COUNTRIES}
    opted_out = [_number(stems, serial) for serial in range(10 * rows, 10 * rows + suppressed)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Customer ID", "First name", "Last name", "Mobile", "Country", "E-mail", "City", "Status"]
        )
        for row, (country, cell) in enumerate(_cells(dice, stems, rows, opted_out)):
            name = _FIRST_NAMES[row % len(_FIRST_NAMES)]
            writer.writerow(
                [
                    f"C{row:08d}",
                    name,
                    f"Person{row}",
                    cell,
                    country,
                    f"person{row}@example.com",
                    f"City{row % 977}",
                    "active" if row % 100 else "inactive",
                ]
            )
    return Crowd(path, opted_out)


def _cells(
    dice: random.Random, stems: dict[str, tuple[int, str]], rows: int, opted_out: list[str]
) -> Iterator[tuple[str, str]]:
    for row in range(rows):
        if opted_out and dice.random() < _SUPPRESSED:
            number = dice.choice(opted_out)
            country = phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
        else:
            serial = dice.randrange(row) if row and dice.random() < _REPEATED else row
            country, number = COUNTRIES[serial % len(COUNTRIES)], _number(stems, serial)
        yield country, _as_written(dice, number) if dice.random() < _MESSY else number


def _number(stems: dict[str, tuple[int, str]], serial: int) -> str:
    code, stem = stems[COUNTRIES[serial % len(COUNTRIES)]]
    return f"+{code}{stem}{serial // len(COUNTRIES):0{_FREE_DIGITS}d}"


def _stem(country: str) -> tuple[int, str]:
    """A calling code, and the first digits of mobile numbers whose last six digits are free."""
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    digits = phonenumbers.national_significant_number(example)
    stem = digits[: len(digits) - _FREE_DIGITS]
    for last in ("000000", "999999"):
        number = phonenumbers.parse(f"+{example.country_code}{stem}{last}")
        if not phonenumbers.is_valid_number(number):
            raise ValueError(f"not every number that begins with {stem} is one of {country}")
    return example.country_code, stem


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
