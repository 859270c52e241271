"""What one ledger knows of people, copied into another: for a rehearsal, which must leave out the same people."""

from sqlalchemy import insert, select
from sqlmodel import SQLModel

from tasks.store.session import Ledger
from tasks.store.tables import Contact, Erasure, Suppression

_ROWS_AT_ONCE = 10_000
_OF_PEOPLE = [SQLModel.metadata.tables[str(model.__tablename__)] for model in (Contact, Suppression, Erasure)]


def copy_people(source: Ledger, target: Ledger) -> int:
    """Copy contacts, suppressions and what is known of erasures, into an empty ledger.

    What people were sent is not copied: a frequency cap leaves nobody out there.

    Returns:
        How many rows.
    """
    copied = 0
    with source.reading() as reading, target.writing() as writing:
        for table in _OF_PEOPLE:
            found = reading.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
            for rows in found.mappings().partitions():
                writing.execute(insert(table), [dict(row) for row in rows])
                copied += len(rows)
    return copied
