"""The sending hours of a run: a window for each place that messages go to, and a new one when it has passed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection

from tasks.contacts.time_zones import SEPARATOR
from tasks.identity import RunIdentity, identity_of
from tasks.messaging.hours_rules import SendingHours
from tasks.messaging.sending_hours import HORIZON, SHORTEST, hand_over_window
from tasks.store import leases, runs, windows
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger, LedgerError
from tasks.store.windows import HandOver, Held

Place = tuple[str, str]
"""Country (ISO 3166-1 alpha-2, or "") and time zones, joined by `SEPARATOR`: what the hours are judged by."""

LAST_CALL: Final = timedelta(minutes=2)
"""Nothing is claimed in the last minutes of a window: a request may be tried again until then."""

_NO_ZONE = (
    "no time zone is known for them: a column `timezone` such as Europe/Paris tells it. Cancel the run, and send "
    "to them as another run"
)
_NO_WINDOW = (
    "nothing is allowed within {days} days in all of the {zones} time zones that each may be in: a column "
    "`timezone` narrows them down, or `hours` allows more. Cancel the run, and send to them as another run"
)
_CLOSED = "the hours allow nothing within {days} days. Cancel the run, and send to them as another run"


def judge_place(identity: RunIdentity, hours: SendingHours, place: Place, now: datetime) -> HandOver | None:
    """When the messages to one place may be handed over; None at any time, because no rule is about them."""
    country, zones = place[0], [zone for zone in place[1].split(SEPARATOR) if zone]
    content = identity.content
    judge = partial(hand_over_window, hours.rules, country, zones, content.purpose, send_at=content.send_at)
    window = judge(now)
    furthest = max(now, content.send_at or now) + HORIZON
    while window and window.not_after and window.not_after - window.not_before < LAST_CALL + SHORTEST:
        # It is too late for that one, or it is too short for any message.
        window = judge(window.not_after) if window.not_after < furthest else None
    if window is not None:
        return None if window.not_after is None else HandOver(window.not_before, window.not_after - LAST_CALL)
    if not zones:
        return HandOver(None, None, _NO_ZONE)
    why = _CLOSED if len(zones) == 1 else _NO_WINDOW
    return HandOver(None, None, why.format(days=HORIZON.days, zones=len(zones)))


def foresee_held(identity: RunIdentity, hours: SendingHours, places: Mapping[Place, int], now: datetime) -> Held:
    """What would be held of a run that began now: messages by place."""
    opening: dict[datetime, Counter[str]] = {}
    for_good: Counter[str] = Counter()
    for place, count in places.items():
        hand_over = judge_place(identity, hours, place, now)
        if hand_over is None or not count:
            continue
        if hand_over.not_before is None:
            for_good[hand_over.held_because or ""] += count
        elif hand_over.not_before > now:
            opening.setdefault(hand_over.not_before, Counter())[place[0]] += count
    return Held(dict(sorted(opening.items())), dict(for_good.most_common()))


class WindowBook:
    """The windows of a run that is being planned: one for each place, added when it first occurs.

    Args:
        connection: The transaction that adds the run.
        run_id: The run.
        identity: What it is planned as.
        hours: Its hours.
    """

    def __init__(self, connection: Connection, run_id: int, identity: RunIdentity, hours: SendingHours) -> None:
        self._connection = connection
        self._run_id = run_id
        self._identity = identity
        self._hours = hours
        self._now = leases.now_of(connection)
        self._ids: dict[Place, int | None] = {}

    def ids(self, countries: Sequence[str | None], zones: Sequence[str | None]) -> list[int | None]:
        """The window of each of these messages; None of those that may be handed over at any time."""
        places = [(country or "", joined or "") for country, joined in zip(countries, zones, strict=True)]
        for place in dict.fromkeys(places):
            if place not in self._ids:
                self._ids[place] = self._add(place)
        return [self._ids[place] for place in places]

    def _add(self, place: Place) -> int | None:
        hand_over = judge_place(self._identity, self._hours, place, self._now)
        if hand_over is None:
            return None
        country, zones = place
        return windows.add_window(
            self._connection, self._run_id, country, tuple(filter(None, zones.split(SEPARATOR))), hand_over
        )


def renew_windows(ledger: Ledger, run_id: int) -> None:
    """Judge those windows of a run anew that are over, or never open: zones may be better known by now."""
    _renew(ledger, run_id, also_held_for_good=True)


def renew_passed_windows(ledger: Ledger, run_id: int) -> None:
    """Judge those windows of a run anew that are over. Costs one small query where there are none."""
    with ledger.reading() as connection:
        if not windows.list_windows(connection, run_id, passed_at=leases.now_of(connection)):
            return
    _renew(ledger, run_id, also_held_for_good=False)


@again_while_busy
def _renew(ledger: Ledger, run_id: int, *, also_held_for_good: bool) -> None:
    with ledger.writing() as connection:
        now = leases.now_of(connection)
        judged = windows.list_windows(
            connection, run_id, passed_at=now, also_held_for_good=also_held_for_good, for_update=True
        )
        if not judged:
            return
        identity = identity_of(runs.get_run(connection, run_id))
        if identity.hours is None:
            raise LedgerError(f"run {run_id} has sending windows, and its campaign has no hours to judge them by")
        for window in judged:
            place = (window.country, SEPARATOR.join(window.zones))
            hand_over = judge_place(identity, identity.hours, place, now)
            windows.set_window(connection, window.id, hand_over or HandOver(now, None))


class HeldLook(NamedTuple):
    """What was held of a run at one instant.

    Attributes:
        held: None where its sending hours hold nothing.
        has_opened: Whether a window has opened since an earlier instant, with messages that are planned still.
        at: That instant, by the ledger's clock.
    """

    held: Held | None
    has_opened: bool
    at: datetime


def look_at_held(run_id: int, since: datetime) -> HeldLook:
    """What the sending hours hold of a run now, by windows that are up to date.

    Args:
        run_id: The run.
        since: An earlier instant, by the ledger's clock. Whoever was held then, and is not now, may have been
            passed by: a sender takes each chunk once in a turn.
    """
    with Ledger() as ledger:
        renew_passed_windows(ledger, run_id)
        with ledger.reading() as connection:
            now = leases.now_of(connection)
            held = windows.find_held(connection, run_id, now)
            return HeldLook(held, windows.has_opened(connection, run_id, since, now), now)


def now_in_ledger() -> datetime:
    """The ledger's clock, by which windows open and close."""
    with Ledger() as ledger, ledger.reading() as connection:
        return leases.now_of(connection)


def count_places(countries: Iterable[str | None], zones: Iterable[str | None]) -> Counter[Place]:
    """Messages by place."""
    return Counter((country or "", joined or "") for country, joined in zip(countries, zones, strict=True))
