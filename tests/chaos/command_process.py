"""A command of Rollcall as a process of its own, in which something happens at a point."""

import faulthandler
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.chaos.failpoints import Action, Failpoint, PassedPoints, watch_commits, watch_requests
from tests.chaos.mutants import Mutant
from tests.forked_commands import FORKSERVER

IMPORTED_BEFORE = (
    "flows.control_command",
    "flows.reconcile_command",
    "tests.chaos.command_process",
    "tests.chaos.full_disk",
    "tests.chaos.warm",
)
"""Beside what all forked commands have imported, where no command is run by `python -m`."""

_ENTRANCES = {
    "flows.send_campaign": "flows.terminal:main_send_campaign",
    "flows.reconcile_deliveries": "flows.reconcile_command:main_reconcile_deliveries",
    "flows.hand_over_chunks": "flows.control_command:main_hand_over_chunks",
}
"""What `python -m MODULE` calls. Called directly: nothing is imported, and no flow built, a second time."""

_LOOK_SECONDS = 0.01
_STALLED_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: `python -m MODULE ARGUMENTS`."""

    module: str
    arguments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Injection:
    """What is put into the process before the command runs.

    Attributes:
        failpoint: What happens in it, and where.
        mutant: Which fault it gets.
    """

    failpoint: Failpoint | None = None
    mutant: Mutant | None = None


@dataclass(slots=True)
class CommandProcess:
    """The command while it runs, and what it left.

    Attributes:
        output: All that it printed.
        trace: The points that it passed.
    """

    command: Command
    process: ForkServerProcess
    output: Path
    trace: Path
    started_at: float = field(default_factory=time.monotonic)
    _stalled_at: float | None = None

    @property
    def pid(self) -> int:
        """Also the id of its process group."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; `-number` if a signal ended it."""
        return self.process.exitcode

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    @property
    def has_begun(self) -> bool:
        """Whether it passed a point."""
        return self.trace.exists() and self.trace.stat().st_size > 0

    def kill(self) -> None:
        """SIGKILL, to it and to the processes that it started."""
        if self.exit_code is None:
            _signal_group(self.pid, signal.SIGKILL)
            self.process.kill()

    def show_where_it_hangs(self) -> None:
        """Let it print the stacks of all its threads."""
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(0.5)

    def let_go_on(self) -> None:
        """If it stalled, let it go on after a while."""
        if self.exit_code is not None:
            return
        if not _is_stopped(self.pid):
            self._stalled_at = None
        elif self._stalled_at is None:
            self._stalled_at = time.monotonic()
        elif time.monotonic() - self._stalled_at > _STALLED_SECONDS:
            _signal_group(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Leave nothing behind, of its own processes either."""
        self.kill()
        self.process.join()
        _signal_group(self.pid, signal.SIGKILL)


def start(
    command: Command, variables: Mapping[str, str], directory: Path, name: str, injection: Injection
) -> CommandProcess:
    """Start a command.

    Args:
        command: Which one.
        variables: `ROLLCALL_` variables, and others, of its environment.
        directory: Where its output and its trace go ...
        name: ... under this name.
        injection: What is put into it.
    """
    output, trace = directory / f"{name}.printed", directory / f"{name}.points"
    process = FORKSERVER.Process(
        target=_run_command, args=(command, dict(variables), output, trace, injection), name=name
    )
    process.start()
    return CommandProcess(command, process, output, trace)


def wait_for_all(processes: Sequence[CommandProcess], until: float) -> bool:
    """Wait until all have ended; False if it is `until` before that."""
    while any(process.exit_code is None for process in processes):
        if time.monotonic() > until:
            return False
        for process in processes:
            process.let_go_on()
        time.sleep(_LOOK_SECONDS)
    return True


def _run_command(
    command: Command, variables: Mapping[str, str], output: Path, trace: Path, injection: Injection
) -> None:
    os.setpgid(0, 0)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    os.environ.update(variables)
    _install(injection, trace, variables["CHAOS_SANDBOX_URL"])
    _calm_prefect()
    _draw_nothing()
    sys.argv[1:] = command.arguments
    sys.exit(pkgutil.resolve_name(_ENTRANCES[command.module])())


def _install(injection: Injection, trace: Path, sandbox_url: str) -> None:
    from tests.chaos.full_disk import FullDisk  # noqa: PLC0415  # only in the process of a command

    disk = FullDisk()
    passed = PassedPoints(
        trace, injection.failpoint, {Action.FILL_DISK: disk.fill, Action.LIMIT_FILES: disk.limit_files}
    )
    if injection.mutant is not None:
        injection.mutant.install()
    watch_commits(passed, lost_at=injection.mutant.lost_commit if injection.mutant else None)
    watch_requests(passed, sandbox_url)


def _calm_prefect() -> None:
    """Leave out what Prefect does for its UI beside the states of runs: half of the time of so short a command."""
    from prefect import flow_engine  # noqa: PLC0415  # imported in the process that this one is forked from
    from prefect.events import utilities  # noqa: PLC0415  # the same

    vars(flow_engine)["_send_heartbeats"] = lambda *_, **__: nullcontext()  # sleeps a second at a time
    vars(utilities)["should_emit_events"] = lambda: False


def _draw_nothing() -> None:
    """Leave the pictures of reports empty: no commit and no request is near them, and they take their time."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # imported in the process that this one is forked from

    changed: Any = Figure
    changed.savefig = lambda _, file, **__: file.write("<svg/>")
    changed.findobj = lambda *_: []


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
