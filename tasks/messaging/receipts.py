"""What is known of one message, and how one more report changes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from tasks.messaging.statuses import MessageStatus, receipt_rank


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands, and in whose words.

    Attributes:
        raw_status: The provider's own word.
        reason: One lower_snake_case word.
        at: Since when.
    """

    status: MessageStatus
    at: datetime
    raw_status: str | None = None
    reason: str | None = None


def merge(current: Standing, reported: Standing) -> Standing:
    """What is known after a report.

    The greater of the two in one total order, so it does not matter in which order reports come, how they are
    grouped, or how often one is repeated. First by `receipt_rank`: a final state is never reopened, and among
    final states the worst wins, which is that of the worst part of a message of several parts. Reports of equal
    rank differ in words only; which is kept has to be the same in every order, and is the greater text. Of equal
    reports the earlier one says since when.
    """
    rank, reported_rank = receipt_rank(current.status), receipt_rank(reported.status)
    if rank != reported_rank:  # nearly always, and a third of the time of comparing everything
        return current if rank > reported_rank else reported
    return max(current, reported, key=_order)


def merge_all(current: Standing, reports: Iterable[Standing]) -> Standing:
    """What is known after several reports, in whatever order."""
    return reduce(merge, reports, current)


def _order(standing: Standing) -> tuple[int, bool, str, bool, str, float]:
    return (
        receipt_rank(standing.status),
        standing.raw_status is not None,
        standing.raw_status or "",
        standing.reason is not None,
        standing.reason or "",
        -standing.at.timestamp(),
    )
