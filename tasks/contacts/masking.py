"""Addresses as they may appear in logs, artifacts, terminals and errors."""

import re

_HIDDEN = "••••"
_PHONE = re.compile(r"\+?\d(?:[\s().-]?\d){6,18}")
_EMAIL = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+")


def mask_address(address: str) -> str:
    """`+33639980012` as `+3363998••••`, `ada@example.com` as `a••••@example.com`.

    A phone number loses its last four digits, an e-mail address all of its local part but the first letter.
    Anything else is shown by its first two characters.
    """
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1]}{_HIDDEN}@{domain}"
    if _PHONE.fullmatch(address.strip()):
        return f"{address.strip()[:-4]}{_HIDDEN}"
    return f"{address[:2]}{_HIDDEN}" if address else ""


def mask_text(text: str) -> str:
    """The same text with everything in it that looks like a phone number or an e-mail address masked."""
    return _PHONE.sub(
        lambda found: mask_address(found.group()),
        _EMAIL.sub(lambda found: mask_address(found.group()), text),
    )
