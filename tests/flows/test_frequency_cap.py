"""A frequency cap over two campaigns, through the sandbox."""

import pytest
from sqlalchemy import text

from flows.send_campaign import send_campaign
from tasks.messaging.statuses import ExclusionReason
from tasks.resume import CampaignChanged
from tasks.store.tables import utc_now

CAP = {"purpose": "marketing", "frequency_cap": {"messages": 1, "days": 7}}
STOP = "Hello {{ first_name }} STOP au XXXXX"


@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
def test_who_had_a_message_of_one_campaign_is_left_out_of_the_next_and_told_when_he_is_free(
    sandbox, campaign, ledger
):
    send_campaign(campaign("bird", 3, name="first", purpose="marketing", text=STOP))
    job = campaign("octopush", 5, name="second", text=STOP, **CAP)
    plan = send_campaign(job, dry_run=True)
    assert plan.prepared.messages == 2
    (example, *_) = plan.prepared.examples[ExclusionReason.FREQUENCY_CAPPED]
    assert "had 1 marketing message in the last 7 days; free again on " in example

    account = send_campaign(job, approve=plan.prepared.digest)
    assert account.exclusions == {ExclusionReason.FREQUENCY_CAPPED: 3}
    assert account.is_balanced
    assert set(sandbox.received("octopush")) == {"+12125550103", "+12125550104"}
    with ledger.reading() as connection:
        details = connection.execute(text("SELECT detail FROM exclusion")).scalars().all()
    free_on = {detail.rpartition(" ")[2] for detail in details}
    assert len(free_on) == 1
    assert free_on.pop() > f"{utc_now():%Y-%m-%d}"

    # Its own messages do not count against a run that is planned: the dry run says again what it said.
    again = send_campaign(job, dry_run=True)
    assert (again.prepared.messages, again.prepared.digest) == (2, plan.prepared.digest)
    with pytest.raises(CampaignChanged, match=r"frequency_cap\.messages: 1 -> 2"):
        send_campaign(
            campaign(
                "octopush", 5, name="second", text=STOP, **CAP | {"frequency_cap": {"messages": 2, "days": 7}}
            )
        )
    assert sandbox.received("octopush").total() == 2
