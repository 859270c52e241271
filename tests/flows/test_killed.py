"""Never twice, never lost: whatever happens to the process, the connection, or the answer."""

import random
import re
import signal

import httpx
import pytest
from sqlalchemy import text

from flows.parameters import read_campaign
from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.statuses import MessageStatus
from tasks.store.runs import list_runs
from tests.flows.truth import compare, compare_with

LATENCY_SECONDS = 0.3
"""Between a request's arrival, when the sandbox takes it, and its answer: that is when processes are killed."""

PEOPLE = {"octopush": 600, "bird": 320}
CHUNK_SIZE = {"octopush": 120, "bird": 80}


@pytest.fixture
def campaign_file(campaign_file):
    """A campaign file for a provider whose answers take a while."""

    def write(provider):
        return campaign_file(provider, people=PEOPLE[provider], latency_seconds=LATENCY_SECONDS, name="killed")

    return write


@pytest.fixture
def resume(sandbox):
    """The same command in this process, against providers that answer at once."""

    def resuming(path):
        for provider in CHUNK_SIZE:
            sandbox.switch(**{provider: {"faults": {}}})
        return send_campaign(read_campaign(path))

    return resuming


@pytest.fixture
def requests_received(sandbox):
    def count_requests(provider):
        return httpx.get(f"{sandbox.url}/truth/summary").raise_for_status().json()[provider]["requests"]

    return count_requests


@pytest.mark.parametrize(
    ("provider", "database_url", "most_requests"),
    [pytest.param("octopush", "sqlite", 2, marks=pytest.mark.long), ("bird", "postgresql", 60)],
    indirect=["database_url"],
)
def test_killed_again_and_again_nobody_gets_it_twice_and_nobody_is_forgotten(
    sandbox, campaign_file, start, requests_received, resume, ledger, provider, most_requests
):
    path = campaign_file(provider)
    dice = random.Random(provider)  # noqa: S311  # instants of a test
    for _ in range(2):
        enough = requests_received(provider) + dice.randint(1, most_requests)
        with start(path, "--chunk-size", str(CHUNK_SIZE[provider])) as process:
            process.wait_until(lambda enough=enough: requests_received(provider) >= enough)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        compare_with(sandbox, ledger, provider)
    account = resume(path)
    comparison = compare_with(sandbox, ledger, provider)
    assert comparison.times[MessageStatus.UNKNOWN, 1], "no request was in flight when the process was killed"
    unknown = comparison.count(MessageStatus.UNKNOWN)
    assert account.troubles == {(MessageStatus.UNKNOWN, "interrupted", None): unknown}
    assert unknown <= 2 * CHUNK_SIZE[provider]
    assert comparison.times[MessageStatus.ACCEPTED, 1] + unknown == PEOPLE[provider]


def test_killed_when_all_is_planned_and_nothing_answered_yet_nothing_counts_as_sent(
    sandbox, campaign_file, start, ledger
):
    path = campaign_file("octopush")

    def run_is_planned():
        with ledger.reading() as connection:
            return bool(list_runs(connection))

    with start(path, "--chunk-size", str(CHUNK_SIZE["octopush"])) as process:
        process.wait_until(run_is_planned)
        process.send_signal(signal.SIGKILL)
        process.wait()
    comparison = compare_with(sandbox, ledger, "octopush")
    assert comparison.times.total() == PEOPLE["octopush"]
    assert not comparison.count(MessageStatus.ACCEPTED)


def test_of_two_processes_one_sends_and_the_other_says_who(sandbox, campaign_file, start, ledger):
    path = campaign_file("bird")
    # Small chunks: the one that sends is not done before the other one begins, however busy the machine is.
    with start(path, "--chunk-size", "30") as one, start(path, "--chunk-size", "30") as other:
        one.wait_until(lambda: one.exit_code is not None or other.exit_code is not None)
        sandbox.switch(bird={"faults": {"latency_seconds": 0}})
        assert [one.wait(), other.wait()] == [0, 0], [one.printed, other.printed]
        [[idle, busy]] = [
            pair for pair in ((one, other), (other, one)) if "This command sent nothing" in pair[0].printed
        ]
        assert f"is being sent by process {busy.pid} on " in idle.printed
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): PEOPLE["bird"]}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_that_plan_the_same_run_at_the_same_instant_one_sends(sandbox, campaign_file, start, ledger):
    path = campaign_file("bird")
    with start(path, "--chunk-size", "80") as one, start(path, "--chunk-size", "80") as other:
        with ledger.writing() as connection:
            # Both can see that there is no such run yet; one waits to add it, the other for that one.
            connection.execute(text("LOCK TABLE campaign_run IN SHARE MODE"))
            waiting = text(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
                " WHERE datname = current_database() AND NOT granted"
                " AND (relation = 'campaign_run'::regclass OR locktype = 'advisory')"
            )
            one.wait_until(lambda: connection.execute(waiting).scalar_one() == 2)
        assert {one.wait(), other.wait()} == {0}, [process.printed for process in (one, other)]
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): PEOPLE["bird"]}


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_asked_to_stop_it_waits_for_its_answers_and_the_rest_stays_planned(
    sandbox, campaign_file, start, requests_received, resume, ledger, number
):
    path = campaign_file("bird")
    with start(path, "--chunk-size", "80") as process:
        process.wait_until(lambda: requests_received("bird") > 0)
        process.send_signal(number)
        exit_code, printed = process.wait(), process.printed
    assert exit_code == 3, printed
    assert re.search(r"stopped on request.*The same command resumes", printed)
    assert "Traceback" not in printed
    stopped = compare_with(sandbox, ledger, "bird").times
    assert stopped.keys() == {(MessageStatus.ACCEPTED, 1), (MessageStatus.PLANNED, 0)}
    resume(path)
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): PEOPLE["bird"]}


@pytest.mark.parametrize(
    ("provider", "database_url", "people"),
    [pytest.param("octopush", "postgresql", 1_000, marks=pytest.mark.long), ("bird", "sqlite", 200)],
    indirect=["database_url"],
)
def test_whatever_becomes_of_requests_and_answers_the_ledger_never_contradicts_the_truth(
    sandbox, campaign, ledger, provider, people
):
    chances = dict.fromkeys(("throttle", "error_before", "error_after", "drop_after"), 0.1)
    sandbox.switch(**{provider: {"faults": {**chances, "seed": 33}}})
    job = campaign(provider, people)
    for _ in range(10):
        try:
            send_campaign(job, chunk_size=50 if provider == "octopush" else 300)
            break
        except RunStopped:
            compare_with(sandbox, ledger, provider)
    comparison = compare_with(sandbox, ledger, provider)
    assert comparison.times.keys() == {
        (MessageStatus.ACCEPTED, 1),
        (MessageStatus.UNKNOWN, 0),
        (MessageStatus.UNKNOWN, 1),
    }


def test_the_comparison_notices_who_was_reached_twice_forgotten_or_by_mistake(sandbox, campaign, ledger):
    send_campaign(campaign("bird", 3))
    received = sandbox.received("bird")
    assert compare(ledger, received).agrees
    twice, forgotten, _ = received
    wrong = received.copy()
    wrong[twice] += 1
    del wrong[forgotten]
    wrong["+12125550199"] = 1
    comparison = compare(ledger, wrong)
    assert not comparison.agrees
    assert comparison.contradictions == [
        (twice, MessageStatus.ACCEPTED, 2),
        (forgotten, MessageStatus.ACCEPTED, 0),
    ]
    assert comparison.strangers == {"+12125550199"}
