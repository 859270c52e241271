"""Chunks: taken by one sender at a time, wherever it runs, and given back when nothing of them is under way.

Rows are locked in one order: the run, its chunks, their requests, their messages, suppressions, and those of one
table by their ids; so no two wait for each other. Only what a reference to the row does not need is locked (`FOR
NO KEY UPDATE`): a claim that inserts a request must not wait for who takes the run over and waits for that claim.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, func, or_, select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import leases
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    ChunkState,
    Message,
    ProviderRequest,
    RequestState,
    utc_now,
)
from tasks.store.texts import storable
from tasks.store.windows import is_within_hours
from tasks.store.withdrawals import withdraw_cancelled

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same

_IS_NOT_HELD_BACK = exists().where(_RUN.c.id == _CHUNK.c.run_id, _RUN.c.control.is_(None))

# Written down once: every window of messages needs them, and SQLAlchemy takes longer to make one than to run it.
_IS_THIS = _CHUNK.c.id == bindparam("chunk_id")
_HOLD_CHUNK = select(_CHUNK.c.claimed_by, _CHUNK.c.provider).where(_IS_THIS).with_for_update(key_share=True)
_MAY_CLAIM = select(exists().where(_IS_THIS, _IS_NOT_HELD_BACK))
_COUNT_HANDLED = update(_CHUNK).where(_IS_THIS).values(handled=_CHUNK.c.handled + bindparam("more"))


def is_due(connection: Connection, addresses: Collection[str] | None = None) -> ColumnElement[bool]:
    """The SQL condition under which a message may be handed over now.

    By the database's clock, as a claim and whoever counts what is held: where they differed, a message could be
    neither sent nor held, and nobody would come back for it.

    Args:
        connection: A transaction.
        addresses: Only to these; None means everybody.
    """
    now = leases.now_of(connection)
    due: ColumnElement[bool] = (
        (_MESSAGE.c.status == MessageStatus.PLANNED)
        & or_(_MESSAGE.c.not_before.is_(None), _MESSAGE.c.not_before <= now)
        & is_within_hours(now)
    )
    return due if addresses is None else due & _MESSAGE.c.address.in_(addresses)


def take_chunk(
    connection: Connection,
    run_id: int,
    owner: str,
    *,
    without: Collection[int] = (),
    not_through: Collection[str] = (),
    addresses: Collection[str] | None = None,
) -> int | None:
    """Take the next chunk of a run that has something to hand over now and that nobody works on.

    Who takes one at the same time gets another one: on PostgreSQL rows that are locked are skipped, on SQLite
    writers come one after another.

    Args:
        connection: A writing transaction.
        run_id: The run; a paused or cancelled one has nothing to take.
        owner: Who takes it.
        without: Not one of these.
        not_through: Not one that is for one of these providers.
        addresses: Only a chunk with a message to one of these.
    """
    has_work = exists().where(_MESSAGE.c.chunk_id == _CHUNK.c.id, is_due(connection, addresses))
    free = (
        select(_CHUNK.c.id)
        .where(
            _CHUNK.c.run_id == run_id,
            # One that is ours was taken by a commit whose answer was lost: a sender works on one at a time.
            or_(
                _CHUNK.c.state == ChunkState.PLANNED,
                (_CHUNK.c.state == ChunkState.CLAIMED) & (_CHUNK.c.claimed_by == owner),
            ),
            _CHUNK.c.id.not_in(without),
            _CHUNK.c.provider.not_in(not_through),
            _IS_NOT_HELD_BACK,
            has_work,
        )
        .order_by(_CHUNK.c.id)
        .limit(1)
    )
    # Who locks one is taking it, and then another one is as good. If all are locked, somebody may only look after
    # them: then wait for him, and see.
    for skip_locked in (True, False):
        locked = free.with_for_update(skip_locked=skip_locked, key_share=True, of=_CHUNK)
        found = connection.execute(locked).scalar_one_or_none()
        if found is not None and claim_chunk(connection, found, owner):
            return int(found)
    return None


def claim_chunk(connection: Connection, chunk_id: int, owner: str) -> bool:
    """Take a certain chunk, or keep it; False when somebody else has it or nothing is left in it."""
    taken = connection.execute(
        update(_CHUNK)
        .where(
            _CHUNK.c.id == chunk_id,
            or_(
                _CHUNK.c.state == ChunkState.PLANNED,
                (_CHUNK.c.state == ChunkState.CLAIMED) & (_CHUNK.c.claimed_by == owner),
            ),
        )
        .values(
            state=ChunkState.CLAIMED,
            claimed_by=owner,
            claimed_at=utc_now(),
            lease_until=leases.now_of(connection) + leases.LEASE,
            attempts=case((_CHUNK.c.state == ChunkState.CLAIMED, _CHUNK.c.attempts), else_=_CHUNK.c.attempts + 1),
            error=None,
        )
    )
    return bool(taken.rowcount)


def hold_chunk(connection: Connection, chunk_id: int, owner: str) -> bool:
    """Lock a chunk's row until the transaction ends.

    Returns:
        Whether it is still this sender's. One that was taken for dead must not claim anything more of it.
    """
    return hold_provider(connection, chunk_id, owner) is not None


def hold_provider(connection: Connection, chunk_id: int, owner: str) -> str | None:
    """Lock a chunk's row until the transaction ends; whom its messages go to.

    Returns:
        The provider's name; None when the chunk is not this sender's any more.
    """
    held = connection.execute(_HOLD_CHUNK, {"chunk_id": chunk_id}).one_or_none()
    return str(held.provider) if held is not None and held.claimed_by == owner else None


def may_claim(connection: Connection, chunk_id: int) -> bool:
    """Whether messages of this chunk may be handed over: the run is neither paused nor cancelled."""
    return bool(connection.execute(_MAY_CLAIM, {"chunk_id": chunk_id}).scalar_one())


def providers_to_take(connection: Connection, run_id: int) -> list[str]:
    """The providers of the chunks of a run that wait for a sender, with something to hand over now."""
    has_work = exists().where(_MESSAGE.c.chunk_id == _CHUNK.c.id, is_due(connection))
    waiting = select(_CHUNK.c.provider).where(
        _CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.PLANNED, has_work
    )
    return list(connection.execute(waiting.distinct().order_by(_CHUNK.c.provider)).scalars())


def provider_of(connection: Connection, chunk_id: int) -> str:
    """Whom the messages of a chunk are handed over to. That of a chunk that somebody works on never changes."""
    return str(connection.execute(select(_CHUNK.c.provider).where(_CHUNK.c.id == chunk_id)).scalar_one())


def chunks_at_work(connection: Connection, run_id: int) -> dict[int, str]:
    """The chunks of a run that a living sender has, and who it is."""
    now = leases.now_of(connection)
    claimed = connection.execute(
        select(_CHUNK.c.id, _CHUNK.c.claimed_by, _CHUNK.c.lease_until).where(
            _CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.CLAIMED
        )
    )
    return {chunk_id: owner for chunk_id, owner, until in claimed if leases.is_alive(owner, until, now)}


def settle_abandoned(connection: Connection, run_id: int) -> int:
    """What a sender that died left in `sending` cannot be known: it becomes `unknown`, and its chunks are free.

    Chunks of senders that are at work stay as they are.

    Returns:
        How many messages became unknown.
    """
    of_run = (
        select(_CHUNK.c.id).where(_CHUNK.c.run_id == run_id).order_by(_CHUNK.c.id).with_for_update(key_share=True)
    )
    locked = set(connection.execute(of_run).scalars())
    abandoned = sorted(locked - chunks_at_work(connection, run_id).keys())
    unknown = _settle_chunks(connection, abandoned)
    connection.execute(
        update(_CHUNK)
        .where(_CHUNK.c.id.in_(abandoned), _CHUNK.c.state == ChunkState.CLAIMED)
        .values(state=ChunkState.PLANNED, claimed_by=None, lease_until=None)
    )
    return unknown


def _settle_chunks(connection: Connection, chunk_ids: Sequence[int]) -> int:
    now = utc_now()
    connection.execute(
        update(_REQUEST)
        .where(_REQUEST.c.chunk_id.in_(chunk_ids), _REQUEST.c.state == RequestState.OPEN)
        .values(state=RequestState.UNKNOWN, error="interrupted", finished_at=now)
    )
    unknown = connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.chunk_id.in_(chunk_ids), _MESSAGE.c.status == MessageStatus.SENDING)
        .values(status=MessageStatus.UNKNOWN, reason="interrupted", status_at=now)
    ).rowcount
    if unknown:
        _recount_handled(connection, chunk_ids)
    return int(unknown)


def cancel_rest(connection: Connection, run_id: int) -> int:
    """Cancel what is left to hand over of a run, if it was cancelled; its chunks are done then.

    Returns:
        How many messages.
    """
    of_run = select(_CHUNK.c.id).where(_CHUNK.c.run_id == run_id).order_by(_CHUNK.c.id)
    locked = list(connection.execute(of_run.with_for_update(key_share=True)).scalars())
    cancelled = withdraw_cancelled(connection, _MESSAGE.c.run_id == run_id)
    if cancelled:
        _recount_handled(connection, locked)
        connection.execute(
            update(_CHUNK)
            .where(_CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.PLANNED)
            .values(state=ChunkState.DONE)
        )
    return cancelled


def reopen_chunks(connection: Connection, which: ColumnElement[bool]) -> None:
    """Let chunks that count as done, and have a message to hand over, be worked on again."""
    connection.execute(
        update(_CHUNK)
        .where(
            which,
            _CHUNK.c.state == ChunkState.DONE,
            exists().where(_MESSAGE.c.chunk_id == _CHUNK.c.id, _MESSAGE.c.status == MessageStatus.PLANNED),
        )
        .values(state=ChunkState.PLANNED)
    )


def release_chunk(connection: Connection, chunk_id: int, owner: str, *, error: str | None = None) -> ChunkState:
    """Give a chunk back: `done` when nothing of it is left to hand over, else `planned` for the next try.

    Nothing of it is under way any more. What is still `sending` could not be recorded, and becomes `unknown`. A
    chunk that somebody else has taken over meanwhile stays his.
    """
    # Locked before it is counted: who plans one of its messages again meanwhile must find it `done` afterwards.
    is_ours = hold_chunk(connection, chunk_id, owner)
    if is_ours:
        _settle_chunks(connection, [chunk_id])
        _recount_handled(connection, [chunk_id])
    left = connection.execute(
        select(func.count())
        .select_from(_MESSAGE)
        .where(_MESSAGE.c.chunk_id == chunk_id, _MESSAGE.c.status == MessageStatus.PLANNED)
    ).scalar_one()
    state = ChunkState.PLANNED if left else ChunkState.DONE
    if is_ours:
        tickets = connection.execute(
            select(_REQUEST.c.ticket)
            .where(_REQUEST.c.chunk_id == chunk_id, _REQUEST.c.ticket.is_not(None))
            .order_by(_REQUEST.c.id)
        ).scalars()
        connection.execute(
            update(_CHUNK)
            .where(_CHUNK.c.id == chunk_id)
            .values(
                state=state,
                claimed_by=None,
                lease_until=None,
                error=storable(error),
                provider_ticket=" ".join(tickets) or None,
            )
        )
    return state


def _recount_handled(connection: Connection, chunk_ids: Sequence[int]) -> None:
    """Count anew: a commit whose answer was lost may have counted its outcomes already."""
    has_outcome = _MESSAGE.c.status.not_in((MessageStatus.PLANNED, MessageStatus.SENDING))
    counted = select(func.count()).select_from(_MESSAGE).where(_MESSAGE.c.chunk_id == _CHUNK.c.id, has_outcome)
    connection.execute(update(_CHUNK).where(_CHUNK.c.id.in_(chunk_ids)).values(handled=counted.scalar_subquery()))


def count_handled(connection: Connection, chunk_id: int, handled: int) -> None:
    """Add messages that have an outcome now: the progress bar shows them."""
    connection.execute(_COUNT_HANDLED, {"chunk_id": chunk_id, "more": handled})
