"""Phone numbers as indigitall tells them: national digits, and the country beside them."""

import re
from typing import Any

import phonenumbers

from tasks.contacts.phone_cells import Damage, clean_cell, read_number

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NOT_DIGITS = re.compile(r"[^0-9]")


def e164_of(phone: Any, country: Any) -> str | None:
    """The number in E.164 form; None where it cannot be told.

    Args:
        phone: National digits, or a whole international number, with or without its plus sign.
        country: Calling code, with or without a plus sign, or ISO 3166-1 alpha-2; empty where it is not told.
    """
    number = read_number(clean_cell(_text(phone)))
    if number.damage is Damage.DIGITS_LOST or number.has_letters or number.has_extension or not number.digits:
        return None
    digits = number.digits
    if number.text.startswith("+"):
        return _checked(f"+{digits}")
    if digits.startswith("00"):
        return _checked(f"+{digits[2:]}")
    code = _calling_code(_text(country))
    if not code:
        return f"+{digits}" if _is_valid(f"+{digits}") else None
    if digits.startswith((code, "0")):
        # Those that begin like their country, like all national calls, or stand there with their country twice.
        for whole in (f"+{code}{digits}", f"+{digits}", f"+{code}{digits.removeprefix('0')}"):
            if _is_valid(whole):
                return whole
    return _checked(f"+{code}{digits}")


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _calling_code(country: str) -> str:
    country = country.strip()
    if country.isalpha():
        code = phonenumbers.country_code_for_region(country.upper())
        return str(code) if code else ""
    return _NOT_DIGITS.sub("", country.partition(".")[0]).lstrip("0")


def _checked(e164: str) -> str | None:
    return e164 if _E164.fullmatch(e164) else None


def _is_valid(e164: str) -> bool:
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return False
    # phonenumbers forgives a zero of national calls behind the country code; the address is the one without it.
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written == e164 and phonenumbers.is_valid_number(number)
