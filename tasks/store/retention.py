"""Removing personal data that was kept long enough, in short transactions. Rows that are counted stay.

Only runs that are finished are touched: whatever is still to be sent, asked about or closed keeps its address. A
receipt that comes later still finds its message by our reference or the provider's id, and brings nothing back.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Table,
    cast,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)

from tasks.contacts.addresses import ERASED_PREFIX, PRUNED_PREFIX
from tasks.store.tables import (
    CampaignRun,
    Exclusion,
    Message,
    ProviderEvent,
    Reply,
    RunState,
    utc_now,
)

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same
_EVENT = ProviderEvent.__table__  # type: ignore[attr-defined]  # the same
_REPLY = Reply.__table__  # type: ignore[attr-defined]  # the same

ROWS_AT_ONCE = 2_000
"""Of one transaction: on SQLite everybody else waits for it."""


def _is_removed(address: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(address.startswith(ERASED_PREFIX), address.startswith(PRUNED_PREFIX))


def _nobody(table: Table) -> ColumnElement[str]:
    """What replaces an address: unique in its table, and nobody's."""
    return literal(PRUNED_PREFIX) + cast(table.c.id, String)


def runs_to_prune(connection: Connection, finished_before: datetime) -> list[int]:
    """Finished runs whose addresses were kept long enough and are still there; the oldest first."""
    return list(
        connection.execute(
            select(_RUN.c.id)
            .where(_RUN.c.state == RunState.FINISHED, _RUN.c.finished_at < finished_before)
            .where(_RUN.c.addresses_removed_at.is_(None))
            .order_by(_RUN.c.id)
        ).scalars()
    )


def finished_runs(connection: Connection, finished_before: datetime) -> list[tuple[str, str]]:
    """Name and run key of every run that was finished before an instant."""
    found = connection.execute(
        select(_RUN.c.name, _RUN.c.run_key).where(
            _RUN.c.state == RunState.FINISHED, _RUN.c.finished_at < finished_before
        )
    )
    return [(name, run_key) for name, run_key in found]


def count_rows(connection: Connection, run_id: int) -> tuple[int, int]:
    """Messages and exclusions of a run that still have an address."""
    messages, exclusions = (
        connection.execute(
            select(func.count())
            .select_from(table)
            .where(table.c.run_id == run_id, table.c.address.is_not(None), not_(_is_removed(table.c.address)))
        ).scalar_one()
        for table in (_MESSAGE, _EXCLUSION)
    )
    return messages, exclusions


def prune_messages(connection: Connection, run_id: int, after_id: int) -> int | None:
    """Remove addresses and values of the next messages of a finished run.

    Args:
        connection: A writing transaction.
        run_id: Which run.
        after_id: 0 at first, then what the last call returned.

    Returns:
        The id to go on after; None when there are no more, or the run is not finished any more.
    """
    if not _is_finished(connection, run_id):
        return None
    ids = _next_ids(connection, _MESSAGE, run_id, after_id)
    connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_(ids), not_(_is_removed(_MESSAGE.c.address)))
        .values(address=_nobody(_MESSAGE), variables=None, external_code=None)
    )
    return ids[-1] if ids else None


def prune_exclusions(connection: Connection, run_id: int, after_id: int) -> int | None:
    """Remove addresses and details of the next excluded rows of a finished run, as `prune_messages` does.

    Details quote what stood in the file, masked; what is left of a number is still a part of it. The reasons stay.
    """
    if not _is_finished(connection, run_id):
        return None
    ids = _next_ids(connection, _EXCLUSION, run_id, after_id)
    address = _EXCLUSION.c.address
    connection.execute(
        update(_EXCLUSION)
        .where(_EXCLUSION.c.id.in_(ids), or_(address.is_(None), not_(_is_removed(address))))
        .values(address=_nobody(_EXCLUSION), detail="")
    )
    return ids[-1] if ids else None


def note_pruned(connection: Connection, run_id: int) -> None:
    """Note that the addresses of a finished run were removed, all of them."""
    if _is_finished(connection, run_id):
        connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(addresses_removed_at=utc_now()))


def _is_finished(connection: Connection, run_id: int) -> bool:
    # Held until the end of the transaction: whoever opens the run again waits.
    state = connection.execute(
        select(_RUN.c.state).where(_RUN.c.id == run_id).with_for_update(key_share=True)
    ).scalar_one()
    return state is RunState.FINISHED


def _next_ids(connection: Connection, table: Table, run_id: int, after_id: int) -> list[int]:
    return list(
        connection.execute(
            select(table.c.id)
            .where(table.c.run_id == run_id, table.c.id > after_id)
            .order_by(table.c.id)
            .limit(ROWS_AT_ONCE)
            .with_for_update(key_share=True)  # in this order, as who reads callbacks locks them
        ).scalars()
    )


def _old_events(read_before: datetime) -> Any:
    return _EVENT.c.processed_at < read_before


def count_events(connection: Connection, read_before: datetime) -> int:
    """Callbacks that were read before an instant."""
    return connection.execute(
        select(func.count()).select_from(_EVENT).where(_old_events(read_before))
    ).scalar_one()


def prune_events(connection: Connection, read_before: datetime) -> int:
    """Delete some of the callbacks that were read before an instant; returns how many.

    What has not been read stays. Of a callback that is repeated after that nothing is known any more: it is read
    again, and changes nothing, because receipts only move a message up.
    """
    chosen = select(_EVENT.c.id).where(_old_events(read_before)).limit(ROWS_AT_ONCE)
    ids = connection.execute(chosen.with_for_update(skip_locked=True)).scalars().all()
    return connection.execute(delete(_EVENT).where(_EVENT.c.id.in_(ids))).rowcount


def _old_replies(received_before: datetime) -> Any:
    return (_REPLY.c.received_at < received_before) & not_(_is_removed(_REPLY.c.address))


def count_replies(connection: Connection, received_before: datetime) -> int:
    """Replies from before an instant that still tell who wrote what."""
    return connection.execute(
        select(func.count()).select_from(_REPLY).where(_old_replies(received_before))
    ).scalar_one()


def prune_replies(connection: Connection, received_before: datetime) -> int:
    """Take address and text out of some of the replies from before an instant; returns how many.

    The rows stay: reports count them, and the same reply is not taken for a new one.
    """
    ids = connection.execute(
        select(_REPLY.c.id).where(_old_replies(received_before)).limit(ROWS_AT_ONCE)
    ).scalars()
    return connection.execute(
        update(_REPLY).where(_REPLY.c.id.in_(ids.all())).values(address=_nobody(_REPLY), text="")
    ).rowcount


def addresses_removed_at(connection: Connection, run_id: int) -> datetime | None:
    """When the addresses of a run were removed, because they were kept long enough; None while they are there."""
    return connection.execute(select(_RUN.c.addresses_removed_at).where(_RUN.c.id == run_id)).scalar_one_or_none()
