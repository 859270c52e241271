"""Looking for an address in everything that a ledger keeps, in all its spellings."""

from pathlib import Path

from sqlalchemy import JSON, Text, cast, select
from sqlmodel import SQLModel

from tasks.contacts.spellings import Spellings


def rows_that_mention(ledger, *addresses):
    """`table.column` of every value in the database in which one of the addresses stands, in any spelling."""
    spellings = Spellings(addresses)
    found = []
    with ledger.reading() as connection:
        for table in SQLModel.metadata.sorted_tables:
            for column in table.columns:
                text = cast(column, Text) if isinstance(column.type, JSON) else column
                values = connection.execute(select(text).where(column.is_not(None))).scalars()
                found += [f"{table.name}.{column.name}" for value in values if spellings.occur_in(str(value))]
    return found


def files_that_mention(directory: Path, *needles: str):
    """Files below a directory that hold one of these texts, the database's own among them."""
    return [
        path.name
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(needle.encode() in path.read_bytes() for needle in needles)
    ]
