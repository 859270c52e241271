"""How a run came on over time, counted by the database in steps that suit the run's length."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    select,
)

from tasks.messaging.statuses import FINAL_STATUSES, HANDED_OVER_STATUSES, MessageStatus
from tasks.store.tables import Message, utc_now

_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it

_MOST_STEPS = 120
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEP_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * hours for hours in (1, 2, 4, 6, 12)),
    _DAY,
)

# A ledger from before `claimed_at` was kept has only the time of the outcome: late, but in the count.
_LEFT_AT = func.coalesce(_MESSAGE.c.claimed_at, _MESSAGE.c.status_at)


@dataclass(frozen=True, slots=True)
class Timeline:
    """How many messages had come how far at the end of each step of time. Counts never fall.

    Attributes:
        start: When the first step begins.
        step: How long each one is.
        handed_over: Messages that the provider has, or had, by the time their request left.
        finals: Messages in each final state, by the time they came into it.
    """

    start: datetime
    step: timedelta
    handed_over: list[int]
    finals: dict[MessageStatus, list[int]]

    @property
    def ends(self) -> list[datetime]:
        """When each step ends."""
        return [self.start + self.step * number for number in range(1, len(self.handed_over) + 1)]


def choose_step(span: timedelta) -> timedelta:
    """The shortest step, of those that people count in, of which the span takes at most 120; else whole days."""
    for step in (timedelta(seconds=seconds) for seconds in _STEP_SECONDS):
        if span <= step * _MOST_STEPS:
            return step
    return timedelta(days=-(-span // timedelta(days=_MOST_STEPS)))


def read_timeline(connection: Connection, run_id: int, planned_at: datetime) -> Timeline | None:
    """Count a run's messages over time.

    Args:
        connection: A transaction.
        run_id: The run.
        planned_at: When it was planned. Earlier instants (a provider's clock is wrong) count as this one, and
            instants in the future as now.

    Returns:
        None while nothing was handed over and nothing is final.
    """
    is_handed_over = _MESSAGE.c.status.in_(HANDED_OVER_STATUSES)
    is_final = _MESSAGE.c.status.in_(FINAL_STATUSES)
    instants = connection.execute(
        select(
            func.min(case((is_handed_over, _LEFT_AT))),
            func.max(case((is_handed_over, _LEFT_AT))),
            func.min(case((is_final, _MESSAGE.c.status_at))),
            func.max(case((is_final, _MESSAGE.c.status_at))),
        ).where(_MESSAGE.c.run_id == run_id)
    ).one()
    known = [instant for instant in instants if instant is not None]
    if not known:
        return None
    earliest = min(max(min(known), planned_at), utc_now())
    latest = max(min(max(known), utc_now()), earliest)
    step = choose_step(latest - earliest)
    # Steps begin on the clock's own minutes and hours, as people read them.
    start = datetime.fromtimestamp(earliest.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    steps = (latest - start) // step + 1
    bucket = _bucket_of(connection, start, step)
    handed_over = connection.execute(_counted(bucket(_LEFT_AT), and_(_MESSAGE.c.run_id == run_id, is_handed_over)))
    finals: dict[MessageStatus, list[tuple[int, int]]] = {}
    for status, place, count in connection.execute(
        _counted(bucket(_MESSAGE.c.status_at), and_(_MESSAGE.c.run_id == run_id, is_final), _MESSAGE.c.status)
    ):
        finals.setdefault(status, []).append((place, count))
    return Timeline(
        start=start,
        step=step,
        handed_over=_added_up(((place, count) for place, count in handed_over), steps),
        finals={status: _added_up(finals[status], steps) for status in MessageStatus if status in finals},
    )


def _bucket_of(connection: Connection, start: datetime, step: timedelta) -> Any:
    """The SQL expression for the number of the step that an instant falls into, the first being 0."""
    # Written into the statement: PostgreSQL takes an expression with a parameter in SELECT and the same one in
    # GROUP BY for two different ones.
    first = literal(int(start.timestamp()), BigInteger, literal_execute=True)
    seconds = literal(int(step.total_seconds()), BigInteger, literal_execute=True)

    def bucket(instant: ColumnElement[datetime]) -> ColumnElement[int]:
        if connection.dialect.name == "postgresql":
            epoch: ColumnElement[int] = cast(func.floor(extract("epoch", instant)), BigInteger)
        else:
            epoch = cast(func.strftime(literal("%s", literal_execute=True), instant), Integer)
        return ((epoch - first) // seconds).label("step")

    return bucket


def _counted(bucket: ColumnElement[int], which: ColumnElement[bool], *by: ColumnElement[Any]) -> Select[Any]:
    return select(*by, bucket, func.count()).where(which).group_by(*by, bucket)


def _added_up(counts: Iterable[tuple[int, int]], steps: int) -> list[int]:
    in_step = [0] * steps
    for place, count in counts:
        in_step[min(max(place, 0), steps - 1)] += count
    return list(accumulate(in_step))
