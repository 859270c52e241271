"""What became of messages is learnt by callbacks, by asking, by searching; the rest is decided."""

import threading

import pytest
from sqlalchemy import select, text

from deployments.receiver.server import running_receiver
from flows.parameters import CampaignError
from flows.reconcile_deliveries import reconcile_deliveries
from flows.send_campaign import RunStopped, send_campaign
from tasks.closing import UnknownChoice, UnknownCountChanged
from tasks.messaging.statuses import MessageStatus
from tasks.store.tables import CampaignRun, ProviderEvent
from tests.flows.reconciling import (
    SIGNING_KEY,
    call_about_all,
    let_pass,
    statuses_by_address,
    subscribe,
    truth_by_address,
    wait_for_callbacks,
)

LONG = pytest.mark.long
BOTH_DATABASES = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=LONG), "postgresql"], indirect=True
)
OCTOPUSH_MIX = {"DELIVERED": 0.8, "NOT_DELIVERED": 0.1, "BLACKLISTED_NUMBER": 0.05, "UNKNOWN_DELIVERY": 0.05}


@pytest.fixture
def receiver(monkeypatch, ledger):
    """A receiver on the ledger of the test."""
    monkeypatch.setenv("ROLLCALL_CALLBACK_SECRET", "a-secret-of-the-tests")
    monkeypatch.setenv("ROLLCALL_BIRD_SIGNING_KEY", SIGNING_KEY)
    with running_receiver() as running:
        yield running


@pytest.fixture
def calling_octopush(sandbox, receiver):
    """Let Octopush call the receiver, with changes."""

    def switch(**settings):
        url = receiver.callback_urls["octopush"]
        mix = {"outcomes": OCTOPUSH_MIX, "callback_delay_seconds": 0}
        sandbox.switch(octopush={"callback_url": url} | mix | settings)

    return switch


def run_state(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(CampaignRun.__table__.c.state)).scalar_one()


@pytest.mark.parametrize(
    ("callbacks", "database_url"),
    [
        pytest.param("once", "sqlite", marks=LONG),
        ("final_only", "sqlite"),
        pytest.param({"duplicate": 0.3, "reorder": 0.3, "before_response": 0.3}, "sqlite", marks=LONG),
        ({"duplicate": 0.3, "reorder": 0.3, "before_response": 0.3}, "postgresql"),
    ],
    ids=str,
    indirect=["database_url"],
)
def test_octopush_tells_by_callbacks_late_twice_early_or_in_the_wrong_order(
    sandbox, calling_octopush, campaign, ledger, callbacks
):
    calling_octopush(callbacks=callbacks)
    send_campaign(campaign("octopush", 600))
    wait_for_callbacks(sandbox, "octopush")
    done = reconcile_deliveries()
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "octopush")
    assert run_state(ledger) == "finished"
    assert done.findings.waiting == done.findings.unreadable == 0
    assert reconcile_deliveries("test").accounts[0].is_balanced


def test_callbacks_without_the_name_of_the_list_wait_until_the_ticket_is_known(
    sandbox, calling_octopush, campaign, ledger, statuses
):
    calling_octopush(callback_body="old_json")
    send_campaign(campaign("octopush", 50))
    wait_for_callbacks(sandbox, "octopush")
    with ledger.writing() as connection:
        tickets = connection.execute(text("SELECT id, ticket FROM provider_request")).all()
        connection.execute(text("UPDATE provider_request SET ticket = NULL"))
    assert reconcile_deliveries().findings.waiting > 0
    assert statuses() == {"accepted": 50}
    with ledger.writing() as connection:
        for request_id, ticket in tickets:
            known = {"ticket": ticket, "id": request_id}
            connection.execute(text("UPDATE provider_request SET ticket = :ticket WHERE id = :id"), known)
    reconcile_deliveries(ask_now=True)
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "octopush")


@BOTH_DATABASES
def test_an_event_that_cannot_be_put_into_the_ledger_keeps_no_other_one_waiting(
    sandbox, calling_octopush, campaign, ledger
):
    calling_octopush()
    send_campaign(campaign("octopush", 20))
    wait_for_callbacks(sandbox, "octopush")
    with ledger.writing() as connection:
        # What no reading of ours lets through, and a database refuses.
        connection.execute(text("CREATE UNIQUE INDEX one_reply ON reply (provider)"))
    for phone in sorted(truth_by_address(sandbox, "octopush"))[:2]:
        sandbox.post("/octopush-control/replies", number=phone, text="Hello")
    wait_for_callbacks(sandbox, "octopush")
    findings = reconcile_deliveries().findings
    assert findings.unreadable == 1
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "octopush")
    with ledger.reading() as connection:
        errors = connection.execute(select(ProviderEvent.__table__.c.error)).scalars().all()
    assert [error for error in errors if error] == ["it cannot be put into the ledger: IntegrityError"]


@pytest.mark.parametrize(
    "webhooks", [pytest.param("in_order", marks=LONG), {"duplicate": 0.3, "reorder": 0.3}], ids=str
)
def test_bird_tells_by_webhooks(sandbox, receiver, campaign, ledger, webhooks):
    sandbox.switch(
        bird={
            "delivery_step_seconds": 0,
            "outcomes": {"delivered": 0.8, "delivery_failed": 0.2},
            "webhooks": webhooks,
            "before_response": 0.3,
        }
    )
    subscribe(sandbox, receiver)
    send_campaign(campaign("bird", 80))
    wait_for_callbacks(sandbox, "bird")
    sandbox.switch(bird={"faults": {"error_before": 1.0}})  # it need not be asked
    reconcile_deliveries()
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "bird")


@pytest.mark.parametrize("provider", ["bird", "dripcel"])
def test_a_provider_that_can_be_asked_is_asked(sandbox, campaign, ledger, provider):
    mix = {"bird": {"delivered": 0.7, "delivery_failed": 0.3}, "dripcel": {"delivered": 0.7, "undelivered": 0.3}}
    at_once = {
        "bird": {"delivery_step_seconds": 0},
        "dripcel": {"delivery_steps": "by_time", "delivery_step_seconds": 0.001, "rate_per_minute": 10_000},
    }
    sandbox.switch(**{provider: {"outcomes": mix[provider]} | at_once[provider]})
    people = {"bird": 120, "dripcel": 3}
    send_campaign(campaign(provider, people[provider]))
    assert reconcile_deliveries().findings.taken == 0  # too young to be asked about
    let_pass(ledger, minutes=5)
    reconcile_deliveries()
    assert statuses_by_address(ledger) == truth_by_address(sandbox, provider)
    assert run_state(ledger) == "finished"


def test_a_provider_that_is_down_leaves_everything_as_it_is_and_is_told(sandbox, campaign, statuses):
    send_campaign(campaign("bird", 20))
    sandbox.switch(bird={"faults": {"drop_before": 1.0}})
    state = reconcile_deliveries(ask_now=True, return_state=True)
    assert state.name == "Incomplete"
    assert "bird could not be asked" in state.message
    assert statuses() == {"accepted": 20}


@pytest.mark.parametrize(
    ("provider", "lost"),
    [
        *(("bird", lost) for lost in ("drop_after", "error_before")),
        *(pytest.param("bird", lost, marks=LONG) for lost in ("error_after", "drop_before")),
        # At its 50 requests a minute, two will do.
        ("dripcel", "drop_after"),
        pytest.param("dripcel", "error_before", marks=LONG),
    ],
)
def test_a_lost_answer_is_settled_without_a_person(sandbox, campaign, ledger, statuses, provider, lost):
    """Whatever was accepted is found; whatever was not is handed over again; nobody gets two."""
    people = {"bird": 60, "dripcel": 3}[provider]
    sandbox.switch(dripcel={"rate_per_minute": 10_000})
    faults = {"respond": ["normal", RESPOND[lost], RESPOND[lost], "normal"], "faults_on": "writes"}
    sandbox.switch(**{provider: faults})
    job = campaign(provider, people)
    send_campaign(job)
    assert statuses()["unknown"] == 2
    let_pass(ledger, minutes=5)
    done = reconcile_deliveries()
    arrived = lost.endswith("after")
    assert done.findings.planned_again == (0 if arrived else 2)
    send_campaign(job)
    let_pass(ledger, minutes=5)
    reconcile_deliveries(ask_now=True)
    received = sandbox.received(provider)
    assert (len(received), max(received.values())) == (people, 1)
    assert not statuses().keys() & {"unknown", "planned"}


RESPOND = {
    "drop_after": "lose_after",
    "error_after": "http_after:503",
    "drop_before": "lose_before",
    "error_before": "http:503",
}


def test_octopushs_lost_answers_are_settled_by_callbacks_and_the_rest_is_for_the_operator(
    sandbox, calling_octopush, campaign, ledger, statuses
):
    calling_octopush(respond=["lose_after", "normal", "lose_before"], faults_on="writes")
    job = campaign("octopush", 1_200)  # three requests of 400
    send_campaign(job)
    assert statuses()["unknown"] == 800
    wait_for_callbacks(sandbox, "octopush")
    state = reconcile_deliveries("test", return_state=True)
    unknown = statuses()["unknown"]
    assert unknown == 400  # what never arrived
    assert {a for a, s in statuses_by_address(ledger).items() if s != "unknown"} == set(
        truth_by_address(sandbox, "octopush")
    )
    with pytest.raises(UnknownCountChanged, match="has 400 unknown messages, not 7"):
        reconcile_deliveries("test", "1", unknown=UnknownChoice.RESEND, unknown_count=7)
    done = reconcile_deliveries("test", "1", unknown=UnknownChoice.RESEND, unknown_count=400)
    assert done.decided == 400
    assert state.data is None or state.is_completed()
    send_campaign(job)
    wait_for_callbacks(sandbox, "octopush")
    reconcile_deliveries()
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "octopush")


def test_unknown_messages_can_be_closed_and_a_late_receipt_still_corrects_them(
    sandbox, receiver, campaign, ledger, statuses
):
    sandbox.switch(octopush={"respond": ["lose_after"], "faults_on": "writes"})
    send_campaign(campaign("octopush", 5))
    reconcile_deliveries("test", "1", unknown=UnknownChoice.CLOSE)
    assert statuses() == {"unconfirmed": 5}
    assert run_state(ledger) == "finished"
    call_about_all(ledger, receiver, "DELIVERED")
    reconcile_deliveries()
    assert statuses() == {"delivered": 5}


def test_a_decision_about_unknown_messages_is_for_one_run(sandbox, campaign, statuses):
    sandbox.switch(octopush={"respond": ["lose_before", "lose_before", "normal"], "faults_on": "writes"})
    for run_key in "123":
        send_campaign(campaign("octopush", 2, run_key=run_key))
    with pytest.raises(CampaignError, match=r"one run at a time, .*: test/1, test/2$"):
        reconcile_deliveries("test", unknown=UnknownChoice.CLOSE)
    with pytest.raises(CampaignError, match="one run at a time"):
        reconcile_deliveries(unknown=UnknownChoice.CLOSE)
    with pytest.raises(CampaignError, match="no such run"):
        reconcile_deliveries("tset")
    assert statuses() == {"unknown": 4, "accepted": 2}
    reconcile_deliveries("test", "1", unknown=UnknownChoice.CLOSE)
    reconcile_deliveries("test", unknown=UnknownChoice.CLOSE)  # only one is left that this can be for
    assert statuses() == {"unconfirmed": 4, "accepted": 2}


def test_without_a_receipt_a_message_is_closed_after_the_window_and_corrected_by_a_late_one(
    sandbox, receiver, campaign, ledger, statuses
):
    send_campaign(campaign("octopush", 5))
    reconcile_deliveries()
    assert statuses() == {"accepted": 5}
    let_pass(ledger, hours=71)
    reconcile_deliveries()
    assert statuses() == {"accepted": 5}
    let_pass(ledger, hours=2)
    reconcile_deliveries()
    assert statuses() == {"unconfirmed": 5}
    call_about_all(ledger, receiver, "ACK")
    reconcile_deliveries()
    assert statuses() == {"unconfirmed": 5}
    call_about_all(ledger, receiver, "NOT_DELIVERED")
    reconcile_deliveries()
    assert statuses() == {"undelivered": 5}


def test_where_there_are_no_receipts_accepted_is_all_that_will_ever_be_known(sandbox, campaign, ledger, statuses):
    send_campaign(campaign("octopush", 5, options={"octopush": {"type": "sms_low_cost"}}))
    done = reconcile_deliveries("test")
    assert statuses() == {"unconfirmed": 5}
    assert done.accounts[0].troubles == {(MessageStatus.UNCONFIRMED, "no_receipts", None): 5}


def test_an_unknown_word_is_kept_shown_and_changes_nothing(sandbox, calling_octopush, campaign, statuses):
    calling_octopush(outcomes={"TELEPORTED": 1.0})
    send_campaign(campaign("octopush", 5))
    wait_for_callbacks(sandbox, "octopush")
    done = reconcile_deliveries("test")
    assert statuses() == {"sent": 5}  # by the word before it
    assert done.accounts[0].unknown_words == {"TELEPORTED": 5}


@BOTH_DATABASES
def test_two_reconcilers_at_once_come_to_what_one_comes_to(sandbox, calling_octopush, campaign, ledger):
    calling_octopush(callbacks={"duplicate": 0.5, "reorder": 0.5})
    send_campaign(campaign("octopush", 1_000))
    wait_for_callbacks(sandbox, "octopush")
    failures = []

    def reconcile():
        try:
            reconcile_deliveries("test")
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=reconcile) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "octopush")
    with ledger.reading() as connection:
        events = connection.execute(select(ProviderEvent.__table__.c.processed_at)).scalars().all()
        suppressed = connection.execute(text("SELECT count(*) FROM suppression")).scalar_one()
    assert None not in events
    assert suppressed == list(truth_by_address(sandbox, "octopush").values()).count("rejected")


@BOTH_DATABASES
def test_reconciling_while_a_campaign_is_being_sent_harms_nobody(sandbox, receiver, campaign, ledger):
    sandbox.switch(
        bird={
            "delivery_step_seconds": 0.2,
            "outcomes": {"delivered": 0.8, "delivery_failed": 0.2},
            "faults": {"latency_seconds": 0.05},
            "before_response": 0.5,
        }
    )
    subscribe(sandbox, receiver)
    failures = []

    def send():
        try:
            send_campaign(campaign("bird", 180), chunk_size=30)
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)

    sending = threading.Thread(target=send)
    sending.start()
    rounds = 0
    while sending.is_alive():
        reconcile_deliveries(ask_now=True)
        rounds += 1
    sending.join()
    assert failures == []
    assert rounds
    wait_for_callbacks(sandbox, "bird")
    reconcile_deliveries()
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "bird")


def test_a_run_whose_sender_died_is_freed_and_what_it_left_is_found(sandbox, campaign, ledger, statuses):
    send_campaign(campaign("bird", 10))
    with ledger.writing() as connection:
        connection.execute(text("UPDATE message SET status = 'sending', provider_message_id = NULL"))
        connection.execute(
            text("UPDATE campaign_run SET state = 'sending', owner = 'elsewhere:1:x', lease_until = '2026-01-01'")
        )
    let_pass(ledger, minutes=5)
    reconcile_deliveries()
    assert statuses() == {"unknown": 10}
    let_pass(ledger, minutes=5)
    reconcile_deliveries(ask_now=True)
    assert not statuses().keys() & {"unknown", "sending", "planned"}


def test_indigitalls_results_are_read_from_a_report_of_its_console(sandbox, campaign, ledger, statuses, tmp_path):
    sandbox.switch(indigitall={"outcomes": {"DELIVRD": 0.7, "UNDELIV": 0.3}})
    send_campaign(campaign("indigitall", 40, text=None, template=INDIGITALL_TEMPLATE))
    report = tmp_path / "console.csv"
    report.write_bytes(sandbox.get("/indigitall-control/report.csv"))
    done = reconcile_deliveries("test", report=str(report))
    assert (done.imported.rows, done.imported.unmatched) == (40, 0)
    assert statuses_by_address(ledger) == truth_by_address(sandbox, "indigitall")
    again = reconcile_deliveries("test", report=str(report))
    assert again.findings.changed == {}


INDIGITALL_TEMPLATE = {"id": "102", "fields": {"first_name": "{{ first_name }}", "order": "1"}}


def test_a_run_that_stopped_midway_is_followed_too(sandbox, calling_octopush, campaign, ledger, statuses):
    calling_octopush(credit=20.05)  # enough for one request of 401
    job = campaign("octopush", 802)
    with pytest.raises(RunStopped):
        send_campaign(job)
    wait_for_callbacks(sandbox, "octopush")
    reconcile_deliveries()
    assert statuses()["planned"] == 401
    assert "accepted" not in statuses()
    assert run_state(ledger) == "stopped"
