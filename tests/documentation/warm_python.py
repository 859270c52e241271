"""A Python that has imported everything heavy, and runs each command in a fork of itself.

A command of the documentation takes tenths of a second instead of ten: `python -m tests.documentation.warm_python
SOCKET` listens for what `typed_command.py` sends.
"""

import array
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

from tests.documentation.typed_command import REFUSED

LASTING = ("deployments.receiver", "deployments.sandbox")
"""Commands that serve until they are told to stop: they stay up until the page is over."""

_IMPORTED_BEFORE = (
    "alembic.command",
    "deployments.provision",
    "deployments.sandbox.app",
    "flows.import_command",
    "flows.control_command",
    "flows.privacy_command",
    "flows.reconcile_command",
    "flows.terminal",
    "prefect.flow_engine",
    "prefect.task_engine",
    "pyarrow.dataset",
    "sqlalchemy.dialects.sqlite",
    "tasks.providers.bird.adapter",
    "tasks.providers.bird.reader",
    "tasks.providers.octopush.adapter",
)


def main() -> None:
    """Serve until killed; whatever still runs then is ended by who started it."""
    for module in _IMPORTED_BEFORE:
        import_module(module)
    signal.signal(signal.SIGCHLD, _let_ended_forks_go)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _run(connection)
            connection.close()


def _let_ended_forks_go(_number: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(connection: socket.socket) -> None:
    """Do in this fork what was ordered, and say its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    received, streams = b"", array.array("i")
    while not received.endswith(b"\n"):
        data, ancillary, *_ = connection.recvmsg(1 << 16, socket.CMSG_LEN(3 * streams.itemsize))
        received += data
        for _level, _kind, raw in ancillary:
            streams.frombytes(raw)
    order = json.loads(received)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    try:
        code = _obey(order["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(f"{code}\n".encode())
    os._exit(0)


def _obey(arguments: Sequence[str]) -> int:
    sys.orig_argv = ["python", *arguments]
    match arguments:
        case ["-m", module, *rest] if module in LASTING:
            return _start(module, rest)
        case ["-m", "prefect", *rest]:
            return _look_up(rest)
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            sys.modules.pop(module, None)  # imported before, and to be run now
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code]:
            sys.argv = ["-c"]
            exec(code, {"__name__": "__main__"})  # noqa: S102  # what the page says
        case [script, *rest] if script.endswith(".py"):
            sys.argv = [script, *rest]
            runpy.run_path(script, run_name="__main__")
        case _:
            sys.stderr.write(f"nothing here checks `python {' '.join(arguments)}`\n")
            return REFUSED
    return 0


def _start(module: str, arguments: Sequence[str]) -> int:
    """Leave a service behind that serves until who reads the file `LASTING` ends it; return when it listens."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": os.environ["DOCUMENTED_ROOT"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with Path(os.environ["LASTING"]).open("a", encoding="utf-8") as pids:
        pids.write(f"{process.pid}\n")
    said = process.stdout.readline()
    sys.stdout.write(said)
    return 0 if "listening on" in said else REFUSED


def _look_up(arguments: Sequence[str]) -> int:
    """Whether Prefect has such a command with such options. Servers and workers of it run until Ctrl-C."""
    from prefect.cli._app import _app  # noqa: PLC0415  # few pages need it; Prefect shows it nowhere else

    _app.parse_args(arguments, print_error=True, exit_on_error=True)
    return 0


if __name__ == "__main__":
    main()
