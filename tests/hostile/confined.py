"""Trying hostile input where it can do no harm: in a process with a limit in time and memory."""

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).parents[2]
_PATIENCE_SECONDS = 40.0
_SECONDS = 10.0
_SECONDS_PER_MEGABYTE = 2.0
_BYTES = 600 << 20
_BYTES_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one input was dealt with.

    Attributes:
        is_fine: An ordinary end or a documented refusal, within the bounds.
        what: For a person.
        peak_bytes: Above what the process had before.
    """

    is_fine: bool
    what: str
    seconds: float
    peak_bytes: int


class Confined:
    """A worker process that is started again when an input ends it. A context manager.

    Args:
        directory: For its ledger.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._starts = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def attempt(self, surface: str, argument: str, *, input_bytes: int = 0, slack: float = 1.0) -> Outcome:
        """Try one input.

        Args:
            surface: Of `surfaces`.
            argument: A path, a text as JSON, or a seed.
            input_bytes: Its size; the bounds grow with it.
            slack: The machine is so many times slower than it should be.
        """
        worker = self._running()
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{surface}\t{argument}\n")
        worker.stdin.flush()
        megabytes = input_bytes / (1 << 20)
        bound = (_SECONDS + _SECONDS_PER_MEGABYTE * megabytes) * slack
        ready, _, _ = select.select([worker.stdout], [], [], bound + _PATIENCE_SECONDS)
        line = worker.stdout.readline() if ready else ""
        if not line:
            code = worker.poll()
            self._end()
            return Outcome(
                is_fine=False,
                what=f"ended the process ({code})" if ready else "did not end",
                seconds=bound,
                peak_bytes=0,
            )
        found = Outcome(**json.loads(line))
        if found.is_fine and found.seconds > bound:
            return Outcome(
                is_fine=False,
                what=f"took longer than {bound:.0f} s: {found.what}",
                seconds=found.seconds,
                peak_bytes=found.peak_bytes,
            )
        if found.is_fine and found.peak_bytes > _BYTES + _BYTES_PER_BYTE * input_bytes:
            return Outcome(
                is_fine=False,
                what=f"took too much memory: {found.what}",
                seconds=found.seconds,
                peak_bytes=found.peak_bytes,
            )
        return found

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._starts += 1
            ledger = self._directory / f"ledger-{self._starts}.db"
            environment = {
                **os.environ,
                "ROLLCALL_DATABASE_URL": f"sqlite:///{ledger}",
                "PYTHONPATH": str(REPOSITORY),
                "PREFECT_LOGGING_LEVEL": "CRITICAL",
            }
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.worker"],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
