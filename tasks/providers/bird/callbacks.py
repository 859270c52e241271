"""Bird's webhooks: `sms.outbound` for every status of a message, `sms.inbound` for what people answer.

Source: docs.bird.com, "Webhook subscriptions" and "Verifying a webhook".
"""

import base64
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

from tasks.messaging.statuses import Channel, EventKind
from tasks.providers.answers import quote
from tasks.providers.base import ProviderCredentials
from tasks.providers.bird.messages import (
    INCOMING,
    OUTGOING,
    direction_of,
    read_incoming,
    read_reply,
    read_status,
    short_key,
)
from tasks.providers.bird.options import BirdCredentials
from tasks.providers.callbacks import CallbackReader, decode_object, digest_of, unreadable
from tasks.providers.errors import ConfigurationError
from tasks.providers.reports import CallbackRequest, ReceivedEvent, Report, UnreadableEvent

SIGNATURE_HEADER = "messagebird-signature"
TIMESTAMP_HEADER = "messagebird-request-timestamp"

MAX_AGE = timedelta(hours=48)
"""Retries keep the timestamp of the first attempt, and go on for 8 hours by the documentation, for 24 as seen by
clients. A narrow window would refuse exactly what came late. What is repeated within it is absorbed by its
`dedupe_key`."""
MAX_AHEAD = timedelta(hours=1)
"""How far the sender's clock may be before ours."""

_MAX_TIMESTAMP_DIGITS = 12

_CHANNELS = {"sms": Channel.SMS, "mms": Channel.MMS, "email": Channel.EMAIL}
_DIRECTIONS = {"outbound": OUTGOING, "inbound": INCOMING}
_ENVELOPES = ("payload", "data", "message")


class BirdCallbacks(CallbackReader):
    """Checks and reads Bird's webhooks.

    Args:
        now: Unix time in seconds.
    """

    is_signed: ClassVar[bool] = True

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def is_genuine(self, request: CallbackRequest, credentials: ProviderCredentials) -> bool:
        """Whether the body is signed with our key, for our URL, in the last 48 hours.

        Raises:
            ConfigurationError: There is no signing key.
        """
        if not isinstance(credentials, BirdCredentials):
            raise TypeError("credentials must be Bird.Credentials")
        key = credentials.signing_key.get_secret_value() if credentials.signing_key else ""
        if not key:
            raise ConfigurationError("ROLLCALL_BIRD_SIGNING_KEY is not set: no webhook of bird can be verified")
        timestamp = request.headers.get(TIMESTAMP_HEADER, "").strip()
        given = request.headers.get(SIGNATURE_HEADER, "").strip()
        expected = sign(key, timestamp, request.url, request.body)
        # In bytes: compare_digest raises for text that is not ASCII.
        is_ours = hmac.compare_digest(expected.encode(), given.encode(errors="surrogatepass"))
        return is_ours and self._is_recent(timestamp)

    def _is_recent(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_TIMESTAMP_DIGITS):
            return False
        age_seconds = self._now() - int(timestamp)
        return -MAX_AHEAD.total_seconds() <= age_seconds <= MAX_AGE.total_seconds()

    def receive(self, request: CallbackRequest) -> ReceivedEvent:
        """Name an event: by message, status and failure where it is a receipt, by message where it is a reply."""
        payload = decode_object(request.body)
        if payload is None:
            return unreadable(request, "the body is not a JSON object")
        try:
            event = _open(payload)
            if event.direction == INCOMING:
                reply = read_reply(event.message, event.channel)
                return ReceivedEvent(kind=EventKind.REPLY, dedupe_key=f"reply:{reply.dedupe_key}", payload=payload)
            report = read_status(event.message)
        except UnreadableEvent as error:
            key = f"unreadable:{digest_of(request.body)}"
            return ReceivedEvent(kind=EventKind.UNKNOWN, dedupe_key=key, payload=payload, error=str(error))
        key = short_key(report.provider_message_id or report.reference or "", report.raw_status, _failure(event))
        return ReceivedEvent(kind=EventKind.DELIVERY, dedupe_key=f"status:{key}", payload=payload)

    def read(self, payload: Mapping[str, Any], received_at: datetime) -> Sequence[Report]:
        event = _open(payload)
        # `delivered` of an incoming message says that it reached us: a reply, and no receipt.
        if event.direction == INCOMING:
            return read_incoming(event.message, event.channel, received_at)
        return [read_status(event.message, received_at)]


@dataclass(frozen=True, slots=True)
class _Event:
    """An envelope, opened."""

    channel: Channel
    direction: str
    message: Mapping[str, Any]


def _open(payload: Mapping[str, Any]) -> _Event:
    """Find the message object, and whether somebody got it or wrote it.

    Documented is `{"service", "event", "payload": <message object>}`; a message object in another member, or
    without an envelope, is understood too, if the event or its own `direction` says which way it went.
    """
    message = next((payload[name] for name in _ENVELOPES if isinstance(payload.get(name), dict)), payload)
    event = payload.get("event")
    channel, _, way = event.partition(".") if isinstance(event, str) else ("sms", "", "")
    if way not in _DIRECTIONS and isinstance(event, str):
        raise UnreadableEvent(f"event {quote(event)!r} is neither inbound nor outbound")
    direction = direction_of(message) or _DIRECTIONS.get(way)
    if direction is None:
        raise UnreadableEvent("neither event nor direction")
    if direction == INCOMING and channel not in _CHANNELS:
        raise UnreadableEvent(f"event {quote(str(event))!r}: no campaign is sent by this channel")
    return _Event(_CHANNELS.get(channel, Channel.SMS), direction, message)


def _failure(event: _Event) -> str:
    """The failure code: the same status may be told again with another one."""
    failure = event.message.get("failure")
    code = failure.get("code") if isinstance(failure, Mapping) else None
    return str(code) if isinstance(code, int | str) else ""


def sign(key: str, timestamp: str, url: str, body: bytes) -> str:
    """Bird's signature.

    Args:
        key: Of the subscription.
        timestamp: Unix seconds, as the header says.
        url: Of the subscription.
        body: As it came: decoding and encoding it again would make other bytes.

    Returns:
        base64(HMAC-SHA256(key, timestamp + LF + url + LF + the 32 bytes of SHA-256(body))).
    """
    head = f"{timestamp}\n{url}\n".encode(errors="surrogatepass")
    return base64.b64encode(hmac.digest(key.encode(), head + sha256(body).digest(), "sha256")).decode()
