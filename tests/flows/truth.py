"""The ledger beside what the sandbox really received, message by message."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import text

from tasks.messaging.statuses import MessageStatus
from tasks.store.account import read_account
from tasks.store.runs import list_runs
from tasks.store.session import Ledger
from tests.flows.conftest import Sandbox

_ALLOWED_TIMES = {status: {1} if status.is_handed_over else {0} for status in MessageStatus} | {
    # What `unknown` means: handed over or not. It may never be twice.
    MessageStatus.UNKNOWN: {0, 1},
    MessageStatus.SENDING: {0, 1},
}
"""How often an address may have been reached, by what the ledger says."""


@dataclass
class Comparison:
    """What the ledger says, and how often the people concerned were really reached.

    Attributes:
        times: Messages by (status, how often the sandbox received them).
        contradictions: Messages that the ledger is wrong about: (address, status, times).
        strangers: Addresses that received something, and are in no run.
        unbalanced: Runs with a row that is neither a message nor an exclusion, or both.
    """

    times: Counter[tuple[MessageStatus, int]] = field(default_factory=Counter)
    contradictions: list[tuple[str, MessageStatus, int]] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Nobody twice, nobody lost, nobody else, every row accounted for."""
        return not (self.contradictions or self.strangers or self.unbalanced)

    def count(self, status: MessageStatus) -> int:
        return sum(count for (of_status, _), count in self.times.items() if of_status is status)


def compare(ledger: Ledger, received: Counter[str]) -> Comparison:
    """Compare all messages of a ledger with how often each address was reached.

    Args:
        ledger: With runs of one provider, each address in one of them.
        received: Times by address, as the sandbox tells it.
    """
    comparison = Comparison()
    planned: set[str] = set()
    with ledger.reading() as connection:
        for address, word in connection.execute(text("SELECT address, status FROM message")):
            planned.add(address)
            status, times = MessageStatus(word), received[address]
            comparison.times[status, times] += 1
            if times not in _ALLOWED_TIMES[status]:
                comparison.contradictions.append((address, status, times))
        comparison.unbalanced = [
            run.key for run in list_runs(connection) if not read_account(connection, run.id).is_balanced
        ]
    comparison.strangers = received.keys() - planned
    return comparison


def compare_with(sandbox: Sandbox, ledger: Ledger, provider: str) -> Comparison:
    """Compare with the truth of a sandbox, and fail with what differs."""
    comparison = compare(ledger, sandbox.received(provider))
    assert comparison.agrees, comparison
    return comparison
