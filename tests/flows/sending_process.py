"""`python -m flows.send_campaign` as a process of its own, which can be killed, stopped, and raced by another.

The processes are forked from one that has imported everything heavy already: a start takes tenths of a second
instead of seconds, and two of them start at the same instant.
"""

import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_FORKSERVER = multiprocessing.get_context("forkserver")
_IMPORTED_BEFORE = (
    "alembic.command",
    "fastapi",
    "graphviz",
    "prefect.flow_engine",
    "prefect.task_engine",
    "psycopg",
    "pyarrow.dataset",
    "rich.progress",
    "sqlalchemy.dialects.sqlite",
    "tasks.dispatch",
    "tasks.plan",
    "tasks.providers.bird.adapter",
    "tasks.providers.octopush.adapter",
    "tasks.report",
)
"""All but `flows`: `python -m` imports the flow's module itself."""

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02


class SendingProcess:
    """The command while it runs, and what it printed."""

    def __init__(self, process: ForkServerProcess, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; `-number` if a signal ended it."""
        return self._process.exitcode

    @property
    def printed(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_until(self, has_happened: Callable[[], bool]) -> None:
        """Return at once when it has happened; fail if the process ends before, or takes too long."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not has_happened():
            assert self.exit_code is None, f"ended too early:\n{self.printed}"
            assert time.monotonic() < give_up_at, f"nothing happened:\n{self.printed}"
            time.sleep(_LOOK_SECONDS)

    def send_signal(self, number: int) -> None:
        assert self.exit_code is None, f"ended before the signal:\n{self.printed}"
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        self._process.join(_PATIENCE_SECONDS)
        assert self.exit_code is not None, f"did not end:\n{self.printed}"
        return self.exit_code


@contextmanager
def sending(output: Path, *arguments: str | Path, module: str = "flows.send_campaign") -> Iterator[SendingProcess]:
    """Run a command with the `ROLLCALL_` variables of this process, until it ends or the block does.

    Args:
        output: Where all that it prints goes.
        arguments: Its command line; for sending, the campaign file comes first.
        module: The command: `python -m MODULE`.
    """
    variables = {name: value for name, value in os.environ.items() if name.startswith("ROLLCALL_")}
    process = _FORKSERVER.Process(
        target=_run_command, args=(output, variables, module, list(map(str, arguments))), daemon=True
    )
    process.start()
    try:
        yield SendingProcess(process, output)
    finally:
        process.kill()  # a failed test leaves nobody behind who sends
        process.join()


def get_ready(prefect_api_url: str, prefect_home: Path) -> None:
    """Start the process that the others are forked from; only the first call in a session has an effect.

    Args:
        prefect_api_url: The Prefect server that all of them use. Prefect reads its settings when it is imported.
        prefect_home: A directory for Prefect, so that the user's own profile has no say.
    """
    _FORKSERVER.set_forkserver_preload(list(_IMPORTED_BEFORE))
    settings = {"PREFECT_API_URL": prefect_api_url, "PREFECT_HOME": str(prefect_home), "COLUMNS": "400"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _run_command(output: Path, variables: Mapping[str, str], module: str, arguments: list[str]) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    os.environ.update(variables)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
