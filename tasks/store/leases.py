"""Leases: what a process that gives no sign of life for a minute must not keep.

Every process that sends has a name. Whatever it took (a run to lead, a chunk to hand over) is its own until the
lease runs out, or until it is known to have died. The clock is the database's: a host whose own is ahead must not
take another one's work away.
"""

import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from tasks.store.tables import CampaignRun, Chunk, ChunkState, utc_now

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same

LEASE = timedelta(seconds=60)
"""How long a run or a chunk stays with a process that gives no sign of life."""


def process_name() -> str:
    """A name for this process as a sender: host:pid:nonce.

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


def is_alive(owner: str | None, lease_until: datetime | None, now: datetime) -> bool:
    """Whether a process must be taken to be at work still.

    Args:
        owner: Its name; None is nobody.
        lease_until: When its lease runs out.
        now: The database's clock.
    """
    return owner is not None and lease_until is not None and lease_until > now and not _died_on_this_host(owner)


def _died_on_this_host(owner: str) -> bool:
    host, _, rest = owner.partition(":")
    pid, _, _ = rest.partition(":")
    if host != _host_name() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def describe(owner: str, lease_until: datetime) -> str:
    """Who it is and when it was last heard of, for people."""
    host, pid, _ = owner.split(":")
    return f"process {pid} on {host} (last sign of life {lease_until - LEASE:%H:%M:%S} UTC)"


def now_of(connection: Connection) -> datetime:
    """The database's clock."""
    if connection.dialect.name != "postgresql":
        return utc_now()  # all who share a SQLite file are on one machine
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def renew(connection: Connection, run_id: int, owner: str) -> None:
    """Show a sign of life: the run that this process leads, and the chunks that it has, stay with it."""
    lease_until = now_of(connection) + LEASE
    # The run first, then its chunks, then their messages: everybody locks them in this order.
    connection.execute(
        update(_RUN).where(_RUN.c.id == run_id, _RUN.c.owner == owner).values(lease_until=lease_until)
    )
    connection.execute(
        update(_CHUNK)
        .where(_CHUNK.c.run_id == run_id, _CHUNK.c.claimed_by == owner, _CHUNK.c.state == ChunkState.CLAIMED)
        .values(lease_until=lease_until)
    )
