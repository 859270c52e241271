"""Several processes that send one run together."""

import signal

import pytest
from sqlalchemy import text

from flows.hand_over_chunks import hand_over_chunks
from flows.send_campaign import send_campaign
from tasks.dispatch import _look_after_others, lead_sending
from tasks.messaging.statuses import MessageStatus
from tasks.outages import Outages
from tasks.ownership import owned_run
from tasks.store import chunks
from tests.claims import DEAD
from tests.flows.truth import compare_with

PEOPLE = 600
SLOWLY_SECONDS = 2.0
"""Of each answer, while processes come and go: in twelve chunks, time enough on a busy machine."""
AT_ONCE = {"faults": {"latency_seconds": 0}}
HELP = "flows.hand_over_chunks"


@pytest.fixture
def taken_by(ledger):
    """How many chunks a process works on."""

    def count_chunks(process) -> int:
        with ledger.reading() as connection:
            claimed = text("SELECT count(*) FROM chunk WHERE claimed_by LIKE :pid")
            return connection.execute(claimed, {"pid": f"%:{process.pid}:%"}).scalar_one()

    return count_chunks


@pytest.mark.parametrize(
    "database_url", ["postgresql", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True
)
def test_who_helps_may_die_and_who_leads_takes_up_what_he_left(sandbox, campaign_file, start, ledger, taken_by):
    path = campaign_file("bird", people=PEOPLE, latency_seconds=SLOWLY_SECONDS)
    with start(path, "--chunk-size", "50") as leader:
        leader.wait_until(lambda: taken_by(leader) == 1)
        with start("test", module=HELP) as helper:
            helper.wait_until(lambda: taken_by(helper) == 1)
            received = sandbox.received("bird").total()
            helper.wait_until(lambda: sandbox.received("bird").total() > received)
            helper.send_signal(signal.SIGKILL)
            helper.wait()
        sandbox.switch(bird=AT_ONCE)
        assert leader.wait() in {0, 1}, leader.printed
    times = compare_with(sandbox, ledger, "bird").times
    assert times.keys() <= {(MessageStatus.ACCEPTED, 1), (MessageStatus.UNKNOWN, 0), (MessageStatus.UNKNOWN, 1)}
    assert times[MessageStatus.ACCEPTED, 1] > PEOPLE / 2


def test_what_somebody_left_who_died_is_taken_up_also_when_it_is_all_that_is_left(sandbox, campaign, ledger):
    account = send_campaign(campaign("bird", 6), chunk_size=3, limit=3)
    with owned_run(account.run_id) as leader:
        with ledger.writing() as connection:
            assert chunks.take_chunk(connection, account.run_id, DEAD)
        assert lead_sending(account.run_id, leader.owner) is None
    assert sandbox.received("bird").total() == 6
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): 6}


def test_who_helps_stops_when_who_leads_dies_and_the_same_command_goes_on(
    sandbox, campaign_file, start, ledger, taken_by
):
    path = campaign_file("bird", people=PEOPLE, latency_seconds=SLOWLY_SECONDS)
    with start(path, "--chunk-size", "50") as leader:
        leader.wait_until(lambda: taken_by(leader) == 1)
        with start("test", module=HELP) as helper:
            helper.wait_until(lambda: taken_by(helper) == 1)
            leader.send_signal(signal.SIGKILL)
            assert helper.wait() == 3, helper.printed
            assert "no living process leads it" in helper.printed
    with start("test", module=HELP) as alone:
        assert alone.wait() == 3, alone.printed
    sandbox.switch(bird=AT_ONCE)
    with start(path) as again:
        assert again.wait() in {0, 1}, again.printed
    times = compare_with(sandbox, ledger, "bird").times
    assert times.keys() <= {(MessageStatus.ACCEPTED, 1), (MessageStatus.UNKNOWN, 0), (MessageStatus.UNKNOWN, 1)}


def test_what_somebody_gives_back_when_no_other_chunk_is_left_is_not_left_behind(sandbox, campaign, ledger):
    account = send_campaign(campaign("bird", 6), chunk_size=3, limit=3)
    with owned_run(account.run_id) as leader:
        outages = Outages(ledger, account.run_id)
        with ledger.reading() as connection:
            [free] = connection.execute(text("SELECT id FROM chunk WHERE state = 'planned'")).scalars()
        # Its sender had it while the leader looked for a free one, and has given it back since.
        assert _look_after_others(ledger, account.run_id, leader.owner, outages, {}) == (True, None)
        assert _look_after_others(ledger, account.run_id, leader.owner, outages, {free: "bird"}) == (False, None)
        outages.note("bird", "down")
        assert _look_after_others(ledger, account.run_id, leader.owner, outages, {}) == (False, None)


@pytest.mark.long
def test_a_campaign_with_several_workers_reaches_everybody_once(sandbox, campaign, ledger):
    sandbox.switch(bird={"faults": {"latency_seconds": 0.2}})
    account = send_campaign(campaign("bird", 900), workers=2, chunk_size=30)
    assert account.statuses == {MessageStatus.ACCEPTED: 900}
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): 900}


def test_nobody_can_help_with_a_run_that_nobody_sends(sandbox, campaign):
    send_campaign(campaign("bird", 1))
    assert "test/1 is not being sent" in hand_over_chunks("test")
