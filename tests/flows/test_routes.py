"""Several providers for one campaign: who gets what, and what happens when one of them is out of order."""

import csv
from collections import Counter

import httpx
import pytest
from sqlalchemy import select, update

from flows.reconcile_deliveries import reconcile_deliveries
from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.plan import Plan
from tasks.store import rerouting
from tasks.store.tables import Chunk, ChunkState, Message
from tests.flows.flow_run_control import meanwhile, newest_flow_run, wait_until
from tests.flows.reconciling import let_pass

MESSAGE, CHUNK = Message.__table__, Chunk.__table__
SWEDEN = [f"+4670174{n:04d}" for n in range(605, 625)]
GERMANY = [f"+49171392{n:04d}" for n in range(30)]
USA = [f"+1212555{n:04d}" for n in range(100, 140)]


@pytest.fixture(autouse=True)
def _hardly_any_patience(monkeypatch):
    monkeypatch.setenv("ROLLCALL_REQUEST_WAIT_SECONDS", "0.3")


@pytest.fixture
def people(tmp_path):
    """A contact file of people of three countries."""
    path = tmp_path / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Mobile"])
        writer.writerows([f"Person{n}", phone] for n, phone in enumerate([*SWEDEN, *GERMANY, *USA]))
    return {"audience": {"path": str(path)}}


def truth(sandbox):
    """Who got a message through whom; nobody got two."""
    received = {name: sandbox.received(name) for name in ("bird", "octopush")}
    assert max((received["bird"] + received["octopush"]).values(), default=1) == 1
    return {address: name for name, addresses in received.items() for address in addresses}


def in_ledger(ledger):
    """Whom the ledger says that every message was handed over to."""
    taken = MESSAGE.c.status.in_([status for status in MessageStatus if status.is_handed_over])
    with ledger.reading() as connection:
        return dict(map(tuple, connection.execute(select(MESSAGE.c.address, MESSAGE.c.provider).where(taken))))


def test_each_country_goes_through_its_route_and_who_has_none_is_excluded_with_the_routes_that_there_are(
    sandbox, campaign, people, ledger
):
    routes = [
        {"name": "bird", "countries": ["SE"]},
        {"name": "octopush", "countries": ["DE"], "sender": "Rollcall"},
    ]
    account = send_campaign(campaign(routes, **people))
    assert (
        truth(sandbox) == in_ledger(ledger) == dict.fromkeys(SWEDEN, "bird") | dict.fromkeys(GERMANY, "octopush")
    )
    assert account.exclusions == {ExclusionReason.UNSUPPORTED_COUNTRY: len(USA)}
    assert account.is_balanced
    assert account.through == "bird, octopush"
    recipients = httpx.get(f"{sandbox.url}/truth").json()
    assert {one["sender"] for one in recipients["octopush"]["recipients"]} == {"Rollcall"}
    assert {one["sender"] for one in recipients["bird"]["recipients"]} != {"Rollcall"}


def test_a_plan_says_what_each_country_costs_through_whom_and_the_cheapest_is_chosen(
    sandbox, campaign, people, tmp_path
):
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "provider,country,channel,price_per_part,currency,note\n"
        "bird,*,sms,0.05,EUR,\noctopush,*,sms,0.04,EUR,\nbird,SE,sms,0.03,EUR,\n",
        encoding="utf-8",
    )
    job = campaign(["bird", "octopush"], choose="cheapest", prices=str(prices), **people)
    plan = send_campaign(job, dry_run=True)
    assert isinstance(plan, Plan)
    assert [cells[:3] for cells in plan.costs.cells()] == [
        ("US", "octopush", "40"),
        ("DE", "octopush", "30"),
        ("SE", "bird", "20"),
    ]
    assert plan.costs.sentences() == [f"Estimated cost: 3.40 EUR, by the prices in {prices}."]
    run = newest_flow_run()
    assert run is not None
    assert {"bird", "octopush", "sms", "dry run"} <= set(run.tags)
    prices.write_text(prices.read_text().replace("0.03", "0.06"), encoding="utf-8")
    assert send_campaign(job, dry_run=True).prepared.digest != plan.prepared.digest


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("http:401", id="refuses the key"),
        pytest.param("http:429", id="throttles for ever", marks=pytest.mark.long),
    ],
)
def test_when_a_provider_is_down_after_forty_percent_everybody_is_reached_once_over_both(
    sandbox, campaign, ledger, answer
):
    lost = ["lose_after"] * 3 + ["lose_before"] * 2
    sandbox.switch(bird={"respond": ["normal"] * 155 + lost + [answer] * 5_000, "faults_on": "writes"})
    job = campaign(["bird", "octopush"], 400)
    account = send_campaign(job, chunk_size=50)
    assert account.count(MessageStatus.UNKNOWN) == len(lost)
    assert account.handed_over == 400 - len(lost)
    assert Counter(in_ledger(ledger).values()) == {"bird": 155, "octopush": 240}
    [rerouted] = account.reroutings
    assert (rerouted.from_provider, rerouted.to_provider, rerouted.messages) == ("bird", "octopush", 240)
    # Those of lost answers stay with the first provider, until it says whether it has them.
    sandbox.switch(bird={"respond": "normal"})
    let_pass(ledger, hours=1)
    found = reconcile_deliveries("test", ask_now=True)
    assert found.findings.planned_again == 2
    account = send_campaign(job)
    assert account.handed_over == 400
    assert truth(sandbox) == in_ledger(ledger)
    assert Counter(truth(sandbox).values()) == {"bird": 158, "octopush": 242}


def test_what_is_left_when_the_credit_runs_out_goes_to_the_next_provider(sandbox, campaign, ledger):
    sandbox.switch(octopush={"credit": 501 * 0.05, "price_premium": 0.05})
    account = send_campaign(campaign(["octopush", "bird"], 502, text="Hello"))  # two requests of 251
    assert account.handed_over == 502
    assert Counter(in_ledger(ledger).values()) == {"octopush": 251, "bird": 251}
    assert truth(sandbox) == in_ledger(ledger)
    assert "251 messages went to bird instead" in str(account.reroutings[0])


@pytest.mark.long
def test_an_account_without_credit_is_noticed_before_anything_is_sent_there_and_all_goes_elsewhere(
    sandbox, campaign, ledger
):
    sandbox.switch(octopush={"credit": 0})
    account = send_campaign(campaign(["octopush", "bird"], 30))
    assert account.handed_over == 30
    assert set(truth(sandbox).values()) == {"bird"}
    assert "no credit is left" in account.reroutings[0].why


def test_what_only_the_provider_takes_that_is_out_of_order_stays_planned_and_all_else_is_sent_first(
    sandbox, campaign, people, ledger
):
    sandbox.switch(octopush={"credit": 0})
    job = campaign(
        [{"name": "octopush", "countries": ["DE", "US"]}, {"name": "bird", "countries": ["SE"]}], **people
    )
    with pytest.raises(RunStopped, match="octopush says that no credit is left") as stopped:
        send_campaign(job)
    assert stopped.value.account.statuses == {MessageStatus.ACCEPTED: 20, MessageStatus.PLANNED: 70}
    sandbox.switch(octopush={"credit": 1_000})
    assert send_campaign(job).handed_over == 90
    assert truth(sandbox) == in_ledger(ledger)


def test_when_all_providers_are_out_of_order_the_run_stops_and_a_later_one_finishes_it(sandbox, campaign, ledger):
    sandbox.switch(octopush={"credit": 0}, bird={"respond": "http:401"})
    job = campaign(["octopush", "bird"], 10)
    with pytest.raises(RunStopped):
        send_campaign(job)
    sandbox.switch(bird={"respond": "normal"})
    assert send_campaign(job).handed_over == 10
    assert truth(sandbox) == in_ledger(ledger) == dict.fromkeys(truth(sandbox), "bird")


def test_a_chunk_that_moved_between_two_tries_tells_about_the_provider_that_had_it_last(
    sandbox, campaign, ledger, monkeypatch
):
    monkeypatch.setenv("ROLLCALL_CHUNK_RETRY_SECONDS", "3")
    sandbox.switch(bird={"respond": "http:429", "faults_on": "writes"}, octopush={"respond": "http:401"})
    tried = select(CHUNK.c.id, CHUNK.c.run_id).where(CHUNK.c.state == ChunkState.PLANNED, CHUNK.c.attempts == 1)

    def move_it_as_another_process_does():
        def given_back():
            with ledger.reading() as connection:
                return connection.execute(tried).first()

        wait_until(lambda: given_back() is not None)
        with ledger.writing() as connection:
            others = update(CHUNK).where(CHUNK.c.attempts == 0)
            connection.execute(others.values(state=ChunkState.DONE))  # only this one moves
            rerouting.move_to_fallbacks(connection, given_back().run_id, "bird", why="down")
            connection.execute(others.values(state=ChunkState.PLANNED))
        sandbox.switch(bird={"respond": "normal"})

    with meanwhile(move_it_as_another_process_does), pytest.raises(RunStopped, match="401") as stopped:
        send_campaign(campaign(["bird", "octopush"], 40), chunk_size=20)
    assert stopped.value.account.statuses == {MessageStatus.ACCEPTED: 20, MessageStatus.PLANNED: 20}
    assert Counter(truth(sandbox).values()) == {"bird": 20}
    assert [one.why for one in stopped.value.account.reroutings] == ["down"]
