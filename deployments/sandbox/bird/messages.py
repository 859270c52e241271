"""The messages of the Bird sandbox: how they are kept, found again, and shown."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from deployments.sandbox.bird.fate import FAILURE_STATUSES, Fate
from deployments.sandbox.clock import rfc3339
from deployments.sandbox.ledger import Recipient

CHANNEL_NUMBER = "+12025550100"
_PLAIN_REQUEST = frozenset({"receiver", "body", "reference"})
_ECHOED = ("template", "body", "meta", "shortLinks", "scheduledFor", "replyTo")


@dataclass(slots=True, kw_only=True)
class BirdMessage(Recipient):
    """One message.

    Attributes:
        workspace: UUID.
        channel: UUID.
        fate: What becomes of it.
        starts_at: Unix time at which the provider begins to send it; later than `received_at` when scheduled.
        parts: How many SMS it is.
        held_until: Unix time until which it waits in the status `processing`; 0 when it does not wait.
        request_json: The request, kept only where it says more than address, text and reference.
    """

    workspace: str
    channel: str
    fate: Fate
    starts_at: float
    parts: int
    held_until: float = 0
    request_json: str | None = None

    @property
    def last_step(self) -> int:
        """The step that it ends in."""
        return len(self.fate.statuses) - 1

    def step(self, now_seconds: float, step_seconds: float) -> int:
        """How far it has come in its fate; -1 while it waits for its time."""
        if now_seconds < self.starts_at:
            return -1
        if self.held_until:
            steps = range(self.last_step, 0, -1)
            return next((step for step in steps if self.begins_at(step, step_seconds) <= now_seconds), 0)
        last = self.last_step
        return last if step_seconds <= 0 else min(last, int((now_seconds - self.starts_at) / step_seconds))

    def begins_at(self, step: int, step_seconds: float) -> float:
        """Unix time at which it comes to a step."""
        if step < 0:
            return self.received_at
        undisturbed = self.starts_at + step * step_seconds
        if not self.held_until or "processing" not in self.fate.statuses[:step]:
            return undisturbed
        steps_after = step - self.fate.statuses.index("processing") - 1
        return max(undisturbed, self.held_until + steps_after * step_seconds)

    def status_at(self, now_seconds: float, step_seconds: float) -> str:
        """Bird's word for where it stands."""
        step = self.step(now_seconds, step_seconds)
        return "scheduled" if step < 0 else self.fate.statuses[step]


class MessageIds:
    """UUIDs that carry the place of their message: a million of them need no index."""

    def __init__(self) -> None:
        self._prefix = str(uuid4())[:24]

    def at(self, place: int) -> str:
        """The id of the message at this place."""
        return f"{self._prefix}{place:012x}"

    def place(self, message_id: str) -> int | None:
        """The place of the message with this id; None when it is not one of ours."""
        prefix, digits = message_id[:24].lower(), message_id[24:]
        try:
            return int(digits, 16) if prefix == self._prefix else None
        except ValueError:
            return None


class Places:
    """From a key (a number, a reference) to the places of its messages, in order."""

    def __init__(self) -> None:
        # One place is kept bare: nearly every key has one, and a list of one costs as much as the rest.
        self._places: dict[str, int | list[int]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def add(self, key: str, place: int) -> None:
        """Note one more message."""
        known = self._places.get(key)
        if known is None:
            self._places[key] = place
        elif isinstance(known, int):
            self._places[key] = [known, place]
        else:
            known.append(place)

    def newest_first(self, key: str) -> Iterator[int]:
        """The places of a key's messages."""
        known = self._places.get(key, [])
        return iter((known,)) if isinstance(known, int) else reversed(known)


def request_json_to_keep(request: Mapping[str, Any]) -> str | None:
    """The request as JSON, or None where it can be built again from address, text and reference."""
    contact = request["receiver"]["contacts"][0]
    is_plain = (
        request.keys() <= _PLAIN_REQUEST
        and len(request["receiver"]["contacts"]) == 1
        and contact.keys() <= {"identifierKey", "identifierValue"}
        and request["body"].get("text", {}).keys() == {"text"}
    )
    return None if is_plain else json.dumps(request)


def _request_of(message: BirdMessage) -> dict[str, Any]:
    if message.request_json is not None:
        request: dict[str, Any] = json.loads(message.request_json)
        return request
    return {
        "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": message.address}]},
        "body": {"type": "text", "text": {"text": message.text}},
    }


def message_object(message: BirdMessage, step: int, step_seconds: float) -> dict[str, Any]:
    """The message as Bird shows it, in answers and in reads, at one step of its fate (-1: not yet due)."""
    request = _request_of(message)
    fate = message.fate
    status = "scheduled" if step < 0 else fate.statuses[step]
    status_at = message.begins_at(step, step_seconds)
    shown: dict[str, Any] = {
        "id": message.id,
        "channelId": message.channel,
        "sender": {
            "connector": {
                "id": message.channel,
                "identifierValue": message.sender or CHANNEL_NUMBER,
                "annotations": {"name": ""},
                "types": ["sms"],
            }
        },
        "receiver": _shown_receiver(request.get("receiver"), message.address),
        "status": status,
        "reason": "",
        "details": "",
        "direction": "outgoing",
        "origin": None,
        "failure": None,
        "parts": [],
        "lastStatusAt": rfc3339(status_at),
        "createdAt": rfc3339(message.received_at),
        "updatedAt": rfc3339(status_at),
    }
    if message.reference is not None:
        shown["reference"] = message.reference
    for name in _ECHOED:
        if request.get(name) is not None:
            shown[name] = request[name]
    if "tags" in request:
        shown["tags"] = [str(tag).lower() for tag in request["tags"]]
    if status in FAILURE_STATUSES and fate.failure is not None:
        description = fate.failure.description
        word = description.replace(" ", "_")
        failure = fate.failure.as_json()
        shown["failure"] = failure
        shown["reason"] = f"details: {description}; reason: {word}; code: {failure['source']['code']}"
        shown["details"] = word
    if status in {"sent", "delivered", "read", "delivery_failed"}:
        shown["parts"] = [{"platformReference": f"{message.id}-{part}"} for part in range(1, message.parts + 1)]
    return shown


def _shown_receiver(receiver: Any, address: str) -> dict[str, Any]:
    """The receiver with the ids of its contacts: sending to an unknown identifier creates a contact."""
    contacts = receiver.get("contacts") if isinstance(receiver, dict) else None
    if not isinstance(contacts, list):
        contacts = []
    return {
        "contacts": [
            {"id": str(uuid5(NAMESPACE_URL, address)), "identifierKey": "phonenumber", **contact}
            for contact in contacts
            if isinstance(contact, dict)
        ]
    }
