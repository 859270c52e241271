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
from rich.markup import escape
from sqlalchemy import make_url

from deployments.demo import (
    calm_life,
    count_open_messages,
    sandbox_variables,
    tell_providers_whom_to_call,
    wait_for_callbacks,
)
from deployments.processes import running_service
from tasks.store.copies import copy_people
from tasks.store.session import Ledger, LedgerError, database_url

DIRECTORY = Path("data/rehearsal")
_MARK = "made by deployments.rehearse"
"""A file in the directory: what has it may be deleted. Anything else may be somebody's data."""
_MOST_ROUNDS = 4
_REFUSED = 2
"""As `flows.terminal.ExitCode.REFUSED`, which must not be imported before the environment is set."""


class NoPlaceToRehearse(Exception):
    """The directory holds something else than a rehearsal. Nothing was deleted, and nothing was sent."""


def make_anew(directory: Path) -> None:
    """Make an empty directory, where there is none or that of an earlier rehearsal.

    Raises:
        NoPlaceToRehearse: Something else is in it.
    """
    is_ours = not directory.exists() or (directory / _MARK).is_file()
    if not is_ours and (not directory.is_dir() or any(directory.iterdir())):
        raise NoPlaceToRehearse(
            f"{directory} holds something else than a rehearsal, and would be deleted: name a new directory"
        )
    ledger = make_url(database_url())
    if ledger.database and directory.resolve() in Path(ledger.database).resolve().parents:
        raise NoPlaceToRehearse(f"the real ledger is in {directory}: name another directory, or another ledger")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / _MARK).touch()


def set_the_stage(directory: Path, sandbox_url: str) -> int:
    """Make an empty ledger that knows whom to leave out, and point everything in this process at the sandbox.

    Returns:
        How many contacts and suppressions it knows.

    Raises:
        NoPlaceToRehearse: The directory holds something else.
    """
    make_anew(directory)
    rehearsed = f"sqlite:///{directory / 'rollcall.db'}"
    with Ledger() as real, Ledger(rehearsed) as target:
        known = copy_people(real, target)
    # Whatever our Prefect is connected to, a server or a database: there it would look like a real campaign.
    for elsewhere in [*filter(_is_of_prefect, os.environ), "ROLLCALL_CALLBACK_URL"]:
        os.environ.pop(elsewhere, None)
    os.environ.update(
        sandbox_variables(sandbox_url),
        ROLLCALL_DATABASE_URL=rehearsed,
        ROLLCALL_REPORT_DIRECTORY=str(directory / "reports"),
        ROLLCALL_CALLBACK_SECRET=secrets.token_urlsafe(24),
        PREFECT_HOME=str((directory / "prefect").absolute()),
    )
    return known


def _is_of_prefect(variable: str) -> bool:
    return variable.startswith("PREFECT_")


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
    with running_service("deployments.sandbox") as sandbox:
        sandbox_url = sandbox.url
        try:
            known = set_the_stage(options.directory, sandbox_url)
        except (NoPlaceToRehearse, LedgerError) as error:
            console.print(f"[bold red]Refused, nothing was sent.[/] {escape(str(error))}", soft_wrap=True)
            return _REFUSED
        console.print(f"Rehearsal: {known:,} contacts and suppressions are known; nothing leaves this machine.")
        with running_service("deployments.receiver") as receiver:
            tell_providers_whom_to_call(sandbox_url, receiver.url, calm_life())
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
