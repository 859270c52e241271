"""Stands for `python`, `prefect` and `make` in the shell that types the commands of the documentation.

It starts in milliseconds, because it imports nothing heavy: `tests/documentation/warm_python.py`, which has
imported everything, runs the command in a fork of itself, with the directory, the environment and the terminal of
this one.
"""

import array
import json
import os
import socket
import subprocess
import sys

REFUSED = 97
"""Exit code for a command that nobody can check."""


def main() -> int:
    """Run one command; returns its exit code."""
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]  # noqa: PTH119  # pathlib costs a third of the start
    if name == "make":
        planned = subprocess.run(
            ["/usr/bin/env", "make", "-n", "-C", os.environ["DOCUMENTED_ROOT"], *arguments],
            env={**os.environ, "PATH": os.environ["PATH_OF_MAKE"]},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        return planned.returncode
    if name == "prefect":
        arguments = ["-m", "prefect", *arguments]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["WARM_PYTHON"])
        order = {"arguments": arguments, "directory": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109  # the same
        streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
        connection.sendmsg([json.dumps(order).encode() + b"\n"], [streams])
        answer = connection.makefile("r").readline()
    return int(answer) if answer else REFUSED


if __name__ == "__main__":
    sys.exit(main())
