"""What a campaign becomes in a request to indigitall: a campaign's number, and a contact for each message."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import phonenumbers

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, Purpose
from tasks.providers.base import OutboundMessage
from tasks.providers.indigitall.names import Name
from tasks.providers.indigitall.options import IndigitallOptions, PhoneForm, SendType

_PATHS = {Channel.SMS: "/v2/sms/send/list", Channel.EMAIL: "/v2/email/send/list"}

# Said explicitly, because what the call does without it hangs on how the campaign was made in the console. Both go
# to the contacts of the request alone ("Sends a campaign to the specified contacts").
_SEND_TYPES = {Purpose.TRANSACTIONAL: SendType.LIST, Purpose.MARKETING: SendType.ALL}

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class NotAddressable(Exception):
    """A message whose contact indigitall would drop without a word.

    Args:
        reason: One lower_snake_case word for the ledger.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IndigitallRequests:
    """The requests of one run: what all messages share is built once.

    Args:
        content: What the messages share; names a campaign of indigitall.
        options: indigitall's own fields.

    Attributes:
        path: Of the channel's call.
    """

    def __init__(self, content: Content, options: IndigitallOptions) -> None:
        if content.template is None:
            raise ValueError("indigitall sends campaigns of its own; the content needs a `template`")
        self.path = _PATHS[content.channel]
        self._channel = content.channel
        self._field_names = content.template.fields.keys()
        self._phone_form = options.phone_form
        self._shared: dict[str, Any] = {Name.CAMPAIGN_ID: int(content.template.id)}
        self._shared_by_contacts: dict[str, Any] = {}
        if content.channel is Channel.SMS:
            self._shared |= _sms_fields(content, options)
            if options.origin_data is not None:
                self._shared_by_contacts[Name.ORIGIN_DATA] = options.origin_data
        else:
            self._shared |= _email_fields(options)

    def body(self, contacts: Sequence[dict[str, Any]], send_at: datetime | None) -> dict[str, Any]:
        """The request that sends the campaign to these contacts, at once when there is no time."""
        # The form with Z is the documented one; the page shows no other offset.
        body = {**self._shared, Name.CONTACTS: list(contacts)}
        if send_at is not None:
            body[Name.SCHEDULE_AT] = send_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return body

    def contact(self, message: OutboundMessage) -> dict[str, Any]:
        """The member of `contacts` that one message becomes.

        With an address, the message goes there, and an external code only serves to create the contact; with the
        code alone it goes to the contact that has it.

        Raises:
            NotAddressable: There is neither an address nor a code, or the address is none.
            ValueError: The message has other fields than the campaign file.
        """
        if message.template_fields.keys() != self._field_names:
            raise ValueError(f"message {message.reference} does not have the fields of the campaign")
        contact = self._address(message.address)
        if message.external_code:
            contact[Name.EXTERNAL_CODE] = message.external_code
        if not contact:
            raise NotAddressable("missing_address")
        if message.template_fields:
            contact[Name.CUSTOM_FIELDS] = dict(message.template_fields)
        return {**contact, Name.CUSTOM_DATA: message.reference, **self._shared_by_contacts}

    def _address(self, address: str) -> dict[str, Any]:
        if not address:
            return {}
        if self._channel is Channel.EMAIL:
            if not _EMAIL.fullmatch(address):
                raise NotAddressable("invalid_address")
            return {Name.EMAIL: address}
        return _phone(address, self._phone_form)


def _phone(e164: str, form: PhoneForm) -> dict[str, Any]:
    if not _E164.fullmatch(e164):
        raise NotAddressable("invalid_address")
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        raise NotAddressable("invalid_address") from None
    contact: dict[str, Any] = {}
    if form is not PhoneForm.NATIONAL:
        contact[Name.PHONE_E164] = e164
    if form is not PhoneForm.E164:
        contact[Name.COUNTRY_CODE] = str(number.country_code)
        # Keeps the zero that belongs to an Italian number, and has no other one.
        contact[Name.PHONE_NUMBER] = phonenumbers.national_significant_number(number)
    return contact


def _sms_fields(content: Content, options: IndigitallOptions) -> dict[str, Any]:
    send_type = options.send_type_override or _SEND_TYPES[content.purpose]
    fields: dict[str, Any] = {Name.SEND_TYPE_OVERRIDE: send_type.value}
    if content.flash or options.flash is not None:
        fields[Name.FLASH] = content.flash or options.flash
    if options.nls is not None:
        fields[Name.NLS] = options.nls.value
    return fields


def _email_fields(options: IndigitallOptions) -> dict[str, Any]:
    fields: dict[str, Any] = {
        Name.CC: list(options.cc),
        Name.BCC: list(options.bcc),
        Name.SMART_TIME_CONFIG: options.smart_time_config,
        Name.BLACKLIST: list(options.blacklist),
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}
