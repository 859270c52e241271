"""What a campaign becomes in a request to Bird, and what Bird would refuse or silently change in it."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from tasks.messaging.content import Content, ContentKind, Media
from tasks.messaging.statuses import Channel, Purpose
from tasks.providers.base import OutboundMessage
from tasks.providers.bird.options import BirdOptions, TextExtras, wire

MAX_TAGS = 10
MAX_MEDIA = 10
MEDIA_COUNTRIES = frozenset({"US", "CA"})
MAX_SCHEDULE_AHEAD = timedelta(days=35)

_LATEST_VERSION = "latest"
_USE_CASE = "useCase"
_JINJA = re.compile(r"\{[{%#]")


class BirdRequests:
    """The requests of one run: what all messages share is built once.

    Args:
        content: What the messages share.
        options: Bird's own fields.
    """

    def __init__(self, content: Content, options: BirdOptions) -> None:
        self._content = content
        self._receiver = wire(options.receiver)
        self._text_extras = wire(options.text or TextExtras())
        if content.subject is not None:
            metadata = {**self._text_extras.get("metadata", {}), "subject": content.subject}
            self._text_extras["metadata"] = metadata
        self._template_extras = wire(options.template) if options.template else {}
        self._shared = wire(options.model_copy(update={"sender": None}))
        for key in ("receiver", "text", "template"):  # these have other places on the wire
            self._shared.pop(key, None)
        if sender := _sender(content, options):
            self._shared["sender"] = {"connector": sender}
        self._shared |= _common_fields(content, options)
        if content.send_at is not None:
            self._shared["scheduledFor"] = content.send_at.isoformat()

    def for_message(self, message: OutboundMessage) -> dict[str, Any]:
        """The body of the request that hands over one message.

        Raises:
            ValueError: The message has no text, and the content needs one.
        """
        return {
            "receiver": {"contacts": [{**self._receiver, "identifierValue": message.address}]},
            "reference": message.reference,
            **self._shared,
            **self._content_of(message),
        }

    def _content_of(self, message: OutboundMessage) -> dict[str, Any]:
        """Exactly one of `body` and `template`: together they are refused."""
        content = self._content
        if content.template is not None:
            template = {
                "projectId": content.template.id,
                "version": content.template.version or _LATEST_VERSION,
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
        if all(map(_is_picture, media)):
            kind, body = "image", {"images": [{"mediaUrl": item.url} for item in media]}
        else:
            kind = "file"
            body = {"files": [{"mediaUrl": item.url, "contentType": item.content_type} for item in media]}
        if text:
            body["text"] = text  # a plain string here, unlike in a text body
        if "metadata" in self._text_extras:
            body["metadata"] = self._text_extras["metadata"]
        return {"type": kind, kind: body}


def _is_picture(media: Media) -> bool:
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
    if tags := _tags(content, options):
        fields["tags"] = tags
    if content.track_links:
        fields["enableLinkTracking"] = True
    return fields


def _tags(content: Content, options: BirdOptions) -> list[str]:
    return list(dict.fromkeys([*map(str.lower, content.tags), *(options.tags or ())]))


def find_bird_problems(
    content: Content, options: BirdOptions, countries: frozenset[str] = frozenset()
) -> list[str]:
    """What Bird would refuse or silently change, one sentence each, beginning with the key."""
    problems = []
    from_options = options.sender and options.sender.identifier_value
    if content.sender and from_options and content.sender != from_options:
        problems.append("sender: differs from options.bird.sender.identifier_value; give one of them")
    if content.subject is not None and _JINJA.search(content.subject):
        problems.append("subject: bird gets it as it stands, the same for all; a template in it is not filled in")
    if content.validity_seconds and options.validity and content.validity_seconds != options.validity:
        problems.append("validity: differs from options.bird.validity; give one of them")
    if content.track_links and options.enable_link_tracking is False:
        problems.append("track_links: options.bird.enable_link_tracking says the opposite; give one of them")
    if len(_tags(content, options)) > MAX_TAGS:
        problems.append(f"tags: bird takes at most {MAX_TAGS}")
    problems += _media_problems(content, countries)
    problems += _template_problems(content, options)
    problems += _text_option_problems(content, options)
    problems += _use_case_problems(content, options)
    return problems


def _media_problems(content: Content, countries: frozenset[str]) -> list[str]:
    problems = []
    if content.channel is Channel.MMS and content.kind is ContentKind.TEXT:
        problems.append("channel: an mms needs `media`; a text alone goes as sms")
    if not content.media:
        return problems
    if content.channel is Channel.SMS:
        problems.append("media: goes as mms; set `channel: mms`")
    if elsewhere := sorted(countries - MEDIA_COUNTRIES):
        problems.append(f"media: bird sends it to the US and Canada only, the audience has {', '.join(elsewhere)}")
    if not all(map(_is_picture, content.media)) and any(item.content_type is None for item in content.media):
        problems.append("media: with anything but pictures among them, each needs its content_type")
    return problems


def _template_problems(content: Content, options: BirdOptions) -> list[str]:
    problems = []
    template = content.template
    if template is None:
        if options.template is not None:
            problems.append("options.bird.template: the campaign has no `template`")
        return problems
    if not _is_uuid(template.id):
        problems.append(f"template.id: bird needs the project's UUID, not {template.id!r}")
    if template.version not in {None, _LATEST_VERSION} and not _is_uuid(template.version or ""):
        problems.append(f"template.version: bird takes a UUID or `{_LATEST_VERSION}`, not {template.version!r}")
    if options.short_links is not None:
        problems.append("options.bird.short_links: a template has its own; use options.bird.template.short_links")
    if content.subject is not None:
        problems.append("subject: a template brings its own")
    return problems


def _text_option_problems(content: Content, options: BirdOptions) -> list[str]:
    if options.text is None or content.kind is ContentKind.TEXT:
        return []
    return [f"options.bird.text: belongs to a text, the campaign has `{content.kind}`"]


def _use_case_problems(content: Content, options: BirdOptions) -> list[str]:
    problems = []
    information = (options.meta and options.meta.extra_information) or {}
    use_case = information.get(_USE_CASE)
    marketing = Purpose.MARKETING.value
    if use_case is not None and (use_case == marketing) != (content.purpose is Purpose.MARKETING):
        problems.append(
            f"options.bird.meta.extra_information.{_USE_CASE}: {use_case!r} contradicts purpose {content.purpose}"
        )
    if options.cap_frequency:
        if use_case != marketing or content.purpose is not Purpose.MARKETING:
            problems.append(
                f"options.bird.cap_frequency: needs purpose {marketing}, "
                f"and {_USE_CASE}: {marketing} in options.bird.meta.extra_information"
            )
        if options.receiver.identifier_key is None:
            problems.append(
                "options.bird.cap_frequency: needs contacts as recipients; set receiver.identifier_key"
            )
    return problems


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
