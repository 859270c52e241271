"""What people answer: incoming messages, and the keywords by which they opt out or in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from deployments.sandbox.bird.checks import Problems, members, not_empty, string, uuid
from deployments.sandbox.bird.messages import CHANNEL_NUMBER
from deployments.sandbox.clock import rfc3339

STATUS = "delivered"
"""Of every incoming message: it was delivered to the channel."""

OPT_OUT = frozenset(
    {"stop", "stopall", "end", "quit", "cancel", "unsubscribe", "arret", "halt", "detener", "parar", "ferma"}
    | {"остановить", "zatrzymaj"}
)
OPT_IN = frozenset({"start", "begin", "resume", "revert", "unstop", "nonarret"})

_reply = members({"from": not_empty, "text": string(), "channel": uuid}, required=("from", "text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An incoming message. The time is Unix time in seconds."""

    id: str
    workspace: str
    channel: str
    address: str
    text: str
    received_at: float


def find_reply_problems(body: Any) -> Problems:
    """What is wrong with a reply that somebody wants to simulate: `{"from": number, "text": text}`."""
    problems: Problems = {}
    _reply(body, "", problems)
    return problems


def keyword_of(text: str) -> str:
    """The text as it is compared with the keywords: case does not matter."""
    return text.strip().lower()


def reply_object(reply: Reply) -> Mapping[str, Any]:
    """The message object: the other way round from an outgoing one, and by a contact."""
    at = rfc3339(reply.received_at)
    return {
        "id": reply.id,
        "channelId": reply.channel,
        "sender": {
            "contact": {
                "id": str(uuid5(NAMESPACE_URL, reply.address)),
                "identifierKey": "phonenumber",
                "identifierValue": reply.address,
            }
        },
        "receiver": {
            "connector": {
                "id": reply.channel,
                "identifierValue": CHANNEL_NUMBER,
                "annotations": {"name": ""},
                "types": ["sms"],
            }
        },
        "status": STATUS,
        "reason": "",
        "details": "",
        "direction": "incoming",
        "origin": None,
        "failure": None,
        "parts": [],
        "body": {"type": "text", "text": {"text": reply.text}},
        "lastStatusAt": at,
        "createdAt": at,
        "updatedAt": at,
    }
