"""What a campaign can ask of Dripcel, and what Dripcel would refuse, drop or silently change in it."""

import json
import re
from enum import StrEnum
from typing import Any

from jinja2 import nodes
from pydantic import Field, SecretStr, field_validator

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel
from tasks.messaging.strict_model import StrictModel
from tasks.messaging.template_language import TemplateError, parse_text
from tasks.providers.base import ProviderCredentials, ProviderOptions
from tasks.providers.dripcel.statuses import check_status_words

TEMPLATE_MARK = "{{"
"""How a template of Dripcel's own begins in the text of an SMS."""

EMAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
"""A bare address: no name in front of it, no angle brackets."""


class DeliveryMethod(StrEnum):
    """The route. Dripcel lists the words and does not say what they mean."""

    REVERSE = "reverse"
    STANDARD = "standard"
    TRANSACTIONAL = "transactional"


class DripcelCredentials(ProviderCredentials):
    """Connection data of one Dripcel organisation."""

    base_url: str = Field(default="https://api.dripcel.com", title="Base URL", description="Address of the API.")
    api_key: SecretStr = Field(
        title="API key",
        description="Needs the permissions sendLog.create, to send, and replies.read, to learn who opted out.",
    )
    status_words: dict[str, str] | None = Field(
        default=None,
        title="Status words",
        description="What delivery words stand for that are not known yet, or are read wrongly: Dripcel's word to "
        "accepted, scheduled, sent, delivered, undelivered, rejected, failed or cancelled. In an environment "
        'variable as JSON: {"DELIVRD": "delivered"}.',
    )

    @field_validator("status_words", mode="before")
    @classmethod
    def _parse_environment_variable(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f'is not JSON ({error}); expected like {{"DELIVRD": "delivered"}}') from None

    @field_validator("status_words")
    @classmethod
    def _check_status_words(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        return None if value is None else check_status_words(value)


class SendOptions(StrictModel):
    """Dripcel's `sendOptions`, of which one member is known."""

    test_mode: bool | None = Field(default=None, description="The same as the campaign's `test_mode`.")


class DripcelOptions(ProviderOptions):
    """Dripcel's own request fields. All but `filter_non_contacts` belong to SMS."""

    skip_non_contacts: bool = Field(
        default=False,
        # Dripcel has no default. True would answer 200 for people who then get nothing: who is a contact there is
        # not what the audience says, and only the delivery status tells it.
        description="Let Dripcel leave out numbers that are not contacts of the organisation. They count as "
        "accepted until their delivery status says otherwise.",
    )
    delivery_method: DeliveryMethod | None = Field(
        default=None,
        description="Route. When empty: transactional for transactional campaigns, standard for marketing.",
    )
    campaign_id: str | None = Field(
        default=None,
        min_length=1,
        description="Dripcel's campaign that the SMS belong to: its hooks then fire on replies.",
    )
    send_options: SendOptions | None = Field(default=None, description="Options of the send.")
    filter_non_contacts: bool | None = Field(
        default=None,
        description="E-mail only, and needed there: let Dripcel leave out addresses that are not contacts. "
        "Must be true when the template has custom fields.",
    )


def find_dripcel_problems(content: Content, options: DripcelOptions) -> list[str]:
    """What Dripcel would refuse, drop or silently change, one sentence each, beginning with the key."""
    if content.channel is Channel.EMAIL:
        return _email_problems(content, options)
    return _sms_problems(content, options) if content.channel is Channel.SMS else []


def find_dripcel_warnings(options: DripcelOptions) -> list[str]:
    """What a reader of the campaign would not expect, one sentence each, beginning with the key."""
    return [
        f"options.dripcel.{key}: whoever dripcel leaves out counts as accepted; {remedy}"
        for key, is_set, remedy in (
            ("skip_non_contacts", options.skip_non_contacts, "only the delivery status tells"),
            ("filter_non_contacts", options.filter_non_contacts, "it never says whom"),
        )
        if is_set
    ]


def has_dripcel_template(source: str | None) -> bool:
    """Whether a campaign's text still holds `{{` when it is rendered: put there for Dripcel to fill in."""
    if source is None or TEMPLATE_MARK not in source:
        return False
    try:
        tree = parse_text(source)
    except TemplateError:  # said where the text is compiled
        return False
    fixed_texts = [node.data for node in tree.find_all(nodes.TemplateData)]
    fixed_texts += [node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)]
    return any(TEMPLATE_MARK in text for text in fixed_texts)


def _sms_problems(content: Content, options: DripcelOptions) -> list[str]:
    problems = []
    if options.filter_non_contacts is not None:
        problems.append(
            "options.dripcel.filter_non_contacts: belongs to email; for sms there is "
            "options.dripcel.skip_non_contacts"
        )
    if has_dripcel_template(content.text) and not options.skip_non_contacts:
        problems.append(
            f"text: what it leaves in {TEMPLATE_MARK} }}}} dripcel fills in for its contacts only; "
            "set options.dripcel.skip_non_contacts, or let Rollcall fill it in"
        )
    if content.replies and options.campaign_id is None:
        problems.append(
            "replies: dripcel tells of replies where the message belongs to a campaign of its own; "
            "set options.dripcel.campaign_id"
        )
    asked = options.send_options and options.send_options.test_mode
    if asked is not None and asked is not content.test_mode:
        problems.append("test_mode: differs from options.dripcel.send_options.test_mode; give one of them")
    return problems


def _email_problems(content: Content, options: DripcelOptions) -> list[str]:
    of_sms = {
        "skip_non_contacts": options.skip_non_contacts,
        "delivery_method": options.delivery_method is not None,
        "campaign_id": options.campaign_id is not None,
        "send_options": options.send_options is not None,
    }
    problems = [f"options.dripcel.{key}: belongs to sms, not to email" for key, given in of_sms.items() if given]
    if content.sender is None:
        problems.append("sender: dripcel needs the address that the email comes from")
    elif EMAIL_ADDRESS.fullmatch(content.sender) is None:
        problems.append(f"sender: dripcel needs a bare email address, not {content.sender!r}")
    if options.filter_non_contacts is None:
        # "Required if the template contains custom fields", which cannot be asked for; and what Dripcel does
        # without it is not documented. As the answer names nobody, people would be left out unseen.
        problems.append(
            "options.dripcel.filter_non_contacts: say true (only contacts of dripcel get the email; a must "
            "when the template has custom fields) or false (everybody does)"
        )
    return problems + _template_problems(content)


def _template_problems(content: Content) -> list[str]:
    template = content.template
    if template is None:
        return []
    problems = []
    if template.fields:
        problems.append(
            "template.fields: dripcel fills the custom fields of a template from its own contacts and takes no "
            "values; remove them, and set options.dripcel.filter_non_contacts: true"
        )
    if template.version is not None:
        problems.append("template.version: dripcel has no versions of a template; remove it")
    if template.locale is not None:
        problems.append("template.locale: dripcel has one language a template; remove it, or choose another id")
    return problems
