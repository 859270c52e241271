"""As many made-up people as a benchmark needs, with numbers from the range reserved for fiction."""

import csv
from itertools import islice
from pathlib import Path

import phonenumbers


def fictional_area_codes() -> list[str]:
    """The North American area codes with which 555-0100 to 555-0199 is a valid number; there are hundreds."""
    codes = map(str, range(201, 1000))
    return [code for code in codes if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}5550123"))]


def fictional_numbers(count: int) -> list[str]:
    """So many distinct numbers in E.164."""
    numbers = (f"+1{code}55501{last:02d}" for code in fictional_area_codes() for last in range(100))
    return list(islice(numbers, count))


def write_people(path: Path, count: int) -> None:
    """A contact file of so many people, all of whom can be sent a message."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Mobile"])
        writer.writerows([f"Person{n}", number] for n, number in enumerate(fictional_numbers(count)))
