"""Replies of people: what kind they are, and how they are searched."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.dripcel.cells import digits_of
from deployments.sandbox.dripcel.sends import SmsSend
from deployments.sandbox.dripcel.switches import DripcelSettings

KINDS = ("optIn", "optOut", "unknown")

_OPT_IN_WORDS = ("yes",)
_OPT_OUT_WORDS = ("stop", "delete", "remove", "no", "opt-out", "out")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wrote back; `members` as on the wire."""

    members: Mapping[str, Any]
    received_at: float

    @property
    def kind(self) -> str:
        """`optIn`, `optOut` or `unknown`."""
        return str(self.members["kind"])

    def reclassified(self, kind: str, now_seconds: float) -> "Reply":
        """The same reply in another class."""
        members = {**self.members, "kind": kind, "updatedAt": rfc3339(now_seconds)}
        return Reply(members, self.received_at)


def new_reply(
    *,
    number: int,
    phone: str,
    text: str,
    send: SmsSend | None,
    settings: DripcelSettings,
    now_seconds: float,
) -> Reply:
    """A reply that arrives now, to the latest send to this number."""
    received = rfc3339(now_seconds)
    members = {
        "_id": f"{0xA1:016x}{number:08x}",
        "Msisdn": digits_of(phone),
        "Message": text,
        "campaign_id": None if send is None else send.campaign_id,
        "UserReference": None if send is None else send.send_id,
        "kind": kind_of(text, settings),
        "Received": received,
        "updatedAt": received,
    }
    return Reply(members, now_seconds)


def kind_of(text: str, settings: DripcelSettings) -> str:
    """Whether a reply opts in, opts out, or says neither."""
    found = []
    for kind, words in (("optIn", _OPT_IN_WORDS), ("optOut", _OPT_OUT_WORDS)):
        any_of = "|".join(map(re.escape, words))
        pattern = any_of if settings.reply_match == "substring" else rf"(?<!\w)({any_of})(?!\w)"
        if re.search(pattern, text, re.IGNORECASE):
            found.append(kind)
    if not found:
        return "unknown"
    return settings.reply_precedence if len(found) > 1 else found[0]


def matches(reply: Reply, wanted: Mapping[str, Collection[str]], received: tuple[float, float]) -> bool:
    """Whether a reply has one of the wanted values in each member that is asked for, and came in time."""
    first, last = received
    return first <= reply.received_at <= last and all(
        reply.members[name] in values for name, values in wanted.items()
    )
