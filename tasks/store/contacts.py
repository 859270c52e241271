"""The contact registry, entry by entry: finding those that rows of a file may mean, and changing them in sets."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, cast, func, select, text, update

from tasks.store.registry import add_contacts
from tasks.store.row_sets import as_table
from tasks.store.tables import Contact, utc_now

_CONTACT = Contact.__table__  # type: ignore[attr-defined]  # SQLModel does not type it

TEXT_COLUMNS = ("external_code", "phone", "email", "first_name", "last_name", "country", "timezone")
"""What the registry knows of a contact, beside whether it is enabled and the further fields of its list."""

_IMPORT_LOCK = 0x496D706F  # "Impo"; any constant that all Rollcall processes share


@dataclass(slots=True)
class Entry:
    """A row of `contact`, in memory.

    Attributes:
        id: None while it is not in the ledger.
        texts: The filled ones of `TEXT_COLUMNS`.
        fields: Further cells of its list, by column.
    """

    id: int | None
    texts: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    fields: dict[str, Any] = field(default_factory=dict)


def hold_back_other_imports(connection: Connection) -> None:
    """Let nobody else import until this transaction ends: two who add the same new contact would add it twice.

    On SQLite there is only one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})


def newest_id(connection: Connection) -> int:
    """The id of the contact that was added last; 0 in an empty registry."""
    return int(connection.execute(select(func.coalesce(func.max(_CONTACT.c.id), 0))).scalar_one())


def find_entries(
    connection: Connection, external_codes: Collection[str], phones: Collection[str], emails: Collection[str]
) -> list[Entry]:
    """All contacts with one of these codes, numbers or e-mail addresses, each once, the oldest first."""
    found: dict[int, Entry] = {}
    for name, values in (("external_code", external_codes), ("phone", phones), ("email", emails)):
        wanted = as_table(connection, value=sorted(set(values)))
        rows = connection.execute(
            select(
                _CONTACT.c.id, _CONTACT.c.enabled, _CONTACT.c.fields, *(_CONTACT.c[text] for text in TEXT_COLUMNS)
            ).join_from(wanted, _CONTACT, _CONTACT.c[name] == wanted.c.value)
        )
        for id_, enabled, fields, *texts in rows:
            filled = {name: cell for name, cell in zip(TEXT_COLUMNS, texts, strict=True) if cell}
            found.setdefault(id_, Entry(id_, filled, enabled, fields or {}))
    return [found[id_] for id_ in sorted(found)]


def write_entries(connection: Connection, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
    """Add contacts and change others: one statement each.

    Args:
        connection: A writing transaction.
        new: Without an id.
        changed: With one.
    """
    columns = _columns_of(new)
    add_contacts(connection, columns | {"enabled": [entry.enabled for entry in new]})
    if not changed:
        return
    wanted = as_table(
        connection,
        **_columns_of(changed),
        id=[str(entry.id) for entry in changed],
        enabled=["yes" if entry.enabled else "no" for entry in changed],
    )
    # SQLite keeps JSON as text, and a CAST to JSON would make a number of it.
    fields = cast(wanted.c.fields, JSON) if connection.dialect.name == "postgresql" else wanted.c.fields
    connection.execute(
        update(_CONTACT)
        .where(_CONTACT.c.id == cast(wanted.c.id, BigInteger))
        .values(
            {name: wanted.c[name] for name in TEXT_COLUMNS}
            | {"enabled": wanted.c.enabled == "yes", "fields": fields, "updated_at": utc_now()}
        )
    )


def _columns_of(entries: Sequence[Entry]) -> dict[str, list[str | None]]:
    columns: dict[str, list[str | None]] = {
        name: [entry.texts.get(name) for entry in entries] for name in TEXT_COLUMNS
    }
    return columns | {"fields": [json.dumps(entry.fields) for entry in entries]}
