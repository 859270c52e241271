"""Alembic's entry point. Runs on the connection that the ledger opened, or on ROLLCALL_DATABASE_URL."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from tasks.store import tables  # noqa: F401  # registers the tables
from tasks.store.columns import Money, UtcDateTime, Word
from tasks.store.migrations.upgrade import changing_schema
from tasks.store.session import database_url, make_engine


def _render_plain_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as SQLAlchemy's own: an old revision must not depend on today's code."""
    if kind != "type":
        return False
    match item:
        case AutoString():
            return f"sa.String({item.length})" if item.length else "sa.String()"
        case Word():
            return "sa.String(32)"
        case UtcDateTime():
            return "sa.DateTime(timezone=True)"
        case Money():
            return 'sa.Numeric().with_variant(sa.Float(), "sqlite")'
        case _:
            return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,  # SQLite cannot alter a column in place
        render_item=_render_plain_type,
    )
    context.run_migrations()
    if connection.dialect.name == "sqlite":
        # They are off while tables are made anew: see changing_schema.
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise RuntimeError(
                f"a migration left a row of {broken[0]} that refers to a missing row of {broken[2]}"
            )


if (given := context.config.attributes.get("connection")) is not None:
    _migrate(given)
else:
    # Not a Ledger: it would upgrade the schema inside this command, and Alembic cannot run inside itself.
    engine = make_engine(database_url())
    try:
        with changing_schema(engine) as own_connection:
            _migrate(own_connection)
    finally:
        engine.dispose()
