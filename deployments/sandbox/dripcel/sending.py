"""Dripcel's two send calls. Order of checks: fields, number, opt-out, contact, test mode, credit."""

import random
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deployments.sandbox.dripcel.cells import read_cell, read_country
from deployments.sandbox.dripcel.errors import DripcelError
from deployments.sandbox.dripcel.fields import Fields, Warn
from deployments.sandbox.dripcel.organisation import Organisation
from deployments.sandbox.dripcel.people import has_placeholders
from deployments.sandbox.dripcel.sends import SendLog, SmsSend
from deployments.sandbox.dripcel.switches import NOT_RECEIVED, DripcelSettings
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.sms_parts import count_parts

SMS_FIELDS = (
    "content",
    "cell",
    "skipNonContacts",
    "country",
    "deliveryMethod",
    "campaign_id",
    "sendOptions",
)
EMAIL_FIELDS = ("from", "template_id", "destinations", "filter_non_contacts", "to_start_at")
DELIVERY_METHODS = ("reverse", "standard", "transactional")

_FREE = Decimal(0)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of an accepted SMS."""

    states: tuple[str, ...]
    is_charged: bool = True
    is_test: bool = False
    has_record: bool = True


def send_sms(
    organisation: Organisation, fields: Fields, settings: DripcelSettings, warn: Warn, now_seconds: float
) -> dict[str, Any]:
    """`POST /send/sms`: exactly one recipient.

    Returns:
        `data` of the answer: `customerId` and `totalCost`.

    Raises:
        DripcelError: 400, or 402 without credit; nothing is sent.
    """
    content = fields.required_text("content")
    cell = fields.required_text("cell")
    skips_non_contacts = bool(fields.flag("skipNonContacts", required=True))
    country = read_country(fields.required_text("country"), warn)
    fields.choice("deliveryMethod", DELIVERY_METHODS)
    campaign_id = fields.text("campaign_id")
    if campaign_id is not None and campaign_id not in settings.campaigns:
        warn("campaign_id", "not one of the account's campaigns")
    options = fields.object("sendOptions", ("testMode",))
    asks_for_test = options is not None and bool(options.flag("testMode"))
    phone = read_cell(cell, country, warn)

    fate = _fate_of(
        organisation,
        phone,
        campaign_id,
        settings,
        skips_non_contacts=skips_non_contacts,
        text=content,
        asks_for_test=asks_for_test,
    )
    text = organisation.people.personal_text(content, phone, warn, "content")
    cost = count_parts(text) * Decimal(str(settings.price)) if fate.is_charged else _FREE
    organisation.check_credit(cost, settings)
    organisation.credit -= cost
    send = SmsSend(
        address=phone,
        text=text,
        sender=None,
        reference=None,
        id=organisation.new_id(now_seconds),
        status=fate.states[0],
        cost=cost,
        received_at=now_seconds,
        simulated=fate.is_test,
        delivery_id=organisation.new_id(now_seconds),
        send_id=organisation.new_id(now_seconds),
        campaign_id=campaign_id,
        states=fate.states,
    )
    organisation.sends.add(send, has_record=fate.has_record)
    organisation.ledger.record(send, reaches_person=fate.states[-1] not in NOT_RECEIVED)
    if campaign_id is not None and settings.sms_send_log == "on":
        organisation.sends.logs[send.send_id] = SendLog(
            send.send_id, campaign_id, content, now_seconds, (phone.removeprefix("+"),)
        )
    return {"customerId": send.id, "totalCost": float(cost)}


def _fate_of(
    organisation: Organisation,
    phone: str,
    campaign_id: str | None,
    settings: DripcelSettings,
    *,
    skips_non_contacts: bool,
    text: str,
    asks_for_test: bool,
) -> _Fate:
    people = organisation.people
    if settings.opted_out != "sent_anyway" and people.has_opted_out(phone, campaign_id, settings):
        if settings.opted_out == "error_400":
            raise DripcelError(400, "Contact has opted out")
        return _Fate(("opted_out",), is_charged=False)
    if not people.is_contact(phone, settings):
        if skips_non_contacts:
            if settings.non_contact == "error_400":
                raise DripcelError(400, "Cell number is not a contact")
            return _Fate(("skipped",), is_charged=False)
        if has_placeholders(text) and settings.template_non_contact == "error_400":
            raise DripcelError(400, "Templates can only be sent to contacts")
    states = _states_of(phone, text, settings)
    if asks_for_test and settings.test_mode != "ignored":
        return _Fate(states, is_charged=False, is_test=True, has_record=settings.test_mode == "free_record")
    return _Fate(states)


def _states_of(phone: str, text: str, settings: DripcelSettings) -> tuple[str, ...]:
    script = settings.delivery_scripts.get(phone, settings.delivery_script)
    if script == "never":
        return ("pending",)
    if phone in settings.delivery_scripts or not settings.outcomes:
        return tuple(script)
    # By the message alone, so that no order of arrival changes it.
    dice = random.Random(f"{phone} {text}")
    [outcome] = dice.choices(list(settings.outcomes), list(settings.outcomes.values()))
    return (*script[:-1], outcome)


def send_bulk_email(
    organisation: Organisation, fields: Fields, settings: DripcelSettings, warn: Warn, now_seconds: float
) -> dict[str, Any]:
    """`POST /send/email/bulk`: one template to many addresses.

    Returns:
        `data` of the answer, which names nothing.

    Raises:
        DripcelError: 400, or 402 without credit; nothing is sent.
    """
    sender = fields.required_text("from")
    if _EMAIL.fullmatch(sender) is None:
        fields.refuse("from", "not an e-mail address")
    template = settings.email_templates.get(fields.required_text("template_id"))
    if template is None:
        fields.refuse("template_id", "no such template")
    destinations = fields.texts("destinations", required=True)
    drops_non_contacts = fields.flag("filter_non_contacts", required=template.has_custom_fields)
    if drops_non_contacts is None:
        drops_non_contacts = settings.email_non_contact == "absent_is_true"
    start_at = fields.moment("to_start_at")
    addresses = [
        address
        for address in _read_addresses(destinations, warn)
        if not drops_non_contacts or organisation.people.is_contact(address, settings)
    ]
    if template.has_custom_fields and not drops_non_contacts:
        warn("filter_non_contacts", "false although the template has custom fields")

    price = Decimal(str(settings.price_email))
    wanted = [
        address
        for address in addresses
        if settings.opted_out == "sent_anyway" or not organisation.people.has_opted_out(address, None, settings)
    ]
    organisation.check_credit(price * len(wanted), settings)
    organisation.credit -= price * len(wanted)
    send_id = organisation.new_id(now_seconds)
    is_later = start_at is not None and start_at > now_seconds
    for address in wanted:
        organisation.ledger.record(
            Recipient(
                address=address,
                text=organisation.people.personal_text(template.text, address, warn, "template_id"),
                sender=sender,
                reference=None,
                id=send_id,
                status="scheduled" if is_later else "sent",
                cost=price,
                received_at=now_seconds,
            ),
            reaches_person=True,
        )
    if settings.email_send_log == "on":
        organisation.sends.logs[send_id] = SendLog(
            send_id, None, template.name, start_at if start_at is not None else now_seconds, tuple(wanted)
        )
    return {}


def _read_addresses(destinations: list[str], warn: Warn) -> list[str]:
    addresses = []
    seen = set()
    for address in destinations:
        if _EMAIL.fullmatch(address) is None:
            warn("destinations[]", "not an e-mail address, left out")
            continue
        if address in seen:
            warn("destinations[]", "repeated in the request")
        seen.add(address)
        addresses.append(address)
    return addresses
