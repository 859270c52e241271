"""An Octopush campaign: reading its parameters, the STOP rule, its texts and its price."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from deployments.sandbox.octopush.contacts import Contact, PersonalText
from deployments.sandbox.octopush.parameters import OctopushError, Parameters, Warn
from deployments.sandbox.octopush.switches import OctopushSettings
from deployments.sandbox.sms_parts import count_parts, to_cheaper_text

TEXT_MAX_CHARS = 1224
LIST_NAME_MAX_CHARS = 30
SHORT_CODE = "36111"
"""What the operator puts in the place of XXXXX."""
REPLY_NUMBER = "38111"
"""Sender of messages to metropolitan France that can be replied to."""

_FRANCE = "+33"
_CENTRAL_EUROPE = ZoneInfo("Europe/Paris")
_SENDER_MIN_CHARS, _SENDER_MAX_CHARS = 3, 11
_NOT_IN_SENDER = re.compile(r"[^A-Za-z0-9 ]")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What all recipients share. `send_at` has an offset; None sends at once."""

    text: str
    is_premium: bool
    purpose: str
    sender: str | None
    send_at: datetime | None
    with_replies: bool
    drop_opted_out: bool
    optimize_text: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one contact of a campaign gets."""

    contact: Contact
    text: str
    parts: int


def read_campaign(parameters: Parameters, settings: OctopushSettings) -> Campaign:
    """The campaign as Octopush understands it.

    Raises:
        OctopushError: 107 no text, 102 too much of it.
    """
    text = parameters.text("text")
    if not text:
        raise OctopushError(107, "The text of your message is missing.")
    if len(text) > TEXT_MAX_CHARS:
        if settings.long_text == "error_102":
            raise OctopushError(102, f"Your text exceeds {TEXT_MAX_CHARS} characters.")
        parameters.warn("text", f"longer than {TEXT_MAX_CHARS} characters, cut off")
        text = text[:TEXT_MAX_CHARS]
    if parameters.raw("purpose") is None:
        parameters.warn("purpose", f"missing; taken as {settings.default_purpose}")
    drop_opted_out = parameters.flag("auto_delete_optout_contacts")
    drop_opted_out |= parameters.flag("auto_remove_blacklisted_numbers")
    return Campaign(
        text=text,
        is_premium=parameters.choice("type", ("sms_premium", "sms_low_cost"), "sms_premium") == "sms_premium",
        purpose=parameters.choice("purpose", ("alert", "wholesale"), settings.default_purpose),
        sender=_read_sender(parameters),
        send_at=_read_send_at(parameters),
        with_replies=parameters.flag("with_replies"),
        drop_opted_out=drop_opted_out or settings.optouts == "always_drop",
        optimize_text=parameters.flag("auto_optimize_text", default=True),
    )


def _read_sender(parameters: Parameters) -> str | None:
    raw = parameters.text("sender")
    if raw is None:
        return None
    sender = _NOT_IN_SENDER.sub("", raw)
    if sender != raw:
        parameters.warn("sender", "forbidden characters removed")
    if " " in sender:
        parameters.warn("sender", "holds a space, which only one page of the documentation allows")
    if len(sender) > _SENDER_MAX_CHARS:
        parameters.warn("sender", f"longer than {_SENDER_MAX_CHARS} characters, cut off")
        sender = sender[:_SENDER_MAX_CHARS]
    if len(sender) < _SENDER_MIN_CHARS:
        parameters.warn("sender", f"shorter than {_SENDER_MIN_CHARS} characters, ignored")
        return None
    return sender


def _read_send_at(parameters: Parameters) -> datetime | None:
    raw = parameters.text("send_at")
    if raw is None:
        return None
    try:
        send_at = datetime.fromisoformat(raw)
    except ValueError:
        parameters.warn("send_at", "not an ISO 8601 date and time, ignored: sent at once")
        return None
    if send_at.tzinfo is None:
        parameters.warn("send_at", "has no UTC offset, taken as Central European time")
        return send_at.replace(tzinfo=_CENTRAL_EUROPE)
    return send_at


def is_scheduled(campaign: Campaign, now_seconds: float) -> bool:
    """Whether the provider holds the campaign for later."""
    return campaign.send_at is not None and campaign.send_at > datetime.fromtimestamp(now_seconds, UTC)


def begins_at(campaign: Campaign, now_seconds: float) -> float:
    """When it is sent; Unix time."""
    if campaign.send_at is not None and is_scheduled(campaign, now_seconds):
        return campaign.send_at.timestamp()
    return now_seconds


def check_stop_mention(campaign: Campaign, contacts: Sequence[Contact], settings: OctopushSettings) -> None:
    """Marketing to France must tell how to stop it.

    Raises:
        OctopushError: 121 (premium) or 122 (low cost); nothing is sent.
    """
    if settings.stop_literal == "off" or (campaign.purpose == "alert" and settings.stop_alert == "exempt"):
        return
    if not any(contact.phone.startswith(_FRANCE) for contact in contacts):
        return
    if not campaign.is_premium:
        if "no PUB=STOP" not in campaign.text:
            raise OctopushError(122, 'The mention "no PUB=STOP" is missing.')
        return
    name, _, short_code = settings.stop_literal.partition(":")
    accepted = {
        "xxxxx": r"STOP au XXXXX",
        "code": rf"STOP au {short_code}(?!\d)",
        "both": r"STOP au (XXXXX|\d{5}(?!\d))",
    }[name]
    if re.search(accepted, campaign.text) is None:
        raise OctopushError(121, "Mention STOP is missing.")


def compute_deliveries(
    campaign: Campaign, contacts: Sequence[Contact], settings: OctopushSettings, field: str, warn: Warn
) -> list[Delivery]:
    """Each contact's text as it would be read, and the SMS that it needs."""

    def polish(text: str) -> str:
        if campaign.optimize_text:
            cheaper = to_cheaper_text(text)
            if cheaper != text:
                warn("text", "changed by auto_optimize_text (Unicode characters or useless spaces)")
                text = cheaper
        if len(text) > TEXT_MAX_CHARS:
            warn("text", f"longer than {TEXT_MAX_CHARS} characters once its placeholders are filled in")
        return text

    text = (
        campaign.text.replace("STOP au XXXXX", f"STOP au {SHORT_CODE}") if campaign.is_premium else campaign.text
    )
    personal = PersonalText(text, settings.missing_param, polish, warn)
    deliveries = []
    for contact in contacts:
        rendered = personal.render(contact, field)
        deliveries.append(Delivery(contact, rendered, count_parts(rendered)))
    return deliveries


def sender_for(campaign: Campaign, phone: str) -> str | None:
    """What the person sees as the sender."""
    return REPLY_NUMBER if campaign.with_replies and phone.startswith(_FRANCE) else campaign.sender


def price_per_part(campaign: Campaign, settings: OctopushSettings) -> Decimal:
    """Euros per SMS of this campaign."""
    return Decimal(str(settings.price_premium if campaign.is_premium else settings.price_low_cost))
