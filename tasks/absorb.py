"""Putting what a provider told into the ledger, whichever way it came: statuses, consent, replies."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from tasks.messaging.reports import ConsentReport, ReplyReport, Report, StatusReport
from tasks.messaging.statuses import MessageStatus
from tasks.store.consent import record_consent, record_replies
from tasks.store.delivery import apply_reports

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Absorbed:
    """What became of a batch of reports.

    Attributes:
        fits: For each report of the batch, whether it was of use: a status that fits no message is not, yet.
        changed: Messages by the status that they moved to.
        about_erased: Places in the batch of reports about messages whose person was erased.
        consents: Opt-outs and opt-ins.
    """

    fits: list[bool] = field(default_factory=list)
    changed: Counter[MessageStatus] = field(default_factory=Counter)
    about_erased: list[int] = field(default_factory=list)
    consents: int = 0
    replies: int = 0


def absorb(connection: Connection, provider: str, reports: Iterable[tuple[Report, datetime]]) -> Absorbed:
    """Put reports into the ledger, in the caller's transaction.

    Args:
        connection: A writing transaction.
        provider: Whose reports they are.
        reports: Each with the instant at which it came, for those that do not say when.
    """
    batch = [(_plausible(report, came_at), came_at) for report, came_at in reports]
    absorbed = Absorbed(fits=[True] * len(batch))
    statuses = [
        (place, report, at) for place, (report, at) in enumerate(batch) if isinstance(report, StatusReport)
    ]
    consents = [(report, at) for report, at in batch if isinstance(report, ConsentReport)]
    replies = [(report, at) for report, at in batch if isinstance(report, ReplyReport)]
    if statuses:
        applied = apply_reports(
            connection, provider, [report for _, report, _ in statuses], [at for _, _, at in statuses]
        )
        for unmatched in applied.unmatched:
            absorbed.fits[statuses[unmatched][0]] = False
        absorbed.changed.update(applied.changed)
        absorbed.about_erased = [statuses[place][0] for place in applied.about_erased]
        # Whoever is refused because he opted out there must not be written to from here either.
        told = {(consent.channel, consent.address) for consent, _ in consents}
        consents += [
            (ConsentReport(channel=channel, address=address, at=at, source="refused as opted out"), at)
            for (channel, address), at in applied.opted_out.items()
            if (channel, address) not in told
        ]
    if consents:
        record_consent(connection, provider, [report for report, _ in consents], [at for _, at in consents])
        absorbed.consents = len(consents)
    if replies:
        record_replies(connection, provider, [report for report, _ in replies], [at for _, at in replies])
        absorbed.replies = len(replies)
    return absorbed


def _plausible(report: Report, came_at: datetime) -> Report:
    """The report without an instant that a clock which is wrong made up: nothing is told before it happens."""
    if report.at is None or _EARLIEST <= report.at <= came_at:
        return report
    return replace(report, at=None)
