"""Bringing a database to the newest schema when it is opened."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

_UPGRADE_LOCK = 0x526F6C6C  # "Roll"; any constant that all Rollcall processes share


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade_schema(connection: Connection) -> None:
    """Create or upgrade the tables, inside the caller's transaction.

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
