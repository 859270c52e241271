"""What Bird checks after the shape of a request, and what becomes of the message because of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from deployments.sandbox.bird.checks import parse_rfc_3339
from deployments.sandbox.bird.dice import draw, roll
from deployments.sandbox.bird.fate import (
    BAD_INPUT,
    CHANNEL_CONFIGURATION,
    UNKNOWN_SUBSCRIBER,
    UNSUPPORTED_DESTINATION,
    UNSUPPORTED_TYPE,
    Failure,
    Fate,
    failure,
    parse_script,
    script_to,
)
from deployments.sandbox.bird.schema import OTHER_BODY_TYPES
from deployments.sandbox.bird.switches import BirdSettings

SENT_AT_ONCE = timedelta(minutes=10)
MAX_AHEAD = timedelta(days=35)

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NORTH_AMERICA = "+1"


@dataclass(frozen=True, slots=True)
class Objection:
    """Something wrong beyond the shape: where, what, and the failure that comes of it."""

    path: str
    failure: Failure


def address_of(request: Mapping[str, Any]) -> str:
    """The first receiver's number, or the contact's id where only that is given."""
    contact = request["receiver"]["contacts"][0]
    address: str = contact.get("identifierValue") or contact.get("id") or ""
    return address


def text_of(request: Mapping[str, Any]) -> str:
    """What the person reads; a template is named with its values, since its text lives at Bird."""
    template = request.get("template")
    if template is not None:
        values = " ".join(f"{entry['key']}={entry['value']}" for entry in template.get("parameters", []))
        return f"[template {template['projectId']}] {values}".rstrip()
    body = request["body"]
    content = body[body["type"]]
    text: str = content.get("text") or ""
    media = [item["mediaUrl"] for item in content.get("images", []) + content.get("files", [])]
    return "\n".join([text, *media]).strip() if media else text


def starts_at(request: Mapping[str, Any], now_seconds: float) -> float:
    """When Bird begins to send it: at once when it is due within ten minutes."""
    scheduled = parse_rfc_3339(request.get("scheduledFor", ""))
    if scheduled is None or scheduled.timestamp() <= now_seconds + SENT_AT_ONCE.total_seconds():
        return now_seconds
    return scheduled.timestamp()


def find_objection(request: Mapping[str, Any], now_seconds: float) -> Objection | None:
    """The first thing that Bird objects to in a request of the right shape."""
    return next(_objections(request, now_seconds), None)


def _objections(request: Mapping[str, Any], now_seconds: float) -> Iterator[Objection]:
    contacts = request["receiver"]["contacts"]
    number = contacts[0].get("identifierValue")
    contact_path = ".receiver.contacts[0]"
    if len(contacts) > 1:
        yield Objection(".receiver.contacts", failure(CHANNEL_CONFIGURATION, "several receivers in one message"))
    if number is None:
        yield Objection(contact_path, failure(BAD_INPUT, "no such contact"))
    elif contacts[0].get("identifierKey", "phonenumber") != "phonenumber":
        yield Objection(f"{contact_path}.identifierKey", failure(BAD_INPUT, "an SMS goes to a phonenumber"))
    elif _E164.fullmatch(number) is None:
        yield Objection(f"{contact_path}.identifierValue", failure(BAD_INPUT, "not a phone number in E.164 form"))
    if request.get("capFrequency") and _use_case(request) != "marketing":
        yield Objection(".capFrequency", failure(BAD_INPUT, "capFrequency needs useCase marketing"))
    if starts_at(request, now_seconds) > now_seconds + MAX_AHEAD.total_seconds():
        yield Objection(".scheduledFor", failure(BAD_INPUT, "scheduled more than 35 days ahead"))
    body_type = (request.get("body") or {}).get("type")
    if body_type in OTHER_BODY_TYPES:
        yield Objection(".body.type", failure(UNSUPPORTED_TYPE))
    elif body_type in {"image", "file"} and not str(number).startswith(_NORTH_AMERICA):
        yield Objection(".body.type", failure(UNSUPPORTED_DESTINATION, "no media messages to this country"))


def _use_case(request: Mapping[str, Any]) -> Any:
    return request.get("meta", {}).get("extraInformation", {}).get("useCase")


def rejection(reason: Failure, settings: BirdSettings) -> Fate:
    """Rejected: after the 202, or in it."""
    return Fate(("rejected",) if settings.validate_ == "rejected_in_202" else ("accepted", "rejected"), reason)


def fate_of(address: str, reference: str | None, settings: BirdSettings) -> Fate:
    """What becomes of a message that nothing is wrong with."""
    if address in settings.suppressed_numbers and settings.suppressed != "sent_anyway":
        if settings.suppressed == "delivery_failed":
            return Fate(
                ("accepted", "processing", "sent", "delivery_failed"),
                failure(UNKNOWN_SUBSCRIBER, "receiver opted out: suppressed"),
            )
        return rejection(failure(settings.suppressed, "receiver opted out: suppressed"), settings)
    script = settings.delivery_scripts.get(address)
    if script is None and settings.outcomes:
        # By what the client chose, so that two runs of one campaign end alike.
        outcome = draw(settings.outcomes, roll(settings.faults.seed, "outcome", address, reference))
        script = None if outcome is None else list(script_to(outcome))
    return parse_script(script or settings.delivery_script)
