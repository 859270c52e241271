"""Reading the members of a Dripcel request: a wrong or missing one is 400, an unknown one is ignored."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from deployments.sandbox.dripcel.errors import DripcelError

Warn = Callable[[str, str], None]


class Fields:
    """The members of one JSON object; whatever a strict reader objects to is a warning too.

    Args:
        body: The object.
        known: Every documented member; others are ignored.
        warn: Told the field and the objection.
        inside: Name of the object when it is a member of the body: `sendOptions`.
    """

    def __init__(self, body: Mapping[str, Any], known: Collection[str], warn: Warn, inside: str = "") -> None:
        self._body = body
        self._warn = warn
        self._prefix = f"{inside}." if inside else ""
        for name in body:
            if name not in known:
                self.object_to(name, "unknown parameter, ignored")

    def __contains__(self, name: str) -> bool:
        return name in self._body

    def object_to(self, name: str, objection: str) -> None:
        """Note an objection to a member that is taken all the same."""
        self._warn(self._prefix + name, objection)

    def refuse(self, name: str, objection: str) -> NoReturn:
        """Refuse the request because of a member.

        Raises:
            DripcelError: 400.
        """
        self.object_to(name, objection)
        raise DripcelError(400, f"{self._prefix}{name}: {objection}")

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A string; a required one must not be empty.

        Raises:
            DripcelError: 400.
        """
        value = self._given(name, required=required)
        if value is not None and not isinstance(value, str):
            self.refuse(name, "must be a string")
        if required and not value:
            self.refuse(name, "must not be empty")
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there.

        Raises:
            DripcelError: 400.
        """
        return self.text(name, required=True) or ""

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """True, false, or None when absent.

        Raises:
            DripcelError: 400.
        """
        value = self._given(name, required=required)
        if value is not None and not isinstance(value, bool):
            self.refuse(name, "must be a boolean")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """One of some words, which must be there.

        Raises:
            DripcelError: 400.
        """
        value = self.required_text(name)
        if value not in allowed:
            self.refuse(name, f"must be one of {', '.join(allowed)}")
        return value

    def texts(self, name: str, *, required: bool = False, one_is_enough: bool = False) -> list[str]:
        """A list of strings; a required one must not be empty. A single string too when `one_is_enough`.

        Raises:
            DripcelError: 400.
        """
        value = self._given(name, required=required)
        if one_is_enough and isinstance(value, str):
            return [value]
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            self.refuse(name, "must be an array of strings")
        if required and not value:
            self.refuse(name, "must not be empty")
        return value or []

    def whole_number(self, name: str, default: int) -> int:
        """An integer of at least 0.

        Raises:
            DripcelError: 400.
        """
        value = self._body.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.refuse(name, "must be an integer of at least 0")
        return value

    def moment(self, name: str) -> float | None:
        """A date and time as Unix seconds.

        Raises:
            DripcelError: 400.
        """
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.refuse(name, "must be an ISO 8601 date and time")
        if moment.tzinfo is None or "T" not in value:
            self.object_to(name, "not like 2026-01-05T08:00:00Z, taken as UTC")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def object(self, name: str, known: Collection[str], *, required: bool = False) -> "Fields | None":
        """An object with members of its own.

        Raises:
            DripcelError: 400.
        """
        value = self._given(name, required=required)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(name, "must be an object")
        return Fields(value, known, self._warn, self._prefix + name)

    def time_range(self, name: str) -> tuple[float, float]:
        """`{"$gte": ..., "$lte": ...}` as Unix seconds; open where an end is not given.

        Raises:
            DripcelError: 400.
        """
        ends = self.object(name, ("$gte", "$lte"))
        first = last = None
        if ends is not None:
            first, last = ends.moment("$gte"), ends.moment("$lte")
        return (float("-inf") if first is None else first), (float("inf") if last is None else last)

    def _given(self, name: str, *, required: bool) -> Any:
        value = self._body.get(name)
        if value is None:
            if required:
                self.refuse(name, "is required")
            if name in self._body:
                self.object_to(name, "null, taken as absent")
        return value
