"""Many rows at once: COPY on PostgreSQL, where it is twice as quick as INSERT; one `executemany` on SQLite."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from tasks.store.driver_values import driver_values
from tasks.store.error_texts import without_values


def insert_columns(
    connection: Connection,
    table: Table,
    columns: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows, in the caller's transaction.

    Args:
        connection: A writing transaction.
        table: Where to.
        columns: The values of each column, equally many; JSON as text. Nothing is filled in for a column that is
            not among them but what the database does by itself: its key, or NULL.
        constants: Values that all rows have in common.

    Raises:
        ValueError: The columns are not equally long, or a column's default would have to be filled in.
        sqlalchemy.exc.DBAPIError: The database refuses a row: IntegrityError, DataError ... as an INSERT raises
            them. No value of a row is in its text.
    """
    constants = constants or {}
    lengths = set(map(len, columns.values()))
    if lengths in (set(), {0}):
        return
    if len(lengths) > 1:
        raise ValueError(f"the columns for {table.name} are not equally long")
    names = [*columns, *constants]
    if missing := [column.name for column in table.c if column.default is not None and column.name not in names]:
        raise ValueError(f"{table.name} needs {', '.join(missing)}")
    rows = zip(
        *(driver_values(connection, table, name, values) for name, values in columns.items()),
        *(repeat(driver_values(connection, table, name, [value])[0]) for name, value in constants.items()),
        strict=False,  # a constant never ends
    )
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
    else:
        # The driver's own statement: SQLAlchemy would look at each value of each row.
        quote = connection.dialect.identifier_preparer.quote
        listed, places = ", ".join(map(quote, names)), ", ".join("?" * len(names))
        statement = f"INSERT INTO {quote(table.name)} ({listed}) VALUES ({places})"  # noqa: S608  # names of ours
        connection.exec_driver_sql(statement, list(rows))


def _copy(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    # Text, not binary: as quick (measured), and it needs no list of types beside the tables' own.
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    # The driver's connection is within the transaction that SQLAlchemy began: it ends with that one.
    driver_connection: Any = connection.connection.driver_connection
    try:
        with driver_connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise _as_sqlalchemy_raises_it(connection, f"COPY {table.name} FROM STDIN", error) from error


def _as_sqlalchemy_raises_it(connection: Connection, statement: str, error: psycopg.Error) -> DBAPIError:
    """The error as callers know it; a connection that died is not given to anybody else."""
    without_values(error)
    is_gone = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]  # psycopg's own errors
    if is_gone:
        connection.invalidate(error)
    wrapped = DBAPIError.instance(
        statement,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_gone,
        dialect=connection.dialect,
    )
    return cast("DBAPIError", wrapped)
