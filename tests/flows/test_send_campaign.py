"""The main job against real parts: a Prefect server, the sandbox over HTTP, SQLite and PostgreSQL."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import text

from deployments.sandbox.server import running_sandbox
from flows.parameters import CampaignError
from flows.send_campaign import NotApproved, RunStopped, send_campaign
from tasks.contacts.audience import UnknownContacts
from tasks.datasets.readers import DatasetError
from tasks.messaging.statuses import Channel, ExclusionReason, MessageStatus
from tasks.resume import CampaignChanged
from tasks.stopping import request_stop
from tasks.store import consent
from tasks.store.tables import RunState
from tests.flows.conftest import set_credentials

PROVIDERS = ("octopush", "bird")
one_database_each = pytest.mark.parametrize(
    ("provider", "database_url"),
    [
        ("octopush", "postgresql"),
        ("bird", "sqlite"),
        pytest.param("octopush", "sqlite", marks=pytest.mark.long),
        pytest.param("bird", "postgresql", marks=pytest.mark.long),
    ],
    indirect=["database_url"],
)
on_both_databases = pytest.mark.parametrize(
    "database_url", ["postgresql", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True
)


@one_database_each
def test_everybody_gets_their_own_text_exactly_once_and_the_ledger_says_so(sandbox, campaign, statuses, provider):
    people = {"octopush": 1_203, "bird": 303}[provider]  # several requests, several windows of requests
    account = send_campaign(campaign(provider, people))
    assert account.is_balanced
    assert (account.rows_read, account.handed_over) == (people, people)
    assert statuses() == {"accepted": people}
    assert set(sandbox.received(provider).values()) == {1}
    assert len(sandbox.received(provider)) == people
    assert sandbox.texts(provider)["+12135550107"] == "Hello Person107"
    assert sandbox.warnings(provider) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_campaign_again_sends_nothing(sandbox, campaign, provider):
    job = campaign(provider)
    send_campaign(job)
    account = send_campaign(job)
    assert account.handed_over == 20
    assert sandbox.received(provider).total() == 20


def test_a_new_run_key_sends_again(sandbox, campaign):
    send_campaign(campaign("bird"))
    send_campaign(campaign("bird", run_key="2"))
    assert sandbox.received("bird").total() == 40


def test_a_changed_text_under_the_same_key_is_refused_with_what_changed(sandbox, campaign):
    send_campaign(campaign("bird"))
    with pytest.raises(CampaignChanged, match=r"text: 'Hello \{\{ first_name \}\}' -> 'Bye'"):
        send_campaign(campaign("bird", text="Bye"))
    assert sandbox.received("bird").total() == 20


def test_changed_contacts_under_the_same_key_are_refused(sandbox, campaign):
    send_campaign(campaign("bird", 20))
    with pytest.raises(CampaignChanged, match="are not those that were planned"):
        send_campaign(campaign("bird", 21))


def test_a_dry_run_sends_and_writes_nothing_and_its_digest_approves_the_sending(sandbox, campaign, ledger):
    job = campaign("octopush", 700)
    plan = send_campaign(job, dry_run=True)
    assert (plan.prepared.rows_read, plan.prepared.messages, plan.requests) == (700, 700, 2)
    assert plan.prepared.sample_texts[0] == "Hello Person0"
    assert sandbox.received("octopush").total() == 0
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM campaign_run")).scalar_one() == 0
    assert send_campaign(job, approve=plan.prepared.digest).handed_over == 700


def test_what_was_approved_and_is_no_longer_the_same_is_refused(sandbox, campaign, ledger):
    job = campaign("bird")
    digest = send_campaign(job, dry_run=True).prepared.digest
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, ["+12125550103"], reason="stop", source="test")
    with pytest.raises(NotApproved, match=digest):
        send_campaign(job, approve=digest)
    assert sandbox.received("bird").total() == 0


def test_octopush_requests_are_cut_evenly_between_200_and_500(sandbox, campaign, ledger):
    send_campaign(campaign("octopush", 1_203))
    with ledger.reading() as connection:
        sizes = connection.execute(text("SELECT size FROM provider_request ORDER BY size")).scalars().all()
    assert sizes == [401, 401, 401]


def test_texts_that_fit_no_placeholder_are_grouped_by_equal_text(sandbox, campaign, ledger):
    job = campaign(
        "octopush", 500, text='{% set half = first_name[-1] in "02468" %}{% if half %}Even{% else %}Odd{% endif %}'
    )
    send_campaign(job)
    assert set(sandbox.texts("octopush").values()) == {"Even", "Odd"}
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT size FROM provider_request")).scalars().all() == [250, 250]


@one_database_each
def test_a_provider_that_is_down_stops_the_run_and_the_same_command_resumes_it(
    monkeypatch, campaign, statuses, provider
):
    job = campaign(provider)
    with running_sandbox() as gone:
        set_credentials(monkeypatch, gone.url)
    with pytest.raises(RunStopped, match="same command resumes") as stopped:
        send_campaign(job)
    assert stopped.value.account.state is RunState.STOPPED
    assert statuses() == {"planned": 20}
    with running_sandbox() as back:
        set_credentials(monkeypatch, back.url)
        assert send_campaign(job).handed_over == 20


@on_both_databases
@pytest.mark.parametrize(("provider", "unknown"), [("octopush", 20), ("bird", 5)])
def test_a_lost_answer_makes_messages_unknown_and_they_are_never_sent_again(
    sandbox, campaign, statuses, provider, unknown
):
    first = ["normal"] if provider == "octopush" else []  # its credit is asked for first
    sandbox.switch(**{provider: {"respond": first + ["lose_after"] * 5}})
    job = campaign(provider)
    account = send_campaign(job)
    assert account.statuses[MessageStatus.UNKNOWN] == unknown
    assert send_campaign(job).statuses[MessageStatus.UNKNOWN] == unknown
    assert sandbox.received(provider).total() == 20
    assert max(sandbox.received(provider).values()) == 1
    assert statuses().get("planned") is None


def test_429_is_waited_out(sandbox, campaign):
    sandbox.switch(bird={"respond": ["http:429"] * 2})
    assert send_campaign(campaign("bird")).handed_over == 20


def test_refused_credentials_stop_the_run_at_once(sandbox, campaign, monkeypatch, statuses):
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "wrong-key-9d1f")
    with pytest.raises(RunStopped) as stopped:
        send_campaign(campaign("bird", 1_000))
    assert "wrong-key-9d1f" not in str(stopped.value)
    assert statuses() == {"planned": 1_000}


def test_an_opt_out_after_planning_is_respected(sandbox, campaign, ledger, monkeypatch, statuses):
    job = campaign("bird")
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "wrong")
    with pytest.raises(RunStopped):
        send_campaign(job)
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, ["+12125550103"], reason="stop", source="test")
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "sandbox-bird-key")
    account = send_campaign(job)
    assert account.statuses == {MessageStatus.ACCEPTED: 19, MessageStatus.CANCELLED: 1}
    assert "+12125550103" not in sandbox.received("bird")


def test_a_stop_on_request_leaves_the_rest_planned(sandbox, campaign, statuses):
    request_stop()
    with pytest.raises(RunStopped, match="on request"):
        send_campaign(campaign("bird"))
    assert statuses() == {"planned": 20}


def test_a_campaign_that_a_provider_would_refuse_is_refused_before_anything_is_sent(sandbox, campaign, ledger):
    with pytest.raises(CampaignError, match="sender"):
        send_campaign(campaign("octopush", sender="this is too long"))
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM campaign_run")).scalar_one() == 0


def test_unknown_contacts_are_created_with_their_fields_and_known_then(sandbox, campaign, ledger):
    send_campaign(campaign("bird", 3))
    with ledger.reading() as connection:
        people = connection.execute(text("SELECT first_name, phone, country FROM contact ORDER BY id")).all()
        fields = connection.execute(text("SELECT CAST(fields AS TEXT) FROM contact")).scalars().first()
    assert tuple(people[0]) == ("Person0", "+12125550100", "US")
    assert "Springfield" in fields
    skipping = campaign("bird", 3, run_key="2")
    audience = skipping.audience.model_copy(update={"unknown_contacts": UnknownContacts.SKIP})
    account = send_campaign(skipping.model_copy(update={"audience": audience}))
    assert account.handed_over == 3
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar_one() == 3


def test_unknown_contacts_can_be_skipped(sandbox, campaign, contact_file):
    path = str(contact_file(4, name="others.csv"))
    account = send_campaign(campaign("bird", audience={"path": path, "unknown_contacts": "skip"}))
    assert account.exclusions == {ExclusionReason.NOT_A_CONTACT: 4}


@on_both_databases
def test_a_suppression_file_excludes_now_and_in_later_campaigns(sandbox, campaign, tmp_path):
    stops = tmp_path / "stops.csv"
    stops.write_text("phone\n+1 (212) 555-0101\n", encoding="utf-8")
    first = campaign("bird")
    audience = first.audience.model_copy(update={"suppressions": str(stops)})
    account = send_campaign(first.model_copy(update={"audience": audience}))
    assert account.exclusions == {ExclusionReason.OPTED_OUT: 1}
    assert send_campaign(campaign("octopush", run_key="2")).exclusions == {ExclusionReason.OPTED_OUT: 1}


def test_the_report_is_an_artifact_without_full_addresses(sandbox, campaign):
    account = send_campaign(campaign("bird", run_key="artifact"))
    wanted = {"artifacts": {"key": {"any_": [f"rollcall-run-{account.run_id}"]}}, "sort": "CREATED_DESC"}
    report = httpx.post(f"{PREFECT_API_URL.value()}/artifacts/filter", json=wanted).json()[0]["data"]
    assert "# test/artifact" in report
    assert "20 rows read = 20 messages + 0 excluded" in report
    assert "5550100" not in report


def test_a_run_with_trouble_ends_partly_sent_and_a_clean_one_completed(sandbox, campaign):
    assert send_campaign(campaign("bird"), return_state=True).name == "Completed"
    sandbox.switch(bird={"respond": ["lose_after"]})
    assert send_campaign(campaign("bird", run_key="2"), return_state=True).name == "PartlySent"


def test_an_opt_out_in_a_repeated_row_counts_for_the_first_one(sandbox, campaign, contact_file):
    again = [["Person3", "+1 (212) 555-0103", "Elsewhere", "yes"]]
    account = send_campaign(
        campaign("bird", audience={"path": str(contact_file(5, name="merged.csv", extra=again))})
    )
    assert account.exclusions == {ExclusionReason.OPTED_OUT: 1, ExclusionReason.DUPLICATE: 1}
    assert account.is_balanced
    assert "+12125550103" not in sandbox.received("bird")
    assert sandbox.received("bird").total() == 4


def test_a_suppression_file_with_a_row_that_cannot_be_read_is_refused(sandbox, campaign, tmp_path):
    stops = tmp_path / "stops.csv"
    stops.write_text("phone\n+12125550101\n(212) 555-0102\n", encoding="utf-8")
    job = campaign("bird")
    audience = job.audience.model_copy(update={"suppressions": str(stops)})
    with pytest.raises(DatasetError, match=r"row 3"):
        send_campaign(job.model_copy(update={"audience": audience}))
    assert sandbox.received("bird").total() == 0


def test_who_was_added_to_the_suppression_file_since_planning_gets_nothing_on_resume(
    sandbox, campaign, tmp_path, monkeypatch
):
    stops = tmp_path / "stops.csv"
    stops.write_text("phone\n", encoding="utf-8")
    job = campaign("bird")
    audience = job.audience.model_copy(update={"suppressions": str(stops)})
    job = job.model_copy(update={"audience": audience})
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "wrong")
    with pytest.raises(RunStopped):
        send_campaign(job)
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "sandbox-bird-key")
    stops.write_text("phone\n+12125550107\n", encoding="utf-8")
    account = send_campaign(job)
    assert account.statuses == {MessageStatus.ACCEPTED: 19, MessageStatus.CANCELLED: 1}
    assert "+12125550107" not in sandbox.received("bird")


def test_a_run_is_resumed_although_its_contact_file_has_gone(sandbox, campaign, monkeypatch):
    job = campaign("bird")
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "wrong")
    with pytest.raises(RunStopped):
        send_campaign(job)
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "sandbox-bird-key")
    Path(job.audience.path).unlink()
    assert send_campaign(job).handed_over == 20


def test_it_can_be_called_where_an_event_loop_is_running(sandbox, campaign):
    async def notebook():
        return send_campaign(campaign("octopush"))

    assert asyncio.run(notebook()).handed_over == 20


@pytest.mark.parametrize(
    "change", [{"text": "Hello dear {{ first_name }}"}, {"options": {"bird": {"tags": ["x"]}}}]
)
def test_the_digest_changes_with_the_campaign(sandbox, campaign, change):
    digests = {
        send_campaign(campaign("bird", **changes), dry_run=True).prepared.digest for changes in ({}, change)
    }
    assert len(digests) == 2
