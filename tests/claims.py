"""Claiming messages as a sender does, for tests of what comes after."""

from sqlalchemy import Connection, select, update

from tasks.store import chunks, leases, outbox
from tasks.store.outbox import Claim
from tasks.store.tables import Chunk, ChunkState

CHUNK = Chunk.__table__

DEAD = f"{leases.process_name().split(':', maxsplit=1)[0]}:{2**22 + 1}:aaaaaaaa"
"""A sender that died on this host: no pid is that high."""


def claim(connection: Connection, run, chunk_id, message_ids, requests=(), *, owner="me", **changes) -> Claim:
    """Take the chunk as its sender, whoever had it, and claim messages of it."""
    connection.execute(update(CHUNK).where(CHUNK.c.id == chunk_id).values(state=ChunkState.PLANNED))
    assert chunks.claim_chunk(connection, chunk_id, owner)
    of_run = {"channel": run.channel, "purpose": run.purpose} | changes
    return outbox.claim_messages(connection, chunk_id, run.id, message_ids, requests, owner=owner, **of_run)


def free_chunks(connection: Connection, run_id: int) -> list[int]:
    """The chunks of a run that wait for a sender."""
    waiting = select(CHUNK.c.id).where(CHUNK.c.run_id == run_id, CHUNK.c.state == ChunkState.PLANNED)
    return list(connection.execute(waiting.order_by(CHUNK.c.id)).scalars())
