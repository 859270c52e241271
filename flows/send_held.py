"""Send what sending hours held back: every run that waited for nothing but a window which is open now goes on.

From the command line `python -m flows.send_held`; as a Prefect deployment on a schedule
`flows.send_held.send_held`. It needs no campaign file: what is sent, and when it may be, is in the ledger.
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.send_campaign import lead_run
from tasks.blocks import load_credentials
from tasks.contacts.audience import Audience
from tasks.contacts.columns import ColumnError
from tasks.datasets.readers import DatasetError
from tasks.dispatch import Portion
from tasks.identity import identity_of
from tasks.prepare import refresh_suppressions
from tasks.providers.errors import ConfigurationError
from tasks.report import publish_report
from tasks.run_control import control_of
from tasks.stopping import is_stop_requested
from tasks.store import leadership, runs, windows
from tasks.store.account import RunAccount
from tasks.store.erasure_key import required_key
from tasks.store.session import Ledger
from tasks.store.tables import RunControl


@dataclass(slots=True)
class HeldSendings:
    """What a look for held messages came to.

    Attributes:
        accounts: Of the runs that went on.
        troubles: Why a run did not go on, or not to its end, for a person.
    """

    accounts: list[RunAccount] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """What happened to each run, for people."""
        went_on = [
            f"{account.key}: {account.handed_over - (account.handed_over_before or 0):,} messages were handed over"
            + (f"; {account.held.sentence}." if account.held else ".")
            for account in self.accounts
        ]
        return [*went_on, *self.troubles] or ["No held message may go out now."]


@flow(name="send-held", flow_run_name="send what was held", persist_result=False)
def send_held() -> HeldSendings:
    """Go on with every run that stopped because of its sending hours alone, and whose next window is open.

    Not with runs that somebody paused or cancelled, that another process sends, or that stopped for another
    reason: no credit, a provider that is down, `limit`. Those wait for a person.

    Returns:
        The accounts of the runs. The final state is `Completed`, or `Incomplete` when a run could not go on, or
        stopped again: its suppression file cannot be read, for example, and then nothing of it is sent.

    Raises:
        ErasureKeyError: Nobody can tell who was erased, so nothing may be sent.
    """
    done = HeldSendings()
    tried: set[int] = set()
    is_cancelled = False
    while not (is_cancelled or is_stop_requested()) and (run := _next_run(tried)) is not None:
        tried.add(run.id)
        is_cancelled = _go_on_with(run, done)
    for sentence in done.sentences():
        get_run_logger().info(sentence)
    final: State[HeldSendings]
    if is_cancelled:
        final = Cancelled(message="the flow run was cancelled in Prefect")
    elif done.troubles:
        final = Completed(name="Incomplete", message="; ".join(done.troubles), data=done)
    else:
        final = Completed(message=f"{len(done.accounts)} runs went on", data=done)
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("HeldSendings", final)


def _next_run(tried: Collection[int]) -> runs.RunRecord | None:
    """Looked up anew each time: the one before may have taken hours, and others look at what is held meanwhile."""
    with Ledger() as ledger, ledger.reading() as connection:
        required_key(connection)
        waiting = (run_id for run_id in windows.runs_to_go_on_with(connection) if run_id not in tried)
        run_id = next(waiting, None)
        return None if run_id is None else runs.get_run(connection, run_id)


def _go_on_with(run: runs.RunRecord, done: HeldSendings) -> bool:
    """Send what a run may send now.

    Returns:
        Whether this flow run was cancelled meanwhile.
    """
    try:
        # Before the run is taken up: it goes on waiting, and is sent as soon as this is put right.
        for provider in run.providers:
            load_credentials(provider)
        refresh_suppressions(identity_of(run), Audience.model_validate(run.campaign["audience"]))
    except (DatasetError, ColumnError, ConfigurationError) as error:
        done.troubles.append(f"{run.key} was not sent: {error}")
        return False
    try:
        stopped, is_over, handed_over_before = lead_run(run, 1, Portion(), goes_on_by_itself=True)
    except (leadership.RunBusy, leadership.RunHeldBack):  # somebody was quicker
        return False
    except ConfigurationError as error:
        done.troubles.append(f"{run.key} stopped: {error}")
        return False
    account = publish_report(run.id, handed_over_before)
    done.accounts.append(account)
    if stopped is not None:
        done.troubles.append(f"{run.key} stopped: {stopped.rstrip('.')}.")
    return is_over and control_of(run.id) is not RunControl.CANCEL


if __name__ == "__main__":
    from flows.control_command import main_send_held

    sys.exit(main_send_held())
