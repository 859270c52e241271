"""Reading the members of an indigitall request by its schema: what can be cast is, the rest is 400."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn

Warn = Callable[[str, str], None]

_DOCUMENTED_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_WORDS = {"true": True, "false": False}


class IndigitallError(Exception):
    """The request is refused; nothing is sent.

    Attributes:
        status: HTTP status.
        message: As in the answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Members:
    """The members of one JSON object of a body; whatever a strict reader objects to is a warning too.

    Args:
        value: What should be an object.
        known: Every documented member.
        warn: Told the field and the objection.
        extra: What becomes of other members.
        path: Where the object is in the body: `contacts[]`.

    Raises:
        IndigitallError: 400, it is no object, or by `extra`.
    """

    def __init__(
        self,
        value: Any,
        known: Collection[str],
        warn: Warn,
        *,
        extra: Literal["ignore", "error_400"] = "ignore",
        path: str = "",
    ) -> None:
        self._warn = warn
        self._path = path
        if not isinstance(value, dict):
            self.refuse("", "must be object")
        self._members: Mapping[str, Any] = value
        for name in value:
            if name not in known:
                self.object_to(name, "unknown parameter, ignored")
                if extra == "error_400":
                    raise IndigitallError(400, f"{self._where('')} must NOT have additional properties")

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def object_to(self, name: str, objection: str) -> None:
        """Note an objection."""
        self._warn(".".join(filter(None, (self._path, name))) or ".", objection)

    def refuse(self, name: str, objection: str) -> NoReturn:
        """Refuse the request because of a member.

        Raises:
            IndigitallError: 400.
        """
        self.object_to(name, objection)
        raise IndigitallError(400, f"{self._where(name)} {objection}")

    def raw(self, name: str) -> Any:
        """The value as it came; None when absent."""
        return self._members.get(name)

    def require(self, name: str) -> None:
        """Refuse the request when a member is missing.

        Raises:
            IndigitallError: 400.
        """
        if name not in self._members:
            self.object_to(name, "missing")
            raise IndigitallError(400, f"{self._where('')} must have required property '{name}'")

    def integer(self, name: str) -> int:
        """A whole number that must be there.

        Raises:
            IndigitallError: 400.
        """
        self.require(name)
        value = self._members[name]
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            self.object_to(name, "string cast to an integer")
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(name, "must be integer")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false when absent.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name, False)
        if isinstance(value, str) and value in _WORDS:
            self.object_to(name, "string cast to a boolean")
            return _WORDS[value]
        if not isinstance(value, bool):
            self.refuse(name, "must be boolean")
        return value

    def text(self, name: str, *, nullable: bool = False) -> str | None:
        """A string; None when absent.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name)
        if isinstance(value, str):
            return value
        if value is None:
            if name in self._members and not nullable:
                self.object_to(name, "null, taken as absent")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "must be string")
        self.object_to(name, "number cast to a string")
        return str(value)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of some words.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name, default)
        if value not in allowed:
            self.refuse(name, f"should be equal to one of: {', '.join(allowed)}")
        return str(value)

    def object(self, name: str) -> Mapping[str, Any]:
        """An object with any members; empty when absent.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(name, "must be object")
        return value

    def items(self, name: str) -> list[Any]:
        """An array; empty when absent.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(name, "must be array")
        return value

    def moment(self, name: str, *, with_fraction: bool) -> float | None:
        """A date and time as Unix seconds; None when absent. Other forms than the documented one are objected to.

        Raises:
            IndigitallError: 400.
        """
        value = self._members.get(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        except ValueError:
            moment = None
        if moment is None:
            self.refuse(name, 'must match format "date-time"')
        documented = _DOCUMENTED_TIME.fullmatch(value)
        if documented is None or (documented[1] and not with_fraction):
            self.object_to(name, "not like 2026-01-05T08:00:00Z")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _where(self, name: str) -> str:
        return "/".join(filter(None, ("body", self._path.replace("[]", ""), name)))
