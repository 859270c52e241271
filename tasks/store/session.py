"""Connections to the ledger: SQLite by default, PostgreSQL with the same code."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from tasks.store.error_texts import hide_values

DEFAULT_DATABASE_URL = f"sqlite:///{Path(__file__).parents[2] / 'data' / 'rollcall.db'}"
"""`data/rollcall.db` beside the code, not in the current folder: started from another folder, a campaign would
find no ledger, and be sent again."""

_BUSY_SECONDS = 60.0


class LedgerError(Exception):
    """The ledger cannot be opened or does not add up."""


def database_url() -> str:
    """`ROLLCALL_DATABASE_URL`, else the SQLite file `data/rollcall.db`."""
    return os.environ.get("ROLLCALL_DATABASE_URL") or DEFAULT_DATABASE_URL


class Ledger:
    """The account of every run, in one database.

    Reading and writing are separate on purpose: a writer on SQLite takes the write lock when it begins, so two
    writers wait for each other instead of failing halfway, and readers never wait.

    Raises:
        LedgerError: The database cannot be reached, or its schema is newer than this program.
    """

    def __init__(self, url: str | None = None) -> None:
        self._engine = make_engine(url or database_url())
        # SQLite has one writer at a time, and lets whoever finds it busy sleep for up to 100 ms. Threads that
        # share a ledger (the windows of a chunk, and the pace) wait here instead, no longer than they must.
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._turn_to_write: AbstractContextManager[object] = threading.Lock() if is_sqlite else nullcontext()
        try:
            _make_directory(self._engine.url)
            self._upgrade_schema()
        except (OperationalError, OSError) as error:
            self.close()
            why = error.orig if isinstance(error, OperationalError) else error.strerror
            raise LedgerError(
                f"the database {self.shown_url} cannot be opened: {' '.join(str(why).split())}. "
                "Check ROLLCALL_DATABASE_URL and that the place can be written."
            ) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def shown_url(self) -> str:
        """The database's URL without its password, wherever that stands in it."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    @cached_property
    def _writer(self) -> Engine:
        return self._engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back on an exception.

        Never keep one open over a request to a provider: other writers wait for it.
        """
        with self._turn_to_write, self._writer.begin() as connection:
            yield connection

    def compact(self) -> bool:
        """Let no byte of what was deleted stay in the database's files, as far as this can be done from here.

        SQLite marks what is deleted as free and leaves it there, also in its write-ahead log: the file is written
        anew, and the log cut off. It needs as much disk again, and other writers wait. PostgreSQL does it by
        itself, later.

        Returns:
            Whether nothing is left. False on PostgreSQL, and while another process reads the old pages.
        """
        if self._engine.dialect.name != "sqlite":
            return False
        pooled = self._engine.raw_connection()  # VACUUM must not run inside a transaction
        try:
            cursor = pooled.cursor()
            cursor.execute("PRAGMA temp_store = FILE")  # the copy of a large ledger does not fit into memory
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA temp_store = MEMORY")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [(is_busy, _, _)] = cursor.fetchall()
            cursor.close()
        finally:
            pooled.close()
        return not is_busy

    def close(self) -> None:
        """Return all connections."""
        self._engine.dispose()

    def _upgrade_schema(self) -> None:
        # Imported here: Alembic costs 0.2 s, and only this needs it.
        from tasks.store.migrations.upgrade import changing_schema, is_current, upgrade_schema  # noqa: PLC0415

        with self.reading() as connection:
            if is_current(connection):  # no lock for it: a ledger is opened often, and others write meanwhile
                return
        with changing_schema(self._engine) as connection:
            upgrade_schema(connection)


def make_engine(url: str) -> Engine:
    """Connections to a database as the ledger uses them.

    Raises:
        LedgerError: It is no URL of SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter of a port that is none, which may be half a password
        parsed = None
    if parsed is None or "@" in (parsed.host or ""):
        raise LedgerError(
            "ROLLCALL_DATABASE_URL is not a database URL. "
            "Examples: sqlite:///data/rollcall.db, postgresql://user:password@host/rollcall; "
            "in a password, @ is written %40, / %2F and : %3A"
        )
    match parsed.get_backend_name():
        # Parameters stay hidden in errors: they are addresses and names, and errors end up in logs.
        case "postgresql":
            engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args=_postgresql_arguments(parsed),
            )
            hide_values(engine)
            return engine
        case "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite_connection)
            event.listen(engine, "begin", _begin_sqlite_transaction)
            return engine
        case other:
            raise LedgerError(f"ROLLCALL_DATABASE_URL names {other}; the ledger runs on SQLite and PostgreSQL")


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    """What a connection is opened with; what the URL says of it counts more."""
    # The system's own keepalive waits two hours. A sender would wait as long for a server that is gone, with
    # outcomes to record; and the server would keep the locks of a sender whose machine is gone.
    keepalive = {"idle": 20, "interval": 5, "count": 4}
    settings = {"timezone": "UTC"}  # instants at the edge of the calendar fall off it in other zones
    settings |= {f"tcp_keepalives_{name}": str(value) for name, value in keepalive.items()}
    arguments: dict[str, Any] = {f"keepalives_{name}": value for name, value in keepalive.items()}
    arguments |= {"connect_timeout": 20, "tcp_user_timeout": 40_000}
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    given = url.query.get("options", "")
    options = [f"-c {name}={value}" for name, value in settings.items()]
    return arguments | {"options": " ".join([*options, given if isinstance(given, str) else " ".join(given)])}


def _make_directory(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite_connection(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions on its own; see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: a power cut must not undo the commit that says "this message is being sent", or it would
    # be sent again.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_sqlite_transaction(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
