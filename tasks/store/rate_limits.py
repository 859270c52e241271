"""Rate limits that hold across processes and machines: everybody who shares a ledger shares them.

One row per limit says when the next request may begin. A reservation moves it forward by as many requests as it
takes, so requests are spaced evenly, whoever sends them (the generic cell rate algorithm without a burst).
Nothing is stored per request, and one statement reserves many.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, cast, extract, func, literal
from sqlalchemy.dialects import postgresql, sqlite

from tasks.store.tables import RateLimit

_LIMIT = RateLimit.__table__  # type: ignore[attr-defined]  # SQLModel does not type it


@dataclass(frozen=True, slots=True)
class Reservation:
    """Turns that are ours.

    Attributes:
        first_in_seconds: From now until the first one.
        count: How many; each one interval after the one before.
    """

    first_in_seconds: float
    count: int


def reserve_turns(connection: Connection, name: str, interval_seconds: float, count: int) -> Reservation:
    """Reserve the next turns under a limit; a limit that does not exist is created.

    Args:
        connection: A writing transaction, to be committed at once.
        name: The limit.
        interval_seconds: Between two turns.
        count: How many turns.
    """
    length = count * interval_seconds
    now, later, upsert = _in_dialect(connection)
    next_at, at = connection.execute(
        upsert.values(name=name, next_at=now + length)
        .on_conflict_do_update(index_elements=["name"], set_={"next_at": later(_LIMIT.c.next_at, now) + length})
        .returning(_LIMIT.c.next_at, now)
    ).one()
    return Reservation(max(0.0, next_at - length - at), count)


def _in_dialect(connection: Connection) -> tuple[ColumnElement[float], Any, Any]:
    """The current time, the function that takes the later of two, and INSERT, as each database has them."""
    if connection.dialect.name == "postgresql":
        # The server's clock: those of several machines differ. Not now(), which stands still in a transaction.
        clock = cast(extract("epoch", func.clock_timestamp()), Float)
        return clock, func.greatest, postgresql.insert(_LIMIT)
    return literal(time.time(), Float), func.max, sqlite.insert(_LIMIT)
