"""The report that a person exports from the console: one row per SMS, as CSV."""

import csv
import io
from collections.abc import Iterable

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.indigitall.contacts import split_number
from deployments.sandbox.indigitall.sendings import Sending
from deployments.sandbox.indigitall.switches import IndigitallSettings

_MCC_MNC, _NETWORK = "001-01", "Test network"  # the codes that are kept free for tests (ITU-T E.212)


def console_report(sendings: Iterable[Sending], settings: IndigitallSettings, now_seconds: float) -> str:
    """The report of all SMS whose time has come, in the order in which they were taken.

    Returns:
        CSV with a header row; columns in the documented order, under the header words of the switch.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(settings.report_header_row())
    for sending in sendings:
        if sending.channel != "sms" or not (sending.is_cancelled or sending.is_due(now_seconds)):
            continue
        for message in sending.messages:
            country_code, national = split_number(message.contact.address)
            writer.writerow(
                (
                    sending.id,
                    sending.campaign_id,
                    sending.campaign.name,
                    national,
                    country_code,
                    message.contact.external_code,
                    message.parts,
                    message.cost,
                    message.text,
                    _MCC_MNC,
                    _NETWORK,
                    message.word(now_seconds),
                    message.error if message.is_settled(now_seconds) else "",
                    sending.mode,
                    str(sending.is_flash).lower(),
                    rfc3339(sending.sent_at),
                    0,
                    message.reference,
                )
            )
    return written.getvalue()
