"""Every name that indigitall's calls use on the wire, each with how sure it is.

The reference page of the SMS call shows types, rules and meanings of the fields, and for most of them no name. The
calls that read are on no page at all. A name that turns out to be otherwise is corrected here, in one edit.

    documented   the page, or its e-mail twin, shows it
    seen         in recorded answers of the API
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


class ReadName(StrEnum):
    """A query parameter or a member of an answer of the calls that read; `Name` has those that both kinds use."""

    APPLICATION_ID = "applicationId"
    """Query. Seen."""
    LIMIT = "limit"
    """Query: rows of a page. Seen, up to 1000."""
    PAGE = "page"
    """Query: number of the page, in `/v2` from 1. Seen."""
    COUNT = "count"
    """In the envelope of a list: how many rows all its pages have. Seen."""

    ID = "id"
    """Of a sending, of a contact. Seen."""
    SENDINGS = "sendings"
    """The rows of the list of sendings. Seen."""
    SENT_AT = "sentAt"
    """Of a sending; may lie ahead. Seen."""
    CANCELLED = "cancelled"
    """Of a sending. Seen."""
    CREATED_AT = "createdAt"
    """Of a sending: unsure, its row in the list has none. Of a contact: seen."""
    CONTACTS = "contacts"
    """The rows of the list of contacts: seen. In the detail of a sending: unsure."""
    PHONE = "phone"
    """Of a contact, national digits. Seen."""
    ENABLED = "enabled"
    """Of a contact. Seen."""
    UPDATED_AT = "updatedAt"
    """Of a contact. Seen."""
    STATUS = "status"
    """Of a contact in the detail of a sending. Unsure."""


SIZE_NAMES = ("numContacts", "numContactsSent", "contactsCount")
"""How many contacts a sending has, in its detail. Unsure; the second one is seen in the statistics."""


class ReportColumn(StrEnum):
    """What a column of the report that a person exports from the console holds."""

    SENDING_ID = "sending_id"
    PHONE = "phone"
    COUNTRY_CODE = "country_code"
    STATUS = "status"
    ERROR_DESCRIPTION = "error_description"
    COST = "cost"
    SENT_AT = "sent_at"
    CUSTOM_DATA = "custom_data"


REPORT_HEADERS: dict[ReportColumn, tuple[str, ...]] = {
    ReportColumn.SENDING_ID: (
        *("sending id", "send id", "sms sending id", "sms send id", "id sending", "shipment id"),
        *("id envio", "envio id", "identificador envio", "codigo envio"),
    ),
    ReportColumn.PHONE: (
        *("phone e164", "e164", "phone", "phone number", "mobile", "mobile phone", "mobile number", "msisdn"),
        *("telefono", "numero telefono", "telefono movil", "movil", "numero movil", "celular", "destinatario"),
    ),
    ReportColumn.COUNTRY_CODE: (
        *("country code", "phone country code", "country prefix", "phone prefix", "calling code", "prefix"),
        *("codigo pais", "prefijo pais", "prefijo telefonico", "prefijo"),
    ),
    ReportColumn.STATUS: (
        *("delivery status", "sms status", "message status", "status", "state"),
        *("estado entrega", "estado sms", "estado mensaje", "estado envio", "estado", "estatus"),
    ),
    ReportColumn.ERROR_DESCRIPTION: (
        *("error description", "error desc", "error message", "status description", "error", "reason"),
        *("descripcion error", "error descripcion", "mensaje error", "motivo error", "motivo"),
    ),
    ReportColumn.COST: (
        *("cost", "sms cost", "total cost", "price"),
        *("coste", "costo", "coste sms", "coste total", "costo total", "precio"),
    ),
    ReportColumn.SENT_AT: (
        *("sent at", "sent date", "date sent", "sending date", "send date", "send at", "sent"),
        *("fecha envio", "fecha hora envio", "enviado", "fecha"),
    ),
    ReportColumn.CUSTOM_DATA: (
        *("custom data", "external reference", "custom reference", "reference"),
        *("datos personalizados", "dato personalizado", "datos custom", "referencia externa", "referencia"),
    ),
}
"""Header words of the console's report, of which none is known: what its columns are called elsewhere, and the
Spanish for it. Lower case, no accents, no articles, no `de`; where a report has several, the first one counts."""
