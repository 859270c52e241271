"""What a campaign can ask of Octopush, and what Octopush would refuse or silently change in it.

The server casts, trims or replaces what it does not like and still sends ("your request will be sent"), so
whatever is not caught here costs money.
"""

import re
from enum import StrEnum

from pydantic import Field, SecretStr

from tasks.messaging.content import Content
from tasks.messaging.statuses import Purpose
from tasks.providers.base import ProviderCredentials, ProviderOptions

PLACEHOLDERS = ("first_name", "last_name", "param1", "param2", "param3", "param4", "param5")
TEXT_MAX_CHARS = 1224

PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
"""A placeholder as Octopush reads it: single braces."""

_PLACEHOLDER_IN_SOURCE = re.compile(r"(?<!\{)\{(" + "|".join(PLACEHOLDERS) + r")\}(?!\})")
_SENDER = re.compile(r"[a-zA-Z0-9]{3,11}")
_JINJA = re.compile(r"\{[{%#]")
_STOP_COUNTRY = "FR"


class SmsType(StrEnum):
    """The quality of the route."""

    PREMIUM = "sms_premium"
    """Delivery receipts, sender of choice."""
    LOW_COST = "sms_low_cost"
    """Cheaper; no delivery receipts, so a message stays accepted."""


class OctopushCredentials(ProviderCredentials):
    """Connection data of one Octopush account."""

    base_url: str = Field(
        default="https://api.octopush.com/v1/public", title="Base URL", description="Address of the API."
    )
    api_login: str = Field(repr=False, title="API login", description="E-mail address of the account.")
    api_key: SecretStr = Field(title="API key", description="Key of the account, from the console.")


class OctopushOptions(ProviderOptions):
    """Octopush's own request fields. Those with a default are always sent: its own defaults are not documented."""

    type: SmsType = Field(default=SmsType.PREMIUM, description="Quality of the route.")
    sender: str | None = Field(
        default=None,
        description="3 to 11 of a-z A-Z 0-9, where the operator allows it. The same as the campaign's `sender`.",
    )
    with_replies: bool = Field(
        default=False,
        description="Recipients may reply; in metropolitan France the sender becomes a short number.",
    )
    auto_delete_optout_contacts: bool | None = Field(
        default=None, description="Leave out recipients who opted out at Octopush; done when empty."
    )
    auto_remove_blacklisted_numbers: bool | None = Field(
        default=None,
        description="The same under the name of older pages, which then goes in place of the current one; give "
        "both to send both. The two-phase send knows this name only, and gets either.",
    )
    auto_optimize_text: bool = Field(
        default=False,
        # What was approved is what is sent, and the parts that were counted are the parts that are paid.
        description="Octopush may replace characters and spaces in the text to save parts.",
    )
    recipient_tracking: bool | None = Field(
        default=None, description='"Get recipient tracking"; its effect is not documented. Not sent when empty.'
    )
    send_request_id: bool = Field(
        default=False,
        description="Send `request_id`, which older pages describe as a protection against double sending. "
        "The current page does not list it: no guarantee.",
    )
    two_phase: bool = Field(
        default=False,
        description="Put the recipients of each request into a list of its name, let Octopush count and price it, "
        "then confirm: until then nothing is sent, so fewer lost answers leave messages unknown. Four calls a "
        "request instead of one; no test mode.",
    )
    balance_country: str = Field(
        default="FR",
        pattern=r"^[A-Z]{2}$",
        description="Octopush tells its balance as a number of messages to one country (ISO 3166-1 alpha-2).",
    )
    stop_mention: str | None = Field(
        default="STOP au XXXXX",
        min_length=1,
        description="What premium marketing texts to France must contain; Octopush puts the number in place of "
        "XXXXX. null switches the check off.",
    )
    stop_mention_low_cost: str | None = Field(
        default="no PUB=STOP",
        min_length=1,
        description="The same for low-cost texts. null switches the check off.",
    )


def sender_of(content: Content, options: OctopushOptions) -> str | None:
    """The sender to ask for; None leaves it to Octopush."""
    return content.sender or options.sender


def wants_replies(content: Content, options: OctopushOptions) -> bool:
    """Whether recipients shall be able to answer."""
    return content.replies or options.with_replies


def leaves_out_opted_out(options: OctopushOptions) -> bool:
    """Whether Octopush shall leave out whom it knows to have opted out.

    By default it does: its blacklist cannot be read, so it may know of a STOP whose callback was lost.
    """
    given = (options.auto_delete_optout_contacts, options.auto_remove_blacklisted_numbers)
    return all(flag is not False for flag in given)


def opt_out_flags(options: OctopushOptions) -> dict[str, bool]:
    """The same, as the direct send takes it: under the current name, or the names that the campaign gives."""
    named = {
        "auto_delete_optout_contacts": options.auto_delete_optout_contacts,
        "auto_remove_blacklisted_numbers": options.auto_remove_blacklisted_numbers,
    }
    given = {name: flag for name, flag in named.items() if flag is not None}
    return given or {"auto_delete_optout_contacts": True}


def find_octopush_problems(
    content: Content, options: OctopushOptions, countries: frozenset[str] = frozenset()
) -> list[str]:
    """What Octopush would refuse or silently change, one sentence each, beginning with the key."""
    return [
        *_sender_problems(content, options, countries),
        *_text_problems(content.text or "", content.purpose, options, countries),
        *_opt_out_problems(options),
        *(_two_phase_problems(content, options) if options.two_phase else []),
    ]


def _opt_out_problems(options: OctopushOptions) -> list[str]:
    problems = []
    if {options.auto_delete_optout_contacts, options.auto_remove_blacklisted_numbers} == {True, False}:
        problems.append(
            "options.octopush.auto_remove_blacklisted_numbers: says the opposite of auto_delete_optout_contacts, "
            "which is its newer name; give one of them"
        )
    return problems


def _two_phase_problems(content: Content, options: OctopushOptions) -> list[str]:
    """What only the direct send has. Octopush would ignore it, and send."""
    problems = []
    if content.test_mode:
        problems.append("test_mode: the two-phase send has none; remove options.octopush.two_phase")
    if options.recipient_tracking is not None:
        problems.append("options.octopush.recipient_tracking: the two-phase send has none; remove one of them")
    if options.send_request_id:
        problems.append(
            "options.octopush.send_request_id: the two-phase send needs none, a ticket is confirmed only once"
        )
    return problems


def _sender_problems(content: Content, options: OctopushOptions, countries: frozenset[str]) -> list[str]:
    sender = sender_of(content, options)
    if sender is None:
        return []
    problems = []
    if content.sender and options.sender and content.sender != options.sender:
        problems.append("sender: differs from options.octopush.sender; give one of them")
    if " " in sender:
        problems.append(
            f"sender: {sender!r} holds a space, allowed by one page of octopush and not by another; leave it out"
        )
    elif not _SENDER.fullmatch(sender):
        problems.append(f"sender: {sender!r} is not 3 to 11 of a-z A-Z 0-9; octopush would change it and send")
    if wants_replies(content, options) and _STOP_COUNTRY in countries:
        problems.append("sender: with replies, recipients in France see a short number instead")
    return problems


def _text_problems(text: str, purpose: Purpose, options: OctopushOptions, countries: frozenset[str]) -> list[str]:
    problems = []
    if not _JINJA.search(text) and len(text) > TEXT_MAX_CHARS:  # a rendered text is measured per recipient
        problems.append(f"text: {len(text)} characters, octopush takes {TEXT_MAX_CHARS}")
    if found := _PLACEHOLDER_IN_SOURCE.search(text):
        problems.append(f"text: octopush would fill in {found[0]} by itself; write {{{{ {found[1]} }}}}")
    premium = options.type is SmsType.PREMIUM
    mention = options.stop_mention if premium else options.stop_mention_low_cost
    if text and mention and purpose is Purpose.MARKETING and _STOP_COUNTRY in countries and mention not in text:
        key = "stop_mention" if premium else "stop_mention_low_cost"
        problems.append(
            f"text: marketing texts to France must contain `{mention}`, exactly so "
            f"(another wording: options.octopush.{key})"
        )
    return problems
