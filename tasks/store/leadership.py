"""Who leads the sending of a run, what stops it, and the state in which it is left."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, null, or_, select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import leases
from tasks.store.chunks import cancel_rest, chunks_at_work, reopen_chunks, settle_abandoned
from tasks.store.runs import count_statuses
from tasks.store.tables import CampaignRun, Chunk, RunControl, RunState, utc_now

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same


class RunBusy(Exception):
    """Another process is sending this run."""


class RunHeldBack(Exception):
    """An operator paused or cancelled this run. Nothing of it may be handed over."""


def acquire_run(connection: Connection, run_id: int, owner: str, *, in_part: bool = False) -> None:
    """Make this process the one that leads the sending of a run; others may help it.

    Who leads matters for who decides that it is over. Claims of messages are exclusive in themselves, so two
    leaders could not send one message twice.

    Args:
        connection: A writing transaction.
        run_id: The run.
        owner: This process.
        in_part: Only a part is sent now: if this process dies, the rest is not to go out by itself.

    Raises:
        RunBusy: Another process is alive and leads it.
        RunHeldBack: It is paused or cancelled.
    """
    now = leases.now_of(connection)
    row = connection.execute(
        select(_RUN.c.owner, _RUN.c.lease_until, _RUN.c.key, _RUN.c.control, _RUN.c.control_by, _RUN.c.control_at)
        .where(_RUN.c.id == run_id)
        .with_for_update(key_share=True)
    ).one()
    if row.owner != owner and leases.is_alive(row.owner, row.lease_until, now):
        raise RunBusy(f"{row.key} is being sent by {leases.describe(row.owner, row.lease_until)}")
    if row.control is not None:
        raise RunHeldBack(describe_control(row.key, row.control, row.control_by, row.control_at))
    connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id)
        .values(
            owner=owner,
            lease_until=now + leases.LEASE,
            state=RunState.SENDING,
            error=None,
            waits_until=null() if in_part else _RUN.c.waits_until,
        )
    )
    reopen_chunks(connection, _CHUNK.c.run_id == run_id)


def describe_control(key: str, control: RunControl, by: str, at: datetime) -> str:
    """What an operator decided about a run, and how to take it back, for people."""
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC by {by}"
    if control is RunControl.CANCEL:
        return f"{key} was cancelled {when}; what was not handed over never will be"
    name, _, run_key = key.rpartition("/")
    resume = f"python -m flows.control_campaign resume {shlex.quote(name)} --run-key {shlex.quote(run_key)}"
    return f"{key} was paused {when}; `{resume}` lets it go on"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the processes that send a run have to know from one second to the next.

    Attributes:
        leader: The process that leads it; None when nobody does, or when it is dead.
        held_back: Why it must not go on, for people; None while it may.
    """

    state: RunState
    leader: str | None
    control: RunControl | None
    held_back: str | None


def read_standing(connection: Connection, run_id: int) -> Standing:
    """How a run stands."""
    row = connection.execute(
        select(
            _RUN.c.key,
            _RUN.c.state,
            _RUN.c.owner,
            _RUN.c.lease_until,
            _RUN.c.control,
            _RUN.c.control_by,
            _RUN.c.control_at,
        ).where(_RUN.c.id == run_id)
    ).one()
    is_led = leases.is_alive(row.owner, row.lease_until, leases.now_of(connection))
    return Standing(
        state=row.state,
        leader=row.owner if is_led else None,
        control=row.control,
        held_back=row.control and describe_control(row.key, row.control, row.control_by, row.control_at),
    )


def stop_run(connection: Connection, run_id: int, owner: str) -> None:
    """Let the processes that help to send a run stop before their next request; its leader is about to."""
    connection.execute(
        update(_RUN).where(_RUN.c.id == run_id, _RUN.c.owner == owner).values(state=RunState.STOPPED)
    )


def release_run(
    connection: Connection, run_id: int, owner: str, *, error: str | None, waits_until: datetime | None = None
) -> RunState:
    """Give a run back, in the state that its messages are in.

    Args:
        connection: A writing transaction.
        run_id: The run.
        owner: This process.
        error: Why it stopped, for people.
        waits_until: When it may go on by itself, where it stopped because of its sending hours alone.

    Returns:
        `stopped` while messages are left to hand over, `finished` when all are final, else `handed_over`.
    """
    lock_run(connection, run_id)
    cancel_rest(connection, run_id)
    state = _state_of(count_statuses(connection, run_id))
    connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id, or_(_RUN.c.owner == owner, _RUN.c.owner.is_(None)))
        .values(
            owner=None,
            lease_until=None,
            error=error,
            waits_until=waits_until if state is RunState.STOPPED else None,
            **_as_values(state),
        )
    )
    return state


def lock_run(connection: Connection, run_id: int) -> None:
    """Lock a run's row until the transaction ends: the first thing that who changes its rest and then it does."""
    connection.execute(select(_RUN.c.id).where(_RUN.c.id == run_id).with_for_update(key_share=True))


def settle_run(connection: Connection, run_id: int) -> RunState:
    """Bring a run that nobody sends into the state that its messages are in.

    What a sender that died left in `sending` cannot be known, and is freed first. A run that is being sent, or of
    which nothing was handed over yet, stays as it is.
    """
    state, owner, lease_until, error = connection.execute(
        select(_RUN.c.state, _RUN.c.owner, _RUN.c.lease_until, _RUN.c.error)
        .where(_RUN.c.id == run_id)
        .with_for_update(key_share=True)
    ).one()
    if leases.is_alive(owner, lease_until, leases.now_of(connection)):
        return RunState(state)
    settle_abandoned(connection, run_id)
    if chunks_at_work(connection, run_id):  # its leader died, and somebody who helped it is at work still
        return RunState(state)
    if owner is not None:
        error = "the process that sent it died"
    reopen_chunks(connection, _CHUNK.c.run_id == run_id)
    cancel_rest(connection, run_id)
    counts = count_statuses(connection, run_id)
    untouched = {MessageStatus.PLANNED, MessageStatus.CANCELLED}  # these were withdrawn before anything was sent
    if state is RunState.PLANNED and MessageStatus.PLANNED in counts and counts.keys() <= untouched:
        return RunState.PLANNED
    new = _state_of(counts)
    if (new, owner) != (state, None):
        if new is RunState.STOPPED:
            error = error or f"{counts[MessageStatus.PLANNED]:,} messages are left to hand over"
        connection.execute(
            update(_RUN)
            .where(_RUN.c.id == run_id)
            .values(
                owner=None,
                lease_until=None,
                error=error if new is RunState.STOPPED else None,
                # Kept when its process died: what waited for its hours goes on by itself.
                waits_until=_RUN.c.waits_until if new is RunState.STOPPED else None,
                **_as_values(new),
            )
        )
    return new


def _state_of(counts: Mapping[MessageStatus, int]) -> RunState:
    if counts.get(MessageStatus.PLANNED) or counts.get(MessageStatus.SENDING):
        return RunState.STOPPED
    return RunState.FINISHED if all(status.is_final for status in counts) else RunState.HANDED_OVER


def _as_values(state: RunState) -> dict[str, Any]:
    is_finished = state is RunState.FINISHED
    return {"state": state, "finished_at": func.coalesce(_RUN.c.finished_at, utc_now()) if is_finished else None}
