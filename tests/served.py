"""All of Rollcall on one machine, as `make serve` starts it, for tests."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from deployments.processes import descendants

ROOT = Path(__file__).parents[1]
STARTING_SECONDS = 240


class Served:
    """`python -m deployments.serve` as a process, and what it said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.printed = directory.parent / "printed"
        with self.printed.open("wb") as printed:
            any_port = [word for option in ("", "receiver-", "sandbox-") for word in (f"--{option}port", "0")]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deployments.serve", "--directory", str(directory), *any_port],
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_for(self, condition, why):
        give_up_at = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < give_up_at:
            if found := condition():
                return found
            assert self.process.poll() is None, self.printed.read_text()
            time.sleep(0.2)
        raise AssertionError(f"{why}\n{self.printed.read_text()}")

    def url(self, name: str) -> str:
        def said():
            lines = self.printed.read_text().splitlines()
            return next((line.split()[len(name.split())] for line in lines if line.startswith(f"{name} ")), None)

        return self.wait_for(said, f"it did not say where the {name} is")

    def stop(self, number: signal.Signals) -> int:
        family = [self.process.pid, *descendants(self.process.pid)]
        self.process.send_signal(number)
        code = self.process.wait(120)
        assert len(family) > 4
        assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
        return code
