"""Starting Rollcall's services as processes of their own, and ending them with everything that they started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_ANNOUNCES = "listening on "
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Service:
    """A web service of ours that runs.

    Attributes:
        url: At which it listens.
        process: It.
    """

    url: str
    process: subprocess.Popen[str]


@contextmanager
def running_service(
    module: str, *, port: int = 0, variables: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> Iterator[Service]:
    """Run `python -m MODULE --port N` until the block ends.

    Args:
        module: One that says where it listens.
        port: 0 takes any free port.
        variables: Its environment; None: ours.
        log: Where its errors go; None: the terminal.

    Raises:
        RuntimeError: It ended, or said something else; what it had to say is on the terminal, or in the log.
    """
    with subprocess.Popen(  # noqa: S603  # modules of ours
        [sys.executable, "-m", module, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=_finding_rollcall(os.environ if variables is None else variables),
        # Ctrl-C in a terminal is for who started it, and who ends it when the time has come.
        start_new_session=True,
    ) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            if _ANNOUNCES not in announced:
                raise RuntimeError(f"{module} did not start; run `python -m {module}` to see why")
            yield Service(announced.rpartition(_ANNOUNCES)[2].strip(), process)
        finally:
            process.terminate()


def _finding_rollcall(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which our modules are found also from a folder that is not ours."""
    places = [str(Path(__file__).parents[1]), *filter(None, [variables.get("PYTHONPATH")])]
    return {**variables, "PYTHONPATH": os.pathsep.join(places)}


@contextmanager
def running_command(
    command: Sequence[str], *, variables: Mapping[str, str], log: IO[bytes], patience_seconds: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; then end it, and whatever it started, down to the last.

    All of them are asked to end, and killed when they have not after a while.

    Args:
        command: It, with its arguments.
        variables: Its environment.
        log: Where everything goes that it prints.
        patience_seconds: How long it may take to end.
    """
    process = subprocess.Popen(  # noqa: S603  # commands of ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=variables,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end_with_descendants(process, patience_seconds)


def end_with_descendants(process: subprocess.Popen[bytes], patience_seconds: float) -> None:
    """Ask a process and all that it started to end; kill who has not after a while.

    Not by process groups: a Prefect worker gives each flow run a session of its own, and waits for it to end by
    itself.
    """
    started = [process.pid, *descendants(process.pid)]
    for pid in started:
        _send(signal.SIGTERM, pid)
    give_up_at = time.monotonic() + patience_seconds
    while time.monotonic() < give_up_at:
        started += [pid for pid in descendants(*started) if pid not in started]
        if process.poll() is not None and not any(map(_is_alive, started)):
            return
        time.sleep(_POLL_SECONDS)
    for pid in started:
        _send(signal.SIGKILL, pid)
    process.wait()


def descendants(*ancestors: int) -> list[int]:
    """All processes that these started, and those that those started, and so on."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    to_ask = list(ancestors)
    while to_ask:
        born = [pid for pid in children.get(to_ask.pop(), []) if pid not in found]
        found += born
        to_ask += born
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Every process of this machine with its parent."""
    if Path("/proc/self/stat").exists():  # Linux, also where there is no `ps`
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                # "PID (NAME) STATE PARENT ...", and the name may have spaces and parentheses
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                yield int(folder.name), int(fields[1])
        return
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)  # noqa: S607  # where it lies differs
    for line in listed.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for by its parent does not."""
    stat = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
    if Path("/proc/self/stat").exists():
        return False
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def _send(number: signal.Signals, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
