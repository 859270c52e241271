"""Octopush's contacts, the lists and tags that hold them, and the texts that are filled in from them."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deployments.sandbox.octopush.parameters import OctopushError, Warn, cast_text

MAX_RECIPIENTS = 100_001
PLACEHOLDERS = ("first_name", "last_name", "param1", "param2", "param3", "param4", "param5")
PLACEHOLDER_MAX_CHARS = 50

_CONTACT_FIELDS = frozenset({"phone_number", *PLACEHOLDERS})
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_FORBIDDEN_IN_PHONE = re.compile(r"[\s().\-\u00a0/]")
_PLACEHOLDER = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")
_BRACES = re.compile(r"{[^{}]*}")


@dataclass(slots=True)
class Contact:
    """One person. `values` holds only the placeholder values that were given."""

    phone: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContactRules:
    """What becomes of numbers that are wrong, repeated or opted out."""

    bad_numbers: Literal["drop", "error_117"]
    duplicates: Literal["merge", "keep"]
    opted_out: Collection[str]
    drop_opted_out: bool


def read_contacts(items: Any, field: str, rules: ContactRules, warn: Warn) -> list[Contact]:
    """The contacts of a request that are worth a message.

    Args:
        items: What the request holds under `field`.
        field: Name of the parameter, for warnings.
        rules: What becomes of the others.
        warn: Told the field and the objection.

    Raises:
        OctopushError: 103 no recipients or too many, 117 none of them (or, by `rules`, not all) are usable.
    """
    if not isinstance(items, list) or not items:
        raise OctopushError(103, "Your message has no recipients.")
    if len(items) > MAX_RECIPIENTS:
        raise OctopushError(103, f"At most {MAX_RECIPIENTS} recipients.")
    contacts: list[Contact] = []
    seen: set[str] = set()
    for item in items:
        phone, values = _read_contact(item, field, warn)
        if phone is None:
            if rules.bad_numbers == "error_117":
                raise OctopushError(117, "Your recipient list contains incorrect numbers.")
            continue
        if phone in seen:
            warn(f"{field}[].phone_number", "repeated in the request")
            if rules.duplicates == "merge":
                continue
        seen.add(phone)
        if not (rules.drop_opted_out and phone in rules.opted_out):
            contacts.append(Contact(phone, values))
    if not contacts:
        raise OctopushError(117, "Your recipient list contains no correct numbers.")
    return contacts


def _read_contact(item: Any, field: str, warn: Warn) -> tuple[str | None, Mapping[str, str]]:
    if not isinstance(item, dict):
        warn(f"{field}[]", "not an object, taken as a phone number")
        item = {"phone_number": item}
    for name in item.keys() - _CONTACT_FIELDS:
        warn(f"{field}[].{name}", "unknown parameter, ignored")
    values = {}
    for name in item.keys() & _CONTACT_FIELDS:
        value = item[name]
        if value is not None and name != "phone_number":
            text = value if isinstance(value, str) else cast_text(value, f"{field}[].{name}", warn)
            if text is not None:
                values[name] = text
    return _read_phone(item.get("phone_number"), f"{field}[].phone_number", warn), values


def _read_phone(raw: Any, field: str, warn: Warn) -> str | None:
    if isinstance(raw, str) and _PHONE.fullmatch(raw):
        return raw
    phone = cast_text(raw, field, warn)
    if phone is not None:
        phone = _FORBIDDEN_IN_PHONE.sub("", phone)
        if _PHONE.fullmatch(phone):
            warn(field, "forbidden characters removed")
            return phone
    warn(field, "not a phone number (+ and digits), left out")
    return None


class PersonalText:
    """A text with placeholders, and how it reads for each contact.

    Args:
        text: The text of the request.
        missing: What a placeholder without a value becomes.
        polish: Applied to the text of each person.
        warn: Told the field and the objection.
    """

    def __init__(
        self, text: str, missing: Literal["empty", "literal"], polish: Callable[[str], str], warn: Warn
    ) -> None:
        self._pieces = _PLACEHOLDER.split(text)
        self._missing = missing
        self._polish = polish
        self._warn = warn
        for braces in set(_BRACES.findall(_PLACEHOLDER.sub("", text))):
            warn("text", f"{braces} is not a placeholder, sent as it is")
        # Most campaigns are one text: rendered once, and one string in memory.
        self._same_for_all = polish(text) if len(self._pieces) == 1 else None

    def render(self, contact: Contact, field: str) -> str:
        """The text as the person would read it."""
        if self._same_for_all is not None:
            return self._same_for_all
        # `re.split` with one group: plain text at even places, names at odd ones.
        pieces = list(self._pieces)
        for place in range(1, len(pieces), 2):
            name = pieces[place]
            value = contact.values.get(name)
            if value is None:
                self._warn(f"{field}[].{name}", "value missing for a placeholder of the text")
                value = "" if self._missing == "empty" else f"{{{name}}}"
            elif len(value) > PLACEHOLDER_MAX_CHARS:
                self._warn(f"{field}[].{name}", f"longer than {PLACEHOLDER_MAX_CHARS} characters, cut off")
                value = value[:PLACEHOLDER_MAX_CHARS]
            pieces[place] = value
        return self._polish("".join(pieces))
