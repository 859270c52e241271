"""What a provider can do, as data; and the refusal of everything that it cannot.

Features start as "cannot" everywhere: an adapter that says nothing of a feature refuses it, by name, before
anything is sent. Nothing that a campaign asks for is ever ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, and its limits, as data.

    Attributes:
        max_recipients_per_request: Hard limit of one request.
        recommended_recipients_per_request: Least and most that the provider advises; requests are cut evenly
            so that they fall between the two wherever the audience allows.
        max_requests_in_flight: How many requests Rollcall keeps open at once.
        max_requests_per_second: Documented limit, None where none is documented.
        rate_window_seconds: In which that limit is counted: no such time may hold more than it allows.
        placeholders: Names that the provider fills in per recipient in one shared text, written `{name}`.
        batches_own_texts: A request with many recipients can carry another text, or other values, for each.
        placeholder_max_chars: Longest value of a placeholder.
        max_text_chars: Longest text of a message.
        media_countries: Where multimedia messages can go (ISO 3166-1 alpha-2); None means everywhere.
        max_schedule_ahead: Furthest time at which the provider can be asked to send; None means no limit known.
        can_mark_purpose: Marketing and transactional messages are told apart on the wire.
        addresses_external_codes: A row that has only the client's own contact key is a recipient.
        sends_to_external_codes: A message goes to the contact with its row's key, whatever else the row has: rows
            with one key are one recipient.
        accepts_reference: Our reference of each message comes back from the provider.
        can_look_up: A message whose answer was lost can be searched for.
    """

    channels: frozenset[Channel]
    contents: frozenset[ContentKind]
    max_recipients_per_request: int
    recommended_recipients_per_request: tuple[int, int]
    max_requests_in_flight: int
    max_requests_per_second: float | None
    rate_window_seconds: float = 1.0
    placeholders: tuple[str, ...] = ()
    placeholder_max_chars: int = 0
    batches_own_texts: bool = False
    max_text_chars: int | None = None
    max_media: int = 0
    media_countries: frozenset[str] | None = None
    max_schedule_ahead: timedelta | None = None
    can_schedule: bool = False
    can_simulate: bool = False
    can_mark_purpose: bool = False
    can_set_sender: bool = False
    can_set_validity: bool = False
    can_tag: bool = False
    can_flash: bool = False
    can_receive_replies: bool = False
    can_track_links: bool = False
    can_title: bool = False
    addresses_external_codes: bool = False
    sends_to_external_codes: bool = False
    can_poll_status: bool = False
    pushes_status: bool = False
    accepts_reference: bool = False
    can_look_up: bool = False
    can_tell_balance: bool = False
    reports_cost: bool = False

    @property
    def personalises_per_recipient(self) -> bool:
        """Whether recipients of one request can get different texts."""
        return self.max_recipients_per_request == 1 or self.batches_own_texts or bool(self.placeholders)


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a campaign file can ask of any provider.

    Attributes:
        key: Where it stands in the campaign file.
        title: What it is, for people.
        is_asked: Whether a campaign asks for it.
        is_offered: Whether a provider has it.
    """

    key: str
    title: str
    is_asked: Callable[[Content], bool]
    is_offered: Callable[[Capabilities], bool]


FEATURES = (
    *(
        Feature(
            "channel",
            f"channel {channel.value}",
            lambda content, channel=channel: content.channel is channel,  # type: ignore[misc]  # bound now
            lambda can, channel=channel: channel in can.channels,  # type: ignore[misc]  # bound now
        )
        for channel in Channel
    ),
    *(
        Feature(
            kind.value,
            title,
            lambda content, kind=kind: content.kind is kind,  # type: ignore[misc]  # bound now
            lambda can, kind=kind: kind in can.contents,  # type: ignore[misc]  # bound now
        )
        for kind, title in (
            (ContentKind.TEXT, "text that Rollcall renders"),
            (ContentKind.MEDIA, "pictures and files"),
            (ContentKind.TEMPLATE, "content that lives at the provider"),
        )
    ),
    Feature("subject", "title", lambda content: content.subject is not None, lambda can: can.can_title),
    Feature(
        "sender", "sender of choice", lambda content: content.sender is not None, lambda can: can.can_set_sender
    ),
    Feature(
        "schedule.send_at", "scheduling", lambda content: content.send_at is not None, lambda can: can.can_schedule
    ),
    Feature("test_mode", "test mode", lambda content: content.test_mode, lambda can: can.can_simulate),
    Feature(
        "validity",
        "validity",
        lambda content: content.validity_seconds is not None,
        lambda can: can.can_set_validity,
    ),
    Feature("tags", "tags", lambda content: bool(content.tags), lambda can: can.can_tag),
    Feature("flash", "flash SMS", lambda content: content.flash, lambda can: can.can_flash),
    Feature("replies", "replies", lambda content: content.replies, lambda can: can.can_receive_replies),
    Feature("track_links", "link tracking", lambda content: content.track_links, lambda can: can.can_track_links),
)
"""Every feature that is common to all providers, in the order in which people ask for them."""


def find_unsupported(provider: str, content: Content, can: Capabilities) -> list[str]:
    """What a campaign asks for and its provider does not have: one sentence each, beginning with the key."""
    problems = [
        f"{feature.key}: {provider} has no {feature.title}; remove it, or choose another provider"
        for feature in FEATURES
        if feature.is_asked(content) and not feature.is_offered(can)
    ]
    if content.send_at is not None and can.max_schedule_ahead is not None:
        furthest = datetime.now(UTC) + can.max_schedule_ahead
        if content.send_at > furthest:
            problems.append(
                f"schedule.send_at: {provider} takes messages at most {can.max_schedule_ahead.days} days ahead"
            )
    if len(content.media) > can.max_media and ContentKind.MEDIA in can.contents:
        problems.append(f"media: {provider} takes at most {can.max_media}, not {len(content.media)}")
    return problems
