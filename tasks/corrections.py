"""CSV files of the rows that got no message, to be corrected and sent again as the contact file of a new run.

Addresses stand in them in full: they are for the operator alone, who has them from the contact file anyway.
"""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, select

from tasks.contacts.addresses import names_nobody, reachable_address
from tasks.datasets.readers import ContactFile, DatasetError, open_contacts
from tasks.datasets.writers import write_rejected_rows
from tasks.meanings import STATUS_MEANINGS
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store.retention import addresses_removed_at
from tasks.store.runs import RunRecord
from tasks.store.tables import Exclusion, Message

_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same

NOT_DELIVERED = (
    MessageStatus.UNKNOWN,
    MessageStatus.UNDELIVERED,
    MessageStatus.REJECTED,
    MessageStatus.FAILED,
    MessageStatus.CANCELLED,
)
"""What `not_delivered.csv` holds: did not arrive, or perhaps not. An `unknown` one may still arrive."""

ROLLCALL_COLUMNS = (
    "rollcall_row",
    "rollcall_address",
    "rollcall_status",
    "rollcall_reason",
    "rollcall_detail",
    "rollcall_provider_word",
)
"""What became of the row. No name that `tasks.contacts.column_names` takes for something about a contact."""

_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Corrections:
    """The two files.

    Attributes:
        has_original_columns: Each row begins with its columns as in the contact file; else the file is gone or is
            not the same any more, and only what the ledger knows is there.
    """

    excluded: Path
    not_delivered: Path
    has_original_columns: bool


class _Entry(NamedTuple):
    """A row that got no message. `row_number` is that of the contact file."""

    row_number: int
    address: str | None
    status: str
    reason: str | None
    detail: str
    provider_word: str | None = None
    external_code: str | None = None
    variables: str | None = None

    def verdict(self) -> list[str]:
        """The cells of `ROLLCALL_COLUMNS`."""
        address, detail = self.address, self.detail
        if names_nobody(address):
            address, detail = None, "the address was removed"
        cells = (self.row_number, address, self.status, self.reason, detail, self.provider_word)
        return [_as_text(cell) for cell in cells]


def write_corrections(connection: Connection, run: RunRecord, directory: Path) -> Corrections:
    """Write `excluded.csv` and `not_delivered.csv`, each put in place when it is complete, readable by its owner.

    Rows stand in the order of the contact file. Memory does not grow with the run.

    Args:
        connection: A reading transaction. It stays open while the files are written: both show one instant.
        run: The run.
        directory: Is there already.

    Raises:
        OSError: The disk is full, or the directory must not be written.
    """
    excluded, not_delivered = directory / "excluded.csv", directory / "not_delivered.csv"
    if (removed_at := addresses_removed_at(connection, run.id)) is not None:
        # Not even with the contact file at hand: it is the same people.
        for path in (excluded, not_delivered):
            empty_corrections(path, removed_at)
        return Corrections(excluded, not_delivered, has_original_columns=False)
    with _original(run) as original:
        for path, entries_of in ((excluded, _excluded), (not_delivered, _not_delivered)):
            entries = entries_of(connection, run.id)
            if original is None:
                # The columns must be known before the first row is written, so the entries are read twice.
                columns = _find_ledger_columns(run, entries_of(connection, run.id))
                frames = _with_ledger_columns(columns, entries)
            else:
                frames = _with_original_columns(original, entries)
            with replacing(path) as unfinished:
                for number, frame in enumerate(frames):
                    write_rejected_rows(unfinished, frame, append=number > 0)
    return Corrections(excluded, not_delivered, has_original_columns=original is not None)


def empty_corrections(path: Path, removed_at: datetime) -> None:
    """Put a file in the place of one with addresses that says why there are none.

    Raises:
        OSError: The disk is full, or the directory must not be written.
    """
    why = f"no rows: the addresses were removed on {removed_at:%Y-%m-%d}, when they had been kept long enough"
    rows = pd.DataFrame([{"rollcall_detail": why}], columns=list(ROLLCALL_COLUMNS), dtype="str").fillna("")
    with replacing(path) as unfinished:
        write_rejected_rows(unfinished, rows)


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[Path]:
    """A new file that takes the place of `path` when it is complete, and never before.

    Args:
        path: What is replaced, if it is there.
        mode: Of the new file, less the process's umask. Nobody but its owner may read it unless this says so.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _original(run: RunRecord) -> Iterator[ContactFile | None]:
    """The contact file, if it is still the one that the run was planned from."""
    path = (run.campaign.get("audience") or {}).get("path")
    try:
        contacts = open_contacts(str(path)) if path else None
    except DatasetError:
        contacts = None
    if contacts is None:
        yield None
        return
    with contacts:
        yield contacts if contacts.sha256 == run.source_sha256 else None


def _with_original_columns(contacts: ContactFile, entries: Iterator[_Entry]) -> Iterator[pd.DataFrame]:
    """The rows of the contact file that the entries are about, with what became of them."""
    # Of a file that was corrected once before, the old verdicts make room for the new ones.
    columns = [name for name in contacts.header if name not in ROLLCALL_COLUMNS]
    nothing = pd.DataFrame(columns=columns, dtype="str")
    yield _with_verdicts(nothing, [])
    waiting = next(entries, None)
    for batch in contacts.batches():
        if waiting is None:
            return
        last = max([*batch.frame.index[-1:], *batch.torn.index[-1:]], default=0)
        found: list[_Entry] = []
        while waiting is not None and waiting.row_number <= last:
            found.append(waiting)
            waiting = next(entries, None)
        yield _with_verdicts(batch.frame[columns], found)
    while waiting is not None:  # not in the file any more, whatever its sum says: still not lost
        yield _with_verdicts(nothing, [waiting])
        waiting = next(entries, None)


def _with_verdicts(rows: pd.DataFrame, found: Sequence[_Entry]) -> pd.DataFrame:
    """The rows that the entries name. A torn row has no cells that could be trusted: its columns stay empty."""
    wanted = [entry.row_number for entry in found]
    # The contact file may still have what was taken out of the ledger. It must not come back from there.
    removed = [entry.row_number for entry in found if names_nobody(entry.address)]
    rows = rows.drop(index=rows.index.intersection(removed))
    verdicts = pd.DataFrame(
        [entry.verdict() for entry in found], columns=list(ROLLCALL_COLUMNS), index=wanted, dtype="str"
    )
    return pd.concat([rows.reindex(wanted, fill_value="").rename_axis(index=None), verdicts], axis=1)


def _find_ledger_columns(run: RunRecord, entries: Iterator[_Entry]) -> list[str]:
    """The address, under a name that is recognised when the file is read again, and the names of all variables."""
    names = {"email" if run.channel is Channel.EMAIL else "phone": None}
    for entry in entries:
        names |= dict.fromkeys(["external_code"] if entry.external_code else [])
        names |= dict.fromkeys(_variables(entry))
    return [name for name in names if name not in ROLLCALL_COLUMNS]


def _with_ledger_columns(columns: Sequence[str], entries: Iterator[_Entry]) -> Iterator[pd.DataFrame]:
    """What the ledger knows of each contact; the first column is its address."""
    address_column = columns[0]
    header = [*columns, *ROLLCALL_COLUMNS]
    yield pd.DataFrame(columns=header, dtype="str")
    while found := list(islice(entries, _ROWS_AT_ONCE)):
        rows = []
        for entry in found:
            values = {"external_code": entry.external_code} | _variables(entry)
            # The address that was written to, not the spelling of it that the text may have used.
            values[address_column] = reachable_address(entry.address or "")
            rows.append([*(_as_text(values.get(name)) for name in columns), *entry.verdict()])
        yield pd.DataFrame(rows, columns=header, dtype="str")


def _variables(entry: _Entry) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(entry.variables) if entry.variables else {}
    return values


def _as_text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _excluded(connection: Connection, run_id: int) -> Iterator[_Entry]:
    columns = _EXCLUSION.c
    for rows in _in_file_order(
        connection,
        _EXCLUSION,
        columns.run_id == run_id,
        select(columns.row_number, columns.address, columns.reason, columns.detail),
    ):
        for row_number, address, reason, detail in rows:
            yield _Entry(row_number, address, "excluded", reason, detail)


def _not_delivered(connection: Connection, run_id: int) -> Iterator[_Entry]:
    columns = _MESSAGE.c
    for rows in _in_file_order(
        connection,
        _MESSAGE,
        (columns.run_id == run_id) & columns.status.in_(NOT_DELIVERED),
        select(
            columns.row_number,
            columns.address,
            columns.status,
            columns.reason,
            columns.reference,
            columns.raw_status,
            columns.external_code,
            columns.variables,
        ),
    ):
        for row_number, address, status, reason, reference, word, external_code, variables in rows:
            detail = f"{STATUS_MEANINGS[status]} (reference {reference})"
            yield _Entry(row_number, address, status, reason, detail, word, external_code, variables)


def _in_file_order(
    connection: Connection, table: Table, which: ColumnElement[bool], wanted: Select[Any]
) -> Iterator[Sequence[Any]]:
    """Rows of a table by `row_number`, some thousands at a time.

    First their ids alone are sorted: SQLite sorts in memory, and whole rows of a million messages would fill it.
    """
    ids = connection.execute(
        select(table.c.id).where(which).order_by(table.c.row_number),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    ).scalars()
    for some in ids.partitions():
        yield connection.execute(wanted.where(table.c.id.in_(some)).order_by(table.c.row_number)).all()
