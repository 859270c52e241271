"""The receiver as a process of its own, which can be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECRET = "a-secret-in-the-url"

VARIABLES = {
    "ROLLCALL_CALLBACK_SECRET": SECRET,
    "ROLLCALL_BIRD_ACCESS_KEY": "key",
    "ROLLCALL_BIRD_WORKSPACE_ID": "00000000-0000-4000-8000-0000000000a1",
    "ROLLCALL_BIRD_CHANNEL_ID": "00000000-0000-4000-8000-0000000000c1",
    "ROLLCALL_BIRD_SIGNING_KEY": "sandbox-signing-key",
}
"""All that a receiver needs, but for the database."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process that listens.

    Attributes:
        url: Where.
    """

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """That of this process, without what Rollcall would read from it, and with these variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")} | dict(
        variables
    )


@contextmanager
def receiver_process(
    database_url: str, *, port: int = 0, module: str = "deployments.receiver", **variables: str
) -> Iterator[Started]:
    """`python -m deployments.receiver`, or another module that announces itself alike; ended at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", module, "--port", str(port)],
        cwd=REPOSITORY,
        env=environment_of({**VARIABLES, "ROLLCALL_DATABASE_URL": database_url, **variables}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            if not announced:
                _, printed = process.communicate()
                raise RuntimeError(f"{module} did not start: {printed}")
            yield Started(process, announced.rpartition("listening on ")[2].strip())
        finally:
            process.terminate()
