"""What indigitall says of a sending: one request, as it is listed or read alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.messaging.statuses import MessageStatus
from tasks.providers.indigitall.moments import read_moment
from tasks.providers.indigitall.names import SIZE_NAMES, Name, ReadName
from tasks.providers.indigitall.phones import e164_of
from tasks.providers.indigitall.statuses import read_word
from tasks.providers.reports import StatusReport


@dataclass(frozen=True, slots=True)
class SendingContact:
    """What the detail of a sending says of one contact, where it says anything.

    Attributes:
        reference: Ours.
        address: E.164.
        word: As in the console's report.
    """

    reference: str | None
    address: str | None
    word: str


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending.

    Attributes:
        sent_at: May lie ahead.
        created_at: None where it is not told, as in lists.
        size: How many contacts it has; None where it is not told, as in lists.
        contacts: None where it does not name them.
    """

    id: str
    campaign_id: str
    sent_at: datetime | None
    created_at: datetime | None
    is_cancelled: bool
    size: int | None
    contacts: Sequence[SendingContact] | None

    @property
    def began_at(self) -> datetime | None:
        """When it was made, as far as can be told: one for later is told by `created_at` alone."""
        return self.created_at or self.sent_at

    @property
    def references(self) -> frozenset[str]:
        """Ours, of the contacts that it names."""
        return frozenset(contact.reference for contact in self.contacts or () if contact.reference)

    def is_due(self, now: datetime) -> bool:
        """Whether it has gone out."""
        return not self.is_cancelled and self.sent_at is not None and self.sent_at <= now

    def report_of_all(self, now: datetime) -> StatusReport:
        """Where it stands. The words are ours: a sending has none, its members say it."""
        if self.is_cancelled:
            return StatusReport(status=MessageStatus.CANCELLED, raw_status="cancelled", ticket=self.id)
        if self.sent_at is None:
            return StatusReport(status=MessageStatus.ACCEPTED, raw_status="created", ticket=self.id)
        if not self.is_due(now):
            return StatusReport(status=MessageStatus.SCHEDULED, raw_status="scheduled", ticket=self.id)
        return StatusReport(status=MessageStatus.SENT, raw_status="sent", at=self.sent_at, ticket=self.id)

    def news_of_all(self, now: datetime) -> list[StatusReport]:
        """What it says of all its messages at once, if that was not known when it was handed over."""
        report = self.report_of_all(now)
        return [report] if report.status in {MessageStatus.SENT, MessageStatus.CANCELLED} else []

    def news_of_contacts(self, now: datetime) -> list[StatusReport]:
        """What it says of each contact that it names."""
        if not self.is_due(now):
            return []
        return [self._report_of(contact) for contact in self.contacts or () if _is_told(contact)]

    def _report_of(self, contact: SendingContact) -> StatusReport:
        status, reason = read_word(contact.word)
        return StatusReport(
            status=status,
            raw_status=contact.word,
            reason=reason,
            reference=contact.reference,
            ticket=self.id,
            address=contact.address,
        )


def _is_told(contact: SendingContact) -> bool:
    # With the sending's id alone, one contact's word would be said of all.
    return bool(contact.word and (contact.reference or contact.address))


def read_sending(row: Mapping[str, Any]) -> Sending:
    """Read a row of the list of sendings, or the detail of one."""
    contacts = row.get(ReadName.CONTACTS)
    sizes = (row.get(name) for name in SIZE_NAMES)
    return Sending(
        id=str(row.get(ReadName.ID)),
        campaign_id=str(row.get(Name.CAMPAIGN_ID)),
        sent_at=read_moment(row.get(ReadName.SENT_AT)),
        created_at=read_moment(row.get(ReadName.CREATED_AT)),
        is_cancelled=row.get(ReadName.CANCELLED) is True,
        size=next((size for size in sizes if type(size) is int), None),
        contacts=[_read_contact(one) for one in contacts if isinstance(one, dict)]
        if isinstance(contacts, list)
        else None,
    )


def _read_contact(row: Mapping[str, Any]) -> SendingContact:
    reference, word = row.get(Name.CUSTOM_DATA), row.get(ReadName.STATUS)
    return SendingContact(
        reference=reference if isinstance(reference, str) and reference else None,
        address=e164_of(row.get(Name.PHONE_E164) or row.get(ReadName.PHONE), row.get(Name.COUNTRY_CODE)),
        word=word.strip() if isinstance(word, str) else "",
    )
