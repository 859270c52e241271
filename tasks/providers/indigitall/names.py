"""Every name that indigitall's send calls use on the wire, each with how sure it is.

The reference page of the SMS call shows types, rules and meanings of the fields, and for most of them no name. One
that turns out to be otherwise is corrected here, in one edit.

    documented   the page, or its e-mail twin, shows it
    likely       seen in a client's code, in the CSV twin's columns, or in the object of a sending
    unsure       a placeholder that fits the others

What is not documented is on the wire only where a campaign asks for it, `phoneE164` and `customData` aside: the
first goes beside documented names that say the same, without the second no report could tell what became of whom.

Deprecated and never sent: `idType`, and in a contact `type` and `id` (names likely; "if you use externalCode and
phoneNumber, this field will be ignored").
"""

from enum import StrEnum


class Name(StrEnum):
    """A member of a request."""

    CAMPAIGN_ID = "campaignId"
    """Documented for e-mail, likely for SMS (else `id`)."""
    SCHEDULE_AT = "scheduleAt"
    """Likely, a client of the e-mail call (else `sendDate`, `sendAt`)."""
    FLASH = "flash"
    """Likely, the object of a sending has it (else `isFlash`)."""
    NLS = "nls"
    """Unsure (else `charset`, `nlsCharset`)."""
    SEND_TYPE_OVERRIDE = "sendTypeOverride"
    """Documented; that it stands at the root of the request is likely."""
    CC = "cc"
    """Documented."""
    BCC = "bcc"
    """Documented."""
    SMART_TIME_CONFIG = "smartTimeConfig"
    """Documented."""
    BLACKLIST = "blacklist"
    """Documented."""
    CONTACTS = "contacts"
    """Documented."""

    PHONE_E164 = "phoneE164"
    """In a contact. Likely, a column of the CSV twin (else `phoneNumberE164`)."""
    PHONE_NUMBER = "phoneNumber"
    """In a contact. Documented; that it takes the national digits is likely."""
    COUNTRY_CODE = "countryCode"
    """In a contact. Documented, without the plus sign."""
    EMAIL = "email"
    """In a contact. Documented."""
    EXTERNAL_CODE = "externalCode"
    """In a contact. Documented."""
    CUSTOM_FIELDS = "customFields"
    """In a contact. Documented for SMS, likely for e-mail."""
    CUSTOM_DATA = "customData"
    """In a contact. Likely, a column of the CSV twin (else `externalReference`)."""
    ORIGIN_DATA = "originData"
    """In a contact. Documented."""


SENDING_ID_NAMES = ("id", "sendingId", "sendId")
"""Where in an answer's `data` the id of the sending may be: no page shows a good answer. The first one counts."""

ERRORS_NAME = "errors"
"""Contacts that were refused, in an answer's `data`. Likely: the push twin of the call has it, empty when all were
taken. What an entry looks like is not known."""
