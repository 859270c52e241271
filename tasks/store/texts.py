"""Text from outside, as both databases take it."""

from typing import overload


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """What somebody else wrote, without what a database does not take: NUL, and halves of surrogate pairs."""
    if not text or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
