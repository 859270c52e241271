"""Runs: finding, planning, owning and closing them; and the balance that must always hold."""

import os
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.outbox import reopen_chunks
from tasks.store.session import LedgerError
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    ChunkState,
    Exclusion,
    Message,
    ProviderRequest,
    RequestState,
    RunState,
    utc_now,
)

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same

FOLLOWED_STATES = (RunState.SENDING, RunState.STOPPED, RunState.HANDED_OVER)
"""Runs of which something was handed over, and that are not finished."""

LEASE = timedelta(seconds=60)
"""How long a run stays with a process that gives no sign of life."""

_REFERENCE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are read for one another


class RunExists(Exception):
    """Another process planned a run under this key meanwhile. Nothing of this one is in the ledger."""


class RunBusy(Exception):
    """Another process is sending this run."""


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
) -> tuple[RunRecord, list[int]]:
    """Add a run and its chunks, in the caller's transaction.

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
            .values(run_id=run_id, state=ChunkState.PLANNED, size=size, handled=0, attempts=0)
            .returning(_CHUNK.c.id)
        ).scalar_one()
        for size in chunk_sizes
    ]
    return get_run(connection, run_id), chunk_ids


def add_messages(connection: Connection, run: RunRecord, rows: Iterable[dict[str, Any]]) -> None:
    """Add planned messages.

    Args:
        connection: The transaction that also adds the run.
        run: Their run.
        rows: `row_number, address, country, external_code, parts, variables, chunk_id` each.
    """
    now = utc_now()
    values = [
        {
            **row,
            "run_id": run.id,
            "reference": f"{run.token}-{row['row_number']}",
            "provider": run.provider,
            "status": MessageStatus.PLANNED,
            "attempts": 0,
            "status_at": now,
        }
        for row in rows
    ]
    if values:
        connection.execute(insert(_MESSAGE), values)


def add_exclusions(connection: Connection, run: RunRecord, rows: Iterable[dict[str, Any]]) -> None:
    """Add excluded rows: `row_number, address, reason, detail` each."""
    if values := [{**row, "run_id": run.id} for row in rows]:
        connection.execute(insert(_EXCLUSION), values)


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


def process_name() -> str:
    """This process as the ledger names it: host:pid:nonce.

    The host is named with its boot and its process namespace where the system tells them: two containers can share
    a host name, and then a pid of one says nothing about the other.
    """
    return f"{_host_name()}:{os.getpid()}:{secrets.token_hex(4)}"


@cache
def _host_name() -> str:
    marks = []
    try:
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        marks.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:  # not a Linux
        pass
    return "-".join([socket.gethostname().replace(":", "_"), *marks])


def acquire_run(connection: Connection, run_id: int, owner: str) -> None:
    """Make this process the one that sends a run.

    Who sends matters only for what is left behind by a process that died: claims of messages are exclusive in
    themselves, so two senders could not send one message twice.

    Raises:
        RunBusy: Another process is alive and sending it.
    """
    now = _now_of(connection)
    current, lease_until = connection.execute(
        select(_RUN.c.owner, _RUN.c.lease_until).where(_RUN.c.id == run_id).with_for_update()
    ).one()
    if current not in {None, owner} and lease_until > now and not _died_on_this_host(current):
        host, pid, _ = current.split(":")
        raise RunBusy(
            f"process {pid} on {host} is sending this run (last sign of life {lease_until - LEASE:%H:%M:%S} UTC)"
        )
    connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id)
        .values(owner=owner, lease_until=now + LEASE, state=RunState.SENDING, error=None)
    )
    reopen_chunks(connection, _CHUNK.c.run_id == run_id)


def renew_lease(connection: Connection, run_id: int, owner: str) -> bool:
    """Show a sign of life; False when the run is not ours any more."""
    renewed = connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id, _RUN.c.owner == owner)
        .values(lease_until=_now_of(connection) + LEASE)
    )
    return bool(renewed.rowcount)


def _now_of(connection: Connection) -> datetime:
    """The database's clock: a host whose own is ahead must not take another one's run away."""
    if connection.dialect.name != "postgresql":
        return utc_now()  # all who share a SQLite file are on one machine
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def _died_on_this_host(owner: str) -> bool:
    host, pid, _ = owner.split(":")
    if host != _host_name():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def settle_abandoned(connection: Connection, run_id: int) -> int:
    """What a process that died left in `sending` cannot be known: it becomes `unknown`, and its chunks are free.

    Call only as the owner of the run.

    Returns:
        How many messages became unknown.
    """
    abandoned = connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.run_id == run_id, _MESSAGE.c.status == MessageStatus.SENDING)
        .values(status=MessageStatus.UNKNOWN, reason="interrupted", status_at=utc_now())
    ).rowcount
    connection.execute(
        update(_REQUEST)
        .where(_REQUEST.c.run_id == run_id, _REQUEST.c.state == RequestState.OPEN)
        .values(state=RequestState.UNKNOWN, error="interrupted", finished_at=utc_now())
    )
    connection.execute(
        update(_CHUNK)
        .where(_CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.CLAIMED)
        .values(state=ChunkState.PLANNED, claimed_by=None)
    )
    return int(abandoned)


def release_run(connection: Connection, run_id: int, owner: str, *, error: str | None) -> RunState:
    """Give a run back, in the state that its messages are in.

    Returns:
        `stopped` while messages are left to hand over, `finished` when all are final, else `handed_over`.
    """
    state = _state_of(count_statuses(connection, run_id))
    connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id, or_(_RUN.c.owner == owner, _RUN.c.owner.is_(None)))
        .values(owner=None, lease_until=None, error=error, **_as_values(state))
    )
    return state


def settle_run(connection: Connection, run_id: int) -> RunState:
    """Bring a run that nobody sends into the state that its messages are in.

    One whose sender died is freed first: what it left in `sending` cannot be known. One that is being sent, or of
    which nothing was handed over yet, stays as it is.
    """
    state, owner, lease_until, error = connection.execute(
        select(_RUN.c.state, _RUN.c.owner, _RUN.c.lease_until, _RUN.c.error)
        .where(_RUN.c.id == run_id)
        .with_for_update()
    ).one()
    if owner is not None:
        if lease_until > _now_of(connection) and not _died_on_this_host(owner):
            return RunState(state)
        settle_abandoned(connection, run_id)
        error = "the process that sent it died"
    reopen_chunks(connection, _CHUNK.c.run_id == run_id)
    counts = count_statuses(connection, run_id)
    if counts.keys() == {MessageStatus.PLANNED} and state is RunState.PLANNED:
        return RunState.PLANNED
    new = _state_of(counts)
    if (new, owner) != (state, None):
        if new is RunState.STOPPED:
            error = error or f"{counts[MessageStatus.PLANNED]:,} messages are left to hand over"
        connection.execute(
            update(_RUN)
            .where(_RUN.c.id == run_id)
            .values(
                owner=None, lease_until=None, error=error if new is RunState.STOPPED else None, **_as_values(new)
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


def count_handled(connection: Connection, run_id: int) -> tuple[int, int]:
    """How many messages of a run have an outcome, and how many there are; from the chunks, so it is quick."""
    handled, total = connection.execute(
        select(func.coalesce(func.sum(_CHUNK.c.handled), 0), func.coalesce(func.sum(_CHUNK.c.size), 0)).where(
            _CHUNK.c.run_id == run_id
        )
    ).one()
    return int(handled), int(total)
