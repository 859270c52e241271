"""Sending hours through the sandbox: who may not be written to now waits, and goes out when the window opens."""

import threading
import time
from datetime import timedelta

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import select, update

from flows.control_command import main_send_held
from flows.parameters import read_campaign
from flows.send_campaign import send_campaign
from flows.send_held import send_held
from flows.terminal import ExitCode, main_send_campaign
from tasks.contacts.audience import Audience
from tasks.messaging.hours_rules import Day, HoursRule, SendingHours
from tasks.messaging.statuses import MessageStatus
from tasks.run_control import Action, control_run
from tasks.stopping import allow_sending, request_stop
from tasks.store import runs
from tasks.store.tables import CampaignRun, Contact, Message, RunState, SendingWindow, utc_now

WINDOW, RUN, CONTACT = SendingWindow.__table__, CampaignRun.__table__, Contact.__table__
MESSAGE = Message.__table__
ALL_DAY = {"allowed_from": "00:00", "allowed_until": "24:00"}
AMERICANS = ["+12125550100", "+12125550101", "+18505550102"]
"""The last one may be in Florida's east, or in its west, which keeps Chicago's time."""
SWEDES = ["+46701740605", "+46701740606"]
STOP = "Hello {{ first_name }} STOP"


def some_days_ahead() -> Day:
    """A day that is neither today, yesterday nor tomorrow, anywhere."""
    return tuple(Day)[(utc_now() + timedelta(days=3)).weekday()]


def hours():
    return {
        "rules": [
            {"countries": "US", **ALL_DAY},
            {"countries": "SE", "days": some_days_ahead(), "source": "a house rule", **ALL_DAY},
        ]
    }


@pytest.fixture
def job(campaign, contact_file):
    """A marketing campaign to people in a country that is open now, and in one that is not."""

    def make(**changes):
        people = [[f"Person{n}", number, "", ""] for n, number in enumerate(AMERICANS + SWEDES)]
        path = str(contact_file(0, name="people.csv", extra=people))
        given = {"audience": {"path": path}, "text": STOP, "purpose": "marketing", "hours": hours()} | changes
        return campaign("bird", **given)

    return make


def the_run(ledger):
    with ledger.reading() as connection:
        [run] = runs.list_runs(connection)
    return run


def open_windows(ledger):
    """As if time had passed."""
    with ledger.writing() as connection:
        held = WINDOW.c.not_before > utc_now()
        ago = utc_now() - timedelta(hours=1)
        connection.execute(update(WINDOW).where(held).values(not_before=ago))
        waits = RUN.c.waits_until.is_not(None)
        connection.execute(update(RUN).where(waits).values(waits_until=ago))


@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
def test_who_may_not_be_written_to_now_is_held_and_gets_it_when_the_window_opens(sandbox, job, ledger):
    account = send_campaign(job())
    assert account.statuses == {MessageStatus.ACCEPTED: 3, MessageStatus.PLANNED: 2}
    assert set(sandbox.received("bird")) == set(AMERICANS)
    run = the_run(ledger)
    assert run.state is RunState.STOPPED
    assert run.waits_until - utc_now() > timedelta(days=1)
    assert (
        run.error
        == account.held.sentence
        == f"2 messages are held until {run.waits_until:%Y-%m-%d %H:%M} UTC (SE)"
    )
    with ledger.reading() as connection:
        places = connection.execute(select(WINDOW.c.country, WINDOW.c.zones).order_by(WINDOW.c.id)).all()
    assert places == [
        ("US", "America/New_York"),
        ("US", "America/Chicago,America/New_York"),
        ("SE", "Europe/Stockholm"),
    ]

    assert send_held().accounts == []
    assert send_campaign(job()).handed_over == 3
    assert sandbox.received("bird").total() == 3

    open_windows(ledger)
    (account,) = send_held().accounts
    assert account.statuses == {MessageStatus.ACCEPTED: 5}
    assert sandbox.received("bird") == dict.fromkeys(AMERICANS + SWEDES, 1)
    assert the_run(ledger).waits_until is None


@pytest.mark.long
def test_the_command_says_until_when_messages_are_held_and_ends_with_attention(
    sandbox, job, ledger, tmp_path, capsys
):
    path = tmp_path / "campaign.yaml"
    path.write_text(yaml.safe_dump(job().as_document()), encoding="utf-8")
    assert main_send_campaign([str(path), "--dry-run"]) == ExitCode.DONE
    assert "hours: if it began now, 2 messages are held until" in " ".join(capsys.readouterr().out.split())
    assert main_send_campaign([str(path), "--yes"]) == ExitCode.ATTENTION
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 messages are held until" in printed
    assert "python -m flows.send_held" in printed
    page = next(tmp_path.rglob("report.html")).read_text(encoding="utf-8")
    assert "2 messages are held until" in page

    open_windows(ledger)
    assert main_send_held([]) == ExitCode.DONE
    assert "test/1: 2 messages were handed over." in capsys.readouterr().out
    assert main_send_held([]) == ExitCode.DONE
    assert "No held message may go out now." in capsys.readouterr().out


@pytest.mark.long
def test_a_run_that_waits_for_its_hours_still_does_after_a_part_of_it_was_wanted(sandbox, job, ledger):
    send_campaign(job())
    waits_until = the_run(ledger).waits_until
    assert send_campaign(job(), only=[SecretStr(SWEDES[0])]).handed_over == 3
    assert the_run(ledger).waits_until == waits_until
    open_windows(ledger)
    assert send_held().accounts[0].handed_over == 5


@pytest.mark.long
def test_a_run_that_was_paused_or_of_which_only_a_part_was_wanted_does_not_go_on_by_itself(sandbox, job, ledger):
    assert send_campaign(job(), limit=1).handed_over == 1
    assert the_run(ledger).waits_until is None
    open_windows(ledger)
    assert send_held().accounts == []

    send_campaign(job(run_key="2", hours=closed()))
    open_windows(ledger)
    control_run.fn(2, Action.PAUSE, "Ada")
    assert send_held().accounts == []
    control_run.fn(2, Action.RESUME)
    assert [account.run_id for account in send_held().accounts] == [2]
    assert sandbox.received("bird").total() == 6


@pytest.mark.long
def test_a_window_that_opens_while_the_run_is_sent_is_made_use_of(sandbox, job, ledger):
    sandbox.switch(bird={"faults": {"latency_seconds": 3}})

    def let_time_pass() -> None:  # when the chunk was read already
        while not is_sending(ledger):
            time.sleep(0.02)
        with ledger.writing() as connection:
            connection.execute(update(WINDOW).where(WINDOW.c.not_before > utc_now()).values(not_before=utc_now()))

    passing = threading.Thread(target=let_time_pass)
    passing.start()
    account = send_campaign(job())
    passing.join()
    assert account.statuses == {MessageStatus.ACCEPTED: 5}
    assert sandbox.received("bird").total() == 5


def test_a_run_that_somebody_else_went_on_with_meanwhile_is_left_to_him(sandbox, job, ledger):
    for run_key in "12":
        send_campaign(job(run_key=run_key, hours=closed()))
    open_windows(ledger)
    sandbox.switch(bird={"faults": {"latency_seconds": 2}})

    def go_on_with_the_second() -> None:
        while not is_sending(ledger):
            time.sleep(0.02)
        with ledger.writing() as connection:  # as another process leaves it, when there is no credit
            connection.execute(update(RUN).where(RUN.c.run_key == "2").values(waits_until=None))

    other = threading.Thread(target=go_on_with_the_second)
    other.start()
    accounts = send_held().accounts
    other.join()
    assert [account.run_key for account in accounts] == ["1"]
    assert sandbox.received("bird").total() == len(AMERICANS + SWEDES)


def is_sending(ledger) -> bool:
    with ledger.reading() as connection:
        sending = select(MESSAGE.c.id).where(MESSAGE.c.status == MessageStatus.SENDING).limit(1)
        return connection.execute(sending).first() is not None


@pytest.mark.long
def test_what_is_held_goes_on_when_the_process_that_sent_it_was_told_to_end(sandbox, campaign, ledger):
    people = 300
    send_campaign(campaign("bird", people, hours=closed()))
    open_windows(ledger)
    sandbox.switch(bird={"faults": {"latency_seconds": 1.5}})

    def end() -> None:
        while not sandbox.received("bird"):
            time.sleep(0.05)
        request_stop()

    ending = threading.Thread(target=end)
    ending.start()
    done = send_held()
    ending.join()
    assert done.troubles == ["test/1 stopped: stopped on request."]
    assert 0 < sandbox.received("bird").total() < people
    allow_sending()
    sandbox.switch(bird={"faults": {"latency_seconds": 0}})
    (account,) = send_held().accounts
    assert account.statuses == {MessageStatus.ACCEPTED: people}
    assert sandbox.received("bird").total() == people


def closed():
    return {"rules": [{"days": some_days_ahead(), **ALL_DAY}]}


def test_a_run_whose_suppression_file_is_gone_is_not_sent_and_that_is_said(
    sandbox, job, ledger, tmp_path, contact_file
):
    suppressions = contact_file(1, name="suppressions.csv")
    audience = {"path": job().audience.path, "suppressions": str(suppressions)}
    send_campaign(job(hours=closed(), audience=audience))
    open_windows(ledger)
    suppressions.rename(tmp_path / "elsewhere.csv")
    done = send_held(return_state=True)
    assert done.name == "Incomplete"
    assert "test/1 was not sent" in done.message
    assert sandbox.received("bird").total() == 0

    (tmp_path / "elsewhere.csv").rename(suppressions)
    with suppressions.open("a", encoding="utf-8") as file:  # who asked not to be written to while it was held
        file.write(f"Ada,{SWEDES[0]},,yes\n")
    (account,) = send_held().accounts
    assert account.statuses == {MessageStatus.ACCEPTED: 3, MessageStatus.CANCELLED: 1}
    assert set(sandbox.received("bird")) == {*AMERICANS[1:], SWEDES[1]}


@pytest.mark.long
def test_where_nobody_knows_the_time_zone_the_message_is_held_for_good(sandbox, ledger, tmp_path):
    path = tmp_path / "people.csv"
    people = "Ann,ann@example.com,Europe/Paris\nBob,bob@example.com,\nCy,cy@example.com,CET\n"
    path.write_text(f"First name,E-mail,Time zone\n{people}", encoding="utf-8")
    changes = {"audience": Audience(path=str(path)), "hours": SendingHours(rules=[HoursRule(**ALL_DAY)])}
    job = read_campaign("data/campaigns/dripcel-newsletter.yaml").model_copy(update=changes)
    held, unusable = send_campaign(job, dry_run=True).prepared.hours_notes
    assert "2 messages are held for good: no time zone is known" in held
    assert "the time zone of 1 row was not used, for example of row 4: the time zone is an offset" in unusable

    account = send_campaign(job)
    assert account.statuses == {MessageStatus.ACCEPTED: 1, MessageStatus.PLANNED: 2}
    assert set(sandbox.received("dripcel")) == {"ann@example.com"}
    assert account.error.startswith("2 messages are held for good: no time zone is known")
    assert (account.what_then, account.waits_until) == ("", None)

    with ledger.writing() as connection:  # the registry knows Bob, and where he lives
        connection.execute(update(CONTACT).values(timezone="Europe/Paris"))
    assert send_campaign(job.model_copy(update={"run_key": "2"})).handed_over == 2


@pytest.mark.long
def test_the_provider_holds_until_its_time_only_what_may_arrive_then(sandbox, job, ledger):
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    account = send_campaign(job(schedule={"send_at": tomorrow}))
    assert account.statuses == {MessageStatus.SCHEDULED: 3, MessageStatus.PLANNED: 2}
    assert set(sandbox.received("bird")) == set(AMERICANS)
    assert account.held.opening.keys() == {the_run(ledger).waits_until}
