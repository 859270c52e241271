"""Bringing a database to the newest schema when it is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

_UPGRADE_LOCK = 0x526F6C6C  # "Roll"; any constant that all Rollcall processes share


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@contextmanager
def changing_schema(engine: Engine) -> Iterator[Connection]:
    """A transaction that may change tables: all of it happens, or nothing.

    SQLite cannot alter much in place: Alembic copies the table, drops it, and renames the copy. With foreign keys
    on, a table that others refer to cannot be dropped, so they are off meanwhile; `env.py` checks them afterwards.
    """
    with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").connect() as connection:
        driver_connection: Any = connection.connection.driver_connection
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:  # not through SQLAlchemy: within a transaction, this does nothing
            driver_connection.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            if is_sqlite:
                driver_connection.execute("PRAGMA foreign_keys = ON")


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version."""
    return MigrationContext.configure(connection).get_current_revision() == _newest_revision()


@cache  # a ledger is opened for every chunk, and this reads and compiles all revisions
def _newest_revision() -> str | None:
    return ScriptDirectory.from_config(migration_config()).get_current_head()


def upgrade_schema(connection: Connection) -> None:
    """Create or upgrade the tables, inside the caller's `changing_schema`.

    Raises:
        LedgerError: The database was made by a newer version of this program.
    """
    from tasks.store.session import LedgerError  # noqa: PLC0415  # session imports this module in turn

    config = migration_config(connection)
    scripts = ScriptDirectory.from_config(config)
    if connection.dialect.name == "postgresql":
        # SQLite's write lock is held already; here two starting processes would both create the tables.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(
            f"the ledger's schema is revision {current}, which this version of Rollcall does not know ({error}): "
            "it was made by a newer one. Upgrade Rollcall, or use another ROLLCALL_DATABASE_URL."
        ) from None
