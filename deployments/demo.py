"""What `make demo` runs: one campaign per provider, through a sandbox, and a comparison with the truth.

Nothing leaves the machine. The sandbox is a process of its own that speaks the providers' real wire protocols and
writes down what it received; at the end the ledger must say the same.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

DEMO_DIRECTORY = Path("data/demo")
CAMPAIGNS = (
    "data/campaigns/octopush-spring-sale.yaml",
    "data/campaigns/bird-delivery-notice.yaml",
    "data/campaigns/indigitall-order-update.yaml",
    "data/campaigns/dripcel-service-notice.yaml",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ledger of one run beside what the sandbox received.

    Attributes:
        missing: Addresses that the ledger says were handed over, and the sandbox never saw.
        unexpected: Addresses that the sandbox received, and the ledger does not say so.
        twice: Addresses that the sandbox received more than once.
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
    objections: int
    is_balanced: bool

    @property
    def agrees(self) -> bool:
        """Whether ledger and truth say the same, and every row is accounted for."""
        return self.is_balanced and not (self.missing or self.unexpected or self.twice or self.objections)


@contextmanager
def sandbox_process() -> Iterator[str]:
    """Start the sandbox on a free port of loopback; yields its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            if "listening on " not in announced:
                raise RuntimeError("the sandbox did not start; run `python -m deployments.sandbox` to see why")
            yield announced.rpartition("listening on ")[2].strip()
        finally:
            process.terminate()


def configure(sandbox_url: str) -> None:
    """Point Rollcall at the sandbox, and keep everything that the demo writes in `data/demo`."""
    os.environ.update(
        ROLLCALL_DATABASE_URL=f"sqlite:///{DEMO_DIRECTORY / 'rollcall.db'}",
        ROLLCALL_OCTOPUSH_BASE_URL=f"{sandbox_url}/octopush/v1/public",
        ROLLCALL_OCTOPUSH_API_LOGIN="sandbox@example.com",
        ROLLCALL_OCTOPUSH_API_KEY="sandbox-octopush-key",
        ROLLCALL_BIRD_BASE_URL=f"{sandbox_url}/bird",
        ROLLCALL_BIRD_ACCESS_KEY="sandbox-bird-key",
        ROLLCALL_BIRD_WORKSPACE_ID="00000000-0000-4000-8000-0000000000a1",
        ROLLCALL_BIRD_CHANNEL_ID="00000000-0000-4000-8000-0000000000c1",
        ROLLCALL_INDIGITALL_BASE_URL=f"{sandbox_url}/indigitall",
        ROLLCALL_INDIGITALL_SERVER_KEY="00000000-0000-4000-8000-0000000000d1",
        ROLLCALL_INDIGITALL_APPLICATION_ID="1001",
        ROLLCALL_DRIPCEL_BASE_URL=f"{sandbox_url}/dripcel",
        ROLLCALL_DRIPCEL_API_KEY="sandbox-dripcel-key",
        # A Prefect of the demo's own: whatever the user's Prefect is connected to stays out of it.
        PREFECT_HOME=str((DEMO_DIRECTORY / "prefect").absolute()),
    )
    os.environ.pop("PREFECT_API_URL", None)
    for leftover in DEMO_DIRECTORY.glob("rollcall.db*"):
        leftover.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0 when ledger and truth agree for every campaign, else 1.
    """
    del arguments
    console = Console()
    DEMO_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with sandbox_process() as url:
        configure(url)
        console.print(f"Sandbox providers listen at {url}; nothing leaves this machine.")
        # Imported when the environment is set: Prefect reads its settings once.
        from flows.terminal import ExitCode, main_send_campaign  # noqa: PLC0415

        for campaign in CAMPAIGNS:
            console.rule(f"python -m flows.send_campaign {campaign}")
            if main_send_campaign([campaign]) is ExitCode.REFUSED:
                return 1
        console.rule("the ledger beside what the sandbox received")
        comparisons = compare_with_truth(httpx.get(f"{url}/truth", timeout=60).raise_for_status().json())
    show_comparisons(comparisons, console)
    return 0 if all(comparison.agrees for comparison in comparisons) else 1


def compare_with_truth(truth: dict[str, dict[str, list[dict[str, str]]]]) -> list[Comparison]:
    """Compare every run in the ledger with what the sandbox received from its provider.

    Args:
        truth: The sandbox's `/truth`.
    """
    from tasks.store.account import handed_over_addresses, read_account  # noqa: PLC0415
    from tasks.store.runs import list_runs  # noqa: PLC0415
    from tasks.store.session import Ledger  # noqa: PLC0415

    comparisons = []
    with Ledger() as ledger, ledger.reading() as connection:
        for run in list_runs(connection):
            account = read_account(connection, run.id)
            handed_over = handed_over_addresses(connection, run.id)
            of_provider = truth[account.provider]
            received = Counter(recipient["address"] for recipient in of_provider["recipients"])
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
        "objections to the requests": attrgetter("objections"),
    }.items():
        table.add_row(title, *(f"{count(comparison):,}" for comparison in comparisons))
    table.add_row(
        "ledger = truth, balance closed",
        *("[green]yes[/]" if comparison.agrees else "[bold red]NO[/]" for comparison in comparisons),
    )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
