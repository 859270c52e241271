"""Runs: finding, planning, owning and closing them; and the balance that must always hold."""

import secrets
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, null, or_, select, update
from sqlalchemy.exc import IntegrityError

from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store import leases
from tasks.store.bulk import insert_columns
from tasks.store.chunks import cancel_rest, chunks_at_work, reopen_chunks, settle_abandoned
from tasks.store.session import LedgerError
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    ChunkState,
    Exclusion,
    Message,
    RunControl,
    RunState,
    utc_now,
)

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same

FOLLOWED_STATES = (RunState.SENDING, RunState.STOPPED, RunState.HANDED_OVER)
"""Runs of which something was handed over, and that are not finished."""

_REFERENCE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are read for one another


class RunExists(Exception):
    """Another process planned a run under this key meanwhile. Nothing of this one is in the ledger."""


class RunBusy(Exception):
    """Another process is sending this run."""


class RunHeldBack(Exception):
    """An operator paused or cancelled this run. Nothing of it may be handed over."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of `campaign_run`, detached."""

    id: int
    key: str
    name: str
    run_key: str
    token: str
    channel: Channel
    provider: str
    purpose: Purpose
    state: RunState
    rows_read: int
    digest: str
    campaign: dict[str, Any]
    content: dict[str, Any]
    options: dict[str, Any]
    source_sha256: str
    created_at: datetime
    finished_at: datetime | None
    error: str | None
    waits_until: datetime | None

    @property
    def providers(self) -> tuple[str, ...]:
        """Everybody whom its messages may have been handed over to."""
        routes: Sequence[Mapping[str, Any]] = self.campaign.get("routes") or ()
        return tuple(str(route["name"]) for route in routes) or (self.provider,)


_RECORD_COLUMNS = [_RUN.c[name] for name in RunRecord.__slots__]


def run_key_of(name: str, run_key: str) -> str:
    """What makes a run the same run: the campaign's name and the run key."""
    return f"{name}/{run_key}"


def find_run(connection: Connection, key: str) -> RunRecord | None:
    """The run with this key, or None."""
    found = connection.execute(select(*_RECORD_COLUMNS).where(_RUN.c.key == key)).first()
    return None if found is None else RunRecord(*found)


def get_run(connection: Connection, run_id: int) -> RunRecord:
    """The run with this id.

    Raises:
        LedgerError: There is none.
    """
    found = connection.execute(select(*_RECORD_COLUMNS).where(_RUN.c.id == run_id)).first()
    if found is None:
        raise LedgerError(f"the ledger has no run {run_id}")
    return RunRecord(*found)


def list_runs(
    connection: Connection,
    *,
    name: str | None = None,
    run_key: str | None = None,
    states: Collection[RunState] = tuple(RunState),
) -> list[RunRecord]:
    """Runs, oldest first.

    Args:
        connection: A transaction.
        name: Only those of this campaign.
        run_key: Only those under this run key.
        states: Only those in one of these.
    """
    wanted = select(*_RECORD_COLUMNS).where(or_(*(_RUN.c.state == state for state in states)))
    if name is not None:
        wanted = wanted.where(_RUN.c.name == name)
    if run_key is not None:
        wanted = wanted.where(_RUN.c.run_key == run_key)
    return [RunRecord(*found) for found in connection.execute(wanted.order_by(_RUN.c.id))]


def create_run(
    connection: Connection,
    *,
    name: str,
    run_key: str,
    channel: Channel,
    provider: str,
    purpose: Purpose,
    rows_read: int,
    digest: str,
    campaign: dict[str, Any],
    content: dict[str, Any],
    options: dict[str, Any],
    source_sha256: str,
    chunk_sizes: Sequence[int],
    chunk_routes: Sequence[Sequence[str]] | None = None,
) -> tuple[RunRecord, list[int]]:
    """Add a run and its chunks, in the caller's transaction.

    `chunk_routes` has for each chunk its provider, and after that who comes next when that one is out of order; it
    is the run's provider alone when not given.

    Returns:
        The run, and the ids of its chunks in order.

    Raises:
        RunExists: There is a run under this key.
    """
    planned = (
        insert(_RUN)
        .values(
            key=run_key_of(name, run_key),
            name=name,
            run_key=run_key,
            token="".join(secrets.choice(_REFERENCE_LETTERS) for _ in range(8)),
            channel=channel,
            provider=provider,
            purpose=purpose,
            state=RunState.PLANNED,
            rows_read=rows_read,
            digest=digest,
            campaign=campaign,
            content=content,
            options=options,
            source_sha256=source_sha256,
            created_at=utc_now(),
        )
        .returning(_RUN.c.id)
    )
    try:
        run_id = connection.execute(planned).scalar_one()
    except IntegrityError:
        raise RunExists(f"there is a run {run_key_of(name, run_key)} already") from None
    chunk_ids = [
        connection.execute(
            insert(_CHUNK)
            .values(
                run_id=run_id,
                state=ChunkState.PLANNED,
                size=size,
                provider=first,
                fallbacks=",".join(others) or None,
                handled=0,
                attempts=0,
            )
            .returning(_CHUNK.c.id)
        ).scalar_one()
        for size, (first, *others) in zip(
            chunk_sizes, chunk_routes or [[provider]] * len(chunk_sizes), strict=True
        )
    ]
    return get_run(connection, run_id), chunk_ids


def add_messages(connection: Connection, run: RunRecord, columns: Mapping[str, Sequence[Any]]) -> None:
    """Add planned messages.

    Args:
        connection: The transaction that also adds the run.
        run: Their run.
        columns: `row_number, address, country, external_code, parts, variables, chunk_id`, equally long; and
            `window_id`, where the campaign has hours, and `provider`, where it is not the run's for all of them.
    """
    references = [f"{run.token}-{row_number}" for row_number in columns.get("row_number", ())]
    insert_columns(
        connection,
        _MESSAGE,
        {**columns, "reference": references},
        {
            "run_id": run.id,
            **({} if "provider" in columns else {"provider": run.provider}),
            "status": MessageStatus.PLANNED,
            "attempts": 0,
            "status_at": utc_now(),
        },
    )


def add_exclusions(connection: Connection, run: RunRecord, columns: Mapping[str, Sequence[Any]]) -> None:
    """Add excluded rows: `row_number, address, reason, detail`, equally long."""
    insert_columns(connection, _EXCLUSION, columns, {"run_id": run.id})


def check_balance(connection: Connection, run: RunRecord) -> None:
    """`rows_read = messages + exclusions`, or nothing of this run may be trusted.

    Raises:
        LedgerError: It does not hold.
    """
    messages, exclusions = (
        connection.execute(select(func.count()).select_from(table).where(table.c.run_id == run.id)).scalar_one()
        for table in (_MESSAGE, _EXCLUSION)
    )
    if run.rows_read != messages + exclusions:
        raise LedgerError(
            f"the account of run {run.key} does not close: {run.rows_read} rows were read, but there are "
            f"{messages} messages and {exclusions} exclusions. This is a fault of Rollcall: please report it."
        )


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


def count_statuses(connection: Connection, run_id: int) -> dict[MessageStatus, int]:
    """How many messages of a run are in each status; statuses that do not occur are left out."""
    counted = connection.execute(
        select(_MESSAGE.c.status, func.count()).where(_MESSAGE.c.run_id == run_id).group_by(_MESSAGE.c.status)
    )
    return {status: count for status, count in counted}  # noqa: C416  # rows are not pairs to dict()


def find_addresses(connection: Connection, run_id: int, addresses: Collection[str]) -> set[str]:
    """Those of these addresses that have a message in a run."""
    wanted = select(_MESSAGE.c.address).where(_MESSAGE.c.run_id == run_id, _MESSAGE.c.address.in_(addresses))
    return set(connection.execute(wanted).scalars())


def count_reason(connection: Connection, run_id: int, reason: str) -> int:
    """How many messages of a run have a reason."""
    of_reason = (_MESSAGE.c.run_id == run_id) & (_MESSAGE.c.reason == reason)
    return connection.execute(select(func.count()).select_from(_MESSAGE).where(of_reason)).scalar_one()


def count_handled(connection: Connection, run_id: int) -> tuple[int, int]:
    """How many messages of a run have an outcome, and how many there are; from the chunks, so it is quick."""
    handled, total = connection.execute(
        select(func.coalesce(func.sum(_CHUNK.c.handled), 0), func.coalesce(func.sum(_CHUNK.c.size), 0)).where(
            _CHUNK.c.run_id == run_id
        )
    ).one()
    return int(handled), int(total)
