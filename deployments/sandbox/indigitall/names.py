"""The names that indigitall's documentation does not give, each in one place, to be corrected in one edit.

The sandbox has a table of its own, apart from the application's: two that agree are worth more than one that is
shared.
"""

NAMES: dict[str, str] = {
    # role: name on the wire
    "campaign_id": "campaignId",
    "schedule_at": "scheduleAt",
    "id_type": "idType",
    "contact_type": "type",
    "contact_id": "id",
    "nls": "nls",
    "flash": "flash",
    "send_type_override": "sendTypeOverride",
    "phone_e164": "phoneE164",
    "custom_data": "customData",
    "errors": "errors",
}

REPORT_HEADERS: dict[str, str] = {
    # column of the console's report: header word
    "sending_id": "Sending ID",
    "campaign_id": "Campaign ID",
    "campaign_name": "Campaign name",
    "phone": "Phone",
    "country_code": "Country code",
    "external_code": "External code",
    "parts": "Parts",
    "cost": "Cost",
    "text": "Text",
    "mcc_mnc": "MCC-MNC",
    "network": "Network",
    "status": "Status",
    "error_description": "Error description",
    "sending_type": "Sending type",
    "flash": "Flash",
    "sent_at": "Sent at",
    "clicks": "Clicks",
    "custom_data": "Custom data",
}
