"""Starting Rollcall's services as processes of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ANNOUNCES = "listening on "


@contextmanager
def running_service(module: str) -> Iterator[str]:
    """Run `python -m MODULE --port 0` until the block ends; yields the URL at which it listens.

    Raises:
        RuntimeError: It ended, or said something else; what it had to say is on the terminal.
    """
    with subprocess.Popen(  # noqa: S603  # modules of ours
        [sys.executable, "-m", module, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            if _ANNOUNCES not in announced:
                raise RuntimeError(f"{module} did not start; run `python -m {module}` to see why")
            yield announced.rpartition(_ANNOUNCES)[2].strip()
        finally:
            process.terminate()
