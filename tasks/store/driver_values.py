"""Values as the database's driver takes them, for statements that SQLAlchemy does not look at row by row."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Table


def driver_values(connection: Connection, table: Table, name: str, values: Sequence[Any]) -> Sequence[Any]:
    """What SQLAlchemy would do to the values of a column, but to JSON that is written already.

    Args:
        connection: Of the database.
        table: The table.
        name: Of its column.
        values: What the rows shall have there; equal ones are converted once.
    """
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return values
    convert = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if convert is None:
        return values
    converted = {value: convert(value) for value in set(values)}  # most columns repeat a few values
    return [converted[value] for value in values]
