"""What Bird's message object says; the same object stands in answers, in lists and in webhooks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.messaging.statuses import Channel
from tasks.providers.bird.keywords import OPT_IN_KEYWORDS, find_keyword
from tasks.providers.bird.statuses import read_word
from tasks.providers.callbacks import digest_of
from tasks.providers.reports import ConsentReport, ReplyReport, StatusReport, UnreadableEvent

INCOMING = "incoming"
OUTGOING = "outgoing"

_KEY_MAX_CHARS = 100
_WORD_MAX_CHARS = 100


def read_status(message: Mapping[str, Any], received_at: datetime | None = None) -> StatusReport:
    """What became of an outgoing message. It tells no cost: no documented member of the object holds one.

    Args:
        message: A message object.
        received_at: When it came, if it does not say since when it is so.

    Raises:
        UnreadableEvent: It names no message, or no status.
    """
    message_id, reference = _text(message, "id"), _text(message, "reference")
    if message_id is None and reference is None:
        raise UnreadableEvent("neither id nor reference")
    word = _text(message, "status")
    if word is None:
        raise UnreadableEvent("no status")
    status, reason = read_word(message)
    return StatusReport(
        status=status,
        raw_status=word[:_WORD_MAX_CHARS],
        reason=reason,
        at=_time(message, "lastStatusAt", "updatedAt", "createdAt") or received_at,
        reference=reference,
        provider_message_id=message_id,
    )


def read_incoming(
    message: Mapping[str, Any], channel: Channel = Channel.SMS, received_at: datetime | None = None
) -> list[ReplyReport | ConsentReport]:
    """What a person wrote, and what it means for their consent where it is a keyword.

    Args:
        message: A message object whose direction is `incoming`.
        channel: On which it came.
        received_at: When it came, if it does not say when it was sent.

    Raises:
        UnreadableEvent: It has no id, or does not say who wrote.
    """
    reply = read_reply(message, channel, received_at)
    keyword = find_keyword(reply.text)
    if keyword is None:
        return [reply]
    consent = ConsentReport(
        channel=channel,
        address=reply.address,
        is_opt_in=keyword in OPT_IN_KEYWORDS,
        at=reply.at,
        source=f"reply {keyword.upper()}",
    )
    return [reply, consent]


def read_reply(message: Mapping[str, Any], channel: Channel, received_at: datetime | None = None) -> ReplyReport:
    """What a person wrote. See `read_incoming`."""
    message_id, address = _text(message, "id"), _sender_address(message)
    if message_id is None:
        raise UnreadableEvent("no id")
    if address is None:
        raise UnreadableEvent("no sender.contact.identifierValue")
    answered = message.get("replyTo")
    return ReplyReport(
        channel=channel,
        address=address,
        text=_body_text(message),
        at=_time(message, "createdAt", "lastStatusAt", "updatedAt") or received_at,
        dedupe_key=short_key(message_id),
        provider_message_id=_text(answered, "id") if isinstance(answered, Mapping) else None,
    )


def short_key(*parts: str) -> str:
    """A key of these parts that fits a database: as they are where they are plain, else a digest of them."""
    key = ":".join(parts)
    if len(key) <= _KEY_MAX_CHARS and key.isascii() and key.isprintable():
        return key
    return digest_of(*parts)


def direction_of(message: Mapping[str, Any]) -> str | None:
    """`incoming`, `outgoing`, or None where the object does not say."""
    direction = message.get("direction")
    return direction if isinstance(direction, str) and direction in {INCOMING, OUTGOING} else None


def _text(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) and value else None


def _time(message: Mapping[str, Any], *names: str) -> datetime | None:
    """The first of these members that is a date and time; without an offset it is taken as UTC."""
    for name in names:
        try:
            moment = datetime.fromisoformat(_text(message, name) or "")
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _sender_address(message: Mapping[str, Any]) -> str | None:
    sender = message.get("sender")
    contact = sender.get("contact") if isinstance(sender, Mapping) else None
    address = _text(contact, "identifierValue") if isinstance(contact, Mapping) else None
    if address is None:
        return None
    address = address.strip()
    # Everything else in the ledger has the plus; a suppression without it would match nobody.
    return f"+{address}" if address.isascii() and address.isdigit() else address or None


def _body_text(message: Mapping[str, Any]) -> str:
    """The text of a body of any type; "" where it has none, as a picture may."""
    body = message.get("body")
    kind = _text(body, "type") if isinstance(body, Mapping) else None
    content = body.get(kind or "text") if isinstance(body, Mapping) else None
    return (_text(content, "text") or "") if isinstance(content, Mapping) else ""
