"""What a send request says: the campaign, when, and to whom with which values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import phonenumbers

from deployments.sandbox.indigitall.members import Members, Warn
from deployments.sandbox.indigitall.switches import IndigitallSettings

Channel = Literal["sms", "email"]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS = re.compile(r"[0-9]+")
_NOT_DIGITS = re.compile(r"[^0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_NLS = ("auto", "standard", "spanish")
_SEND_TYPES = ("list", "all")
_ID_TYPES = ("phone", "externalCode")
_MAX_BLACKLIST = 1


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """One member of `contacts`.

    Attributes:
        address: Number in E.164 form or e-mail address; None when there is none, or none that can be used.
        external_code: The client's own key.
        custom_fields: Values for the campaign's custom fields.
        custom_data: The client's reference.
        identifiers: How the request named the contact, to name it in an answer.
    """

    address: str | None
    external_code: str | None
    custom_fields: Mapping[str, Any]
    custom_data: str | None
    identifiers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request whose schema is right. `schedule_at` is Unix seconds, None for now."""

    campaign_id: int
    schedule_at: float | None
    send_type: str
    is_flash: bool
    blacklist: tuple[int, ...]
    contacts: list[ContactEntry]


def read_request(body: Any, channel: Channel, settings: IndigitallSettings, warn: Warn) -> SendRequest:
    """Read the body of a send call.

    Raises:
        IndigitallError: 400.
    """
    name = settings.name
    shared = {name("campaign_id"), name("schedule_at"), "contacts"}
    of_sms = {name("id_type"), name("flash"), name("nls"), name("send_type_override")}
    of_email = {"cc", "bcc", "smartTimeConfig", "blacklist"}
    known = shared | (of_sms if channel == "sms" else of_email)
    members = Members(body, known, warn, extra=settings.extra_fields)
    campaign_id = members.integer(name("campaign_id"))
    members.require("contacts")
    entries = members.items("contacts")
    if not entries:
        members.refuse("contacts", "must NOT have fewer than 1 items")
    if settings.max_contacts is not None and len(entries) > settings.max_contacts:
        members.refuse("contacts", f"must NOT have more than {settings.max_contacts} items")
    # The e-mail call's one known client writes milliseconds; the SMS page's form has none.
    schedule_at = members.moment(name("schedule_at"), with_fraction=channel == "email")
    if channel == "email":
        blacklist = _read_email_options(members)
        contacts = [_read_email_contact(entry, settings, warn) for entry in entries]
        return SendRequest(campaign_id, schedule_at, "list", False, blacklist, contacts)
    members.choice(name("nls"), _NLS, "auto")
    if name("id_type") in members:
        members.object_to(name("id_type"), "deprecated")
    id_type = members.choice(name("id_type"), _ID_TYPES, "phone")
    return SendRequest(
        campaign_id,
        schedule_at,
        members.choice(name("send_type_override"), _SEND_TYPES, "list"),
        members.flag(name("flash")),
        (),
        [_read_sms_contact(entry, id_type, settings, warn) for entry in entries],
    )


def _read_email_options(members: Members) -> tuple[int, ...]:
    for copies in ("cc", "bcc"):
        for address in members.items(copies):
            if not isinstance(address, str) or _EMAIL.fullmatch(address) is None:
                members.object_to(copies, "not an e-mail address, ignored")
    members.object("smartTimeConfig")
    blacklist = members.items("blacklist")
    if len(blacklist) > _MAX_BLACKLIST:
        members.refuse("blacklist", f"must NOT have more than {_MAX_BLACKLIST} items")
    if not all(isinstance(audience, int) for audience in blacklist):
        members.refuse("blacklist", "must be integer")
    return tuple(blacklist)


def _read_email_contact(entry: Any, settings: IndigitallSettings, warn: Warn) -> ContactEntry:
    custom_data = settings.name("custom_data")
    known = {"email", "externalCode", "customFields", custom_data}
    members = Members(entry, known, warn, extra=settings.extra_fields, path="contacts[]")
    address = members.text("email")
    if address is not None and _EMAIL.fullmatch(address) is None:
        members.object_to("email", "not an e-mail address")
        address = None
    return _entry(members, address, members.text("externalCode"), custom_data, ("email", "externalCode"))


def _read_sms_contact(entry: Any, id_type: str, settings: IndigitallSettings, warn: Warn) -> ContactEntry:
    name = settings.name
    old_type, old_id, e164, custom_data = map(name, ("contact_type", "contact_id", "phone_e164", "custom_data"))
    identifiers = (e164, "phoneNumber", "countryCode", "externalCode", old_id)
    known = {*identifiers, old_type, "customFields", custom_data, "originData"}
    members = Members(entry, known, warn, extra=settings.extra_fields, path="contacts[]")
    for deprecated in (old_type, old_id):
        if deprecated in members:
            members.object_to(deprecated, "deprecated")
    members.object("originData")
    address = _read_address(members, e164)
    external_code = members.text("externalCode")
    is_named_anew = any(member in members for member in (e164, "phoneNumber", "externalCode"))
    kind = members.choice(old_type, _ID_TYPES, id_type)
    if old_id in members and not is_named_anew:
        identifier = members.text(old_id) or ""
        if kind == "externalCode":
            external_code = identifier
        else:
            address = _usable(members, old_id, f"+{_NOT_DIGITS.sub('', identifier)}")
    return _entry(members, address, external_code, custom_data, identifiers)


def _entry(
    members: Members,
    address: str | None,
    external_code: str | None,
    custom_data: str,
    identifiers: tuple[str, ...],
) -> ContactEntry:
    named = {name: members.raw(name) for name in (*identifiers, custom_data) if name in members}
    reference = members.text(custom_data, nullable=True)
    if not reference:
        members.object_to(custom_data, "missing: no report can say what became of this contact")
    return ContactEntry(address, external_code or None, members.object("customFields"), reference or None, named)


def _read_address(members: Members, e164: str) -> str | None:
    """The number in E.164 form: `phoneE164` before `phoneNumber` and `countryCode`."""
    whole = members.text(e164)
    country_code = members.text("countryCode", nullable=True)
    national = members.text("phoneNumber")
    from_parts = None
    if national is not None:
        from_parts = _usable(members, "phoneNumber", _joined(members, national, country_code))
    elif country_code is not None and whole is None:
        members.object_to("countryCode", "without a phoneNumber")
    if whole is None:
        return from_parts
    address = _usable(members, e164, whole)
    if address is not None and from_parts not in {None, address}:
        members.object_to(e164, "disagrees with phoneNumber and countryCode, and wins")
    return address


def _joined(members: Members, national: str, country_code: str | None) -> str:
    if _DIGITS.fullmatch(national) is None:
        members.object_to("phoneNumber", "not digits only")
        national = _NOT_DIGITS.sub("", national)
    if country_code is None:
        members.object_to("countryCode", "missing: phoneNumber is read as a whole international number")
        return f"+{national}"
    if _DIGITS.fullmatch(country_code) is None:
        members.object_to("countryCode", "not digits only")
        country_code = _NOT_DIGITS.sub("", country_code)
    if national.startswith(country_code) and not _is_valid(f"+{country_code}{national}"):
        members.object_to("phoneNumber", "begins with the country code, which then stands there twice")
    if national.startswith("0"):
        members.object_to("phoneNumber", "begins with the 0 of national calls")
    return f"+{country_code}{national}"


def _is_valid(address: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return False


def _usable(members: Members, field: str, address: str) -> str | None:
    if _E164.fullmatch(address) is None:
        members.object_to(field, "not a phone number")
        return None
    return address
