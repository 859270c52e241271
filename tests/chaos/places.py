"""Where lives take place: a sandbox that can go away and come back, and a fresh ledger for each life."""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
from sqlalchemy import Engine, create_engine, text

from deployments.listening import open_socket, url_of
from deployments.sandbox.app import create_app
from deployments.sandbox.clock import Clock
from deployments.sandbox.server import build_server
from tasks.store.session import Ledger
from tests.bench.places import environment
from tests.flows.reconciling import SIGNING_KEY, WORKSPACE

BEHIND = timedelta(minutes=10)
"""How far the providers' clocks are behind ours. Before anybody reconciles, this much time passes in the ledger:
its instants then are those of the providers, and nobody had to wait."""

_LOOK_SECONDS = 0.02


class SandboxThatComesAndGoes:
    """A sandbox on loopback that can be away for a while: nobody listens, and what it knows it keeps."""

    def __init__(self) -> None:
        self.app = create_app(clock=Clock(now=lambda: time.time() - BEHIND.total_seconds()))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        self._port = 0
        self._server: Any = None
        self._serving: Any = None
        self.come()

    @property
    def url(self) -> str:
        """Where it listens, when it does."""
        return f"http://127.0.0.1:{self._port}"

    def come(self) -> None:
        """Listen, at the same port as before."""
        listening = open_socket("127.0.0.1", self._port)
        self._port = int(url_of(listening).rpartition(":")[2])
        self._server = build_server(self.app)
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve(sockets=[listening]), self._loop)

    def go(self) -> None:
        """Listen no more: connections are refused, and those that are open are closed."""
        if self._server is None:
            return
        self._server.should_exit = True
        self._serving.result(10)
        self._server = None

    def close(self) -> None:
        """Come no more."""
        self.go()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def switch(self, **settings: dict[str, Any]) -> None:
        """Set some switches."""
        httpx.patch(f"{self.url}/settings", json=settings).raise_for_status()

    def reset(self) -> None:
        """Forget everything."""
        httpx.post(f"{self.url}/reset").raise_for_status()

    def truth(self, provider: str) -> list[dict[str, Any]]:
        """Everything that a provider took, in the order of its arrival."""
        truth = httpx.get(f"{self.url}/truth", timeout=30).raise_for_status().json()
        recipients: list[dict[str, Any]] = truth[provider]["recipients"]
        return recipients

    def callbacks_waiting(self, provider: str) -> int:
        """Callbacks that a provider still has to make."""
        summary = httpx.get(f"{self.url}/truth/summary", timeout=30).raise_for_status().json()
        return int(summary[provider]["callbacks"].get("waiting", 0))


class SqliteFiles:
    """A file for each life, copied from one that has the tables."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._template = directory / "template.db"
        with Ledger(f"sqlite:///{self._template}") as ledger:
            _let_turns_pass(ledger)

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """An empty ledger; yields its URL."""
        path = self._directory / f"{name}.db"
        shutil.copyfile(self._template, path)
        yield f"sqlite:///{path}"
        for file in self._directory.glob(f"{name}.db*"):
            file.unlink()


class PostgresqlServer:
    """A server of its own, and a database for each life, copied from one that has the tables."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._server_url: str = server.get_uri()
        self._numbers = count(1)
        self.engine: Engine = create_engine(
            self._server_url.replace("postgresql:", "postgresql+psycopg:", 1), isolation_level="AUTOCOMMIT"
        )
        self._do("CREATE DATABASE template_ledger")
        with Ledger(self._url_of("template_ledger")) as ledger:
            _let_turns_pass(ledger)

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """An empty ledger; yields its URL."""
        del name
        database = f"life_{next(self._numbers)}"
        self._do(f"CREATE DATABASE {database} TEMPLATE template_ledger")
        try:
            yield self._url_of(database)
        finally:
            self._do(f"DROP DATABASE {database} WITH (FORCE)")

    def cut_connections(self, url: str) -> int:
        """End every connection to a database, as an administrator or a failing network does; returns how many."""
        database = url.partition("?")[0].rpartition("/")[2]
        with self.engine.connect() as connection:
            return int(
                connection.execute(
                    text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"),
                    {"name": database},
                ).scalar_one()
            )

    def crash(self) -> None:
        """Let the server end at once, as if its machine had failed, and start again from its log."""
        if (pid := self._server.get_pid()) is not None:
            os.kill(pid, signal.SIGQUIT)
            while Path(f"/proc/{pid}").exists():
                time.sleep(_LOOK_SECONDS)
        self._server.ensure_postgres_running()
        self.engine.dispose()

    def close(self) -> None:
        """Give our own connection back."""
        self.engine.dispose()

    def _url_of(self, database: str) -> str:
        return self._server_url.replace("/postgres?", f"/{database}?", 1)

    def _do(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(statement))


@contextmanager
def database_server(kind: str) -> Iterator[SqliteFiles | PostgresqlServer]:
    """Where ledgers of a kind are kept."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"rollcall-chaos-{kind}-")))
        if kind == "sqlite":
            yield SqliteFiles(directory)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about XDG_RUNTIME_DIR, which it does not need
            from tests.conftest import _start_postgresql  # noqa: PLC0415

            server = _start_postgresql(directory)
        stack.callback(server.cleanup)
        databases = PostgresqlServer(server)
        stack.callback(databases.close)
        yield databases


def _let_turns_pass(ledger: Ledger) -> None:
    """Let the time between two turns of a rate limit pass at once: nobody wants to wait for Dripcel's minutes."""
    with ledger.writing() as connection:
        if connection.dialect.name == "sqlite":
            body = "BEGIN UPDATE rate_limit SET next_at = 0 WHERE name = NEW.name; END"
            connection.execute(text("CREATE TRIGGER new_turn AFTER INSERT ON rate_limit " + body))
            connection.execute(text("CREATE TRIGGER next_turn AFTER UPDATE ON rate_limit " + body))
            return
        connection.execute(
            text(
                "CREATE FUNCTION let_turn_pass() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN UPDATE rate_limit SET next_at = 0 WHERE name = NEW.name; RETURN NULL; END'"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER let_turn_pass AFTER INSERT OR UPDATE ON rate_limit FOR EACH ROW "
                "WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION let_turn_pass()"
            )
        )


class Place:
    """All that the lives of one lane share."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.sandbox = SandboxThatComesAndGoes()
        self._stack.callback(self.sandbox.close)
        # The receiver, in this process, takes callbacks for these accounts.
        self._stack.enter_context(environment(os.environ | account_variables(self.sandbox.url)))
        self._servers: dict[str, SqliteFiles | PostgresqlServer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def databases(self, kind: str) -> SqliteFiles | PostgresqlServer:
        """Where ledgers of a kind are kept; started when first asked for."""
        if kind not in self._servers:
            self._servers[kind] = self._stack.enter_context(database_server(kind))
        return self._servers[kind]


def account_variables(url: str) -> dict[str, str]:
    """The environment of who sends to a sandbox."""
    return {
        "ROLLCALL_OCTOPUSH_BASE_URL": f"{url}/octopush/v1/public",
        "ROLLCALL_OCTOPUSH_API_LOGIN": "sandbox@example.com",
        "ROLLCALL_OCTOPUSH_API_KEY": "sandbox-octopush-key",
        "ROLLCALL_DRIPCEL_BASE_URL": f"{url}/dripcel",
        "ROLLCALL_DRIPCEL_API_KEY": "sandbox-dripcel-key",
        "ROLLCALL_INDIGITALL_BASE_URL": f"{url}/indigitall",
        "ROLLCALL_INDIGITALL_SERVER_KEY": "00000000-0000-4000-8000-0000000000d1",
        "ROLLCALL_INDIGITALL_APPLICATION_ID": "1001",
        "ROLLCALL_BIRD_BASE_URL": f"{url}/bird",
        "ROLLCALL_BIRD_ACCESS_KEY": "sandbox-bird-key",
        "ROLLCALL_BIRD_WORKSPACE_ID": WORKSPACE,
        "ROLLCALL_BIRD_SIGNING_KEY": SIGNING_KEY,
        "ROLLCALL_BIRD_CHANNEL_ID": "00000000-0000-4000-8000-0000000000c1",
    }
