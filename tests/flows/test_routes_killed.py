"""Several providers, several processes, and processes that die while what is left moves from one to another."""

import signal

import pytest
import yaml

from flows.parameters import read_campaign
from flows.send_campaign import send_campaign
from tasks.messaging.statuses import MessageStatus
from tests.flows.truth import compare

PEOPLE = 600
BEFORE_IT_IS_DOWN = 240
HELP = "flows.hand_over_chunks"
pytestmark = pytest.mark.long


@pytest.fixture
def path(tmp_path, contact_file, sandbox, database_url):
    """A campaign through a provider that is down after forty percent, and another one; both answer slowly."""
    refusing = ["normal"] * BEFORE_IT_IS_DOWN + ["http:401"] * 5_000
    sandbox.switch(
        bird={"respond": refusing, "faults_on": "writes", "faults": {"latency_seconds": 0.3}},
        octopush={"faults": {"latency_seconds": 0.5}},
    )
    file = tmp_path / "campaign.yaml"
    document = {
        "name": "killed",
        "channel": "sms",
        "provider": ["bird", "octopush"],
        "purpose": "transactional",
        "text": "Hello {{ first_name }}",
        "audience": {"path": str(contact_file(PEOPLE))},
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def received(sandbox):
    return sandbox.received("bird") + sandbox.received("octopush")


@pytest.mark.parametrize("moment", ["while the first one sends", "while the second one sends"])
def test_whoever_is_killed_while_messages_move_nobody_is_reached_twice_and_the_same_command_finishes(
    sandbox, path, start, ledger, moment
):
    provider = "bird" if moment == "while the first one sends" else "octopush"
    with start(path, "--chunk-size", "50") as process:
        process.wait_until(lambda: sandbox.received(provider).total() > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    sandbox.switch(bird={"faults": {}}, octopush={"faults": {}})
    account = send_campaign(read_campaign(path))
    comparison = compare(ledger, received(sandbox))
    assert comparison.agrees, comparison
    assert account.handed_over + account.count(MessageStatus.UNKNOWN) == PEOPLE
    assert account.statuses_by_provider.keys() == {"bird", "octopush"}


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_several_processes_send_what_one_provider_has_left_through_the_other(sandbox, path, start, ledger):
    with start(path, "--chunk-size", "30") as leader:
        leader.wait_until(lambda: sandbox.received("bird").total() > 0)
        with start("killed", module=HELP) as one, start("killed", module=HELP) as another:
            assert leader.wait() == 0, leader.printed
            assert {one.wait(), another.wait()} <= {0, 3}, one.printed + another.printed
    comparison = compare(ledger, received(sandbox))
    assert comparison.agrees, comparison
    assert comparison.count(MessageStatus.ACCEPTED) == PEOPLE
    assert sandbox.received("bird").total() == BEFORE_IT_IS_DOWN
