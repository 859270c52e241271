"""Moving what is left of a run to the next provider, when the one that it is for is out of order.

Only what surely was not handed over moves: messages that are `planned`, of chunks that nobody works on. Whatever
was handed over, or may have been, stays with the provider that it was handed over to.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, insert, or_, select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store.chunks import is_due
from tasks.store.tables import Chunk, ChunkState, Message, Rerouting, utc_now
from tasks.store.texts import storable

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_REROUTING = Rerouting.__table__  # type: ignore[attr-defined]  # the same


@dataclass(frozen=True, slots=True)
class ReroutedMessages:
    """Messages that went to another provider, of a run.

    Attributes:
        why: What was wrong with the one they were for, for people.
    """

    from_provider: str
    to_provider: str
    messages: int
    why: str
    at: datetime

    def __str__(self) -> str:
        return (
            f"{self.from_provider} was out of order at {self.at:%Y-%m-%d %H:%M} UTC ({self.why.rstrip('.')}): "
            f"{self.messages:,} messages went to {self.to_provider} instead."
        )


def move_to_fallbacks(
    connection: Connection, run_id: int, provider: str, *, why: str, out: Collection[str] = ()
) -> dict[str, int]:
    """Let the next provider have what is left of a run for one that is out of order.

    Args:
        connection: A writing transaction. Doing it twice does nothing more.
        run_id: The run.
        provider: Who is out of order.
        why: What is wrong, for people.
        out: Who else is; they are passed over.

    Returns:
        How many messages went to whom. Chunks without anybody to go to stay where they are.
    """
    # Those that somebody works on are not among them: he finds out by himself, and gives them back.
    free = connection.execute(
        select(_CHUNK.c.id, _CHUNK.c.fallbacks)
        .where(
            _CHUNK.c.run_id == run_id,
            _CHUNK.c.provider == provider,
            _CHUNK.c.state == ChunkState.PLANNED,
            _CHUNK.c.fallbacks.is_not(None),
        )
        .order_by(_CHUNK.c.id)
        .with_for_update(key_share=True)
    ).all()
    by_rest: dict[tuple[str, ...], list[int]] = {}
    for chunk_id, fallbacks in free:
        names = fallbacks.split(",")
        fit = next((place for place, name in enumerate(names) if name not in {provider, *out}), None)
        if fit is not None:
            by_rest.setdefault(tuple(names[fit:]), []).append(chunk_id)
    moved: dict[str, int] = {}
    for (target, *rest), chunk_ids in by_rest.items():
        messages = _move(connection, chunk_ids, target, ",".join(rest) or None)
        moved[target] = moved.get(target, 0) + messages
    for target, messages in moved.items():
        if not messages:  # all of them were withdrawn meanwhile
            continue
        told = {"from_provider": provider, "to_provider": target, "messages": messages, "why": storable(why)}
        connection.execute(insert(_REROUTING).values(run_id=run_id, at=utc_now(), **told))
    return moved


def _move(connection: Connection, chunk_ids: Collection[int], target: str, fallbacks: str | None) -> int:
    connection.execute(
        update(_CHUNK).where(_CHUNK.c.id.in_(chunk_ids)).values(provider=target, fallbacks=fallbacks)
    )
    is_left = _MESSAGE.c.chunk_id.in_(chunk_ids) & (_MESSAGE.c.status == MessageStatus.PLANNED)
    # By their ids: an UPDATE takes rows in whatever order it finds them in.
    locked = select(_MESSAGE.c.id).where(is_left).order_by(_MESSAGE.c.id).with_for_update(key_share=True)
    return int(
        connection.execute(
            update(_MESSAGE)
            .where(_MESSAGE.c.id.in_(locked), is_left)
            # The request that was refused was the other provider's: what it is asked about must not name it.
            .values(provider=target, request_id=None)
        ).rowcount
    )


def moved_since(connection: Connection, providers: Mapping[int, str]) -> set[int]:
    """Those of these chunks that are for another provider by now.

    Args:
        connection: A transaction.
        providers: Whom each chunk was for, by its id.
    """
    now = connection.execute(select(_CHUNK.c.id, _CHUNK.c.provider).where(_CHUNK.c.id.in_(list(providers))))
    return {chunk_id for chunk_id, provider in now if provider != providers[chunk_id]}


def can_still_go_elsewhere(connection: Connection, run_id: int, owner: str, out: Collection[str]) -> bool:
    """Whether somebody else works on a chunk that is for a provider in order, or that could go to one.

    Args:
        connection: A transaction.
        run_id: The run.
        owner: Not this sender's own chunks.
        out: The providers that are out of order.
    """
    at_work = connection.execute(
        select(_CHUNK.c.provider, _CHUNK.c.fallbacks).where(
            _CHUNK.c.run_id == run_id,
            _CHUNK.c.state == ChunkState.CLAIMED,
            or_(_CHUNK.c.claimed_by.is_(None), _CHUNK.c.claimed_by != owner),
        )
    )
    return any(not {provider, *(fallbacks or provider).split(",")} <= set(out) for provider, fallbacks in at_work)


def is_any_left(connection: Connection, run_id: int, tried: Mapping[int, str], out: Collection[str]) -> bool:
    """Whether a chunk waits for a sender that is for a provider in order, or could go to one.

    Args:
        connection: A transaction.
        run_id: The run.
        tried: Not these, unless they are for another provider by now; whom each was for, by its id.
        out: The providers that are out of order.
    """
    has_work = exists().where(_MESSAGE.c.chunk_id == _CHUNK.c.id, is_due(connection))
    free = connection.execute(
        select(_CHUNK.c.id, _CHUNK.c.provider, _CHUNK.c.fallbacks).where(
            _CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.PLANNED, has_work
        )
    )
    return any(
        tried.get(chunk_id) != provider and not {provider, *(fallbacks or provider).split(",")} <= set(out)
        for chunk_id, provider, fallbacks in free
    )


def waiting_for(connection: Connection, run_id: int, providers: Collection[str]) -> list[str]:
    """Those of these providers for which chunks of a run wait."""
    waiting = select(_CHUNK.c.provider.distinct()).where(
        _CHUNK.c.run_id == run_id, _CHUNK.c.state == ChunkState.PLANNED, _CHUNK.c.provider.in_(providers)
    )
    return sorted(connection.execute(waiting).scalars())


def read_reroutings(connection: Connection, run_id: int) -> list[ReroutedMessages]:
    """What went to another provider than planned, in the order in which it did; each pair of providers once."""
    rows = connection.execute(
        select(
            _REROUTING.c.from_provider,
            _REROUTING.c.to_provider,
            func.sum(_REROUTING.c.messages),
            func.min(_REROUTING.c.id),
        )
        .where(_REROUTING.c.run_id == run_id)
        .group_by(_REROUTING.c.from_provider, _REROUTING.c.to_provider)
        .order_by(func.min(_REROUTING.c.id))
    ).all()
    firsts = {
        row.id: row
        for row in connection.execute(
            select(_REROUTING.c.id, _REROUTING.c.why, _REROUTING.c.at).where(
                _REROUTING.c.id.in_([first for *_, first in rows])
            )
        )
    }
    return [
        ReroutedMessages(from_, to, int(messages), firsts[first].why, firsts[first].at)
        for from_, to, messages, first in rows
    ]
