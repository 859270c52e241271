"""Numbers as Dripcel takes them: digits, local or international, read with the help of a country."""

import re

import phonenumbers

from deployments.sandbox.dripcel.errors import DripcelError
from deployments.sandbox.dripcel.fields import Warn

HOME_COUNTRY = "ZA"

_DIGITS = re.compile(r"[0-9]+")
_PUNCTUATION = re.compile(r"[^0-9]")
_COUNTRY = re.compile(r"[A-Z]{2}")
INVALID_CELL = "Invalid cell number"


def read_country(country: str, warn: Warn) -> str:
    """A two-letter code that stands for a country.

    Raises:
        DripcelError: 400.
    """
    code = country.upper()
    if code != country:
        warn("country", "not in capital letters")
    if _COUNTRY.fullmatch(code) is None or not phonenumbers.country_code_for_region(code):
        warn("country", "not a two-letter country code")
        raise DripcelError(400, "Invalid country")
    return code


def read_cell(cell: str, country: str, warn: Warn, field: str = "cell") -> str:
    """The number in E.164 form.

    Args:
        cell: `0710000123` or `27710000123`.
        country: Two-letter code: whose local form it may be.
        warn: Told the field and the objection.
        field: Name of the member, for warnings.

    Raises:
        DripcelError: 400, it is no number in this country.
    """
    digits = cell
    if _DIGITS.fullmatch(cell) is None:
        warn(field, "not digits only")
        digits = _PUNCTUATION.sub("", cell)
    calling_code = phonenumbers.country_code_for_region(country)
    if digits.startswith(str(calling_code)) and _is_possible(f"+{digits}"):
        return f"+{digits}"
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        warn(field, f"neither local nor international digits of {country}")
        raise DripcelError(400, INVALID_CELL)
    if not digits.startswith("0"):
        warn(field, f"does not begin with {calling_code} as numbers of {country} do; read as a local number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def digits_of(e164: str) -> str:
    """As Dripcel shows it: `27710000123`."""
    return e164.removeprefix("+")


def _is_possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
