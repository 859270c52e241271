"""A provider may hold a message until its time: handed over at night, and read when people may be written to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.messaging.hours_rules import Day, HoursRule
from tasks.messaging.sending_hours import AHEAD, SHORTEST, Window, hand_over_window, next_window
from tasks.messaging.statuses import Purpose

MARKETING = Purpose.MARKETING
DAYTIME = [HoursRule(allowed_from="08:00", allowed_until="20:00")]
MINUTE = timedelta(minutes=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def judged(now, send_at, rules=DAYTIME, zones=("UTC",)):
    return hand_over_window(rules, "FR", zones, MARKETING, now, send_at=send_at)


@pytest.mark.parametrize(
    ("now", "send_at", "begin", "end"),
    [
        pytest.param("2026-06-01T22:00", None, "2026-06-02T08:00", "2026-06-02T20:00", id="no time"),
        pytest.param("2026-06-01T22:00", "2026-06-01T21:00", "2026-06-02T08:00", "2026-06-02T20:00", id="gone by"),
        pytest.param(
            "2026-06-01T22:00", "2026-06-02T09:00", "2026-06-01T22:00", "2026-06-02T08:45", id="at night"
        ),
        pytest.param(
            "2026-06-02T07:50", "2026-06-02T08:00", "2026-06-02T08:00", "2026-06-02T20:00", id="too soon"
        ),
        pytest.param(
            "2026-06-02T12:00", "2026-06-02T13:00", "2026-06-02T12:00", "2026-06-02T20:00", id="in one day"
        ),
        pytest.param(
            "2026-06-01T12:00", "2026-06-02T13:00", "2026-06-01T12:00", "2026-06-02T12:45", id="tomorrow"
        ),
        pytest.param(
            "2026-06-01T12:00", "2026-06-01T22:00", "2026-06-02T08:00", "2026-06-02T20:00", id="too late"
        ),
        pytest.param(
            "2026-06-02T08:45", "2026-06-02T21:00", "2026-06-03T08:00", "2026-06-03T20:00", id="not today"
        ),
    ],
)
def test_what_is_allowed_when_it_arrives_is_handed_over_before(now, send_at, begin, end):
    assert judged(at(now), send_at and at(send_at)) == Window(at(begin), at(end))


def test_what_never_may_arrive_is_held():
    monday = [HoursRule(allowed_from="08:00", allowed_until="09:00", days=[Day.MON])]
    assert judged(at("2026-06-02T12:00"), at("2026-06-02T13:00"), monday, ()) is None


def test_without_a_rule_there_is_no_end():
    found = hand_over_window([], "FR", (), MARKETING, at("2026-06-02T12:00"), send_at=at("2026-06-02T23:00"))
    assert found.not_after is None


quarters = st.integers(0, 95)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(quarters, quarters, st.sets(st.sampled_from(list(Day)), min_size=1)), min_size=1, max_size=2
    ),
    st.lists(
        st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kolkata"]), min_size=1, max_size=2, unique=True
    ),
    st.integers(0, 14 * 24 * 60),
    st.integers(-600, 3 * 24 * 60),
)
def test_whoever_is_handed_over_within_the_window_is_reached_within_the_hours(drawn, zones, now_minute, ahead):
    rules = [
        HoursRule(allowed_from=clock(min(a, b)), allowed_until=clock(max(a, b) + 1), days=days)
        for a, b, days in drawn
    ]
    now = at("2026-10-20T00:00") + now_minute * MINUTE
    send_at = now + ahead * MINUTE
    found = judged(now, send_at, rules, zones)
    if found is None:
        assert next_window(rules, "FR", zones, MARKETING, max(now, send_at)) is None
        return
    assert now <= found.not_before
    assert found.not_after - found.not_before >= SHORTEST
    for moment in (
        found.not_before,
        found.not_before + (found.not_after - found.not_before) / 2,
        found.not_after - MINUTE,
    ):
        arrivals = [max(moment, send_at)]
        if send_at - moment < AHEAD:  # then the provider may send it at once
            arrivals.append(moment)
        for arrival in arrivals:
            assert next_window(rules, "FR", zones, MARKETING, arrival).not_before == arrival


def clock(quarter):
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"
