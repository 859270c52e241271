"""Seed recipients get the message before anybody else, and once."""

from datetime import timedelta

import pytest

from flows.parameters import CampaignError, parse_campaign
from flows.seeds import campaign_for_seeds
from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.hours_rules import Day
from tasks.messaging.statuses import MessageStatus
from tasks.store import runs
from tasks.store.tables import utc_now


@pytest.fixture
def job(campaign, contact_file, sandbox):
    """Seven people, two of whom are also among the three seeds."""

    def make(seeds: str = "", **changes):
        made = campaign("bird", 7, **changes)
        people = (contact_file(7)).read_text(encoding="utf-8").splitlines()
        path = contact_file(0, name="seeds.csv")
        path.write_text(seeds or "\n".join([people[0], *people[2:4]]) + "\n", encoding="utf-8")
        return made.model_copy(update={"audience": made.audience.model_copy(update={"seeds": str(path)})})

    return make


def run_keys(ledger):
    with ledger.reading() as connection:
        return [run.run_key for run in runs.list_runs(connection)]


def test_seeds_get_it_first_and_are_left_out_of_the_list(sandbox, job, ledger):
    account = send_campaign(job())
    assert run_keys(ledger) == ["1:seeds", "1"]
    assert (account.rows_read, account.messages, account.exclusions["duplicate"]) == (7, 5, 2)
    received = sandbox.received("bird")
    assert len(received) == 7
    assert set(received.values()) == {1}


def test_a_second_start_serves_nobody_twice(sandbox, job):
    for _ in range(2):
        send_campaign(job())
    assert set(sandbox.received("bird").values()) == {1}


def test_seeds_who_cannot_be_served_stop_the_campaign(sandbox, job, ledger):
    with pytest.raises(RunStopped, match=r"none of the 1 seeds may get the message, so nobody else gets it"):
        send_campaign(job("phone,first_name,unsubscribed\n+12025550101,Ann,yes\n"))
    assert run_keys(ledger) == ["1:seeds"]
    assert not sandbox.received("bird")


@pytest.mark.parametrize(("chars", "is_refused"), [(94, False), (95, True)])
def test_the_run_key_of_the_seeds_fits_into_the_ledger(campaign, chars, is_refused):
    document = campaign("bird").as_document() | {"run_key": "k" * chars}
    document["audience"] |= {"seeds": "seeds.csv"}
    if is_refused:
        with pytest.raises(CampaignError, match="run_key: seeds are sent to as `RUN_KEY:seeds`"):
            parse_campaign(document)
    else:
        assert len(campaign_for_seeds(parse_campaign(document)).run_key) == 100


def test_a_dry_run_says_how_many_seeds_there_are_and_sends_them_nothing(sandbox, job):
    plan = send_campaign(job(), dry_run=True)
    assert any("2 seeds get it first" in note for note in plan.prepared.notes)
    assert not sandbox.received("bird")


def test_neither_hours_nor_caps_hold_seeds_back_and_both_hold_for_the_list(sandbox, job):
    far_day = tuple(Day)[(utc_now() + timedelta(days=3)).weekday()]
    closed = {"rules": [{"countries": "US", "days": far_day, "allowed_from": "00:00", "allowed_until": "24:00"}]}
    cap = {"messages": 1, "days": 30}
    changes = {"purpose": "marketing", "text": "STOP", "frequency_cap": cap, "hours": closed}
    account = send_campaign(job(**changes))
    assert account.statuses == {MessageStatus.PLANNED: 5}
    assert sum(sandbox.received("bird").values()) == 2
    again = send_campaign(job(**changes, run_key="2"))
    assert (again.messages, again.exclusions["frequency_capped"]) == (0, 5)
    assert sum(sandbox.received("bird").values()) == 4


def test_seeds_get_it_at_once_also_when_the_provider_holds_it_for_the_list(job, ledger):
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    account = send_campaign(job(schedule={"send_at": tomorrow}))
    assert account.statuses == {MessageStatus.SCHEDULED: 5}
    with ledger.reading() as connection:
        assert runs.count_statuses(connection, 1) == {MessageStatus.ACCEPTED: 2}
