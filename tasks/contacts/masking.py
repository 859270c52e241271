"""Addresses as they may appear in logs, artifacts, terminals and errors."""

import re

_HIDDEN = "••••"
# Between two digits of a number people put spaces (also hard and invisible ones), dashes, dots, slashes, brackets.
_BETWEEN = r"[\s().\-/\u2010-\u2015\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]{0,3}"
# Unbounded: two numbers with only a space between are one run, and must not show the first in full. Not a date:
# no phone number is written like one, and logs are full of them. A spreadsheet's 33,639,980,012 has ten digits or
# more; a count of messages has fewer, and may be read.
_PHONE = re.compile(
    rf"\+?(?<!\d)(?!\d{{4}}-\d{{2}}-\d{{2}}(?!\d))"
    rf"(?>\d{{1,3}}(?:[,'\u2019]\d{{3}}){{3,}}|\d(?:{_BETWEEN}\d){{6,}})(?!•)"
)
# `%40` is `@` inside an URL. A quoted local part may have anything in it.
_EMAIL = re.compile(r"(?:\"[^\"@\r\n]{1,128}\"|[^\s@<>\",;:=?&]{1,128})(?:@|%40)[^\s@<>\"',;:/?&]+", re.IGNORECASE)
_MASKED_LOCAL_PART = re.compile(rf"[\W_]*[^\W_]?{_HIDDEN}(?:@|%40)", re.IGNORECASE)
_AT = re.compile(r"@|%40", re.IGNORECASE)

_SHOWN_DIGITS = 7
_HIDDEN_DIGITS = 4


def mask_address(address: str) -> str:
    """`+33639980012` as `+3363998••••`, `ada@example.com` as `a••••@example.com`.

    A phone number keeps at most its first seven digits and never its last four; an e-mail address loses its local
    part but the first letter. Anything else is shown by its first two characters.
    """
    address = address.strip()
    *local, domain = _AT.split(address)
    if local:
        first = "".join(local).lstrip('"')
        return f"{first[:1] if len(first) > 1 else ''}{_HIDDEN}@{domain}"
    if _PHONE.fullmatch(address):
        return _mask_digits(address)
    return f"{address[:2]}{_HIDDEN}" if address else ""


def mask_text(text: str) -> str:
    """The same text with everything in it that looks like a phone number or an e-mail address masked."""
    masked = _EMAIL.sub(_mask_email, text)
    return _PHONE.sub(lambda found: _mask_digits(found.group()), masked)


def _mask_email(found: re.Match[str]) -> str:
    # What is masked already stays as it is, also between the backslashes of a `repr`.
    return found[0] if _MASKED_LOCAL_PART.match(found[0]) else mask_address(found[0])


def printable(text: str) -> str:
    r"""A cell's text as a terminal may show it: control characters as `\x1b`."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _mask_digits(number: str) -> str:
    """Cut behind the last digit that may be seen.

    Counted in digits, not characters: the last four characters of `06 39 98 00 12` are three digits, and of
    `14515550123.0` one is not the number's.
    """
    at = [index for index, char in enumerate(number) if char.isdigit()]
    shown = min(_SHOWN_DIGITS, len(at) - _HIDDEN_DIGITS)
    return number[: at[shown - 1] + 1] + _HIDDEN
