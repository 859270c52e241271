"""Credit that runs out, requests that all fail, and limits that several share."""

import pytest

from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.statuses import MessageStatus


def test_credit_that_runs_out_halfway_stops_the_run_and_after_topping_up_the_same_command_finishes(
    sandbox, campaign, statuses
):
    sandbox.switch(octopush={"credit": 601 * 0.05, "price_premium": 0.05})
    job = campaign("octopush", 1_203)  # three requests of 401
    with pytest.raises(RunStopped) as stopped:
        send_campaign(job)
    account = stopped.value.account
    assert account.statuses == {MessageStatus.ACCEPTED: 401, MessageStatus.PLANNED: 802}
    assert account.residual_credit is not None
    sandbox.switch(octopush={"credit": 1_000})
    assert send_campaign(job).handed_over == 1_203
    assert set(sandbox.received("octopush").values()) == {1}
    assert len(sandbox.received("octopush")) == 1_203


@pytest.mark.parametrize("provider", ["octopush", "dripcel"])
def test_an_account_without_any_credit_is_noticed_before_the_first_request(sandbox, campaign, statuses, provider):
    sandbox.switch(**{provider: {"credit": 0}})
    with pytest.raises(RunStopped, match="no credit is left"):
        send_campaign(campaign(provider, 5))
    assert statuses() == {"planned": 5}
    assert sandbox.received(provider).total() == 0


def test_a_run_whose_requests_are_all_refused_stops_and_leaves_the_rest_planned(sandbox, campaign, statuses):
    sandbox.switch(bird={"faults": {"error_after": 1.0}})
    with pytest.raises(RunStopped, match="most requests fail"):
        send_campaign(campaign("bird", 1_000))
    assert statuses()["planned"] > 500
    assert max(sandbox.received("bird").values()) == 1


def test_a_documented_limit_is_kept_by_the_ledger_not_by_each_run(sandbox, campaign):
    sandbox.switch(dripcel={"rate_per_minute": 50, "rate_window": "sliding"})
    account = send_campaign(campaign("dripcel", 5))
    assert account.handed_over == 5
    assert sandbox.received("dripcel").total() == 5
    assert sandbox.warnings("dripcel") == []
