"""The groups of the send-campaign form. A campaign file is flat; a form of twenty boxes in a row is not read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FormGroup:
    """Keys of a campaign that stand together in the form.

    Attributes:
        key: Under which the form hands them over; a campaign file may have it too.
        fields: Keys of the campaign, in the order of the form.
    """

    key: str
    title: str
    description: str
    fields: tuple[str, ...]


FIRST_FIELDS = ("name", "run_key", "channel", "provider", "purpose")
FORM_GROUPS = (
    FormGroup(
        "message",
        "Message",
        "What it says: a text is enough. Media and a template are for those who need them.",
        ("text", "sender", "subject", "media", "template"),
    ),
    FormGroup(
        "limits",
        "Consideration",
        "When people may be disturbed, and how often.",
        ("hours", "frequency_cap"),
    ),
    FormGroup(
        "delivery",
        "Delivery",
        "All optional: how the message is handed over.",
        ("test_mode", "validity", "replies", "track_links", "flash", "tags"),
    ),
    FormGroup(
        "providers",
        "Providers",
        "All optional: fields of one provider, several providers, and prices.",
        ("options", "routes", "choose", "prices"),
    ),
)
_ORDER = (*FIRST_FIELDS, "message", "audience", "schedule", "limits", "delivery", "providers")


def grouped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign's JSON schema, with an object for each group.

    Args:
        schema: With one property per key. Keys that are in no group stay where they are, at the end.
    """
    properties = dict(schema["properties"])
    for group in FORM_GROUPS:
        members = {name: properties.pop(name) for name in group.fields if name in properties}
        properties[group.key] = {
            "type": "object",
            "title": group.title,
            "description": group.description,
            "properties": members,
            "additionalProperties": False,
        }
    order = {name: place for place, name in enumerate(_ORDER)}
    names = sorted(properties, key=lambda name: order.get(name, len(order)))
    # Prefect's server checks parameters by this schema, and a campaign comes to it flat as well, by its API. What
    # is not known is for the campaign itself to refuse, which names the nearest key.
    open_schema = {key: value for key, value in schema.items() if key != "additionalProperties"}
    return {**open_schema, "properties": {name: properties[name] for name in names}}


def ungrouped(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a form hands over, as a campaign file has it.

    Raises:
        ValueError: A key is given twice, in a group and outside; or a group has a key that is none of its own.
    """
    flat = dict(document)
    for group in FORM_GROUPS:
        members = flat.pop(group.key, None)
        if members is None:
            continue
        if not isinstance(members, Mapping):
            raise ValueError(  # noqa: TRY004  # pydantic reports ValueErrors
                f"{group.key}: has keys of its own: {', '.join(group.fields)}"
            )
        for name, value in members.items():
            if name not in group.fields:
                raise ValueError(f"{group.key}.{name}: {group.key} has only {', '.join(group.fields)}")
            if name in flat:
                raise ValueError(f"{name}: is given twice, once in `{group.key}`; remove one")
            flat[name] = value
    return flat
