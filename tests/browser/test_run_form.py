"""A campaign manager who never opens a terminal: from the form to the report, in a real browser."""

import httpx
import pytest

from tests.browser.prefect_pages import RunForm, open_list

pytestmark = pytest.mark.long

_PATIENCE_MS = 180_000
TEXT = "Hi {{ first_name | default('there') }}, 20% off until Sunday. Reply STOP to end."


@pytest.fixture
def ui(served):
    return served.url("Prefect UI")


@pytest.fixture
def form(page, ui):
    """The form of send-campaign, with a campaign for the small sample list."""
    opened = RunForm(page, ui, "send-campaign")
    opened.choose("Channel", "sms")
    opened.choose("Provider", "bird")
    opened.choose("Purpose", "marketing")
    opened.fill("Text", TEXT)
    opened.fill("Contact file", "data/samples/contacts_small.csv")
    return opened


def test_a_campaign_goes_from_the_form_to_the_report(form, album, served, ui):
    form.fill("Name", "spring-sale")
    album.keep(form.page, "form", height=1250)
    run = form.follow_the_run()
    assert run.wait_until_over(_PATIENCE_MS) == "Completed"
    album.keep(run.page, "run")
    report = run.open_artifact("Account of spring-sale/1")
    report.get_by_text("55 rows read = 45 messages + 10 excluded").wait_for()
    album.keep(run.page, "report", height=1250)
    seen = report.inner_text()
    for row in ("the provider took it", "opted_out", "invalid_address"):
        assert row in seen
    truth = httpx.get(f"{served.url('Sandbox')}/truth").raise_for_status().json()["bird"]["recipients"]
    assert sum(recipient["text"].startswith("Hi ") for recipient in truth) == 45


def test_a_dry_run_ends_in_the_plan_and_sends_nothing(form, album, served):
    form.fill("Name", "only looking")
    form.tick("Dry run")
    run = form.follow_the_run()
    assert run.wait_until_over(_PATIENCE_MS) == "Completed"
    plan = run.open_artifact("Plan of only looking/1")
    plan.get_by_text("opted_out").first.wait_for()
    album.keep(run.page, "plan", height=1250)
    assert "20% off until Sunday" in plan.inner_text()
    assert not [one for one in texts_received(served) if "only looking" in one]


def test_a_campaign_that_waits_for_approval_is_sent_once_somebody_says_so(form, served):
    form.fill("Name", "to be approved")
    form.fill("Text", f"Approved: {TEXT}")
    form.tick("Pause for approval")
    run = form.follow_the_run()
    run.answer("Answer", "send")
    assert run.wait_until_over(_PATIENCE_MS) == "Completed"
    assert sum(one.startswith("Approved: ") for one in texts_received(served)) == 45


def texts_received(served):
    truth = httpx.get(f"{served.url('Sandbox')}/truth").raise_for_status().json()
    return [recipient["text"] for recipient in truth["bird"]["recipients"]]


def test_a_bad_value_is_told_beside_its_field_and_nothing_is_started(form, album, ui):
    form.fill("Name", "sale: 50%!")
    form.submit()
    assert "sale: 50%!" in form.refusal("Name").inner_text()
    form.page.get_by_role("region", name="Notifications").get_by_text("campaign.name").wait_for()
    form.refusal("Name").scroll_into_view_if_needed()
    album.keep(form.page, "refused")
    runs = httpx.post(f"{ui}/api/flow_runs/filter", json={"flows": {"name": {"any_": ["send-campaign"]}}}).json()
    assert not [run for run in runs if "sale: 50%!" in str(run["parameters"])]


@pytest.mark.parametrize(
    ("name", "seen", "picture"),
    [
        ("Deployments", ["send-campaign", "reconcile-deliveries", "sync-opt-outs"], "deployments"),
        ("Blocks", ["Rollcall bird credentials", "Rollcall octopush credentials"], "blocks"),
        ("Concurrency", ["deployment:"], "limits"),
    ],
)
def test_what_provisioning_made_is_there_to_be_seen(page, ui, album, name, seen, picture):
    shown = open_list(page, ui, name)
    for words in seen:
        shown.get_by_text(words).first.wait_for()
    album.keep(page, picture)


def test_what_only_rollcall_knows_to_be_wrong_fails_the_run_with_the_field_and_a_remedy(form, album):
    form.fill("Name", "late sale")
    form.fill("Most lateness", "soon")
    run = form.follow_the_run()
    assert run.wait_until_over(_PATIENCE_MS) == "Failed"
    details = run.open_details()
    details.get_by_text("campaign.schedule.max_lateness").first.wait_for()
    album.keep(run.page, "failed")
    assert "`soon` is not a duration; write for example 30m, 2h or 1d" in details.inner_text()
