"""Finding given addresses in any text, however they are spelled, and taking them out of it."""

import json
import re
from collections.abc import Callable, Collection
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat

REDACTED = "[erased]"
"""What stands in a text where an address stood."""

SEPARATORS = (" ", "-", ".", "(", ")", "/", "\u00a0", "\\u00a0", "%20")
"""What people and programs write between the digits of a number; two are escaped, as JSON and URLs have them."""

_BETWEEN = r"(?:[\s().\-/\u00a0\u2010-\u2015]|%20|\\u00a0){0,3}"
_DIGIT_RUN = re.compile(rf"(?:\+|%2[Bb])?\(?\d(?:{_BETWEEN}\d){{5,}}")
_EMAIL = re.compile(r"[^\s@<>\"',;:=?&()\[\]{}\\|]+(?:@|%40)[^\s@<>\"',;:/?&()\[\]{}\\|%]+", re.IGNORECASE)
_INTERNATIONAL = "00"


class Spellings:
    """All spellings of some addresses.

    A number is found with and without `+`, with `00`, and as it is dialled in its country, with anything between
    its digits; an e-mail address in any case, also as part of an URL. Longer numbers and addresses that contain
    one of them are other people's, and are left alone.

    Args:
        addresses: E.164 numbers and e-mail addresses; anything else is found as it stands.
    """

    def __init__(self, addresses: Collection[str]) -> None:
        self._emails = {address for address in addresses if "@" in address}
        self._numbers: dict[str, bool] = {}
        self._others = [address for address in addresses if "@" not in address and not address.startswith("+")]
        self._needles: set[str] = set(self._others)
        for email in self._emails:
            self._needles |= {email, email.replace("@", "%40"), json.dumps(email)[1:-1]}
        for address in addresses:
            if address.startswith("+"):
                self._add_number(address)
        self._lengths = sorted({len(digits) for digits in self._numbers}, reverse=True)

    @property
    def needles(self) -> frozenset[str]:
        """One of these stands in every text that has an address in it, once that text is in lower case.

        Needles that are digits are found after the `SEPARATORS` are taken out.
        """
        return frozenset(needle.lower() for needle in self._needles)

    def occur_in(self, text: str) -> bool:
        """Whether one of the addresses stands in a text."""
        return self.redact(text) != text

    def is_one(self, cell: str) -> bool:
        """Whether a cell holds one of the addresses and nothing else; then a national number is one as well."""
        if self._numbers and not any(char.isalpha() for char in cell) and _digits(cell) in self._numbers:
            return True
        return cell.strip().lower() in self._emails or cell in self._others

    def redact(self, text: str) -> str:
        """The text without the addresses."""
        if self._numbers:
            text = _DIGIT_RUN.sub(self._without_numbers, text)
        if self._emails:
            text = _EMAIL.sub(self._without_emails, text)
        for other in self._others:
            text = text.replace(other, REDACTED)
        return text

    def redact_document(self, document: Any) -> Any:
        """JSON data without the addresses, in keys and values, numbers among them."""
        return _mapped(document, self.redact)

    def _add_number(self, address: str) -> None:
        digits = address.removeprefix("+")
        # Whether it counts only with something between its digits. An id can have the digits of a national number.
        self._numbers |= {digits: False, _INTERNATIONAL + digits: False}
        national = digits
        try:
            number = phonenumbers.parse(address)
        except phonenumbers.NumberParseException:
            pass
        else:
            national = phonenumbers.national_significant_number(number)
            dialled = _digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
            for form in {national, dialled}:
                self._numbers.setdefault(form, not form.startswith("0"))
        self._needles.add(national)

    def _without_numbers(self, found: re.Match[str]) -> str:
        run = found.group()
        at = [index for index, char in enumerate(run) if char.isdigit() and not _is_escape(run, index)]
        digits = "".join(run[index] for index in at)
        kept: list[str] = []
        done = first = 0
        while first < len(digits):
            last = self._end_of_number(run, digits, at, first)
            if last is None:
                first += 1
                continue
            start = at[first]
            while start > done and run[start - 1] in "+(":
                start -= 1
            kept += [run[done:start], REDACTED]
            done, first = at[last - 1] + 1, last
        return "".join([*kept, run[done:]]) if kept else run

    def _end_of_number(self, run: str, digits: str, at: list[int], first: int) -> int | None:
        """Where the number ends that begins with this digit; None where none of ours does."""
        if first and at[first] == at[first - 1] + 1:
            return None  # in the middle of a longer one
        for length in self._lengths:
            last = first + length
            needs_separator = self._numbers.get(digits[first:last]) if last <= len(digits) else None
            if needs_separator is None or (last < len(digits) and at[last] == at[last - 1] + 1):
                continue
            has_separator = at[last - 1] - at[first] >= length
            is_marked = at[first] > 0 and run[at[first] - 1] == "+"
            if has_separator or not needs_separator or is_marked:
                return last
        return None

    def _without_emails(self, found: re.Match[str]) -> str:
        text = found.group()
        address = text.lower().replace("%40", "@")
        bare = address.rstrip(".!")
        return REDACTED + address[len(bare) :] if bare in self._emails else text


def _is_escape(run: str, index: int) -> bool:
    """Whether a digit belongs to an escaped plus or blank, and not to a number."""
    return any(
        run.startswith(escape, max(0, index - place)) and index >= place
        for escape, places in (("%20", (1, 2)), ("%2B", (1,)), ("%2b", (1,)), ("\\u00a0", (2, 3, 5)))
        for place in places
    )


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _mapped(document: Any, change: Callable[[str], str]) -> Any:
    match document:
        case str():
            return change(document)
        case bool() | None:
            return document
        case int() | float():
            written = str(document)
            changed = change(written)
            return document if changed == written else changed
        case dict():
            return {change(str(key)): _mapped(value, change) for key, value in document.items()}
        case list():
            return [_mapped(value, change) for value in document]
        case _:
            return document
