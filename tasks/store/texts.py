"""Text from outside, as both databases take it."""

from typing import overload


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """What somebody else wrote, without NUL, which PostgreSQL does not take."""
    return text.replace("\0", "") if text else text
