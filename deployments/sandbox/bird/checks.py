"""Checks of the shape of a JSON body, which note what is wrong where: `.receiver.contacts[0]`.

Bird names a path and lists its objections; the words follow the one recorded answer (`property "listId" is
unsupported`).
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

Problems = dict[str, list[str]]
Check = Callable[[Any, str, Problems], None]

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def note(problems: Problems, path: str, objection: str) -> None:
    """Add an objection; the path of the whole body is `.`."""
    problems.setdefault(path or ".", []).append(objection)


def is_uuid(value: str) -> bool:
    """Whether this is a UUID in its usual form."""
    return _UUID.fullmatch(value) is not None and bool(UUID(value))


def parse_rfc_3339(value: str) -> datetime | None:
    """A date and time with an offset; None for anything else."""
    if _RFC_3339.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        return None


def string(
    *, accepts: Callable[[str], object] | None = None, expected: str = "", allowed: Collection[str] = ()
) -> Check:
    """A string; `accepts` returns something true for a good one, and `expected` says what is good."""

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, str):
            note(problems, path, "value must be a string")
        elif allowed and value not in allowed:
            note(problems, path, f"value is not one of the allowed values {sorted(allowed)}")
        elif accepts is not None and not accepts(value):
            note(problems, path, expected)

    return check


def boolean(value: Any, path: str, problems: Problems) -> None:
    """True or false, nothing else."""
    if not isinstance(value, bool):
        note(problems, path, "value must be a boolean")


def integer(value: Any, path: str, problems: Problems) -> None:
    """A whole number; JSON's booleans are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        note(problems, path, "value must be an integer")


def free_object(value: Any, path: str, problems: Problems) -> None:
    """An object with any members."""
    if not isinstance(value, dict):
        note(problems, path, "value must be an object")


def anything(value: Any, path: str, problems: Problems) -> None:
    """No check: the documentation does not give the shape."""


def nullable(check: Check) -> Check:
    """The same, or null."""

    def check_unless_null(value: Any, path: str, problems: Problems) -> None:
        if value is not None:
            check(value, path, problems)

    return check_unless_null


def array(item: Check, *, min_items: int = 0, max_items: int | None = None) -> Check:
    """A list of things of one shape."""

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, list):
            note(problems, path, "value must be an array")
            return
        if len(value) < min_items:
            note(problems, path, f"minimum number of items is {min_items}")
        if max_items is not None and len(value) > max_items:
            note(problems, path, f"maximum number of items is {max_items}")
        for place, member in enumerate(value):
            item(member, f"{path}[{place}]", problems)

    return check


def members(fields: Mapping[str, Check], *, required: Collection[str] = ()) -> Check:
    """An object with these members and no others."""

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            note(problems, path, "value must be an object")
            return
        for name, member in value.items():
            check_member = fields.get(name)
            if check_member is None:
                note(problems, path, f'property "{name}" is unsupported')
            else:
                check_member(member, f"{path}.{name}", problems)
        for name in required:
            if name not in value:
                note(problems, path, f'property "{name}" is missing')

    return check


uuid = string(accepts=is_uuid, expected='string doesn\'t match the format "uuid"')
date_time = string(accepts=parse_rfc_3339, expected='string doesn\'t match the format "date-time"')
not_empty = string(accepts=bool, expected="minimum string length is 1")
url = string(
    accepts=re.compile(r"https?://[^\s/]+(/\S*)?").fullmatch, expected='string doesn\'t match the format "uri"'
)
