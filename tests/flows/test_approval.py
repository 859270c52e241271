"""Asking for approval on the page of the flow run; and what else that page shows."""

from datetime import UTC, datetime, timedelta

import pytest
from prefect import get_client
from prefect.exceptions import CancelledRun, FlowPauseTimeout
from prefect.flow_engine import run_flow
from prefect.states import Scheduled

from flows.approval import Answer
from flows.parameters import CampaignError
from flows.send_campaign import NotApproved, send_campaign
from tasks.store import runs
from tests.flows.flow_run_control import meanwhile, newest_flow_run, wait_until


def answer(what: str, then=lambda: None):
    """What somebody does who sees that the flow run is paused."""

    def work() -> None:
        wait_until(lambda: (run := newest_flow_run()) is not None and run.state.is_paused())
        then()
        run = newest_flow_run()
        with get_client(sync_client=True) as client:
            client.resume_flow_run(run.id, run_input={"answer": what})

    return meanwhile(work)


@pytest.fixture(autouse=True)
def _nobody_waits_for_a_day(monkeypatch):
    """If the answer does not come, the test fails, and does not hang."""
    monkeypatch.setenv("ROLLCALL_APPROVAL_WAIT_SECONDS", "150")


@pytest.fixture
def job(campaign, sandbox):
    return campaign("bird", 3)


def test_what_was_approved_is_sent(sandbox, job):
    with answer(Answer.SEND):
        account = send_campaign(job, pause_for_approval=True)
    assert account.handed_over == 3
    assert sum(sandbox.received("bird").values()) == 3


def test_what_was_not_approved_is_not_sent_and_not_planned(sandbox, job, ledger):
    with answer(Answer.DO_NOT_SEND), pytest.raises(CancelledRun, match="was not approved: nothing was sent"):
        send_campaign(job, pause_for_approval=True)
    with ledger.reading() as connection:
        assert runs.list_runs(connection) == []
    assert not sandbox.received("bird")


def test_who_says_no_after_the_seeds_had_it_is_told_that_they_had(sandbox, campaign, contact_file, tmp_path):
    seeds = contact_file(1).rename(tmp_path / "seeds.csv")
    made = campaign("bird", 3)
    job = made.model_copy(update={"audience": made.audience.model_copy(update={"seeds": str(seeds)})})
    with (
        answer(Answer.DO_NOT_SEND),
        pytest.raises(CancelledRun, match="not approved: nobody got it but the seeds"),
    ):
        send_campaign(job, pause_for_approval=True)
    assert sum(sandbox.received("bird").values()) == 1


def test_a_list_that_changed_while_somebody_looked_is_not_sent(sandbox, job, contact_file):
    with answer(Answer.SEND, then=lambda: contact_file(4)), pytest.raises(NotApproved):
        send_campaign(job, pause_for_approval=True)
    assert not sandbox.received("bird")


def test_a_digest_of_something_else_is_refused_before_seeds_get_it_or_anybody_is_asked(
    sandbox, campaign, contact_file, tmp_path, monkeypatch
):
    monkeypatch.setenv("ROLLCALL_APPROVAL_WAIT_SECONDS", "1")
    seeds = contact_file(1).rename(tmp_path / "seeds.csv")
    made = campaign("bird", 3)
    job = made.model_copy(update={"audience": made.audience.model_copy(update={"seeds": str(seeds)})})
    with pytest.raises(NotApproved):
        send_campaign(job, approve="0123456789abcdef", pause_for_approval=True)
    assert not sandbox.received("bird")


def test_the_flow_run_has_tags_and_a_bar_of_progress(job):
    send_campaign(job)
    run = newest_flow_run()
    assert {"bird", "sms"} <= set(run.tags)
    with get_client(sync_client=True) as client:  # its own filter sends what the server refuses
        mine = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}, "type": {"any_": ["progress"]}}}
        (bar,) = client.request("POST", "/artifacts/filter", json=mine).json()
    assert (bar["data"], bar["description"]) == (100.0, "3 of 3 messages have an outcome")


@pytest.mark.parametrize(("late_hours", "is_sent"), [(3, False), (1, True)])
def test_a_schedule_that_fires_late_refuses_to_send(sandbox, job, late_hours, is_sent):
    """A flow run that a worker takes long after its time, because none was there."""
    due = datetime.now(UTC) - timedelta(hours=late_hours)
    with get_client(sync_client=True) as client:
        late = client.create_flow_run(send_campaign, state=Scheduled(scheduled_time=due))
    parameters = {"campaign": job}
    if is_sent:
        run_flow(send_campaign, flow_run=late, parameters=parameters)
    else:
        with pytest.raises(CampaignError, match=r"schedule.max_lateness: scheduled for .* start it anew"):
            run_flow(send_campaign, flow_run=late, parameters=parameters)
    assert bool(sandbox.received("bird")) is is_sent


def test_without_an_answer_nothing_is_sent(sandbox, job, monkeypatch):
    monkeypatch.setenv("ROLLCALL_APPROVAL_WAIT_SECONDS", "1")
    with pytest.raises(FlowPauseTimeout):
        send_campaign(job, pause_for_approval=True)
    assert not sandbox.received("bird")
