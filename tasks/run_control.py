"""What an operator decides about a run while it is being sent: pause, resume, cancel."""

import getpass
import socket
import time
from dataclasses import dataclass
from enum import StrEnum

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.concealment import concealed_errors
from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, control, leadership, runs
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import RunControl
from tasks.store.withdrawals import RUN_CANCELLED

_LONGEST_WAIT_SECONDS = 20.0
_LOOK_SECONDS = 0.2


class Action(StrEnum):
    """What can be decided about a run."""

    PAUSE = "pause"
    """Hand over nothing more until it is resumed."""
    RESUME = "resume"
    """Take a pause back; the run goes on when it is sent again."""
    CANCEL = "cancel"
    """Never hand over what is left."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to.

    Attributes:
        key: The run.
        was_paused: A pause was taken back.
        cancelled: Messages that were cancelled.
        left: Messages that are still to be handed over.
        scheduled: Messages that the provider holds until their time. No provider's API takes them back.
        is_being_sent: Somebody was at work still when we stopped waiting.
    """

    key: str
    action: Action
    was_paused: bool = False
    cancelled: int = 0
    left: int = 0
    scheduled: int = 0
    is_being_sent: bool = False


@task(name="control run", task_run_name="{action} run {run_id}", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def control_run(run_id: int, action: Action, by: str | None = None) -> Decided:
    """Carry out a decision about a run, and wait until whoever sends it has obeyed.

    Args:
        run_id: The run.
        action: What was decided.
        by: By whom; this user when not given.

    Raises:
        ControlRefused: The run is in no state for it.
    """
    with Ledger() as ledger:
        was_paused = _decide(ledger, run_id, action, by or _user())
        give_up_at = time.monotonic() + _LONGEST_WAIT_SECONDS
        while (is_at_work := _is_at_work(ledger, run_id, action)) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
        return _settled(ledger, run_id, action, was_paused=was_paused, is_being_sent=is_at_work)


@again_while_busy
def _decide(ledger: Ledger, run_id: int, action: Action, by: str) -> bool:
    with ledger.writing() as connection:
        match action:
            case Action.PAUSE:
                control.pause_run(connection, run_id, by=by)
            case Action.RESUME:
                return control.resume_run(connection, run_id)
            case Action.CANCEL:
                control.cancel_run(connection, run_id, by=by)
    return False


def _is_at_work(ledger: Ledger, run_id: int, action: Action) -> bool:
    if action is Action.RESUME:
        return False
    with ledger.reading() as connection:
        return bool(chunks.chunks_at_work(connection, run_id))


@again_while_busy
def _settled(ledger: Ledger, run_id: int, action: Action, *, was_paused: bool, is_being_sent: bool) -> Decided:
    with ledger.writing() as connection:
        leadership.settle_run(connection, run_id)
        run = runs.get_run(connection, run_id)
        counts = runs.count_statuses(connection, run_id)
        return Decided(
            key=run.key,
            action=action,
            was_paused=was_paused,
            cancelled=runs.count_reason(connection, run_id, RUN_CANCELLED),
            left=counts.get(MessageStatus.PLANNED, 0),
            scheduled=counts.get(MessageStatus.SCHEDULED, 0),
            is_being_sent=is_being_sent,
        )


def control_of(run_id: int) -> RunControl | None:
    """What is decided about a run; None while it may be sent."""
    with Ledger() as ledger, ledger.reading() as connection:
        return leadership.read_standing(connection, run_id).control


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "somebody"
    return f"{user} on {socket.gethostname()}"


def sentences(decided: Decided) -> list[str]:
    """What a decision came to, for people."""
    said = []
    match decided.action:
        case Action.PAUSE:
            said.append(f"{decided.key} is paused: {decided.left:,} messages are left to hand over.")
        case Action.RESUME:
            said.append(
                f"{decided.key} may go on, with {decided.left:,} messages: send it again."
                if decided.was_paused
                else f"{decided.key} was not paused."
            )
        case Action.CANCEL:
            said.append(f"{decided.key} is cancelled: {decided.cancelled:,} messages are never handed over.")
            if decided.scheduled:
                said.append(
                    f"{decided.scheduled:,} messages are scheduled at the provider, whose API cannot take them "
                    "back: cancel them in its console. `python -m flows.reconcile_deliveries` learns of it."
                )
    if decided.is_being_sent:
        said.append("Somebody was sending still; requests that are under way may arrive.")
    return said
