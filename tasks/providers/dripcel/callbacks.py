"""Dripcel's hooks: the replies of people.

A hook belongs to a campaign of Dripcel's and is set up in its console: URL, method, body. It fires on replies to
sends with that `campaign_id`, while the organisation has a credit left; deliveries are never told. What the body
looks like is up to whoever writes it; `RECOMMENDED_BODY` has everything that is used here. Dripcel puts values in
for `{{ }}`. With "Encode Into URL" the same members come as a query. Other spellings of the members are understood
as far as they can be guessed; a template that Dripcel left as it was counts as missing.

Requests are not signed: a secret in the URL keeps strangers out. That does not keep out those who reply, so the
text, which is theirs, stands last: if Dripcel does not escape its quotation marks, a reply can forge further
members, but of members that stand twice the first one counts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from tasks.messaging.statuses import EventKind
from tasks.providers.callbacks import CallbackReader, digest_of, unreadable
from tasks.providers.dripcel.replies import OPT_OUT, Reply, clean_text, name_of, read_number, read_time
from tasks.providers.reports import CallbackRequest, ReceivedEvent, Report, UnreadableEvent

RECOMMENDED_BODY = """{
  "_id": "{{reply._id}}",
  "Msisdn": "{{reply.Msisdn}}",
  "kind": "{{reply.kind}}",
  "campaign_id": "{{reply.campaign_id}}",
  "UserReference": "{{reply.UserReference}}",
  "Received": "{{reply.Received}}",
  "Message": "{{reply.Message}}"
}"""
"""The body to write into the console. The documentation names the objects that templates can use (`contact`,
`campaign`, `reply`, `send`); their members are those of the API."""

IDEMPOTENCY_HEADERS = ("dripcel-idempotency-key", "dripcel-idemptotency-key")
"""Equal on all attempts of one hook. Both spellings stand in Dripcel's documentation."""

_REPLY_ID = ("id", "replyid")
_ADDRESS = ("msisdn", "cell", "contactcell", "phone", "phonenumber", "mobile", "number", "from", "sender")
_TEXT = ("message", "text", "content", "body", "reply")
_KIND = ("kind", "type")
_RECEIVED = ("received", "receivedat", "date", "timestamp")

_NO_NUMBER = "Msisdn is missing, or no phone number"
_EVENT_KEY = "rollcall_event_key"
_NO_LETTER = re.compile(r"[^a-z]")
_UNFILLED = re.compile(r"\s*{{.*}}\s*", re.DOTALL)
_WHOLE_MEMBER = re.compile(r'"([\w.]{1,40})"\s*:\s*"([^"]*)"\s*(?=[,}])')
_LAST_MEMBER = re.compile(r'"(message|text|content)"\s*:\s*"(.*)"\s*}\s*\Z', re.DOTALL | re.IGNORECASE)


class DripcelCallbacks(CallbackReader):
    """How hooks are read. See `CallbackReader` for the interface."""

    def receive(self, request: CallbackRequest) -> ReceivedEvent:
        """Name a hook's request.

        The payload has the members of body and query as text, under the names that they came with.
        """
        try:
            members = {**_as_text(request.query), **_as_text(_decode(request.body))}
        except RecursionError:
            members = {}
        if not members:
            return unreadable(request, "neither body nor query has members that can be read")
        event_key = _name_event(request, members)
        reply = _read_members(members, event_key)
        if reply is None:
            kind = EventKind.UNKNOWN
        else:
            kind = EventKind.OPT_OUT if reply.consent == OPT_OUT else EventKind.REPLY
        return ReceivedEvent(
            kind=kind,
            dedupe_key=event_key,
            payload={**members, _EVENT_KEY: event_key},
            error=_NO_NUMBER if reply is None else None,
        )

    def read(self, payload: Mapping[str, Any], received_at: datetime) -> Sequence[Report]:
        """The reply, and whether the person opts out or in.

        A time of the reply that lies after its arrival is taken for the arrival: a local time without its zone
        would otherwise outlive an opt-out that follows.
        """
        members = _as_text({name: value for name, value in payload.items() if name != _EVENT_KEY})
        reply = _read_members(members, str(payload.get(_EVENT_KEY, "")))
        if reply is None:
            raise UnreadableEvent(_NO_NUMBER)
        at = received_at if reply.at is None else min(reply.at, received_at)
        return replace(reply, at=at).reports("hook")


def _name_event(request: CallbackRequest, members: Mapping[str, str]) -> str:
    """The key of an event: what all attempts of one hook share, and no other hook does.

    That the header is the same for all retries of a hook can also mean that a hook has one for all that it ever
    tells. So the reply goes in beside it: an opt-out that is taken for a repetition is lost, while nothing is lost
    where one is kept twice.
    """
    reply_id = _find(members, _REPLY_ID)
    keys = (request.headers.get(name, "").strip() for name in IDEMPOTENCY_HEADERS)
    attempt_key = next(filter(None, keys), None)
    if attempt_key is None and reply_id:
        return name_of("reply", reply_id)
    whole = [part for member in sorted(members.items()) for part in member]
    return f"hook:{digest_of(attempt_key, *([reply_id] if reply_id else whole))}"


def _read_members(members: Mapping[str, str], event_key: str) -> Reply | None:
    """The reply that the members tell of; None where they name no phone number."""
    address = read_number(_find(members, _ADDRESS) or "")
    if address is None:
        return None
    reply_id = _find(members, _REPLY_ID)
    return Reply(
        address=address,
        text=_find(members, _TEXT) or "",
        kind=_find(members, _KIND),
        at=read_time(_find(members, _RECEIVED)),
        dedupe_key=name_of("reply", reply_id) if reply_id else event_key,
    )


def _find(members: Mapping[str, str], spellings: Sequence[str]) -> str | None:
    """A member under the first of these spellings that it has; None where it is empty or was not filled in.

    Capitals, underscores and dots do not count, nor does a `reply` in front: `reply._id` and `replyId` are `id`.
    """
    by_letters: dict[str, str] = {}
    for name, value in members.items():
        letters = _NO_LETTER.sub("", name.lower())
        by_letters.setdefault(letters.removeprefix("reply") or letters, value)
    for spelling in spellings:
        value = by_letters.get(spelling, "")
        if value.strip() and _UNFILLED.fullmatch(value) is None:
            return value
    return None


def _decode(body: bytes) -> Mapping[str, Any]:
    """The members of a body: JSON, or a form; none where it is neither."""
    text = body.decode("utf-8-sig", errors="replace").strip()
    if not text.startswith("{"):
        return _first_counts(parse_qsl(text, keep_blank_values=True)) if "=" in text else {}
    try:
        # Not strict: a line break inside a text is no reason to lose an opt-out.
        decoded = json.loads(text, strict=False, object_pairs_hook=_first_counts, parse_constant=str)
        return decoded if isinstance(decoded, dict) else {}
    except (ValueError, RecursionError):
        return _read_torn(text)


def _read_torn(text: str) -> dict[str, str]:
    """The members of JSON that the quotation marks of a text have torn."""
    members = _first_counts(_WHOLE_MEMBER.findall(text))
    last = _LAST_MEMBER.search(text)
    if last is not None:
        members.setdefault(last[1], last[2])
    return members


def _first_counts(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _as_text(members: Mapping[str, Any]) -> dict[str, str]:
    """The members as text; those of an object inside as `object.member`."""
    flat: dict[str, Any] = {}
    for name, value in members.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    return {
        clean_text(name): clean_text(value if isinstance(value, str) else json.dumps(value))
        for name, value in flat.items()
        if value is not None
    }
