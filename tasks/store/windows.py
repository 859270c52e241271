"""Sending windows in the ledger: when messages may be handed over, what is held, which runs wait for that alone.

A message points at the window of its place, the country and the time zones that it goes to. So when a day passes,
a few hundred windows are written anew and not a million messages.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from tasks.messaging.statuses import MessageStatus
from tasks.store import leases
from tasks.store.tables import CampaignRun, Message, RunState, SendingWindow

_WINDOW = SendingWindow.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # the same

_MOST_INSTANTS = 3
_MOST_COUNTRIES = 5


@dataclass(frozen=True, slots=True)
class HandOver:
    """When messages may be handed over.

    Attributes:
        not_before: The first instant; None where they are held for good.
        not_after: The first instant that is too late; None where there is no end.
        held_because: Why they are held for good, and what to do about it, for people.
    """

    not_before: datetime | None
    not_after: datetime | None
    held_because: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceWindow:
    """A row of `sending_window`: its id, and the place that it is for."""

    id: int
    country: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Messages of a run that are planned, and that the sending hours do not let out now.

    Attributes:
        opening: How many go out from each instant on, by country ("" where it is not known); earliest first.
        for_good: How many have no window, by reason.
    """

    opening: Mapping[datetime, Mapping[str, int]]
    for_good: Mapping[str, int]

    @property
    def until(self) -> datetime | None:
        """When the first of them may go out; None where none ever may."""
        return min(self.opening, default=None)

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(sum(counts.values()) for counts in self.opening.values()) + sum(self.for_good.values())

    @property
    def sentence(self) -> str:
        """`1,200 messages are held until 2026-11-23 08:00 UTC (FR)`; further instants and reasons behind it."""
        said = [
            f"{_are_held(sum(counts.values()))} until {instant:%Y-%m-%d %H:%M} UTC ({_name(counts)})"
            for instant, counts in list(self.opening.items())[:_MOST_INSTANTS]
        ]
        if later := list(self.opening.items())[_MOST_INSTANTS:]:
            count = sum(sum(counts.values()) for _, counts in later)
            said.append(f"{_are_held(count)} for longer, the last until {later[-1][0]:%Y-%m-%d %H:%M} UTC")
        said += [f"{_are_held(count)} for good: {why}" for why, count in self.for_good.items()]
        return "; ".join(said)


def _are_held(count: int) -> str:
    return f"{count:,} message is held" if count == 1 else f"{count:,} messages are held"


def _name(counts: Mapping[str, int]) -> str:
    named = [code or "country unknown" for code, _ in Counter(counts).most_common(_MOST_COUNTRIES)]
    more = len(counts) - len(named)
    return ", ".join([*named, f"{more} more"] if more else named)


def is_within_hours(now: "datetime | ColumnElement[datetime]") -> ColumnElement[bool]:
    """The SQL condition under which the sending hours let a message out.

    Args:
        now: An instant, or the parameter that stands for it.
    """
    return or_(_MESSAGE.c.window_id.is_(None), _is_open(now))


def _is_open(now: "datetime | ColumnElement[datetime]") -> ColumnElement[bool]:
    return (
        exists()
        .where(
            _WINDOW.c.id == _MESSAGE.c.window_id,
            _WINDOW.c.not_before <= now,
            or_(_WINDOW.c.not_after.is_(None), _WINDOW.c.not_after > now),
        )
        .correlate(_MESSAGE)
    )


def add_window(
    connection: Connection, run_id: int, country: str, zones: tuple[str, ...], hand_over: HandOver
) -> int:
    """Add the window of one place of a run; returns its id.

    Args:
        connection: The transaction that adds the run.
        run_id: The run.
        country: ISO 3166-1 alpha-2, or "".
        zones: IANA names, in order.
        hand_over: When.
    """
    values = {"run_id": run_id, "country": country, "zones": ",".join(zones), **_as_values(hand_over)}
    return int(connection.execute(insert(_WINDOW).values(**values).returning(_WINDOW.c.id)).scalar_one())


def set_window(connection: Connection, window_id: int, hand_over: HandOver) -> None:
    """Write down when the messages of a place may be handed over now."""
    connection.execute(update(_WINDOW).where(_WINDOW.c.id == window_id).values(**_as_values(hand_over)))


def _as_values(hand_over: HandOver) -> dict[str, object]:
    return {
        "not_before": hand_over.not_before,
        "not_after": hand_over.not_after,
        "held_because": hand_over.held_because,
    }


def list_windows(
    connection: Connection,
    run_id: int,
    *,
    passed_at: datetime | None = None,
    also_held_for_good: bool = False,
    for_update: bool = False,
) -> list[PlaceWindow]:
    """The windows of a run, in the order of their ids; there are none where its campaign has no hours.

    Args:
        connection: A transaction.
        run_id: The run.
        passed_at: Only those that are over at this instant.
        also_held_for_good: And those that never open.
        for_update: Lock them.
    """
    wanted = (
        select(_WINDOW.c.id, _WINDOW.c.country, _WINDOW.c.zones)
        .where(_WINDOW.c.run_id == run_id)
        .order_by(_WINDOW.c.id)
    )
    if passed_at is not None:
        is_over = _WINDOW.c.not_after <= passed_at
        wanted = wanted.where(or_(is_over, _WINDOW.c.not_before.is_(None)) if also_held_for_good else is_over)
    if for_update:
        wanted = wanted.with_for_update(key_share=True)
    return [
        PlaceWindow(window_id, country, tuple(filter(None, zones.split(","))))
        for window_id, country, zones in connection.execute(wanted)
    ]


def find_held(connection: Connection, run_id: int, now: datetime | None = None) -> Held | None:
    """What the sending hours hold of a run; None where they hold nothing.

    Args:
        connection: A transaction.
        run_id: The run.
        now: The instant; the ledger's clock when not given.
    """
    if not list_windows(connection, run_id):
        return None
    now = leases.now_of(connection) if now is None else now
    held = connection.execute(
        select(_WINDOW.c.not_before, _WINDOW.c.held_because, _WINDOW.c.country, func.count())
        .join_from(_MESSAGE, _WINDOW, _WINDOW.c.id == _MESSAGE.c.window_id)
        .where(_MESSAGE.c.run_id == run_id, _MESSAGE.c.status == MessageStatus.PLANNED, not_(_is_open(now)))
        .group_by(_WINDOW.c.not_before, _WINDOW.c.held_because, _WINDOW.c.country)
        .order_by(_WINDOW.c.not_before, _WINDOW.c.country)
    ).all()
    opening: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for_good: Counter[str] = Counter()
    for not_before, held_because, country, count in held:
        if not_before is None:
            for_good[held_because] += count
        else:
            opening[not_before][country] += count
    return Held(dict(sorted(opening.items())), dict(for_good.most_common())) if held else None


def has_opened(connection: Connection, run_id: int, since: datetime, now: datetime) -> bool:
    """Whether a window of a run has opened between two instants, and has messages that are planned still."""
    is_planned = exists().where(
        _MESSAGE.c.run_id == run_id,
        _MESSAGE.c.status == MessageStatus.PLANNED,
        _MESSAGE.c.window_id == _WINDOW.c.id,
    )
    opened = exists().where(
        _WINDOW.c.run_id == run_id,
        _WINDOW.c.not_before > since,
        _WINDOW.c.not_before <= now,
        or_(_WINDOW.c.not_after.is_(None), _WINDOW.c.not_after > now),
        is_planned,
    )
    return bool(connection.execute(select(opened)).scalar_one())


def runs_to_go_on_with(connection: Connection) -> list[int]:
    """Runs that waited for nothing but a sending window which is open now; whose window closes first comes first.

    Not those that were paused or cancelled, that somebody leads, or that stopped for another reason.
    """
    now = leases.now_of(connection)
    closes_at = (
        select(func.min(_WINDOW.c.not_after))
        .where(_WINDOW.c.run_id == _RUN.c.id, _WINDOW.c.not_before <= now, _WINDOW.c.not_after > now)
        .scalar_subquery()
    )
    waiting = connection.execute(
        select(_RUN.c.id, _RUN.c.owner, _RUN.c.lease_until)
        .where(
            _RUN.c.waits_until <= now,
            _RUN.c.control.is_(None),
            # Still `sending` is one whose process died while it went on with it.
            or_(_RUN.c.state == RunState.STOPPED, _RUN.c.state == RunState.SENDING),
        )
        .order_by(closes_at.asc().nulls_last(), _RUN.c.waits_until, _RUN.c.id)
    )
    return [run_id for run_id, owner, until in waiting if not leases.is_alive(owner, until, now)]
