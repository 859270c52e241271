"""Delivery records: how they are read, and which of them belong to messages whose answer was lost."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.messaging.statuses import MessageStatus, receipt_rank
from tasks.providers.dripcel.statuses import Meaning, read_word
from tasks.providers.reports import Finding, HandedOver, StatusReport, Verdict

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_FIRST_PLAUSIBLE = datetime(2010, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=10)
"""How far our clock and Dripcel's may be apart."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of `GET /deliveries`. Every member may be missing.

    Attributes:
        id: Its own `_id`.
        customer_id: Which send it is about.
        word: Dripcel's status.
    """

    id: str | None
    customer_id: str | None
    word: str | None

    @property
    def created_at(self) -> datetime | None:
        """When the record was made, where its id tells it.

        The ids look like MongoDB's, whose first four bytes are the seconds since 1970. Those that do not, or that
        would be older than any, tell nothing.
        """
        if self.id is None or _OBJECT_ID.fullmatch(self.id) is None:
            return None
        created_at = datetime.fromtimestamp(int(self.id[:8], 16), UTC)
        return created_at if created_at >= _FIRST_PLAUSIBLE else None

    def report(self, message: HandedOver, meanings: Mapping[str, Meaning]) -> StatusReport | None:
        """What the record says of the message that it is about; None where it has no status."""
        if self.word is None:
            return None
        meaning = read_word(self.word, meanings)
        return StatusReport(
            status=None if meaning is None else meaning.status,
            raw_status=self.word,
            reason=None if meaning is None else meaning.reason,
            reference=message.reference,
            provider_message_id=self.customer_id or message.provider_message_id,
            address=message.address,
        )


def read_delivery(record: Mapping[str, Any]) -> Delivery:
    """A delivery record as it comes, its members as text."""
    return Delivery(*(_text(record.get(member)) for member in ("_id", "customerId", "status")))


def settle(
    lost: Sequence[HandedOver],
    deliveries: Sequence[Delivery],
    known_ids: Collection[str],
    meanings: Mapping[str, Meaning],
) -> list[Finding]:
    """Which of the messages to one cell whose answers were lost Dripcel has.

    An id that no other message of the ledger has is that of a lost send. As long as there are fewer of them than
    messages they could belong to, nothing is said of any: two messages to one person would be taken for each
    other, and one of them sent twice or never. Records that are older than the sends, such as those of the time
    before this ledger, are nobody's; but where there are such, dates are not trusted so far that a message would
    be sent again. The same holds for records that do not tell whose they are.

    Args:
        lost: Messages to one cell, older than the grace time.
        deliveries: All records of that cell.
        known_ids: Ids that belong to other messages of the ledger.
        meanings: What the words mean.
    """
    lost = sorted(lost, key=lambda message: message.claimed_at)
    rivals = max(len(lost), *(message.rivals for message in lost))
    earliest = lost[0].claimed_at - _CLOCKS_DIFFER
    unclaimed: dict[str, list[Delivery]] = {}
    for delivery in _in_order(deliveries):
        if delivery.customer_id is None:
            return undecided(lost)
        if delivery.customer_id not in known_ids:
            unclaimed.setdefault(delivery.customer_id, []).append(delivery)
    if not unclaimed:
        return [Finding(reference=message.reference, verdict=Verdict.ABSENT) for message in lost]
    recent = [
        customer_id
        for customer_id, parts in unclaimed.items()
        if all(part.created_at is None or part.created_at >= earliest for part in parts)
    ]
    if len(recent) < rivals:
        return undecided(lost)
    # Rivals that were not asked about are younger than the grace time, hence than all of these.
    newest = recent[len(recent) - rivals :]
    return [
        Finding(
            reference=message.reference,
            verdict=Verdict.FOUND,
            report=_worst(unclaimed[customer_id], message, meanings),
        )
        for message, customer_id in zip(lost, newest, strict=False)
    ]


def undecided(messages: Sequence[HandedOver]) -> list[Finding]:
    """That nothing can be said of any of these."""
    return [Finding(reference=message.reference, verdict=Verdict.UNDECIDED) for message in messages]


def _worst(parts: Sequence[Delivery], message: HandedOver, meanings: Mapping[str, Meaning]) -> StatusReport:
    """What the records of one send say; that it was taken, where none says more."""
    said = [report for part in parts if (report := part.report(message, meanings)) is not None]
    if not said:
        return StatusReport(
            status=MessageStatus.ACCEPTED,
            raw_status="",
            reference=message.reference,
            provider_message_id=parts[0].customer_id,
            address=message.address,
        )
    worst = max(said, key=_rank)
    return worst if worst.status is not None else replace(worst, status=MessageStatus.ACCEPTED)


def _rank(report: StatusReport) -> int:
    return -1 if report.status is None else receipt_rank(report.status)


def _in_order(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Oldest first, where all of them tell; else as they came, for the order of the answer is not documented."""
    if any(delivery.created_at is None for delivery in deliveries):
        return list(deliveries)
    return sorted(deliveries, key=lambda delivery: delivery.id or "")


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
