"""Texts of the ledger that mention a person: found however the address is spelled, and emptied.

Nothing tells which of a million callbacks, replies or excluded rows names somebody, so these are read from end to
end, some thousands at a time. For a few people the database leaves out at once what cannot mention them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, cast, func, or_, select, update

from tasks.contacts.addresses import ERASED_PREFIX, names_nobody
from tasks.contacts.spellings import SEPARATORS, Spellings
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    Contact,
    Exclusion,
    Message,
    ProviderEvent,
    ProviderRequest,
    Reply,
    Suppression,
)

_ROWS_AT_ONCE = 2_000
_MOST_NEEDLES = 50
"""Of more, looking for each one in the database takes longer than reading everything once."""

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """The columns of one table that can mention somebody.

    Attributes:
        what: What its rows are called.
        rewrite: From a row and the spellings to the values without them; empty where it mentions nobody.
        also: Further columns that this needs.
    """

    what: str
    table: Table
    columns: tuple[str, ...]
    rewrite: Callable[[_Row, Spellings], dict[str, Any]]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What became of some rows.

    Attributes:
        last_id: The next page begins after it; None when there is no more.
        rewritten: How many rows mentioned somebody.
        run_ids: The runs whose rows did.
    """

    last_id: int | None
    rewritten: int
    run_ids: frozenset[int]


def rewrite_page(connection: Connection, texts: Texts, spellings: Spellings, after_id: int) -> Page:
    """Take the addresses out of the next rows of a table.

    Args:
        connection: A writing transaction.
        texts: Which table.
        spellings: The addresses.
        after_id: The last row of the page before; 0 at first.
    """
    table = texts.table
    of_run = ("run_id",) if "run_id" in table.c else ()
    columns = [table.c[name] for name in ("id", *texts.columns, *texts.also, *of_run)]
    found = connection.execute(
        select(*columns)
        .where(table.c.id > after_id, _may_mention([table.c[name] for name in texts.columns], spellings))
        .order_by(table.c.id)
        .limit(_ROWS_AT_ONCE)
    ).mappings()
    rows = found.all()
    rewritten, run_ids = 0, set()
    for row in rows:
        if values := texts.rewrite(dict(row), spellings):
            connection.execute(update(table).where(table.c.id == row["id"]).values(**values))
            rewritten += 1
            run_ids |= {row["run_id"]} if of_run else set()
    last_id = rows[-1]["id"] if len(rows) == _ROWS_AT_ONCE else None
    return Page(last_id, rewritten, frozenset(run_ids))


def _may_mention(columns: Sequence[ColumnElement[Any]], spellings: Spellings) -> ColumnElement[bool]:
    if len(spellings.needles) > _MOST_NEEDLES:
        return or_(*(column.is_not(None) for column in columns))
    conditions = []
    for column in columns:
        text: ColumnElement[str] = func.lower(cast(column, Text))
        bare = text
        for separator in SEPARATORS:
            bare = func.replace(bare, separator, "")
        for needle in sorted(spellings.needles):
            place = bare if needle.isdigit() else text
            conditions.append(place.contains(needle, autoescape=True))
    return or_(*conditions)


def _redacted(row: _Row, spellings: Spellings, *columns: str) -> dict[str, Any]:
    """The new values of the columns that mention somebody."""
    new = {name: spellings.redact_document(row[name]) for name in columns}
    return {name: value for name, value in new.items() if value != row[name]}


def _plain(what: str, table: Table, *columns: str) -> Texts:
    return Texts(what, table, columns, lambda row, spellings: _redacted(row, spellings, *columns))


def _without_exclusion(row: _Row, spellings: Spellings) -> dict[str, Any]:
    address = row["address"] or ""
    if names_nobody(address):
        return {}
    if spellings.is_one(address) or spellings.occur_in(address):
        # Also the detail: its masked number is still a part of one.
        return {"address": f"{ERASED_PREFIX}{row['id']}", "detail": "erased on request"}
    return _redacted(row, spellings, "detail")


def _without_event(row: _Row, spellings: Spellings) -> dict[str, Any]:
    new = _redacted(row, spellings, "payload", "error")
    if "payload" in new and row["processed_at"] is not None:
        new["payload"] = {}  # it was read; who has not been read yet may still tell a status
    return new


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


MENTIONS = (
    Texts("exclusions", _table(Exclusion), ("address", "detail"), _without_exclusion),
    Texts("events", _table(ProviderEvent), ("payload", "error"), _without_event, also=("processed_at",)),
    _plain("replies", _table(Reply), "address", "text"),
    _plain(
        "texts",
        _table(Message),
        "variables",
        "external_code",
        "raw_status",
        "reason",
        "unknown_word",
        "provider_message_id",
    ),
    _plain("texts", _table(Contact), "phone", "email", "external_code", "first_name", "last_name", "fields"),
    _plain("texts", _table(Suppression), "reason", "source", "lifted_source"),
    _plain("texts", _table(Chunk), "error", "provider_ticket"),
    _plain("texts", _table(ProviderRequest), "ticket", "note", "error"),
    _plain("texts", _table(CampaignRun), "campaign", "content", "options", "error"),
)
"""Every text of the ledger that people or providers wrote, except the addresses that `erase_person` takes out."""
