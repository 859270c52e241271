"""Runs: finding, planning and counting them; and the balance that must always hold."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.bulk import insert_columns
from tasks.store.session import LedgerError
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    ChunkState,
    Exclusion,
    Message,
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
