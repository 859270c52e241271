"""Addresses as the ledger writes them."""

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]")
_EMAIL = re.compile(r"^.*<([^<>]+)>$")
_EXTERNAL_PREFIX = "external:"
_UUID_SHAPE = re.compile(r"[!-~]{8}(-[!-~]{4}){3}-[!-~]{12}")

ERASED_PREFIX = "erased:"
"""What stands where the address of a person stood who asked to be erased; a number of ours follows."""
PRUNED_PREFIX = "pruned:"
"""What stands where an address stood that was kept as long as it may be."""


def external_address(external_code: str) -> str:
    """The address, in the ledger, of a contact that is known by the client's own key alone."""
    return f"{_EXTERNAL_PREFIX}{external_code}"


def external_code(address: str) -> str:
    """The client's own key that stands for the address; "" where none does."""
    return address.removeprefix(_EXTERNAL_PREFIX) if is_external(address) else ""


def suppressed_code(external_code: str) -> str:
    """The address under which a suppression of such a contact stands.

    A UUID is the same in capitals, and stands there in small letters. Other codes are as the list writes them:
    there are customer numbers that differ by nothing but a capital.
    """
    is_uuid = _UUID_SHAPE.fullmatch(external_code) is not None
    return external_address(external_code.lower() if is_uuid else external_code)


def reachable_address(address: str) -> str:
    """The phone number or e-mail address; "" where there is none.

    The provider has to look it up by the contact's key, or it was removed: nothing may go to `erased:17`.
    """
    return "" if address.startswith((_EXTERNAL_PREFIX, ERASED_PREFIX, PRUNED_PREFIX)) else address


def is_external(address: str) -> bool:
    """Whether the client's own key stands for the address."""
    return address.startswith(_EXTERNAL_PREFIX)


def names_nobody(address: str | None) -> bool:
    """Whether this stands where an address was removed."""
    return address is not None and address.startswith((ERASED_PREFIX, PRUNED_PREFIX))


def tidy_address(text: str, *, is_email: bool) -> str | None:
    """An address as a provider writes it, in the form of the ledger; None where it is no address.

    Numbers come with and without `+`, with `00`, with blanks and dashes. A suppression under another spelling
    would match nobody, and its owner would be written to.

    Args:
        text: A phone number with its country code, or an e-mail address.
        is_email: Which of the two it is.
    """
    if is_email:
        return _EMAIL.sub(r"\1", text.strip()).lower() if "@" in text else None
    digits = _PUNCTUATION.sub("", text).removeprefix("+")
    number = f"+{digits.removeprefix('00')}"
    return number if _E164.fullmatch(number) else None
