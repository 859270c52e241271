"""Pausing, resuming and cancelling a run that is being sent: in Prefect, and by the command."""

import time
from csv import DictReader
from pathlib import Path

import pytest
from prefect import get_client
from prefect.exceptions import CancelledRun
from prefect.states import Cancelling, Paused
from pydantic import SecretStr

from flows.control_campaign import control_campaign
from flows.parameters import CampaignError
from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.statuses import MessageStatus
from tasks.run_control import Action, control_run
from tasks.store import control, leadership, runs
from tests.flows.flow_run_control import meanwhile, newest_flow_run, wait_until
from tests.flows.truth import compare_with

PEOPLE = 800
SLOWLY = {"faults": {"latency_seconds": 1.5}}
"""Of 800, with 64 requests in flight: 20 seconds are left to be stopped in."""
AT_ONCE = {"faults": {"latency_seconds": 0}}

ACCEPTED, PLANNED, CANCELLED = (
    (MessageStatus.ACCEPTED, 1),
    (MessageStatus.PLANNED, 0),
    (MessageStatus.CANCELLED, 0),
)


@pytest.fixture
def job(sandbox, campaign):
    """A campaign that is handed over slowly."""
    sandbox.switch(bird=SLOWLY)
    return campaign("bird", PEOPLE)


@pytest.fixture
def some_were_received(sandbox):
    """Wait until the first messages have arrived."""
    return lambda: wait_until(lambda: bool(sandbox.received("bird")))


def the_run(ledger) -> runs.RunRecord:
    with ledger.reading() as connection:
        [run] = runs.list_runs(connection)
    return run


def set_state(state) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(newest_flow_run().id, state, force=True)


def test_a_flow_run_that_is_paused_in_prefect_sends_nothing_until_it_is_resumed(
    sandbox, job, ledger, some_were_received
):
    received: list[int] = []

    def pause_and_resume() -> None:
        some_were_received()
        set_state(Paused(timeout_seconds=300))
        wait_until(lambda: is_at_rest(ledger))
        received.append(sandbox.received("bird").total())
        time.sleep(1.7)  # longer than a request takes
        received.append(sandbox.received("bird").total())
        sandbox.switch(bird=AT_ONCE)
        with get_client(sync_client=True) as client:
            client.resume_flow_run(newest_flow_run().id)

    with meanwhile(pause_and_resume):
        account = send_campaign(job)
    assert 0 < received[0] == received[1] < PEOPLE
    assert account.statuses == {MessageStatus.ACCEPTED: PEOPLE}
    assert compare_with(sandbox, ledger, "bird").times == {ACCEPTED: PEOPLE}


def is_at_rest(ledger) -> bool:
    with ledger.reading() as connection:
        [run] = runs.list_runs(connection)
        counts = runs.count_statuses(connection, run.id)
        is_paused = leadership.read_standing(connection, run.id).control is not None
    return is_paused and MessageStatus.SENDING not in counts


def test_a_flow_run_that_is_cancelled_in_prefect_ends_and_the_same_campaign_goes_on_with_it(
    sandbox, job, ledger, some_were_received
):
    def cancel() -> None:
        some_were_received()
        set_state(Cancelling())

    with meanwhile(cancel), pytest.raises(CancelledRun):
        send_campaign(job)
    assert newest_flow_run().state.is_cancelled()
    assert compare_with(sandbox, ledger, "bird").times.keys() == {ACCEPTED, PLANNED}
    sandbox.switch(bird=AT_ONCE)
    assert send_campaign(job).statuses == {MessageStatus.ACCEPTED: PEOPLE}
    assert compare_with(sandbox, ledger, "bird").times == {ACCEPTED: PEOPLE}


@pytest.mark.long
def test_a_campaign_that_is_paused_sends_nothing_whoever_tries_until_it_is_resumed(
    sandbox, job, ledger, some_were_received
):
    def pause() -> None:
        some_were_received()
        decided = control_run.fn(the_run(ledger).id, Action.PAUSE, "Ada")
        assert not decided.is_being_sent
        assert 0 < decided.left < PEOPLE

    with meanwhile(pause), pytest.raises(RunStopped, match=r"was paused .* by Ada"):
        send_campaign(job)
    before = compare_with(sandbox, ledger, "bird").times
    assert before.keys() == {ACCEPTED, PLANNED}
    with pytest.raises(leadership.RunHeldBack, match="control_campaign resume test --run-key 1"):
        send_campaign(job)
    assert compare_with(sandbox, ledger, "bird").times == before
    assert control_campaign(Action.RESUME, "test").was_paused
    sandbox.switch(bird=AT_ONCE)
    assert send_campaign(job).statuses == {MessageStatus.ACCEPTED: PEOPLE}
    assert compare_with(sandbox, ledger, "bird").times == {ACCEPTED: PEOPLE}


@pytest.mark.long
def test_what_a_cancelled_campaign_had_left_is_never_handed_over(sandbox, job, ledger, some_were_received):
    def cancel() -> None:
        some_were_received()
        control_run.fn(the_run(ledger).id, Action.CANCEL, "Ada")

    with meanwhile(cancel), pytest.raises(CancelledRun):
        send_campaign(job)
    after = compare_with(sandbox, ledger, "bird").times
    assert after.keys() == {ACCEPTED, CANCELLED}
    with pytest.raises(leadership.RunHeldBack, match="was cancelled"):
        send_campaign(job)
    with pytest.raises(control.ControlRefused, match="--run-key NEW"):
        control_run.fn(the_run(ledger).id, Action.RESUME)
    assert compare_with(sandbox, ledger, "bird").times == after


def test_a_portion_is_handed_over_now_and_the_rest_by_the_same_campaign_later(sandbox, campaign, ledger):
    job = campaign("bird", 30)
    some = sorted(listed_addresses(job))[:1]
    with pytest.raises(CampaignError, match="no phone number"):
        send_campaign(job, only=[SecretStr("twelve")])
    with pytest.raises(CampaignError, match="command line or in Python"):
        send_campaign(job, only=[SecretStr("********")])
    assert send_campaign(job, chunk_size=8, only=[SecretStr(some[0])]).handed_over == 1
    assert set(sandbox.received("bird")) == set(some)
    assert send_campaign(job, limit=10).handed_over == 11
    assert send_campaign(job).statuses == {MessageStatus.ACCEPTED: 30}
    assert compare_with(sandbox, ledger, "bird").times == {ACCEPTED: 30}


def listed_addresses(job) -> list[str]:
    with Path(job.audience.path).open(encoding="utf-8", newline="") as file:
        return [row["Mobile"] for row in DictReader(file)]
