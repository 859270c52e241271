"""What providers say of messages, put into the ledger in bulk.

A report finds its message by whatever the provider tells: our reference, the request and the address, or the
provider's id. Statuses are merged by `tasks.messaging.receipts`, so reports may come in any order and any number.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Select, func, select

from tasks.contacts.addresses import ERASED_PREFIX, names_nobody
from tasks.messaging.receipts import Standing, merge
from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store.bulk_updates import update_columns
from tasks.store.row_sets import as_ids, as_table
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
        about_erased: Places in the batch of reports about messages whose person was erased.
    """

    unmatched: list[int] = field(default_factory=list)
    changed: dict[MessageStatus, int] = field(default_factory=dict)
    opted_out: dict[tuple[Channel, str], datetime] = field(default_factory=dict)
    about_erased: list[int] = field(default_factory=list)


_LONGEST_ID = 320

_Dated = tuple[StatusReport, datetime]
"""A report, and when what it says came to be so."""


class _Known(NamedTuple):
    """A message as it is in the ledger: what reports can change, and what tells whose it is."""

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
    refused: set[int] = set()
    for place, message_ids in places.items():
        report = reports[place]
        dated = report, report.at or received_at[place]
        for message_id in message_ids:
            by_message[message_id].append(dated)
        if report.reason == "opted_out":
            refused.update(message_ids)
    if not by_message:
        return applied
    messages = _lock(connection, by_message)
    changed: defaultdict[tuple[bool, ...], list[_Known]] = defaultdict(list)
    for known in messages:
        after = _after(known, by_message[known.id])
        if after != known:
            changed[tuple(map(ne, after, known))].append(after)
        if after.status is not known.status:
            applied.changed[after.status] = applied.changed.get(after.status, 0) + 1
    _write(connection, changed)
    if erased := {known.id for known in messages if known.address.startswith(ERASED_PREFIX)}:
        applied.about_erased = [place for place, ids in places.items() if not erased.isdisjoint(ids)]
    if refused:
        told = [(known, dated) for known in messages if known.id in refused for dated in by_message[known.id]]
        applied.opted_out = _opted_out(connection, told)
    return applied


def _opted_out(
    connection: Connection, told: Sequence[tuple[_Known, _Dated]]
) -> dict[tuple[Channel, str], datetime]:
    """Who opted out, of these messages and what was said of them, and when."""
    run_ids = {known.run_id for known, _ in told}
    found = connection.execute(select(_RUN.c.id, _RUN.c.channel).where(_RUN.c.id.in_(run_ids)))
    channels = {run_id: channel for run_id, channel in found}  # noqa: C416  # rows are not pairs to dict()
    # Of a message whose address was removed meanwhile, the report may still tell who it is.
    return {
        (channels[known.run_id], report.address or "" if names_nobody(known.address) else known.address): at
        for known, (report, at) in told
        if report.reason == "opted_out"
    }


def _after(known: _Known, dated_reports: Sequence[_Dated]) -> _Known:
    """The message as it is after these reports."""
    standing = Standing(known.status, known.status_at, known.raw_status, known.reason)
    message_id, word, costs = known.provider_message_id, known.unknown_word, []
    for report, at in dated_reports:
        if report.status is None:
            word = max(word or "", storable(report.raw_status)) or None
        elif _is_of_this_copy(known, report):
            standing = merge(
                standing, Standing(report.status, at, storable(report.raw_status), storable(report.reason))
            )
        if message_id is None:
            message_id = _identifier(report.provider_message_id or report.ticket)
        if report.cost is not None:
            costs.append(report.cost)
    return _Known(
        known.id,
        known.run_id,
        known.address,
        status=standing.status,
        status_at=standing.at,
        raw_status=standing.raw_status,
        reason=standing.reason,
        provider_message_id=message_id,
        unknown_word=word,
        cost=max(costs) if known.cost is None and costs else known.cost,
    )


def _is_of_this_copy(known: _Known, report: StatusReport) -> bool:
    """Whether a report may say how this message ended.

    A message that was handed over again, by decision, exists twice at the provider. What failed with the other
    copy says nothing about this one; that the other one arrived does.
    """
    told = report.provider_message_id or report.ticket
    if told is None or known.provider_message_id in {None, storable(told)}:
        return True
    return report.status is MessageStatus.DELIVERED


def _write(connection: Connection, changed: Mapping[tuple[bool, ...], Sequence[_Known]]) -> None:
    """Write messages as they are now, of which these columns changed: indexes on others are left alone."""
    for is_changed, messages in changed.items():
        columns = dict(zip(_Known._fields, zip(*messages, strict=True), strict=True))
        names = compress(_Known._fields, is_changed)
        update_columns(connection, _MESSAGE, columns["id"], {name: columns[name] for name in names})


def _lock(connection: Connection, message_ids: Collection[int]) -> list[_Known]:
    """The messages, kept from others until the transaction ends; in one order, so nobody waits in a circle."""
    wanted = as_ids(connection, message_ids)
    rows = connection.execute(
        select(*(_MESSAGE.c[name] for name in _Known._fields))
        .join_from(wanted, _MESSAGE, _MESSAGE.c.id == wanted.c.id)
        .order_by(_MESSAGE.c.id)
        .with_for_update(of=_MESSAGE)
    )
    return list(map(_Known._make, rows.all()))


def _learn_tickets(connection: Connection, reports: Iterable[StatusReport]) -> None:
    """A report that names our request tells its ticket, should the answer that would have told it be lost."""
    told = {
        report.request_reference: report.ticket for report in reports if report.request_reference and report.ticket
    }
    tickets = {
        reference: ticket
        for reference, ticket in zip(map(_identifier, told), map(_identifier, told.values()), strict=True)
        if reference and ticket
    }
    if not tickets:
        return
    wanted = as_table(connection, reference=sorted(tickets))
    # Nearly all are known. Those that are not by their ids: who records answers locks them in this order too.
    without = connection.execute(
        select(_REQUEST.c.id, _REQUEST.c.reference)
        .join_from(wanted, _REQUEST, _REQUEST.c.reference == wanted.c.reference)
        # Not IS NULL: SQLite would look at each of these references for every request without a ticket.
        .where(func.coalesce(_REQUEST.c.ticket, "") == "")
        .order_by(_REQUEST.c.id)
        .with_for_update(of=_REQUEST, key_share=True)
    ).all()
    learnt = {request_id: tickets[reference] for request_id, reference in without}
    update_columns(connection, _REQUEST, list(learnt), {"ticket": list(learnt.values())})


_Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way from a report to its messages.

    Attributes:
        columns: Names of the key's parts.
        key: What a report tells; some of it None where that is not enough to go this way.
        query: From the keys, as a table, to their places in it and the ids of the messages.
    """

    columns: tuple[str, ...]
    key: Callable[[StatusReport], tuple[str | None, ...]]
    query: Callable[[FromClause], Select[Any]]


def _by_request(wanted: FromClause, is_wanted: ColumnElement[bool]) -> Select[Any]:
    """The message to an address in the run of a request: it may have gone in a later request by now."""
    return (
        select(wanted.c.place, _MESSAGE.c.id)
        .join_from(wanted, _REQUEST, is_wanted)
        .join(_MESSAGE, (_MESSAGE.c.run_id == _REQUEST.c.run_id) & (_MESSAGE.c.address == wanted.c.address))
    )


_WAYS = (
    _Way(
        ("reference",),
        lambda report: (report.reference,),
        lambda wanted: select(wanted.c.place, _MESSAGE.c.id).join_from(
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
        lambda wanted: select(wanted.c.place, _MESSAGE.c.id).join_from(
            wanted, _MESSAGE, _MESSAGE.c.provider_message_id == wanted.c.id
        ),
    ),
    _Way(
        ("ticket",),
        lambda report: (None if report.address or report.reference else report.ticket,),
        lambda wanted: (
            select(wanted.c.place, _MESSAGE.c.id)
            .join_from(wanted, _REQUEST, _REQUEST.c.ticket == wanted.c.ticket)
            .join(_MESSAGE, _MESSAGE.c.request_id == _REQUEST.c.id)
        ),
    ),
)
"""In this order: the first way that leads to a message is taken."""


def find_messages(connection: Connection, provider: str, reports: Sequence[StatusReport]) -> dict[int, list[int]]:
    """The messages that reports are about: ids by the report's place; a report that fits none is left out."""
    found: dict[int, list[int]] = {}
    left: Sequence[int] = range(len(reports))
    for way in _WAYS:
        places: defaultdict[_Key, list[int]] = defaultdict(list)
        for place in left:
            key = tuple(map(_identifier, way.key(reports[place])))
            if None not in key:
                places[key].append(place)
        if not places:
            continue
        keys = sorted(places)
        wanted = as_table(connection, **dict(zip(way.columns, zip(*keys, strict=True), strict=True)))
        for number, message_id in connection.execute(
            way.query(wanted).where(_MESSAGE.c.provider == provider)
        ).all():
            for place in places[keys[number - 1]]:
                found.setdefault(place, []).append(message_id)
        left = [place for place in left if place not in found]
    return found


def _identifier(text: str | None) -> str | None:
    """An id as a provider tells it; no provider's is as long as an index entry may not be."""
    if not text:
        return None
    kept = storable(text)
    return kept if kept and len(kept) <= _LONGEST_ID else None
