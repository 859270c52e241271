"""The windows of a run, from the campaign's hours: at planning, when one has passed, and when nothing is known."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from tasks.contacts.audience import Audience
from tasks.identity import RunIdentity, identity_of
from tasks.messaging.content import Content
from tasks.messaging.hours_rules import SendingHours
from tasks.plan import plan_run
from tasks.prepare import prepare_audience
from tasks.sending_windows import (
    LAST_CALL,
    WindowBook,
    foresee_held,
    judge_place,
    look_at_held,
    now_in_ledger,
    renew_passed_windows,
    renew_windows,
)
from tasks.store import runs
from tasks.store.registry import add_contacts
from tasks.store.session import LedgerError
from tasks.store.tables import CampaignRun, Message, SendingWindow, utc_now
from tests.rows import columns_of

RUN, WINDOW, MESSAGE = CampaignRun.__table__, SendingWindow.__table__, Message.__table__
HOURS = {"rules": [{"countries": ["FR", "US"], "allowed_from": "08:00", "allowed_until": "20:00"}]}
PARIS = ("FR", "Europe/Paris")
FLORIDA = ("US", "America/Chicago,America/New_York")


def identity(hours=HOURS, **content):
    return RunIdentity(
        name="spring",
        run_key="1",
        provider="bird",
        content=Content(channel="sms", purpose="marketing", text="Hello", **content),
        options={},
        campaign={"name": "spring", "hours": hours},
    )


def judged(place, now, **content):
    return judge_place(identity(**content), SendingHours(**HOURS), place, at(now))


def at(text):
    return datetime.fromisoformat(f"{text}+00:00")


def test_a_place_has_a_window_that_closes_before_a_request_could_be_late():
    found = judged(PARIS, "2026-06-01T22:00")
    assert (found.not_before, found.not_after) == (at("2026-06-02T06:00"), at("2026-06-02T18:00") - LAST_CALL)
    found = judged(FLORIDA, "2026-06-01T22:00")
    assert (found.not_before, found.not_after) == (at("2026-06-01T22:00"), at("2026-06-02T00:00") - LAST_CALL)


def test_the_last_minutes_of_a_window_belong_to_the_next_one():
    assert judged(PARIS, "2026-06-01T17:57").not_before == at("2026-06-01T17:57")
    assert judged(PARIS, "2026-06-01T17:57:01").not_before == at("2026-06-02T06:00")


def test_a_window_that_is_too_short_for_a_message_is_passed_over_and_nothing_waits_for_ever_for_such_ones():
    short = [{"countries": "FR", "allowed_from": f"{hour}:00", "allowed_until": f"{hour}:02"} for hour in (10, 11)]
    long = {"countries": "FR", "allowed_from": "14:00", "allowed_until": "18:00"}
    now = at("2026-06-01T07:00")
    found = judge_place(identity(), SendingHours(rules=[*short, long]), PARIS, now)
    assert (found.not_before, found.not_after) == (at("2026-06-01T12:00"), at("2026-06-01T16:00") - LAST_CALL)
    never = judge_place(identity(), SendingHours(rules=short), PARIS, now)
    assert never.not_before is None
    assert never.held_because.startswith("the hours allow nothing within 14 days")


def test_what_the_provider_holds_until_it_may_arrive_is_handed_over_at_night():
    found = judged(PARIS, "2026-06-01T22:00", send_at=at("2026-06-02T09:00"))
    assert (found.not_before, found.not_after) == (at("2026-06-01T22:00"), at("2026-06-02T08:45") - LAST_CALL)


def test_a_country_without_a_rule_needs_no_window_and_one_without_a_zone_never_gets_one():
    assert judged(("SE", ""), "2026-06-01T22:00") is None
    held = judged(("FR", ""), "2026-06-01T12:00")
    assert held.not_before is None
    assert held.held_because.startswith("no time zone is known")
    unknown = judged(("", "Mars/Olympus_Mons,Europe/Paris"), "2026-06-01T12:00")
    assert unknown.not_before is None
    assert "in all of the 2 time zones" in unknown.held_because


def test_what_would_be_held_is_foreseen():
    held = foresee_held(
        identity(),
        SendingHours(**HOURS),
        {PARIS: 3, FLORIDA: 2, ("SE", ""): 5, ("FR", ""): 1},
        at("2026-06-01T22:00"),
    )
    assert held.opening == {at("2026-06-02T06:00"): {"FR": 3}}
    assert list(held.for_good.values()) == [1]


@pytest.fixture
def run(ledger):
    """A run with hours that are open now, and the ids of the windows of two places."""
    always = {"rules": [{"allowed_from": "00:00", "allowed_until": "24:00"}]}
    planned = identity(always)
    with ledger.writing() as connection:
        record, _ = runs.create_run(
            connection,
            name="spring",
            run_key="1",
            channel=planned.content.channel,
            provider="bird",
            purpose=planned.content.purpose,
            rows_read=0,
            digest="d",
            campaign=planned.campaign,
            content=planned.content.model_dump(mode="json"),
            options={},
            source_sha256="s",
            chunk_sizes=[1],
        )
        book = WindowBook(connection, record.id, planned, planned.hours)
        ids = book.ids(["FR", "US", "FR", None], ["Europe/Paris", FLORIDA[1], "Europe/Paris", None])
    assert ids == [ids[0], ids[1], ids[0], ids[3]]
    assert len(set(ids)) == 3
    return record


def windows_of(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(WINDOW.c.not_before, WINDOW.c.not_after).order_by(WINDOW.c.id)).all()


def change(ledger, place, **values):
    with ledger.writing() as connection:
        connection.execute(update(WINDOW).where(WINDOW.c.country == place).values(**values))


def test_a_window_that_has_passed_is_judged_anew_and_the_others_stay(ledger, run):
    before = windows_of(ledger)
    ago = utc_now() - timedelta(hours=1)
    change(ledger, "FR", not_before=ago, not_after=ago)
    renew_passed_windows(ledger, run.id)
    after = windows_of(ledger)
    assert after[1:] == before[1:]
    assert ago < after[0].not_before <= utc_now() < after[0].not_after


def test_one_that_never_opens_is_judged_anew_when_the_run_is_taken_up(ledger, run):
    change(ledger, "US", not_before=None, not_after=None, held_because="zones were not known")
    renew_passed_windows(ledger, run.id)
    assert windows_of(ledger)[1].not_before is None
    renew_windows(ledger, run.id)
    assert windows_of(ledger)[1].not_before is not None
    assert windows_of(ledger)[2].not_before is None, "nobody knows where that is"
    assert look_at_held(run.id, since=now_in_ledger()).held is None, "it has no messages"


def test_a_run_with_windows_and_without_hours_is_not_sent(ledger, run):
    with ledger.writing() as connection:
        connection.execute(update(RUN).values(campaign={"name": "spring"}))
    change(ledger, "FR", not_after=utc_now())
    with pytest.raises(LedgerError, match="no hours to judge them by"):
        renew_windows(ledger, run.id)


PEOPLE = """Mobile,First name,Time zone
+12125550100,Ann,
+18505550101,Bob,
+18505550102,Cy,america/chicago
+18505550103,Di,CST6CDT
+46701740605,Eve,
+491713920001,Fay,
"""
"""+1 850 is in two zones; the registry knows where Eve is."""


def test_where_people_are_is_read_from_the_list_the_registry_and_the_number(ledger, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    with ledger.writing() as connection:
        add_contacts(connection, columns_of([{"phone": "+46701740605", "timezone": "Asia/Tokyo", "fields": {}}]))
    everywhere = {"rules": [{"countries": ["US", "SE"], "allowed_from": "00:00", "allowed_until": "24:00"}]}
    prepared = prepare_audience.fn(identity(everywhere), Audience(path=str(path)), str(tmp_path))
    assert prepared.places == {
        ("US", "America/New_York"): 1,
        ("US", "America/Chicago,America/New_York"): 2,
        ("US", "America/Chicago"): 1,
        ("SE", "Asia/Tokyo"): 1,
        ("DE", "Europe/Berlin,Europe/Busingen"): 1,
    }
    (note,) = prepared.hours_notes
    assert note.startswith("hours: the time zone of 1 row was not used, for example of row 5: the time zone is an")

    plan_run.fn(identity(everywhere), prepared, 100)
    with ledger.reading() as connection:
        found = connection.execute(
            select(MESSAGE.c.row_number, WINDOW.c.country, WINDOW.c.zones)
            .join_from(MESSAGE, WINDOW, WINDOW.c.id == MESSAGE.c.window_id, isouter=True)
            .order_by(MESSAGE.c.row_number)
        ).all()
    assert found == [
        (2, "US", "America/New_York"),
        (3, "US", "America/Chicago,America/New_York"),
        (4, "US", "America/Chicago"),
        (5, "US", "America/Chicago,America/New_York"),
        (6, "SE", "Asia/Tokyo"),
        (7, None, None),
    ]


def test_the_hours_of_a_run_are_those_of_its_campaign(ledger, run):
    with ledger.reading() as connection:
        assert identity_of(runs.get_run(connection, run.id)).hours is not None
    assert identity(hours=None).hours is None
