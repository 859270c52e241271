"""When a message may reach a person: rules by country and purpose, judged by the clock on the person's wall.

Which rules hold for a message is decided in this order:

1. The rules whose purpose is the message's, or that name no purpose; and that name the recipient's country, or no
   country at all.
2. Of those, the rules that name the country. Only where there are none, those that name no country.
3. Of those, the rules that name the purpose. Only where there are none, those that name no purpose.
4. What is left holds together: a moment is allowed when one of them allows it. So a day can have two windows, and
   a Saturday its own.

Where nothing is left, every moment is allowed. Everything that is not known forbids: see `next_window`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from tasks.messaging.hours_rules import MINUTES_OF_A_DAY, Day, Holidays, HoursRule
from tasks.messaging.public_holidays import is_holiday
from tasks.messaging.statuses import Purpose

HORIZON: Final = timedelta(days=14)
"""How far ahead a window is looked for. No rule that is meant to let anything pass closes a country for longer."""
SHORTEST: Final = timedelta(minutes=1)
"""A window that is shorter is none: the messages in it would be claimed, and then be late."""

AHEAD: Final = timedelta(minutes=15)
"""What is scheduled less than this ahead, a provider may send at once (ten minutes is documented)."""

_DAYS = tuple(Day)
_Span = tuple[datetime, datetime]
"""From, until (exclusive); in UTC, because two moments of one zone are compared by their wall clocks otherwise."""


@dataclass(frozen=True, slots=True)
class Window:
    """When a message may be sent.

    Attributes:
        not_before: The first allowed moment, in UTC.
        not_after: The first moment, in UTC, that is not allowed any more; None where no rule sets an end.
    """

    not_before: datetime
    not_after: datetime | None


def next_window(
    rules: Sequence[HoursRule], country: str, zones: Collection[str], purpose: Purpose, now: datetime
) -> Window | None:
    """The first window, now or later, in which the rules allow a message in every one of the zones.

    A window that is open begins now. It ends at the latest `HORIZON` from now: what is allowed beyond is another
    window, to be asked for later.

    On the days on which the clocks change, the narrower reading holds: a beginning that the clock shows twice is
    the later one, an end that it shows twice the earlier one, midnight too. A time that the clock leaves out is
    the moment of the leap.

    Args:
        rules: All that the campaign has.
        country: ISO 3166-1 alpha-2 of the recipient. "" when it is not known: then the rules of every country must
            allow the moment.
        zones: IANA names of all time zones that the recipient may be in.
        purpose: Why the message is sent.
        now: With a time zone.

    Returns:
        None where the message has to be held: there is a rule for it and no zone is known (or zoneinfo does not
        know one of them), or nothing is allowed within `HORIZON`.

    Raises:
        ValueError: `now` has no time zone.
        TypeError: The zones are one text: its letters are no zones, and everybody would be held.
    """
    if isinstance(zones, str):
        raise TypeError("zones is one text and not a list of names")
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    begin = now.astimezone(UTC)
    groups = _rules_in_force(rules, country, purpose)
    if not groups:
        return Window(begin, None)
    clocks = [_zone(name) for name in zones]
    known = [clock for clock in clocks if clock is not None]
    if not known or len(known) < len(clocks):
        return None
    allowed: list[_Span] = [(begin, begin + HORIZON)]
    for group in groups:
        for clock in known:
            allowed = _both(allowed, _allowed_in(clock, group, country, begin.date()))
    found = next((span for span in allowed if span[1] - span[0] >= SHORTEST), None)
    return Window(*found) if found else None


def hand_over_window(
    rules: Sequence[HoursRule],
    country: str,
    zones: Collection[str],
    purpose: Purpose,
    now: datetime,
    *,
    send_at: datetime | None,
) -> Window | None:
    """When a message may be handed over to a provider that holds it until `send_at`.

    Judged is the instant at which the person gets it. Where that is within the hours, the message may be handed
    over at night, but not so shortly before `send_at` that the provider may send it at once: the window ends
    before that, and the next one begins at `send_at`. Where it is not, the message waits for the first window
    after it.

    Args:
        rules: As for `next_window`, and so on.
        country: ISO 3166-1 alpha-2, or "".
        zones: IANA names.
        purpose: Why the message is sent.
        now: With a time zone.
        send_at: Until when the provider holds it; None, or an instant that has passed, means at once.
    """
    if send_at is None or send_at <= now:
        return next_window(rules, country, zones, purpose, now)
    arrival = next_window(rules, country, zones, purpose, send_at)
    if arrival is None or arrival.not_after is None or arrival.not_before > send_at:
        return arrival
    present = next_window(rules, country, zones, purpose, now)
    if present and present.not_before <= now and present.not_after and present.not_after > send_at:
        return Window(present.not_before, arrival.not_after)
    ahead = send_at.astimezone(UTC) - AHEAD
    return Window(now.astimezone(UTC), ahead) if ahead - now >= SHORTEST else arrival


def _rules_in_force(rules: Sequence[HoursRule], country: str, purpose: Purpose) -> list[tuple[HoursRule, ...]]:
    """The rules that hold together; several groups, each of which must allow, where the country is not known."""
    fitting = [rule for rule in rules if rule.purpose in {None, purpose}]
    named = {code for rule in fitting for code in rule.countries}
    candidates = [country] if country else sorted(named | {""})
    groups = (_most_specific(fitting, candidate) for candidate in candidates)
    return list(dict.fromkeys(group for group in groups if group))


def _most_specific(rules: Sequence[HoursRule], country: str) -> tuple[HoursRule, ...]:
    of_country = [rule for rule in rules if country in rule.countries]
    of_place = of_country or [rule for rule in rules if not rule.countries]
    of_purpose = [rule for rule in of_place if rule.purpose is not None]
    return tuple(of_purpose or of_place)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # not a name, or one that this machine's time zone data does not have
        return None


def _both(some: Sequence[_Span], others: Sequence[_Span]) -> list[_Span]:
    """Where two lists of spans overlap; each in order and without overlaps."""
    found = []
    left, right = 0, 0
    while left < len(some) and right < len(others):
        begin = max(some[left][0], others[right][0])
        end = min(some[left][1], others[right][1])
        if begin < end:
            found.append((begin, end))
        if some[left][1] < others[right][1]:
            left += 1
        else:
            right += 1
    return found


@lru_cache(maxsize=4096)
def _allowed_in(clock: ZoneInfo, rules: tuple[HoursRule, ...], country: str, today: date) -> tuple[_Span, ...]:
    """What the rules allow in one zone from the local day before `today` (a date of UTC) to behind the horizon."""
    spans: list[_Span] = []
    for begin, end in sorted(_daily(clock, rules, country, today)):
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((begin, end))
    return tuple(spans)


def _daily(clock: ZoneInfo, rules: Sequence[HoursRule], country: str, today: date) -> Iterator[_Span]:
    for ahead in range(-1, HORIZON.days + 2):
        day = today + timedelta(days=ahead)
        for rule in rules:
            if _DAYS[day.weekday()] not in rule.days or _is_closed(rule, country, day):
                continue
            begin = _moment(clock, day, rule.from_minute, is_begin=True)
            end = _moment(clock, day, rule.until_minute, is_begin=False)
            if begin < end:
                yield begin, end


def _is_closed(rule: HoursRule, country: str, day: date) -> bool:
    """Whether it is a holiday, or may be one, in the countries where the recipient may be."""
    if rule.holidays is Holidays.ALLOWED:
        return False
    in_any_part = rule.holidays is Holidays.FORBIDDEN_IN_ANY_PART
    countries = [country] if country else rule.countries
    known = [is_holiday(named, day, in_any_part=in_any_part) for named in countries]
    return not known or any(found is not False for found in known)


def _moment(clock: ZoneInfo, day: date, minute: int, *, is_begin: bool) -> datetime:
    """When a clock shows this minute of the day: in UTC."""
    if minute == MINUTES_OF_A_DAY:
        day, minute = day + timedelta(days=1), 0
    shown = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=clock)
    first = shown.astimezone(UTC)
    second = shown.replace(fold=1).astimezone(UTC)
    if first <= second:
        return second if is_begin else first
    return _leap(clock, second, first)


def _leap(clock: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment, between these two, at which the clock is put forward."""
    offset = before.astimezone(clock).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(clock).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
