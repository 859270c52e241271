"""The ledger beside the truth: what the sandbox received, and what became of it there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from rich.console import Console
from rich.table import Table

from tasks.messaging.statuses import MessageStatus
from tasks.store.account import handed_over_addresses, message_statuses, read_account
from tasks.store.runs import list_runs
from tasks.store.session import Ledger


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ledger of one run beside what the sandbox received, and what became of it there.

    Attributes:
        missing: Addresses that the ledger says were handed over, and the sandbox never saw.
        unexpected: Addresses that the sandbox received, and the ledger does not say so.
        twice: Addresses that the sandbox received more than once.
        delivered: Messages that arrived, as the ledger says.
        open: Messages that are not in a final status.
        told_otherwise: Messages of which the ledger says another end than the sandbox.
        objections: What a strict reader of the provider's documentation would object to.
    """

    provider: str
    rows_read: int
    excluded: int
    in_ledger: int
    received: int
    missing: int
    unexpected: int
    twice: int
    delivered: int
    open: int
    told_otherwise: int
    objections: int
    is_balanced: bool

    @property
    def agrees(self) -> bool:
        """Whether ledger and truth say the same of everybody, and every row is accounted for."""
        return self.is_balanced and not (
            self.missing or self.unexpected or self.twice or self.open or self.told_otherwise or self.objections
        )


def compare_with_truth(
    truth: Mapping[str, Mapping[str, Any]], words: Mapping[str, Mapping[str, MessageStatus]]
) -> list[Comparison]:
    """Compare every run in the ledger with what the sandbox says of its provider.

    Args:
        truth: The sandbox's `/truth`.
        words: By provider, what its last words mean: a reading of the documentation that is not the adapters'.
    """
    comparisons = []
    with Ledger() as ledger, ledger.reading() as connection:
        for run in list_runs(connection):
            account = read_account(connection, run.id)
            statuses = message_statuses(connection, run.id)
            of_provider = truth[account.provider]
            recipients = of_provider["recipients"]
            received = Counter(recipient["address"] for recipient in recipients)
            ends = {each["address"]: words[account.provider].get(each["status"]) for each in recipients}
            handed_over = handed_over_addresses(connection, run.id)
            comparisons.append(
                Comparison(
                    provider=account.provider,
                    rows_read=account.rows_read,
                    excluded=account.excluded,
                    in_ledger=len(handed_over),
                    received=received.total(),
                    missing=len(handed_over - received.keys()),
                    unexpected=len(received.keys() - handed_over),
                    twice=sum(count > 1 for count in received.values()),
                    delivered=account.statuses.get(MessageStatus.DELIVERED, 0),
                    open=sum(not status.is_final for status in statuses.values()),
                    told_otherwise=sum(statuses.get(address) is not end for address, end in ends.items()),
                    objections=len(of_provider["warnings"]),
                    is_balanced=account.is_balanced,
                )
            )
    return comparisons


def show_comparisons(comparisons: Sequence[Comparison], console: Console) -> None:
    """One column per campaign."""
    table = Table("", *(comparison.provider for comparison in comparisons), show_edge=False, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for title, count in {
        "rows read": attrgetter("rows_read"),
        "excluded, with a reason": attrgetter("excluded"),
        "handed over, says the ledger": attrgetter("in_ledger"),
        "received, says the sandbox": attrgetter("received"),
        "missing": attrgetter("missing"),
        "not in the ledger": attrgetter("unexpected"),
        "received twice": attrgetter("twice"),
        "delivered, says the ledger": attrgetter("delivered"),
        "not final": attrgetter("open"),
        "ended otherwise in the sandbox": attrgetter("told_otherwise"),
        "objections to the requests": attrgetter("objections"),
    }.items():
        table.add_row(title, *(f"{count(comparison):,}" for comparison in comparisons))
    table.add_row(
        "ledger = truth, balance closed",
        *("[green]yes[/]" if comparison.agrees else "[bold red]NO[/]" for comparison in comparisons),
    )
    console.print(table)
