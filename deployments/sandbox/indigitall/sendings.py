"""Sendings: what one request (or one contact of it) became, and what the API says about it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.indigitall.contacts import Contact, split_number
from deployments.sandbox.indigitall.request import Channel
from deployments.sandbox.indigitall.switches import Campaign
from deployments.sandbox.ledger import Recipient

CANCELLED_WORD, ON_ITS_WAY_WORD = "DELETED", "ENROUTE"
NOT_RECEIVED = frozenset({"UNDELIV", "REJECTD", "EXPIRED", CANCELLED_WORD})


@dataclass(slots=True, kw_only=True)
class IndigitallMessage(Recipient):
    """One message; `status` is the word of the console's report in the end."""

    sending: "Sending"
    contact: Contact
    parts: int
    error: str
    delivery_seconds: float

    def word(self, now_seconds: float) -> str:
        """Where it stands: `scheduled` until its time, unless the sending is cancelled; then on its way."""
        if self.sending.is_cancelled:
            return CANCELLED_WORD
        if not self.sending.is_due(now_seconds):
            return "scheduled"
        return self.status if self.is_settled(now_seconds) else ON_ITS_WAY_WORD

    def is_settled(self, now_seconds: float) -> bool:
        """Whether the carrier has told what became of it."""
        return self.sending.sent_at + self.delivery_seconds <= now_seconds


@dataclass(slots=True)
class Sending:
    """One sending. Times are Unix seconds; `sent_at` may lie ahead."""

    id: int
    channel: Channel
    application_id: int
    campaign_id: int
    campaign: Campaign
    created_at: float
    sent_at: float
    mode: str
    is_flash: bool
    is_cancelled: bool = False
    messages: list[IndigitallMessage] = field(default_factory=list)

    def is_due(self, now_seconds: float) -> bool:
        """Whether its time has come."""
        return self.sent_at <= now_seconds

    @property
    def chunks(self) -> int:
        """How many SMS parts it needs."""
        return sum(message.parts for message in self.messages)

    def as_json(self) -> dict[str, Any]:
        """The sending as lists show it: no phone, no status, no cost."""
        return {
            "id": self.id,
            "applicationId": self.application_id,
            "campaignId": self.campaign_id,
            "sentAt": rfc3339(self.sent_at),
            "mode": self.mode,
            "type": self.channel,
            "flash": self.is_flash,
            "cancelled": self.is_cancelled,
            "estimatedChunks": self.chunks,
        }

    def detail_json(self, detail: Literal["counts", "contacts"], now_seconds: float) -> dict[str, Any]:
        """The sending as it is read alone; what is said of its contacts is not documented."""
        snapshot = {"id": self.campaign_id, "name": self.campaign.name, "enabled": self.campaign.enabled}
        shown = {
            **self.as_json(),
            "createdAt": rfc3339(self.created_at),
            "campaignSnapshot": snapshot,
            "numContacts": len(self.messages),
        }
        if detail == "contacts":
            shown["contacts"] = [
                {
                    "phone": split_number(message.contact.address)[1],
                    "customData": message.reference,
                    "status": message.word(now_seconds),
                }
                for message in self.messages
            ]
        return shown


@dataclass(slots=True)
class _Day:
    contacts: int = 0
    chunks: int = 0
    cost: Decimal = Decimal(0)


def stats_by_day(
    sendings: Iterable[Sending], first: date, last: date, now_seconds: float
) -> Mapping[date, Mapping[str, Any]]:
    """What was sent on each day (UTC) of a span, both ends included, oldest first; days without are left out."""
    days: defaultdict[date, _Day] = defaultdict(_Day)
    for sending in sendings:
        day = datetime.fromtimestamp(sending.sent_at, UTC).date()
        if sending.is_due(now_seconds) and not sending.is_cancelled and first <= day <= last:
            sums = days[day]
            sums.contacts += len(sending.messages)
            sums.chunks += sending.chunks
            sums.cost += sum((message.cost for message in sending.messages), Decimal(0))
    return {
        day: {
            "statsDate": day.isoformat(),
            "numContactsSent": sums.contacts,
            "numContactsClicked": 0,
            "totalChunks": sums.chunks,
            "cost": float(sums.cost),
        }
        for day, sums in sorted(days.items())
    }
