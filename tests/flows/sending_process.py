"""`python -m flows.send_campaign` as a process of its own, which can be killed, stopped, and raced by another."""

import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.forked_commands import FORKSERVER, get_ready

__all__ = ["SendingProcess", "get_ready", "sending"]

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
    process = FORKSERVER.Process(
        target=_run_command, args=(output, variables, module, list(map(str, arguments))), daemon=True
    )
    process.start()
    try:
        yield SendingProcess(process, output)
    finally:
        process.kill()  # a failed test leaves nobody behind who sends
        process.join()


def _run_command(output: Path, variables: Mapping[str, str], module: str, arguments: list[str]) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    os.environ.update(variables)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
