"""What a campaign can ask of Bird's Channels API.

The field names are Bird's in snake_case; `wire` turns them into Bird's camelCase, so no key is spelt twice.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, JsonValue, SecretStr, StringConstraints
from pydantic.alias_generators import to_camel

from tasks.messaging.strict_model import StrictModel
from tasks.providers.base import ProviderCredentials, ProviderOptions

_CAMEL_CASE = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


def wire(model: BaseModel) -> dict[str, Any]:
    """A model as Bird spells it, without what was not given."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class _Part(StrictModel):
    """A part of the request, spelt in camelCase on the wire."""

    model_config = _CAMEL_CASE


class BirdCredentials(ProviderCredentials):
    """Connection data of one channel in one Bird workspace."""

    base_url: str = Field(default="https://api.bird.com", title="Base URL", description="Address of the API.")
    access_key: SecretStr = Field(title="Access key", description="Needs a role that may send.")
    workspace_id: UUID = Field(title="Workspace ID", description="A UUID; the ws_... of the console gives 404.")
    channel_id: UUID = Field(title="Channel ID", description="A UUID.")
    signing_key: SecretStr | None = Field(
        default=None, title="Signing key", description="Of the webhook subscription; needed to receive callbacks."
    )


class Sender(StrictModel):
    """The sender, if not the channel's own: `{connector: {identifierValue, annotations: {name}}}`."""

    identifier_value: str | None = Field(default=None, description="Number or name of the sender.")
    name: str | None = Field(default=None, description="Annotation that is shown beside it.")


class Receiver(_Part):
    """How recipients are addressed.

    Of a contact's other members, `identifiers` and `platformAddress` say who it is: a value for all recipients
    would send every message to one person, so there is no option for them.
    """

    identifier_key: Literal["phonenumber", "contact_id"] | None = Field(
        default="phonenumber",
        description="phonenumber: the contact who has this number, created when new. contact_id: the contact "
        "whose UUID at Bird stands in the list's column of contact codes. Empty: a bare number.",
    )
    type: str | None = Field(default=None, description="Type of the contact; its values are not documented.")
    platform_address_selector: str | None = Field(
        default=None, description="Which address of a contact who has several; its values are not documented."
    )


class ReferralMetadata(StrictModel):
    """Where a referral came from. Bird spells these members in snake_case."""

    source_id: str | None = None
    source_url: str | None = None
    media_url: str | None = None
    tracking_id: str | None = None


class Referral(_Part):
    """What led the recipient here."""

    source: str | None = None
    title: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: ReferralMetadata | None = None


class Price(_Part):
    """Price of a product."""

    currency_code: str | None = None


class Product(_Part):
    """A product of an order."""

    external_catalog_id: str | None = None
    external_product_id: str | None = None
    price: Price | None = None


class Order(_Part):
    """The order that the message is about."""

    products: tuple[Product, ...] = ()


class ReferredProduct(_Part):
    """The product that the message is about."""

    external_catalog_id: str | None = None
    external_product_id: str | None = None


class EmailSender(_Part):
    """Sender of an e-mail."""

    username: str | None = None
    display_name: str | None = None


class EmailMeta(_Part):
    """E-mail context."""

    subject: str | None = None
    from_: EmailSender | None = Field(default=None, serialization_alias="from")


class PushNotifications(_Part):
    """Push context."""

    gateway_type_override: str | None = None


class Step(_Part):
    """A step of a flow or journey."""

    id: UUID | None = None
    name: str | None = None
    step_id: str | None = None
    run_id: UUID | None = None


class CampaignMeta(_Part):
    """The campaign at Bird."""

    id: UUID | None = None
    name: str | None = None


class Meta(_Part):
    """Context of the message."""

    extra_information: dict[str, JsonValue] | None = Field(
        default=None,
        description="Free. `useCase` is the campaign's purpose when not given: Bird holds marketing messages "
        "during quiet hours, can cap their frequency, and keeps its own opt-outs for each. null leaves it out.",
    )
    referral: Referral | None = None
    order: Order | None = None
    referred_product: ReferredProduct | None = None
    email: EmailMeta | None = None
    push_notifications: PushNotifications | None = None
    navigator_id: UUID | None = None
    navigator_message_id: UUID | None = None
    flow: Step | None = None
    journey: Step | None = None
    campaign: CampaignMeta | None = None


class ReplyTo(_Part):
    """The message that is answered."""

    id: str
    type: Literal["message"] = "message"


class ShortLinks(_Part):
    """Link shortening."""

    enabled: bool = True
    domain: str | None = None


class TemplateExtras(_Part):
    """Members of `template` beside the project, version, locale and parameters. Bird documents no shapes."""

    name: str | None = None
    variables: dict[str, JsonValue] | None = None
    attachments: list[JsonValue] | None = None
    short_links: ShortLinks | None = None
    utm_parameters: JsonValue = None
    settings: dict[str, JsonValue] | None = None


class Attachment(_Part):
    """An attachment of a text."""

    media_url: str
    filename: str | None = None
    inline: bool | None = None


class Link(_Part):
    """Where an action leads."""

    text: str
    url: str


class LinkAction(_Part):
    """An action of a text."""

    type: Literal["link"] = "link"
    link: Link


class WhatsAppMetadata(_Part):
    """WhatsApp's rendering of a text."""

    preview_url: bool | None = None


class LineEmoji(_Part):
    """An emoji of LINE."""

    product_id: str
    emoji_id: str


class LineEmojis(_Part):
    """The emojis of a text on LINE."""

    items: tuple[LineEmoji, ...] = ()


class LineMetadata(_Part):
    """LINE's rendering of a text."""

    emoji: LineEmojis | None = None


class TelegramMetadata(_Part):
    """Telegram's rendering of a text."""

    parse_mode: str | None = None


class TextMetadata(_Part):
    """Rendering of a text on other channels. Its subject is the campaign's `subject`."""

    whatsapp: WhatsAppMetadata | None = None
    line: LineMetadata | None = None
    telegram: TelegramMetadata | None = None


class TextExtras(_Part):
    """Members of a text body beside the text."""

    attachments: tuple[Attachment, ...] | None = None
    actions: tuple[LinkAction, ...] | None = None
    metadata: TextMetadata | None = None


Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, to_lower=True)]


class BirdOptions(ProviderOptions):
    """Bird's own request fields. What is not given is not sent."""

    model_config = _CAMEL_CASE

    batch: bool = Field(
        default=False,
        description="Hand over up to 100 messages a request. Their ids are not told then: a status comes by push, "
        "or is found by the message's reference.",
    )
    sender: Sender | None = Field(default=None, description="The channel's own sender when empty.")
    receiver: Receiver = Receiver()
    meta: Meta | None = None
    reply_to: ReplyTo | None = None
    notification: dict[str, JsonValue] | None = Field(
        default=None, description="Passed on as it is: Bird does not document its members."
    )
    cap_frequency: bool | None = Field(
        default=None,
        description="Apply Bird's frequency cap. Needs purpose marketing, and recipients addressed as contacts.",
    )
    enable_link_tracking: bool | None = Field(default=None, description="Append tracking parameters to links.")
    ignore_quiet_hours: bool | None = Field(
        default=None, description="Send at once; otherwise Bird holds marketing messages during quiet hours."
    )
    tags: tuple[Tag, ...] | None = Field(default=None, max_length=10, description="At most 10; lower-cased.")
    short_links: ShortLinks | None = Field(
        default=None, description="Link shortening. A template has its own: template.short_links."
    )
    validity: int | None = Field(
        default=None, gt=0, description="Seconds that a message may wait; 36 hours when empty, 10 minutes for 2FA."
    )
    text: TextExtras | None = Field(default=None, description="Of a text body: attachments, actions, metadata.")
    template: TemplateExtras | None = Field(default=None, description="Of a template.")
