"""What a campaign says: the part of a campaign file that its messages share."""

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from tasks.messaging.statuses import Channel, Purpose
from tasks.messaging.strict_model import StrictModel


class ContentKind(StrEnum):
    """The three forms of content. Which of them a provider takes is a capability."""

    TEXT = "text"
    """A text that Rollcall renders."""
    MEDIA = "media"
    """Pictures or files, with or without a text."""
    TEMPLATE = "template"
    """Content that lives at the provider and is named by an id."""


class Media(StrictModel):
    """One picture or file of a multimedia message."""

    url: str = Field(pattern=r"^https?://", description="Public address from which the provider fetches it.")
    content_type: str | None = Field(
        default=None,
        pattern=r"^[\w.+-]+/[\w.+-]+$",
        description="MIME type, for example video/mp4. Needed for anything but pictures.",
    )


class ProviderTemplate(StrictModel):
    """Content that lives at the provider."""

    id: str = Field(min_length=1, description="The provider's id of the template.")
    version: str | None = Field(default=None, description="The provider's version; its latest when empty.")
    locale: str | None = Field(default=None, description="Language of the template, for example en.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Values of the template's fields; each may use contact columns: {{ first_name }}.",
    )


class Content(StrictModel):
    """What every message of a run shares.

    Attributes:
        text: Jinja source, rendered once per recipient.
        send_at: When the provider shall send it; None sends at once. Has a UTC offset.
        test_mode: Use the provider's own simulation.
        validity_seconds: How long a message may wait for its recipient; None is the provider's default.
        tags: Labels under which the provider files the messages.
        flash: Shown at once on the handset, and not kept.
        replies: Recipients shall be able to answer.
        track_links: The provider shall count clicks on links.
    """

    channel: Channel
    purpose: Purpose
    text: str | None = None
    subject: str | None = None
    media: tuple[Media, ...] = ()
    template: ProviderTemplate | None = None
    sender: str | None = None
    send_at: AwareDatetime | None = None
    test_mode: bool = False
    validity_seconds: int | None = Field(default=None, gt=0)
    tags: tuple[str, ...] = ()
    flash: bool = False
    replies: bool = False
    track_links: bool = False

    @property
    def kind(self) -> ContentKind:
        """Which of the three forms this is."""
        if self.template is not None:
            return ContentKind.TEMPLATE
        return ContentKind.MEDIA if self.media else ContentKind.TEXT

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        if self.template is not None and (self.text is not None or self.media):
            raise ValueError("`template` is content that lives at the provider: remove `text` and `media`")
        if self.template is None and not (self.text or "").strip() and not self.media:
            raise ValueError("nothing to send: give `text`, `media` or `template`")
        return self
