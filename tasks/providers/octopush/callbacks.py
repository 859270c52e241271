"""What Octopush calls about: deliveries, STOPs and replies, all of them to one URL.

Nothing is signed, the content type is not documented, and the kind of a body is told by the name of its date. A
delivery names the ticket of its request and the number, never a message.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from tasks.messaging.statuses import Channel, EventKind
from tasks.providers.callbacks import CallbackReader, decode_object, digest_of, unreadable
from tasks.providers.octopush.statuses import BLACKLISTED, STATUSES
from tasks.providers.reports import (
    CallbackRequest,
    ConsentReport,
    ReceivedEvent,
    ReplyReport,
    Report,
    StatusReport,
    UnreadableEvent,
)

DATE_ZONE = ZoneInfo("Europe/Paris")
"""The dates tell no zone; the company's own is the likeliest."""

_TICKET = "message_id"
_NUMBER = "number"
_STATUS = "status"
_LIST_NAME = "list_name"
_PRICE = "unit_price"
_TEXT = "text"

# Two pages of the documentation disagree about the date of a reply.
_KINDS_BY_DATE = {
    "delivery_date": EventKind.DELIVERY,
    "stop_date": EventKind.OPT_OUT,
    "reception_date": EventKind.REPLY,
    "answer_date": EventKind.REPLY,
}
_NEEDED = {
    EventKind.DELIVERY: (_NUMBER, _STATUS),
    EventKind.OPT_OUT: (_NUMBER,),
    EventKind.REPLY: (_NUMBER,),
}

_WORD_MAX_CHARS = 100

_NOT_IN_NUMBER = re.compile(r"[\s().\-\u00a0/]")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NOT_IN_WORD = re.compile(r"[\W_]+")
_STOP_WORDS = frozenset(
    {
        *("stop", "stopall", "stopsms", "unsubscribe", "optout", "cancel", "quit", "end"),
        *("arret", "arreter", "desabonner", "desabonnement", "desinscrire", "desinscription"),  # French
        *("stopp", "abmelden"),  # German
        "baja",  # Spanish
    }
)
_SHORT_CODE_MENTION = re.compile(r"(?:\s+(?:au|to|an|al))?\s+[0-9]{4,6}\s*$", re.IGNORECASE)
_STOP_MAX_CHARS = 40
"""Of a text that can be a stop word with something around it; longer ones are not looked at."""
_PRICE_MOST = Decimal(10_000)
"""No message costs as much; a number that does must not break the account."""


class OctopushCallbacks(CallbackReader):
    """Reads Octopush's callbacks. See `CallbackReader` for the interface.

    Args:
        zone: Of the dates. A wrong one only shifts times by hours: no status depends on it, because receipts of
            one message are merged by what they say and not by when they say it happened.
    """

    def __init__(self, zone: tzinfo = DATE_ZONE) -> None:
        self._zone = zone

    def receive(self, request: CallbackRequest) -> ReceivedEvent:
        """Name an event.

        The name holds what makes an event the same one: of a delivery ticket, number, status and date; of a STOP
        number, date and ticket; of a reply number, date and text.
        """
        payload = decode_object(request.body)
        if payload is None:
            payload = _decode_form(request.body)
        if payload is None:
            return unreadable(request, "neither a JSON object nor a form with one of its dates")
        date_name = _find_date_name(payload)
        if date_name is None:
            return _nameless(payload, request.body, f"none of {', '.join(_KINDS_BY_DATE)}")
        kind = _KINDS_BY_DATE[date_name]
        if missing := [name for name in _NEEDED[kind] if not _text(payload, name)]:
            return _nameless(payload, request.body, f"no {', '.join(missing)}", kind)
        number = _normalise(_text(payload, _NUMBER))
        date = _text(payload, date_name)
        identity = {
            EventKind.DELIVERY: (_text(payload, _TICKET), number, _text(payload, _STATUS), date),
            EventKind.OPT_OUT: (number, date, _text(payload, _TICKET)),
            EventKind.REPLY: (number, date, _text(payload, _TEXT)),
        }[kind]
        return ReceivedEvent(kind=kind, dedupe_key=f"{kind}:{digest_of(*identity)}", payload=payload)

    def read(self, payload: Mapping[str, Any], received_at: datetime) -> Sequence[Report]:
        """What a stored callback says.

        Args:
            payload: As `receive` gave it.
            received_at: Used where the date is missing or none.

        Returns:
            Of a delivery a `StatusReport`, and of one to a blacklisted number a `ConsentReport` too; of a STOP a
            `ConsentReport` and a `ReplyReport`; of a reply a `ReplyReport`, and a `ConsentReport` too where it is
            a stop word and nothing else.

        Raises:
            UnreadableEvent: No date by whose name the kind is told; no number, or not one in international
                form; a delivery without a status.
        """
        date_name = _find_date_name(payload)
        if date_name is None:
            raise UnreadableEvent(f"none of {', '.join(_KINDS_BY_DATE)}")
        address = _normalise(_text(payload, _NUMBER))
        if not _E164.fullmatch(address):
            raise UnreadableEvent(f"{_NUMBER} is missing or not an international number")
        at = _read_date(_text(payload, date_name), self._zone) or received_at
        kind = _KINDS_BY_DATE[date_name]
        if kind is EventKind.DELIVERY:
            return _read_delivery(payload, address, at)
        reply = ReplyReport(
            channel=Channel.SMS,
            address=address,
            text=_text(payload, _TEXT),
            at=at,
            # Without the kind: a STOP may be told as a reply too.
            dedupe_key=f"reply:{digest_of(address, _text(payload, date_name), _text(payload, _TEXT))}",
            ticket=_text(payload, _TICKET) or None,
        )
        if kind is EventKind.OPT_OUT:
            return _opt_out(address, "STOP callback"), reply
        if is_stop_word(reply.text):
            return _opt_out(address, "stop word in a reply"), reply
        return (reply,)


def is_stop_word(text: str) -> bool:
    """Whether a text is a request not to be written to, and nothing else: `Stop`, `ARRÊT !`, `STOP au 36111`."""
    if len(text) > _STOP_MAX_CHARS:
        return False
    text = _SHORT_CODE_MENTION.sub("", text)
    letters = unicodedata.normalize("NFKD", text).encode("ascii", errors="ignore").decode().casefold()
    return _NOT_IN_WORD.sub("", letters) in _STOP_WORDS


def _find_date_name(payload: Mapping[str, Any]) -> str | None:
    """The date that tells the kind: one that holds something, before one that is merely there."""
    names = [name for name in _KINDS_BY_DATE if name in payload]
    if len(names) > 1:
        return next((name for name in names if _text(payload, name)), names[0])
    return names[0] if names else None


def _read_delivery(payload: Mapping[str, Any], address: str, at: datetime) -> Sequence[Report]:
    raw_status = _text(payload, _STATUS)[:_WORD_MAX_CHARS]
    if not raw_status:
        raise UnreadableEvent(f"{_STATUS} is missing")
    word = raw_status.upper()
    status, reason = STATUSES.get(word, (None, None))
    report = StatusReport(
        status=status,
        raw_status=raw_status,
        reason=reason,
        at=at,
        # Of a request whose answer was lost, the name of the list is all that tells whose ticket this is.
        request_reference=_text(payload, _LIST_NAME) or None,
        ticket=_text(payload, _TICKET) or None,
        address=address,
        cost=_read_price(_text(payload, _PRICE)),
    )
    if word == BLACKLISTED:
        return report, _opt_out(address, f"{BLACKLISTED} receipt")
    return (report,)


def _opt_out(address: str, source: str) -> ConsentReport:
    """Without its time, which has no zone: read in the wrong one, it could be older than an opt-in before it."""
    return ConsentReport(channel=Channel.SMS, address=address, source=source)


def _nameless(
    payload: Mapping[str, Any], body: bytes, error: str, kind: EventKind = EventKind.UNKNOWN
) -> ReceivedEvent:
    return ReceivedEvent(kind=kind, dedupe_key=f"unreadable:{digest_of(body)}", payload=payload, error=error)


def _decode_form(body: bytes) -> dict[str, Any] | None:
    """A form that has one of the dates; None where the body is anything else."""
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        return None
    return fields if not _KINDS_BY_DATE.keys().isdisjoint(fields) else None


def _text(payload: Mapping[str, Any], name: str) -> str:
    """A member as text; "" where it is missing or neither a string nor a number."""
    value = payload.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    if not value.isascii() or "\0" in value:
        # JSON has halves of surrogate pairs and NUL; no database takes the ones, and PostgreSQL not the other.
        value = value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value.strip()


def _normalise(number: str) -> str:
    """A number with its `+`, which a form loses unless it is escaped there."""
    if _E164.fullmatch(number):
        return number
    number = _NOT_IN_NUMBER.sub("", number)
    number = number.removeprefix("00")
    return number if number.startswith("+") else f"+{number}"


@lru_cache(maxsize=5_000)
def _read_date(text: str, zone: tzinfo) -> datetime | None:
    """A date, in UTC. One that the clocks' change made ambiguous is taken as the earlier of the two.

    Many receipts come in the same second.
    """
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1_000)
def _read_price(text: str) -> Decimal | None:
    try:
        price = Decimal(text)
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < _PRICE_MOST else None
