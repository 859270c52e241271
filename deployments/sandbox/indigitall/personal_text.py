"""A campaign's text with a person's values. The placeholders are ours: no page of the provider shows any."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from deployments.sandbox.indigitall.members import IndigitallError, Warn

_PLACEHOLDER = re.compile(r"{{\s*(\w+)\s*}}")
_FIELD = "contacts[].customFields"


@lru_cache(maxsize=1024)
def _custom_fields(text: str) -> frozenset[str]:
    return frozenset(_PLACEHOLDER.findall(text))


def personal_text(text: str, values: Mapping[str, Any], missing: Literal["empty", "error_400"], warn: Warn) -> str:
    """The text as the person reads it.

    Args:
        text: The campaign's, with `{{name}}` for each custom field.
        values: What the request gives for them.
        missing: What becomes of a custom field without a value.
        warn: Told the field and the objection.

    Raises:
        IndigitallError: 400, by `missing`.
    """
    custom_fields = _custom_fields(text)
    for name in values.keys() - custom_fields:
        warn(f"{_FIELD}.{name}", "not a custom field of the campaign")
    for name in custom_fields:
        value = values.get(name)
        if value is None:
            warn(f"{_FIELD}.{name}", "missing")
            if missing == "error_400":
                raise IndigitallError(400, f"body/contacts/customFields must have required property '{name}'")
        elif not isinstance(value, str):
            warn(f"{_FIELD}.{name}", "not a string")
    personal = _PLACEHOLDER.sub(lambda match: "" if (value := values.get(match[1])) is None else str(value), text)
    if not personal.strip():
        warn(_FIELD, "the person would read nothing")
    return personal
