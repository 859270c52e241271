"""A rehearsal: the real campaign with the real file, sent to a sandbox. Nothing leaves the machine.

The ledger of the rehearsal is a new one, in `data/rehearsal`. It knows the contacts and suppressions of the real
one, so the same people are left out; a frequency cap leaves nobody out, for nobody was sent anything there. The
real ledger is only read, and the campaign can be sent for real afterwards.
"""

import argparse
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console

from deployments.demo import (
    calm_life,
    count_open_messages,
    sandbox_variables,
    tell_providers_whom_to_call,
    wait_for_callbacks,
)
from deployments.processes import running_service
from tasks.store.copies import copy_people
from tasks.store.session import Ledger

DIRECTORY = Path("data/rehearsal")
_MOST_ROUNDS = 4


def set_the_stage(directory: Path, sandbox_url: str) -> int:
    """Make an empty ledger that knows whom to leave out, and point everything in this process at the sandbox.

    Returns:
        How many contacts and suppressions it knows.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    rehearsed = f"sqlite:///{directory / 'rollcall.db'}"
    with Ledger() as real, Ledger(rehearsed) as target:
        known = copy_people(real, target)
    os.environ.update(
        sandbox_variables(sandbox_url),
        ROLLCALL_DATABASE_URL=rehearsed,
        ROLLCALL_REPORT_DIRECTORY=str(directory / "reports"),
        ROLLCALL_CALLBACK_SECRET=secrets.token_urlsafe(24),
        PREFECT_HOME=str((directory / "prefect").absolute()),
    )
    for elsewhere in ("PREFECT_API_URL", "ROLLCALL_CALLBACK_URL"):
        os.environ.pop(elsewhere, None)
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m deployments.rehearse CAMPAIGN`.

    Returns:
        The exit code that sending would have: 0 done, 1 some messages need attention, 2 refused, 3 stopped midway.
    """
    parser = argparse.ArgumentParser(prog="python -m deployments.rehearse", description=__doc__)
    parser.add_argument("campaign", help="the campaign file (YAML)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="made anew (%(default)s)")
    options = parser.parse_args(arguments)
    console = Console()
    with running_service("deployments.sandbox") as sandbox_url:
        known = set_the_stage(options.directory, sandbox_url)
        console.print(f"Rehearsal: {known:,} contacts and suppressions are known; nothing leaves this machine.")
        with running_service("deployments.receiver") as receiver_url:
            tell_providers_whom_to_call(sandbox_url, receiver_url, calm_life())
            code = _play(options.campaign, sandbox_url)
        received = httpx.get(f"{sandbox_url}/truth/summary", timeout=60).raise_for_status().json()
    for provider, summary in received.items():
        if count := sum(summary["recipients_by_status"].values()):
            console.print(f"The sandbox of {provider} received {count:,} messages. Nobody else did.")
    console.print(f"Reports: {options.directory / 'reports'}")
    return code


def _play(campaign: str, sandbox_url: str) -> int:
    # Imported when the environment is set: Prefect reads its settings once.
    from flows.reconcile_command import main_reconcile_deliveries  # noqa: PLC0415
    from flows.terminal import ExitCode, main_send_campaign  # noqa: PLC0415

    code = main_send_campaign([campaign, "--yes"])
    if code in {ExitCode.DONE, ExitCode.ATTENTION}:
        wait_for_callbacks(sandbox_url)
        for _ in range(_MOST_ROUNDS):
            if not count_open_messages():
                break
            main_reconcile_deliveries(["--ask-now"])
    return code


if __name__ == "__main__":
    sys.exit(main())
