"""What a campaign becomes in the requests to Bird."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tasks.messaging.content import Content, Media
from tasks.providers.base import OutboundMessage
from tasks.providers.bird.options import BirdOptions, TextExtras, wire

MAX_MESSAGES_PER_BATCH = 100
MAX_REQUEST_BYTES = 200_000
"""Told by a third party only; nothing was ever seen of what happens beyond."""
LATEST_VERSION = "latest"
USE_CASE = "useCase"
CONTACT_ID = "contact_id"

_MESSAGES = "messageRequests"
_FILLED_IN_BYTES = 1_000
"""How much longer than its template a message may become before a batch is cut too large."""


class BirdRequests:
    """The requests of one run: what all messages share is built once.

    Args:
        content: What the messages share.
        options: Bird's own fields.
    """

    def __init__(self, content: Content, options: BirdOptions) -> None:
        self._content = content
        self._contact_fields = wire(options.receiver)
        self._by_contact_id = options.receiver.identifier_key == CONTACT_ID
        if self._by_contact_id:
            del self._contact_fields["identifierKey"]
        self._text_extras = wire(options.text or TextExtras())
        if content.subject is not None:
            metadata = {**self._text_extras.get("metadata", {}), "subject": content.subject}
            self._text_extras["metadata"] = metadata
        self._template_extras = wire(options.template) if options.template else {}
        self._shared = wire(options.model_copy(update={"sender": None}))
        for key in ("batch", "receiver", "text", "template"):  # these have other places on the wire
            self._shared.pop(key, None)
        if sender := _sender(content, options):
            self._shared["sender"] = {"connector": sender}
        self._shared |= _common_fields(content, options)
        if meta := _meta(content, self._shared.pop("meta", {})):
            self._shared["meta"] = meta
        if content.send_at is not None:
            self._shared["scheduledFor"] = content.send_at.isoformat()

    def for_message(self, message: OutboundMessage) -> dict[str, Any]:
        """The body of the request that hands over one message.

        Raises:
            ValueError: The message has no text, and the content needs one.
        """
        return {
            "receiver": {"contacts": [self._contact_of(message)]},
            "reference": message.reference,
            **self._shared,
            **self._content_of(message),
        }

    def for_batch(self, messages: Sequence[OutboundMessage]) -> dict[str, Any]:
        """The body of the request that hands over several.

        Raises:
            ValueError: As for one.
        """
        return {_MESSAGES: [self.for_message(message) for message in messages]}

    def find_refusal(self, message: OutboundMessage) -> str | None:
        """Why this message must not be handed over, as one word."""
        if not self._by_contact_id:
            return None
        if not message.external_code:
            return "missing_contact_id"
        return None if is_uuid(message.external_code) else "invalid_contact_id"

    def count_per_batch(self) -> int:
        """How many messages a batch can take by their size, which is measured before any of them is written."""
        content = self._content
        sample = OutboundMessage(
            "r" * 40,
            "+" + "9" * 15,
            text=content.text,
            external_code=str(UUID(int=0)),
            template_fields=content.template.fields if content.template else {},
        )
        envelope_bytes = count_bytes({_MESSAGES: []})
        message_bytes = count_bytes(self.for_message(sample)) + _FILLED_IN_BYTES
        return max(1, min(MAX_MESSAGES_PER_BATCH, (MAX_REQUEST_BYTES - envelope_bytes) // message_bytes))

    def _contact_of(self, message: OutboundMessage) -> dict[str, Any]:
        if self._by_contact_id:
            return {**self._contact_fields, "id": message.external_code}
        return {**self._contact_fields, "identifierValue": message.address}

    def _content_of(self, message: OutboundMessage) -> dict[str, Any]:
        """Exactly one of `body` and `template`: together they are refused."""
        content = self._content
        if content.template is not None:
            template = {
                "projectId": content.template.id,
                "version": content.template.version or LATEST_VERSION,
                "parameters": [
                    {"type": "string", "key": key, "value": value}
                    for key, value in message.template_fields.items()
                ],
                **self._template_extras,
            }
            if content.template.locale is not None:
                template["locale"] = content.template.locale
            return {"template": template}
        if content.media:
            return {"body": self._media_body(content.media, message.text)}
        if not message.text:
            raise ValueError(f"message {message.reference} has no text")
        return {"body": {"type": "text", "text": {"text": message.text, **self._text_extras}}}

    def _media_body(self, media: Sequence[Media], text: str | None) -> dict[str, Any]:
        body: dict[str, Any]
        if all(map(is_picture, media)):
            kind, body = "image", {"images": [{"mediaUrl": item.url} for item in media]}
        else:
            kind = "file"
            body = {"files": [{"mediaUrl": item.url, "contentType": item.content_type} for item in media]}
        if text:
            body["text"] = text  # a plain string here, unlike in a text body
        if "metadata" in self._text_extras:
            body["metadata"] = self._text_extras["metadata"]
        return {"type": kind, kind: body}


def count_bytes(body: dict[str, Any]) -> int:
    """The size of a body on the wire."""
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def is_uuid(text: str) -> bool:
    """Whether this is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def is_picture(media: Media) -> bool:
    """Whether it goes as an image and not as a file."""
    return media.content_type is None or media.content_type.startswith("image/")


def _sender(content: Content, options: BirdOptions) -> dict[str, Any]:
    identifier = content.sender or (options.sender and options.sender.identifier_value)
    name = options.sender and options.sender.name
    connector: dict[str, Any] = {"identifierValue": identifier} if identifier else {}
    if name:
        connector["annotations"] = {"name": name}
    return connector


def _common_fields(content: Content, options: BirdOptions) -> dict[str, Any]:
    """What a campaign asks of any provider, in Bird's words."""
    fields: dict[str, Any] = {}
    if content.validity_seconds is not None:
        fields["validity"] = content.validity_seconds
    if tags := tags_of(content, options):
        fields["tags"] = tags
    if content.track_links:
        fields["enableLinkTracking"] = True
    return fields


def _meta(content: Content, given: dict[str, Any]) -> dict[str, Any]:
    """The given context, and the use case: without it, Bird would treat marketing as any other message."""
    information = {USE_CASE: content.purpose.value, **given.get("extraInformation", {})}
    if information[USE_CASE] is None:
        del information[USE_CASE]
    rest = {key: value for key, value in given.items() if key != "extraInformation"}
    return rest | ({"extraInformation": information} if information else {})


def tags_of(content: Content, options: BirdOptions) -> list[str]:
    """The tags of a campaign, from wherever it has them, as Bird spells them."""
    return list(dict.fromkeys([*map(str.lower, content.tags), *(options.tags or ())]))
