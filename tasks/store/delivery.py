"""What providers say of messages, put into the ledger in bulk.

A report finds its message by whatever the provider tells: our reference, the request and the address, or the
provider's id. Statuses are merged by `tasks.messaging.receipts`, so reports may come in any order and any number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, bindparam, cast, select, update

from tasks.contacts.addresses import names_nobody
from tasks.messaging.receipts import Standing, merge_all
from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store.row_sets import as_table
from tasks.store.tables import CampaignRun, Message, ProviderRequest
from tasks.store.texts import storable

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same


@dataclass(slots=True)
class Applied:
    """What became of a batch of reports.

    Attributes:
        unmatched: Places in the batch of reports that fit no message.
        changed: Messages whose status changed, by the new status.
        opted_out: (channel, address) of messages that were refused because the person opted out, and when.
    """

    unmatched: list[int] = field(default_factory=list)
    changed: dict[MessageStatus, int] = field(default_factory=dict)
    opted_out: dict[tuple[Channel, str], datetime] = field(default_factory=dict)


_LONGEST_ID = 320

_Dated = tuple[StatusReport, datetime]
"""A report, and when what it says came to be so."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A message as it is in the ledger."""

    id: int
    run_id: int
    address: str
    status: MessageStatus
    status_at: datetime
    raw_status: str | None
    reason: str | None
    provider_message_id: str | None
    unknown_word: str | None
    cost: Decimal | None


def apply_reports(
    connection: Connection, provider: str, reports: Sequence[StatusReport], received_at: Sequence[datetime]
) -> Applied:
    """Merge a batch of reports into the ledger, in the caller's transaction.

    Args:
        connection: A writing transaction.
        provider: Whose reports they are; they touch no other provider's messages.
        reports: Some thousands at most.
        received_at: When each came, for those that do not say when it came to be so.
    """
    _learn_tickets(connection, reports)
    places = find_messages(connection, provider, reports)
    applied = Applied(unmatched=[place for place in range(len(reports)) if place not in places])
    by_message: defaultdict[int, list[_Dated]] = defaultdict(list)
    for place, message_ids in places.items():
        dated = reports[place], reports[place].at or received_at[place]
        for message_id in message_ids:
            by_message[message_id].append(dated)
    if not by_message:
        return applied
    channels = _channels(connection, by_message)
    changes = []
    for known in _lock(connection, by_message):
        of_message = by_message[known.id]
        after, change = _change(known, of_message)
        if change:
            changes.append(change)
        if after.status is not known.status:
            applied.changed[after.status] = applied.changed.get(after.status, 0) + 1
        for report, at in of_message:
            if report.reason == "opted_out":
                # Of a message whose address was removed meanwhile, the report may still tell who it is.
                address = report.address or "" if names_nobody(known.address) else known.address
                applied.opted_out[channels[known.run_id], address] = at
    if changes:
        connection.execute(_UPDATE, changes)
    return applied


def _change(known: _Known, dated_reports: Sequence[_Dated]) -> tuple[Standing, dict[str, object] | None]:
    """Where a message stands after these reports, and its row's new values; None when nothing in it changes."""
    before = Standing(known.status, known.status_at, known.raw_status, known.reason)
    after = merge_all(
        before,
        (
            Standing(report.status, at, storable(report.raw_status), storable(report.reason))
            for report, at in dated_reports
            if report.status is not None and _is_of_this_copy(known, report)
        ),
    )
    reports = [report for report, _ in dated_reports]
    words = [storable(report.raw_status) for report in reports if report.status is None]
    ids = (_identifier(report.provider_message_id or report.ticket) for report in reports)
    provider_message_id = known.provider_message_id or next(filter(None, ids), None)
    cost = known.cost if known.cost is not None else _highest(report.cost for report in reports)
    unknown_word = max([*words, known.unknown_word or ""]) or None
    told = (provider_message_id, cost, unknown_word)
    if after == before and told == (known.provider_message_id, known.cost, known.unknown_word):
        return after, None
    return after, {
        "message_id": known.id,
        "new_status": after.status,
        "new_status_at": after.at,
        "new_raw_status": after.raw_status,
        "new_reason": after.reason,
        "new_provider_message_id": provider_message_id,
        "new_cost": cost,
        "new_unknown_word": unknown_word,
    }


def _is_of_this_copy(known: _Known, report: StatusReport) -> bool:
    """Whether a report may say how this message ended.

    A message that was handed over again, by decision, exists twice at the provider. What failed with the other
    copy says nothing about this one; that the other one arrived does.
    """
    told = report.provider_message_id or report.ticket
    if told is None or known.provider_message_id in {None, storable(told)}:
        return True
    return report.status is MessageStatus.DELIVERED


_UPDATE = (
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("message_id"))
    .values(
        status=bindparam("new_status"),
        status_at=bindparam("new_status_at"),
        raw_status=bindparam("new_raw_status"),
        reason=bindparam("new_reason"),
        provider_message_id=bindparam("new_provider_message_id"),
        cost=bindparam("new_cost"),
        unknown_word=bindparam("new_unknown_word"),
    )
)


def _lock(connection: Connection, message_ids: Iterable[int]) -> list[_Known]:
    """The messages, kept from others until the transaction ends; in one order, so nobody waits in a circle."""
    wanted = as_table(connection, id=[str(message_id) for message_id in sorted(message_ids)])
    rows = connection.execute(
        select(*(_MESSAGE.c[name] for name in _Known.__slots__))
        .join_from(wanted, _MESSAGE, _MESSAGE.c.id == cast(wanted.c.id, _MESSAGE.c.id.type))
        .order_by(_MESSAGE.c.id)
        .with_for_update(of=_MESSAGE)
    )
    return [_Known(*row) for row in rows]


def _channels(connection: Connection, message_ids: Iterable[int]) -> dict[int, Channel]:
    """The channel of each run that these messages belong to."""
    wanted = as_table(connection, id=[str(message_id) for message_id in message_ids])
    found = connection.execute(
        select(_RUN.c.id, _RUN.c.channel)
        .join_from(wanted, _MESSAGE, _MESSAGE.c.id == cast(wanted.c.id, _MESSAGE.c.id.type))
        .join(_RUN, _RUN.c.id == _MESSAGE.c.run_id)
        .distinct()
    )
    return {run_id: channel for run_id, channel in found}  # noqa: C416  # rows are not pairs to dict()


def _learn_tickets(connection: Connection, reports: Iterable[StatusReport]) -> None:
    """A report that names our request tells its ticket, should the answer that would have told it be lost."""
    tickets = {
        report.request_reference: _identifier(report.ticket)
        for report in reports
        if report.request_reference and _identifier(report.ticket)
    }
    if tickets:
        connection.execute(
            _LEARN_TICKET,
            [{"its_reference": reference, "its_ticket": t} for reference, t in sorted(tickets.items())],
        )


_LEARN_TICKET = (
    update(_REQUEST)
    .where(_REQUEST.c.reference == bindparam("its_reference"), _REQUEST.c.ticket.is_(None))
    .values(ticket=bindparam("its_ticket"))
)

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way from a report to its messages.

    Attributes:
        columns: Names of the key's parts.
        key: What a report tells; None where that is not enough to go this way.
        query: From the keys, as a table, to the ids of the messages.
    """

    columns: tuple[str, ...]
    key: Callable[[StatusReport], tuple[str | None, ...]]
    query: Callable[[FromClause], Select[Any]]


def _by_request(wanted: FromClause, is_wanted: ColumnElement[bool]) -> Select[Any]:
    """The message to an address in the run of a request: it may have gone in a later request by now."""
    return (
        select(*wanted.c, _MESSAGE.c.id)
        .join_from(wanted, _REQUEST, is_wanted)
        .join(_MESSAGE, (_MESSAGE.c.run_id == _REQUEST.c.run_id) & (_MESSAGE.c.address == wanted.c.address))
    )


_WAYS = (
    _Way(
        ("reference",),
        lambda report: (report.reference,),
        lambda wanted: select(wanted.c.reference, _MESSAGE.c.id).join_from(
            wanted, _MESSAGE, _MESSAGE.c.reference == wanted.c.reference
        ),
    ),
    _Way(
        ("ticket", "address"),
        lambda report: (report.ticket, report.address),
        lambda wanted: _by_request(wanted, _REQUEST.c.ticket == wanted.c.ticket),
    ),
    _Way(
        ("request", "address"),
        lambda report: (report.request_reference, report.address),
        lambda wanted: _by_request(wanted, _REQUEST.c.reference == wanted.c.request),
    ),
    _Way(
        ("id",),
        lambda report: (report.provider_message_id,),
        lambda wanted: select(wanted.c.id, _MESSAGE.c.id).join_from(
            wanted, _MESSAGE, _MESSAGE.c.provider_message_id == wanted.c.id
        ),
    ),
    _Way(
        ("ticket",),
        lambda report: (None if report.address or report.reference else report.ticket,),
        lambda wanted: (
            select(wanted.c.ticket, _MESSAGE.c.id)
            .join_from(wanted, _REQUEST, _REQUEST.c.ticket == wanted.c.ticket)
            .join(_MESSAGE, _MESSAGE.c.request_id == _REQUEST.c.id)
        ),
    ),
)
"""In this order: the first way that leads to a message is taken."""


def find_messages(connection: Connection, provider: str, reports: Sequence[StatusReport]) -> dict[int, list[int]]:
    """The messages that reports are about: ids by the report's place; a report that fits none is left out."""
    found: dict[int, list[int]] = {}
    for way in _WAYS:
        keys = {place: _full(way.key(report)) for place, report in enumerate(reports) if place not in found}
        distinct = sorted({key for key in keys.values() if key is not None})
        if not distinct:
            continue
        parts = zip(*distinct, strict=True)
        wanted = as_table(connection, **dict(zip(way.columns, map(list, parts), strict=True)))
        by_key: defaultdict[_Key | None, list[int]] = defaultdict(list)
        for *key, message_id in connection.execute(way.query(wanted).where(_MESSAGE.c.provider == provider)):
            by_key[tuple(key)].append(message_id)
        found.update({place: by_key[key] for place, key in keys.items() if key in by_key})
    return found


def _full(key: tuple[str | None, ...]) -> _Key | None:
    parts = tuple(_identifier(part) for part in key if part)
    return tuple(part for part in parts if part is not None) if len(parts) == len(key) else None


def _identifier(text: str | None) -> str | None:
    """An id as a provider tells it; no provider's is as long as an index entry may not be."""
    kept = storable(text)
    return kept if kept and len(kept) <= _LONGEST_ID else None


def _highest(costs: Iterable[Decimal | None]) -> Decimal | None:
    return max((cost for cost in costs if cost is not None), default=None)
