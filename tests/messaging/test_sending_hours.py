import re
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.messaging.hours_rules import Day, Holidays, HoursRule, SendingHours
from tasks.messaging.public_holidays import has_holidays, is_holiday
from tasks.messaging.sending_hours import HORIZON, Window, next_window
from tasks.messaging.statuses import Purpose

EXAMPLE = Path(__file__).parents[2] / "data/sending_hours.yaml"
MARKETING, TRANSACTIONAL = Purpose.MARKETING, Purpose.TRANSACTIONAL
MINUTE = timedelta(minutes=1)


def rule(allowed_from="08:00", allowed_until="20:00", **more):
    return HoursRule(allowed_from=allowed_from, allowed_until=allowed_until, **more)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(begin, end):
    return Window(at(begin), at(end))


@pytest.mark.parametrize(
    ("zone", "hours", "now", "begin", "end"),
    [
        # The day before, the day of the leap, the day of the repeated hour: the wall says 08:00, UTC does not.
        ("Europe/Paris", "08:00-20:00", "2026-03-27T20:00", "2026-03-28T07:00", "2026-03-28T19:00"),
        ("Europe/Paris", "08:00-20:00", "2026-03-28T20:00", "2026-03-29T06:00", "2026-03-29T18:00"),
        ("Europe/Paris", "08:00-20:00", "2026-10-24T20:00", "2026-10-25T07:00", "2026-10-25T19:00"),
        ("America/New_York", "08:00-20:00", "2026-03-08T02:00", "2026-03-08T12:00", "2026-03-09T00:00"),
        ("America/New_York", "08:00-20:00", "2026-11-01T02:00", "2026-11-01T13:00", "2026-11-02T01:00"),
        ("Australia/Lord_Howe", "08:00-20:00", "2026-10-03T12:00", "2026-10-03T21:00", "2026-10-04T09:00"),
        ("Australia/Lord_Howe", "08:00-20:00", "2026-04-04T12:00", "2026-04-04T21:30", "2026-04-05T09:30"),
        # A beginning that the clock leaves out: the moment of the leap.
        ("Europe/Paris", "02:30-20:00", "2026-03-28T20:00", "2026-03-29T01:00", "2026-03-29T18:00"),
        ("America/New_York", "02:30-20:00", "2026-03-08T02:00", "2026-03-08T07:00", "2026-03-09T00:00"),
        ("Australia/Lord_Howe", "02:15-20:00", "2026-10-03T12:00", "2026-10-03T15:30", "2026-10-04T09:00"),
        ("America/Havana", "00:00-20:00", "2026-03-08T02:00", "2026-03-08T05:00", "2026-03-09T00:00"),
        # An end that the clock leaves out: the same moment, which is where the time before it ends.
        ("Europe/Paris", "01:00-02:30", "2026-03-28T20:00", "2026-03-29T00:00", "2026-03-29T01:00"),
        ("America/New_York", "01:00-02:30", "2026-03-08T02:00", "2026-03-08T06:00", "2026-03-08T07:00"),
        ("Australia/Lord_Howe", "01:00-02:15", "2026-10-03T12:00", "2026-10-03T14:30", "2026-10-03T15:30"),
        # A window that the clock leaves out as a whole: there is none that day.
        ("Europe/Paris", "02:00-03:00", "2026-03-28T20:00", "2026-03-30T00:00", "2026-03-30T01:00"),
        # A beginning that the clock shows twice: the second time.
        ("Europe/Paris", "02:30-20:00", "2026-10-24T20:00", "2026-10-25T01:30", "2026-10-25T19:00"),
        ("America/New_York", "01:30-20:00", "2026-11-01T02:00", "2026-11-01T06:30", "2026-11-02T01:00"),
        ("Australia/Lord_Howe", "01:45-20:00", "2026-04-04T12:00", "2026-04-04T15:15", "2026-04-05T09:30"),
        ("America/Havana", "00:00-20:00", "2026-11-01T02:00", "2026-11-01T05:00", "2026-11-02T01:00"),
        # An end that the clock shows twice: the first time.
        ("Europe/Paris", "01:00-02:30", "2026-10-24T20:00", "2026-10-24T23:00", "2026-10-25T00:30"),
        ("America/New_York", "00:00-01:30", "2026-11-01T02:00", "2026-11-01T04:00", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "01:00-01:45", "2026-04-04T12:00", "2026-04-04T14:00", "2026-04-04T14:45"),
        ("America/Havana", "22:00-24:00", "2026-10-31T12:00", "2026-11-01T02:00", "2026-11-01T04:00"),
        # Both shown twice: no time is surely behind the one and before the other.
        ("Europe/Paris", "02:15-02:45", "2026-10-24T20:00", "2026-10-26T01:15", "2026-10-26T01:45"),
    ],
)
def test_on_days_on_which_the_clocks_change_the_narrower_reading_holds(zone, hours, now, begin, end):
    found = next_window([rule(*hours.split("-"))], "FR", [zone], MARKETING, at(now))
    assert found == window(begin, end)


def test_every_zone_must_be_allowed():
    # +1 208 is all of Idaho: Boise keeps mountain time, Lewiston that of the Pacific.
    found = next_window(
        [rule("08:00", "21:00")], "US", ["America/Boise", "America/Los_Angeles"], MARKETING, at("2026-06-01T05:00")
    )
    assert found == window("2026-06-01T15:00", "2026-06-02T03:00")


def test_zones_that_are_never_allowed_at_the_same_time_are_held():
    zones = ["America/New_York", "Asia/Tokyo"]
    assert next_window([rule("10:00", "18:00")], "US", zones, MARKETING, at("2026-06-01T00:00")) is None


def test_a_single_day_in_common_is_enough():
    # Sunday in Auckland and Saturday in Honolulu overlap; Sundays are forbidden.
    found = next_window(
        [rule("00:00", "24:00", days=["sat"])],
        "US",
        ["Pacific/Auckland", "Pacific/Honolulu"],
        MARKETING,
        at("2026-06-01T00:00"),
    )
    assert found == window("2026-06-06T10:00", "2026-06-06T12:00")


@pytest.mark.parametrize(
    "zones", [[], ["Mars/Olympus"], ["Europe/Paris", "Mars/Olympus"], ["../etc/passwd"], [""]]
)
def test_where_a_zone_is_not_known_the_message_is_held(zones):
    assert next_window([rule()], "FR", zones, MARKETING, at("2026-06-01T10:00")) is None


def test_without_a_rule_every_moment_is_allowed_and_no_zone_is_needed():
    now = at("2026-06-01T03:00")
    rules = [rule(countries=["FR"]), rule(purpose="marketing")]
    assert next_window(rules, "DE", [], TRANSACTIONAL, now) == Window(now, None)
    assert next_window([], "", [], MARKETING, now) == Window(now, None)


def test_an_open_window_begins_now_and_its_last_minute_is_no_window():
    rules, zones = [rule()], ["Europe/Paris"]
    now = at("2026-06-01T17:58:59")
    assert next_window(rules, "FR", zones, MARKETING, now) == Window(now, at("2026-06-01T18:00"))
    late = at("2026-06-01T17:59:01")
    assert next_window(rules, "FR", zones, MARKETING, late) == window("2026-06-02T06:00", "2026-06-02T18:00")


def test_a_moment_is_the_same_in_any_zone_and_without_one_refused():
    now = datetime(2026, 6, 1, 3, tzinfo=ZoneInfo("America/New_York"))
    assert next_window([rule()], "FR", ["Europe/Paris"], MARKETING, now) == Window(
        now.astimezone(UTC), at("2026-06-01T18:00")
    )
    with pytest.raises(ValueError, match="now has no time zone"):
        next_window([], "FR", [], MARKETING, now.replace(tzinfo=None))


def test_zones_that_are_still_one_text_are_refused_and_not_held():
    with pytest.raises(TypeError, match="one text"):
        next_window([rule()], "FR", "Europe/Paris,Europe/Berlin", MARKETING, at("2026-06-01T10:00"))


def test_what_is_always_allowed_is_asked_again_after_the_horizon():
    now = at("2026-06-01T03:00")
    assert next_window([rule("00:00", "24:00")], "FR", ["Europe/Paris"], MARKETING, now) == Window(
        now, now + HORIZON
    )


@pytest.mark.parametrize(
    ("country", "purpose", "opens"),
    [
        ("FR", MARKETING, "11:00"),  # country and purpose
        ("FR", TRANSACTIONAL, "10:00"),  # the country's other rule
        ("BE", MARKETING, "12:00"),  # the country before the purpose
        ("DE", MARKETING, "13:00"),  # the purpose, of all other countries
        ("DE", TRANSACTIONAL, "14:00"),  # the rest
    ],
)
def test_the_most_specific_rule_counts_first_by_country_then_by_purpose(country, purpose, opens):
    rules = [
        rule("14:00"),
        rule("13:00", purpose="marketing"),
        rule("12:00", countries=["BE"]),
        rule("10:00", countries=["FR"]),
        rule("11:00", countries=["BE", "FR"][1:], purpose="marketing"),
    ]
    for order in (rules, rules[::-1]):
        found = next_window(order, country, ["UTC"], purpose, at("2026-06-01T00:00"))
        assert found is not None
        assert f"{found.not_before:%H:%M}" == opens


def test_rules_of_one_rank_together_are_the_windows_of_a_day():
    rules = [rule("10:00", "13:00"), rule("14:00", "20:00"), rule("12:00", "13:30")]
    morning = next_window(rules, "FR", ["UTC"], MARKETING, at("2026-06-01T00:00"))
    assert morning == window("2026-06-01T10:00", "2026-06-01T13:30")
    afternoon = next_window(rules, "FR", ["UTC"], MARKETING, at("2026-06-01T13:30"))
    assert afternoon == window("2026-06-01T14:00", "2026-06-01T20:00")


def test_a_window_within_another_ends_nothing():
    rules = [rule("10:00", "20:00"), rule("12:00", "13:00")]
    found = next_window(rules, "FR", ["UTC"], MARKETING, at("2026-06-01T00:00"))
    assert found == window("2026-06-01T10:00", "2026-06-01T20:00")


def test_an_evening_in_the_west_is_still_open_when_utc_has_the_next_day():
    found = next_window([rule("08:00", "22:00")], "US", ["America/Los_Angeles"], MARKETING, at("2026-06-02T01:00"))
    assert found == window("2026-06-02T01:00", "2026-06-02T05:00")


def test_two_rules_make_a_window_over_midnight():
    rules = [rule("22:00", "24:00"), rule("00:00", "02:00")]
    found = next_window(rules, "FR", ["Europe/Paris"], MARKETING, at("2026-06-01T12:00"))
    assert found == window("2026-06-01T20:00", "2026-06-02T00:00")


def test_a_sunday_waits_for_monday():
    weekdays = rule(days=["mon", "tue", "wed", "thu", "fri", "sat"])
    found = next_window([weekdays], "FR", ["Europe/Paris"], MARKETING, at("2026-05-31T10:00"))
    assert found == window("2026-06-01T06:00", "2026-06-01T18:00")


def test_an_unknown_country_obeys_the_rules_of_all():
    rules = [rule("08:00", "12:00", countries=["FR"]), rule("11:00", "20:00", countries=["DE"])]
    found = next_window(rules, "", ["UTC"], MARKETING, at("2026-06-01T00:00"))
    assert found == window("2026-06-01T11:00", "2026-06-01T12:00")
    assert next_window([*rules, rule("12:00", "13:00")], "", ["UTC"], MARKETING, at("2026-06-01T00:00")) is None


@pytest.mark.parametrize(
    ("holidays", "begin"),
    [
        ("allowed", "2026-07-14T06:00"),
        ("forbidden", "2026-07-15T06:00"),
    ],
)
def test_nothing_is_sent_on_the_fourteenth_of_july_where_holidays_are_forbidden(holidays, begin):
    found = next_window([rule(holidays=holidays)], "FR", ["Europe/Paris"], MARKETING, at("2026-07-13T18:00"))
    assert found is not None
    assert found.not_before == at(begin)


def test_a_holiday_is_that_of_the_local_day_in_each_zone():
    # 20:00 UTC on the thirteenth is the fourteenth in Tokyo, and Paris has its fourteenth until 22:00 UTC.
    rules = [rule("00:00", "24:00", holidays="forbidden")]
    now = at("2026-07-13T20:00")
    assert next_window(rules, "FR", ["Asia/Tokyo"], MARKETING, now) == Window(
        at("2026-07-14T15:00"), now + HORIZON
    )
    assert next_window(rules, "FR", ["Europe/Paris"], MARKETING, now) == window(
        "2026-07-13T20:00", "2026-07-13T22:00"
    )
    both = next_window(rules, "FR", ["Asia/Tokyo", "Europe/Paris"], MARKETING, now)
    assert both == Window(at("2026-07-14T22:00"), now + HORIZON)


def test_a_holiday_of_a_part_of_the_country_counts_where_the_rule_says_so():
    good_friday = at("2026-04-03T05:00")  # in Alsace and Moselle, not in the rest of France
    open_now = next_window([rule(holidays="forbidden")], "FR", ["Europe/Paris"], MARKETING, good_friday)
    assert open_now == window("2026-04-03T06:00", "2026-04-03T18:00")
    strict = next_window([rule(holidays="forbidden_in_any_part")], "FR", ["Europe/Paris"], MARKETING, good_friday)
    assert strict == window("2026-04-04T06:00", "2026-04-04T18:00")


def test_where_the_holidays_are_not_known_a_rule_that_forbids_them_holds():
    rules = [rule(holidays="forbidden")]
    for country in ("AC", ""):  # Ascension Island, which `holidays` does not have; and nobody knows where
        assert next_window(rules, country, ["UTC"], MARKETING, at("2026-06-01T10:00")) is None
    # Sri Lanka makes its holidays of the full moon known a year ahead.
    assert is_holiday("LK", at("2126-01-01T00:00").date(), in_any_part=False) is None
    assert next_window(rules, "LK", ["Asia/Colombo"], MARKETING, at("2126-01-10T10:00")) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"allowed_from": "8"}, "allowed_from.*is not a time of day; write for example 08:00"),
        ({"allowed_from": "08:60"}, "is not a time of day: it goes from 00:00 to 24:00"),
        ({"allowed_until": "24:01"}, "is not a time of day: it goes from 00:00 to 24:00"),
        ({"allowed_until": 1200}, 'was read as a number: write the time in quotes, such as "20:00"'),
        (
            {"allowed_from": "22:00", "allowed_until": "06:00"},
            "a window over midnight is two rules, one until 24:00",
        ),
        ({"allowed_from": "20:00"}, r"allowed_until \(20:00\) is not after allowed_from \(20:00\)"),
        ({"countries": ["UK"]}, "is not a country code.*did you mean `GB`"),
        ({"countries": ["Germany"]}, "did you mean `DE`"),
        ({"countries": ["FRA"]}, "did you mean `FR`"),
        ({"countries": "Narnia"}, r"is not a country code \(ISO 3166-1 alpha-2, such as FR\)"),
        ({"countries": [False]}, 'write Norway in quotes, "NO"'),
        ({"countries": False}, 'write Norway in quotes, "NO"'),
        (
            {"countries": ["FR", "AC", "ta"], "holidays": "forbidden"},
            "the public holidays of AC, TA are not known, so the rule cannot forbid them",
        ),
        ({"days": ["monday"]}, "is not a day; did you mean `mon`"),
        ({"days": []}, "at least 1 item"),
        ({"purpose": "advertising"}, "'marketing' or 'transactional'"),
        ({"holidays": "no"}, "'allowed', 'forbidden' or 'forbidden_in_any_part'"),
        ({"country": ["FR"]}, "unknown key `country`; did you mean `countries`"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write_instead(fields, message):
    with pytest.raises(ValidationError, match=re.compile(message, re.DOTALL)) as refused:
        HoursRule(**({"allowed_from": "08:00", "allowed_until": "20:00"} | fields))
    assert "Narnia" not in str(refused.value)  # what somebody wrote into a file may be personal


def test_a_rule_is_written_as_it_is_read():
    made = rule("8:00", "24:00", countries="no", days="sun", purpose="marketing", holidays="forbidden")
    assert made.model_dump(mode="json", exclude_defaults=True) == {
        "countries": ["NO"],
        "purpose": "marketing",
        "allowed_from": "08:00",
        "allowed_until": "24:00",
        "days": ["sun"],
        "holidays": "forbidden",
    }
    assert HoursRule(**made.model_dump(mode="json")) == made
    assert rule(countries=["fr", "FR"], days=["sun", "sun"]) == rule(countries=["FR"], days=["sun"])


def test_the_days_are_in_the_order_of_the_calendar():
    assert [f"{datetime(2026, 6, 1 + place, tzinfo=UTC):%a}".lower() for place in range(7)] == list(Day)


# The same by brute force. A minute is allowed when the wall shows a time of the window, will not show its
# beginning once more on that day, and has not shown its end, or something behind it, already.

ZONES = [
    "Europe/Paris",
    "Europe/Dublin",
    "America/New_York",
    "America/Los_Angeles",
    "America/Havana",
    "America/Santiago",
    "America/Nuuk",
    "America/St_Johns",
    "Atlantic/Azores",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
]


@cache
def changes_of_2026(zone):
    """The hours of 2026, in UTC, in which the clocks are changed; the first hour where they never are."""
    hours = [at("2026-01-01T00:00") + timedelta(hours=hour) for hour in range(365 * 24)]
    clock = ZoneInfo(zone)
    changes = [a for a, b in pairwise(hours) if a.astimezone(clock).utcoffset() != b.astimezone(clock).utcoffset()]
    return changes or hours[:1]


def shows(moment, clock):
    local = moment.astimezone(clock)
    return local.date(), local.hour * 60 + local.minute


def is_allowed(moment, rules, country, clock):
    day, minute = shows(moment, clock)
    for each in rules:
        begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (each.allowed_from, each.allowed_until))
        if not begin <= minute < end or f"{day:%a}".lower() not in each.days:
            continue
        if each.holidays is Holidays.FORBIDDEN and is_holiday(country, day, in_any_part=False):
            continue
        if moment.astimezone(clock).utcoffset() == (moment + 180 * MINUTE).astimezone(clock).utcoffset() and (
            moment.astimezone(clock).utcoffset() == (moment - 180 * MINUTE).astimezone(clock).utcoffset()
        ):
            return True
        will_show_again = any(shows(moment + n * MINUTE, clock) == (day, begin) for n in range(1, 181))
        before = [shows(moment - n * MINUTE, clock) for n in range(1, 181)]
        has_shown_its_end = any(date == day and shown >= end for date, shown in before)
        has_shown_its_end |= any(date > day for date, _ in before)
        if not will_show_again and not has_shown_its_end:
            return True
    return False


@st.composite
def some_rules(draw):
    begin = draw(st.integers(0, 95))
    end = draw(st.integers(begin + 1, 96))
    early = draw(st.booleans())  # the hours in which clocks are changed
    begin, end = (begin % 16, begin % 16 + 1 + end % 16) if early else (begin, end)
    return rule(
        *(f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in (begin, end)),
        days=draw(st.lists(st.sampled_from(list(Day)), min_size=1, max_size=7)),
        holidays=draw(st.sampled_from(["allowed", "forbidden"])),
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(some_rules(), min_size=1, max_size=2),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
    st.data(),
)
def test_no_allowed_minute_is_skipped_and_no_other_is_in_the_window(rules, zones, data):
    change = data.draw(st.sampled_from(changes_of_2026(zones[0])))
    now = change + data.draw(st.integers(-26 * 60, 26 * 60)) * MINUTE
    found = next_window(rules, "FR", zones, MARKETING, now)
    clocks = [ZoneInfo(zone) for zone in zones]
    minutes = (now + n * MINUTE for n in range(HORIZON // MINUTE))
    first = next((m for m in minutes if all(is_allowed(m, rules, "FR", clock) for clock in clocks)), None)
    if found is None:
        assert first is None
        return
    assert found.not_before == first
    assert found.not_after is not None
    moment = found.not_before
    while moment < found.not_after:
        assert all(is_allowed(moment, rules, "FR", clock) for clock in clocks)
        moment += MINUTE
    if found.not_after < now + HORIZON:
        assert not all(is_allowed(moment, rules, "FR", clock) for clock in clocks)


def test_the_example_table_loads_and_every_rule_says_where_it_comes_from():
    text = EXAMPLE.read_text()
    assert text.startswith("# EXAMPLE, NOT LEGAL ADVICE; ask your lawyer.")
    table = SendingHours(**yaml.safe_load(text))
    assert all(each.source for each in table.rules)
    assert all(has_holidays(country) for each in table.rules for country in each.countries)
    # A Saturday afternoon in Johannesburg, before a Monday that is a public holiday there.
    found = next_window(table.rules, "ZA", ["Africa/Johannesburg"], MARKETING, at("2026-08-08T12:00"))
    assert found == window("2026-08-11T06:00", "2026-08-11T18:00")
    assert next_window(table.rules, "ZA", [], TRANSACTIONAL, at("2026-08-08T12:00")) is not None
