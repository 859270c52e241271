"""Who opted out, whoever tells it and whenever, gets nothing from then on."""

import threading
import time

import pytest
from sqlalchemy import select, text

from deployments.receiver.server import running_receiver
from flows.send_campaign import send_campaign
from flows.sync_opt_outs import sync_opt_outs
from tasks.messaging.statuses import Channel, ExclusionReason, MessageStatus
from tasks.store.tables import Reply, Suppression
from tests.flows.conftest import AREA_CODES

SUPPRESSION, REPLY = Suppression.__table__, Reply.__table__


@pytest.fixture
def receiver(monkeypatch, ledger):
    monkeypatch.setenv("ROLLCALL_CALLBACK_SECRET", "a-secret-of-the-tests")
    with running_receiver() as running:
        yield running


def suppressions(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(SUPPRESSION.c.address, SUPPRESSION.c.source)).all()


@pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"], indirect=True
)
def test_an_opt_out_in_the_middle_of_a_run_stops_every_later_message_to_that_number(
    sandbox, receiver, campaign, ledger
):
    people = 1_000
    sandbox.switch(
        octopush={
            "callback_url": receiver.callback_urls["octopush"],
            "faults": {"latency_seconds": 0.5},
            "faults_on": "writes",
        }
    )
    first, last = f"+1{AREA_CODES[0]}5550100", f"+1{AREA_CODES[(people - 1) // 100]}5550199"
    job = campaign("octopush", people)
    sending = threading.Thread(target=send_campaign, args=(job,), kwargs={"chunk_size": 100})
    sending.start()
    while sandbox.received("octopush")[first] == 0:
        time.sleep(0.05)
    sandbox.post("/octopush-control/stops", number=last, text="STOP")
    while (first_seen := sandbox.received("octopush")[last]) == 0 and not suppressions(ledger):
        sync_opt_outs()
    assert first_seen == 0, "the run was over before the person could opt out"
    sending.join()
    received = sandbox.received("octopush")
    assert received[last] == 0
    assert len(received) == people - 1
    with ledger.reading() as connection:
        assert connection.execute(
            text("SELECT status, reason FROM message WHERE address = :address"), {"address": last}
        ).all() == [("cancelled", "opted_out")]
    account = send_campaign(campaign("octopush", people, name="another", text="Something else"))
    assert account.exclusions == {ExclusionReason.OPTED_OUT: 1}
    assert sandbox.received("octopush")[last] == 0


def test_dripcel_is_asked_who_opted_out_and_who_came_back(sandbox, campaign, ledger, monkeypatch):
    for name in ("BIRD_ACCESS_KEY", "INDIGITALL_SERVER_KEY", "BIRD_WORKSPACE_ID", "BIRD_CHANNEL_ID"):
        monkeypatch.delenv(f"ROLLCALL_{name}")
    for name in ("BIRD_BASE_URL", "INDIGITALL_BASE_URL", "INDIGITALL_APPLICATION_ID"):
        monkeypatch.delenv(f"ROLLCALL_{name}")
    sandbox.switch(dripcel={"rate_per_minute": 10_000})
    send_campaign(campaign("dripcel", 3))
    stopped, answered = "+12125550100", "+12125550101"
    sandbox.post("/dripcel-control/replies", phone=stopped, text="stop")
    sandbox.post("/dripcel-control/replies", phone=answered, text="Thank you")
    done = sync_opt_outs()
    assert (done.asked, done.troubles) == (["dripcel"], [])
    [(address, source)] = suppressions(ledger)
    assert address == stopped
    assert source.startswith("dripcel: ")
    with ledger.reading() as connection:
        replies = connection.execute(select(REPLY.c.address, REPLY.c.text, REPLY.c.message_id)).all()
    assert {reply.address: reply.text for reply in replies} == {stopped: "stop", answered: "Thank you"}
    assert all(reply.message_id for reply in replies)
    account = send_campaign(campaign("dripcel", 3, run_key="2", text="Again"))
    assert account.statuses == {MessageStatus.ACCEPTED: 2}
    sandbox.post("/dripcel-control/replies", phone=stopped, text="yes please")
    sync_opt_outs()
    account = send_campaign(campaign("dripcel", 3, run_key="3", text="And again"))
    assert account.statuses == {MessageStatus.ACCEPTED: 3}


def test_a_list_of_people_who_must_not_be_contacted_is_read(sandbox, campaign, ledger, tmp_path):
    path = tmp_path / "stops.csv"
    path.write_text("phone,note\n(212) 555-0100,asked by mail\n+1 212 555 0101,\n", encoding="utf-8")
    done = sync_opt_outs([str(path)], channel=Channel.SMS, default_country="US", providers=[])
    assert done.listed == {str(path): 2}
    account = send_campaign(campaign("octopush", 5))
    assert account.exclusions == {ExclusionReason.OPTED_OUT: 2}


def test_a_provider_that_is_down_is_told_and_asked_again_from_where_it_was(sandbox, ledger, monkeypatch):
    sandbox.switch(dripcel={"faults": {"drop_before": 1.0}})
    state = sync_opt_outs(providers=["dripcel"], return_state=True)
    assert state.name == "Incomplete"
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM sync_point")).scalar_one() == 0
