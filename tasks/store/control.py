"""Pausing, resuming and cancelling a run. Whoever sends it reads the decision in the ledger, on every machine."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import leadership, leases, runs
from tasks.store.chunks import cancel_rest
from tasks.store.tables import CampaignRun, RunControl, RunState

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it

FLOW_RUN = "Prefect flow run "
"""Beginning of who paused a run, where it was Prefect's Pause."""


class ControlRefused(Exception):
    """A run is in no state for that decision. Nothing was changed."""


def pause_run(connection: Connection, run_id: int, *, by: str) -> None:
    """Let nothing more of a run be handed over until it is resumed. Pausing twice changes nothing.

    Raises:
        ControlRefused: It was cancelled, or nothing of it is left to hand over.
    """
    _decide(connection, run_id, RunControl.PAUSE, by)


def cancel_run(connection: Connection, run_id: int, *, by: str) -> int:
    """Let nothing more of a run be handed over, ever. A paused run can be cancelled; cancelling twice is harmless.

    What is under way when this is committed may still arrive; everything else is `cancelled`. What turns out not
    to have been sent is cancelled when its sender gives it back.

    Returns:
        How many messages were cancelled now.

    Raises:
        ControlRefused: Nothing of it is left to hand over.
    """
    _decide(connection, run_id, RunControl.CANCEL, by)
    return cancel_rest(connection, run_id)


def resume_run(connection: Connection, run_id: int, *, by: str | None = None) -> bool:
    """Take a pause back. The run goes on when it is sent again.

    Args:
        connection: A writing transaction.
        run_id: The run.
        by: Only a pause of his; anybody's when not given.

    Returns:
        Whether it was paused.

    Raises:
        ControlRefused: It was cancelled; its messages are, too.
    """
    key, control, decided_by, at = _locked(connection, run_id)
    if by is not None and (control is not RunControl.PAUSE or decided_by != by):
        return False
    if control is RunControl.CANCEL:
        raise ControlRefused(
            f"{leadership.describe_control(key, control, decided_by, at)}. Send it as a new run: --run-key NEW; "
            "that one begins with everybody who is in the list then"
        )
    connection.execute(
        update(_RUN).where(_RUN.c.id == run_id).values(control=None, control_by=None, control_at=None)
    )
    return control is not None


def _decide(connection: Connection, run_id: int, control: RunControl, by: str) -> None:
    key, current, decided_by, at = _locked(connection, run_id)
    if current is RunControl.CANCEL and control is RunControl.PAUSE:
        raise ControlRefused(leadership.describe_control(key, current, decided_by, at))
    # An operator's pause must outlive that of a flow run, which ends with it.
    outranks = decided_by is not None and decided_by.startswith(FLOW_RUN) and not by.startswith(FLOW_RUN)
    if current is control and not outranks:
        return
    state = connection.execute(select(_RUN.c.state).where(_RUN.c.id == run_id)).scalar_one()
    # What is unknown may turn out never to have arrived, and be handed over again.
    is_over = state is RunState.HANDED_OVER and not runs.count_statuses(connection, run_id).get(
        MessageStatus.UNKNOWN
    )
    if is_over or state is RunState.FINISHED:
        raise ControlRefused(f"{key} is {state.value.replace('_', ' ')}: nothing of it is left to hand over")
    connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id)
        .values(control=control, control_by=by[:200], control_at=leases.now_of(connection))
    )


def _locked(connection: Connection, run_id: int) -> tuple[str, RunControl | None, str, datetime]:
    """The run's key and what was decided about it, its row locked until the transaction ends."""
    key, control, by, at = connection.execute(
        select(_RUN.c.key, _RUN.c.control, _RUN.c.control_by, _RUN.c.control_at)
        .where(_RUN.c.id == run_id)
        .with_for_update(key_share=True)
    ).one()
    return key, control, by, at
