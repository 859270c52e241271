"""As many made-up people as a benchmark needs, with numbers that nobody has."""

import csv
from itertools import chain
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberType


def fictional_area_codes() -> list[str]:
    """The North American area codes with which 555-0100 to 555-0199 can be sent an SMS; there are hundreds."""
    return [code for code in map(str, range(201, 1000)) if _is_textable(f"+1{code}5550123")]


def fictional_numbers(count: int) -> list[str]:
    """So many distinct numbers in E.164: those reserved for fiction first, then the rest of exchange 555.

    No subscriber has a number there; yet these are for a sandbox on loopback alone.

    Raises:
        ValueError: There are not so many.
    """
    codes = fictional_area_codes()
    reserved, others = range(100, 200), chain(range(100), range(200, 10_000))
    numbers = [f"+1{code}555{last:04d}" for code in codes for last in reserved]
    for last in others:
        if len(numbers) >= count:
            break
        numbers += [f"+1{code}555{last:04d}" for code in codes]
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
