"""As many made-up people as a benchmark needs, with numbers from the range reserved for fiction."""

import csv
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberType


def fictional_area_codes() -> list[str]:
    """The North American area codes with which 555-0100 to 555-0199 can be sent an SMS; there are hundreds."""
    return [code for code in map(str, range(201, 1000)) if _is_textable(f"+1{code}5550123")]


def fictional_numbers(count: int) -> list[str]:
    """So many distinct numbers in E.164.

    Raises:
        ValueError: There are not so many.
    """
    numbers = [f"+1{code}55501{last:02d}" for code in fictional_area_codes() for last in range(100)]
    if len(numbers) < count:
        raise ValueError(f"only {len(numbers):,} such numbers can be sent an SMS")
    return numbers[:count]


def write_people(path: Path, count: int) -> None:
    """A contact file of so many people, all of whom can be sent a message."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Mobile"])
        writer.writerows([f"Person{n}", number] for n, number in enumerate(fictional_numbers(count)))


def _is_textable(number: str) -> bool:
    # Toll-free and premium area codes have valid numbers too.
    return phonenumbers.number_type(phonenumbers.parse(number)) == PhoneNumberType.FIXED_LINE_OR_MOBILE
