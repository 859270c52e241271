"""Never twice, never lost: whatever happens to the process, the connection, or the answer."""

import random
import re
import signal
from itertools import count

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL

from flows.parameters import read_campaign
from flows.send_campaign import RunStopped, send_campaign
from tasks.messaging.statuses import MessageStatus
from tasks.store.runs import list_runs
from tests.flows.sending_process import get_ready, sending
from tests.flows.truth import compare, compare_with

LATENCY_SECONDS = 0.3
"""Between a request's arrival, when the sandbox takes it, and its answer: that is when processes are killed."""

PEOPLE = 1_000
CHUNK_SIZE = {"octopush": 200, "bird": 250}


@pytest.fixture(scope="module")
def ready_to_start(prefect_server, tmp_path_factory):
    get_ready(PREFECT_API_URL.value(), tmp_path_factory.mktemp("prefect"))


@pytest.fixture
def campaign_file(tmp_path, contact_file, sandbox, database_url):
    """A campaign file for a provider whose answers take a while."""

    def write(provider):
        sandbox.switch(**{provider: {"faults": {"latency_seconds": LATENCY_SECONDS}}})
        path = tmp_path / "campaign.yaml"
        document = {
            "name": "killed",
            "channel": "sms",
            "provider": provider,
            "purpose": "transactional",
            "text": "Hello {{ first_name }}",
            "audience": {"path": str(contact_file(PEOPLE))},
        }
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def start(tmp_path, ready_to_start):
    """Start the command."""
    numbers = count(1)

    def starting(path, chunk_size):
        return sending(tmp_path / f"printed_{next(numbers)}", path, "--chunk-size", str(chunk_size))

    return starting


@pytest.fixture
def requests_received(sandbox):
    def count_requests(provider):
        return httpx.get(f"{sandbox.url}/truth/summary").raise_for_status().json()[provider]["requests"]

    return count_requests


@pytest.mark.parametrize(
    ("provider", "database_url", "most_requests"),
    [("octopush", "sqlite", 2), ("bird", "postgresql", 200)],
    indirect=["database_url"],
)
def test_killed_again_and_again_nobody_gets_it_twice_and_nobody_is_forgotten(
    sandbox, campaign_file, start, requests_received, ledger, provider, most_requests
):
    path = campaign_file(provider)
    dice = random.Random(f"{provider} 1")  # noqa: S311  # instants of a test

    def run_is_planned():
        with ledger.reading() as connection:
            return bool(list_runs(connection))

    def kill_when(has_happened):
        with start(path, CHUNK_SIZE[provider]) as process:
            process.wait_until(has_happened)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        compare_with(sandbox, ledger, provider)

    kill_when(run_is_planned)
    for _ in range(2):
        enough = requests_received(provider) + dice.randint(1, most_requests)
        kill_when(lambda enough=enough: requests_received(provider) >= enough)

    with start(path, CHUNK_SIZE[provider]) as process:
        assert process.wait() == 1, process.printed
        assert "interrupted" in process.printed
    comparison = compare_with(sandbox, ledger, provider)
    assert comparison.times[MessageStatus.UNKNOWN, 1], "no request was in flight when the process was killed"
    assert comparison.count(MessageStatus.ACCEPTED) + comparison.count(MessageStatus.UNKNOWN) == PEOPLE


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_of_two_that_start_at_once_one_sends_and_the_other_says_who(
    sandbox, campaign_file, start, ledger, database_url
):
    path = campaign_file("bird")
    # Small chunks: the one that sends is not done before the other one begins, however busy the machine is.
    with start(path, 100) as one, start(path, 100) as other:
        one.wait_until(lambda: one.exit_code is not None or other.exit_code is not None)
        sandbox.switch(bird={"faults": {"latency_seconds": 0}})
        by_exit_code = {process.wait(): process for process in (one, other)}
        assert by_exit_code.keys() == {0, 2}, [process.printed for process in (one, other)]
        assert f"process {by_exit_code[0].pid} on " in by_exit_code[2].printed
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): PEOPLE}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_waits_for_its_answers_and_the_rest_stays_planned(
    sandbox, campaign_file, start, requests_received, ledger, number
):
    path = campaign_file("bird")
    with start(path, 250) as process:
        process.wait_until(lambda: requests_received("bird") > 0)
        process.send_signal(number)
        exit_code, printed = process.wait(), process.printed
    assert exit_code == 3, printed
    assert re.search(r"stopped on request.*The same command resumes", printed)
    assert "Traceback" not in printed
    stopped = compare_with(sandbox, ledger, "bird").times
    assert stopped.keys() == {(MessageStatus.ACCEPTED, 1), (MessageStatus.PLANNED, 0)}
    send_campaign(read_campaign(path))
    assert compare_with(sandbox, ledger, "bird").times == {(MessageStatus.ACCEPTED, 1): PEOPLE}


@pytest.mark.parametrize(
    ("provider", "database_url", "people"),
    [("octopush", "postgresql", 1_000), ("bird", "sqlite", 300)],
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
