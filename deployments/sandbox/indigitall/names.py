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

REPORT_HEADERS: dict[str, dict[str, str]] = {
    # column of the console's report: header word, by the language of the console
    "english": {
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
    },
    "spanish": {
        "sending_id": "ID de envío",
        "campaign_id": "ID de campaña",
        "campaign_name": "Nombre de campaña",
        "phone": "Teléfono",
        "country_code": "Código de país",
        "external_code": "Código externo",
        "parts": "Partes",
        "cost": "Coste",
        "text": "Texto",
        "mcc_mnc": "MCC-MNC",
        "network": "Red",
        "status": "Estado",
        "error_description": "Descripción del error",
        "sending_type": "Tipo de envío",
        "flash": "Flash",
        "sent_at": "Fecha de envío",
        "clicks": "Clics",
        "custom_data": "Datos personalizados",
    },
}
