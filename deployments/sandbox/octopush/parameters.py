"""Octopush's lenient reading of a request.

The provider's page: "If one of your parameters does not have the right value, or does not have the right type, we
will try to cast it, format it, or replace it with the default value ... If a parameter could not be recognized or
fixed, we will ignore it, but your request will be sent." Every such repair is a warning here.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

Warn = Callable[[str, str], None]

_TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
_FALSE_WORDS = frozenset({"false", "0", "no", "off", ""})


class OctopushError(Exception):
    """The request is refused; nothing is sent.

    Attributes:
        code: Decides what it is. The text varies, the provider says.
        status: HTTP status.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Parameters:
    """The members of one request body.

    Args:
        body: The JSON object.
        known: Every parameter of this call; others are ignored, with a warning.
        warn: Told the field and the objection.
    """

    def __init__(self, body: Mapping[str, Any], known: Collection[str], warn: Warn) -> None:
        self._body = body
        self.warn = warn
        for name in body:
            if name not in known:
                warn(name, "unknown parameter, ignored")

    def raw(self, name: str) -> Any:
        """The value as it came, None when absent."""
        return self._body.get(name)

    def text(self, name: str, *, max_chars: int | None = None) -> str | None:
        """A string; numbers are cast, anything else is ignored, too much is cut off."""
        value = cast_text(self._body.get(name), name, self.warn)
        if value is not None and max_chars is not None and len(value) > max_chars:
            self.warn(name, f"longer than {max_chars} characters, cut off")
            return value[:max_chars]
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean; words and numbers are cast."""
        value = self._body.get(name, default)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE_WORDS | _FALSE_WORDS:
            self.warn(name, f"not a boolean, cast to {word in _TRUE_WORDS}".lower())
            return word in _TRUE_WORDS
        self.warn(name, f"not a boolean, replaced by the default {default}".lower())
        return default

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of some words; anything else becomes the default."""
        value = self._body.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value in allowed:
            return value
        self.warn(name, f"not one of {', '.join(sorted(allowed))}; replaced by {default}")
        return default


def cast_text(value: Any, field: str, warn: Warn) -> str | None:
    """A string, or a number as one; None for everything else."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        warn(field, f"{type(value).__name__} cast to a string")
        return str(value).lower() if isinstance(value, bool) else str(value)
    warn(field, "not a string, ignored")
    return None
