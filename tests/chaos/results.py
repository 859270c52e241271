"""The counters of all lives, as a table for people, as Markdown, and as JSON."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.combinations import Combination
from tests.chaos.lanes import LifeReport
from tests.chaos.verdict import Tally

_COLUMNS = {
    "lives": "lives",
    "kills": "kills",
    "killed_at_commits": "at a commit",
    "killed_at_requests": "at a request",
    "killed_anywhere": "anywhere",
    "other_deaths": "SIGTERM, SIGSTOP",
    "database_cuts": "database cut",
    "disk_full": "disk full",
    "provider_down": "provider down",
    "recipients": "recipients",
    "twice": "twice",
    "lost": "lost",
    "unbalanced": "not balanced",
    "contradictions": "contradictions",
    "not_settled": "not settled",
    "unknown_left": "unknown left",
    "left_to_operator": "operator's word",
}


@dataclass(slots=True)
class Results:
    """What the lives came to.

    Attributes:
        tallies: By combination.
        failures: Sentences about lives that went wrong.
        walked: By combination: points of sending that were walked, and that there are; the same of reconciling.
        passed: Places before or after commits and requests that any process came by.
        died_at: Those at which something was made to happen.
        found_out: By fault: lives until it was found out, and what it led to.
        lanes_failed: Lanes that did not end well, which is a fault of the suite.
    """

    seed: int
    proves: bool = False
    tallies: defaultdict[Combination, Tally] = field(default_factory=lambda: defaultdict(Tally))
    walked: dict[Combination, tuple[int, int, int, int]] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    died_at: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    found_out: dict[tuple[Combination, str], list[str]] = field(default_factory=dict)
    lanes_failed: int = 0
    seconds: float = 0.0

    def add(self, report: LifeReport, console: Console) -> None:
        """Count a life; one that went wrong is told at once."""
        if report.mutant is not None:
            told = self.found_out.setdefault((report.combination, report.mutant), [])
            told.append("; ".join(report.trouble))
            return
        self.tallies[report.combination] += report.tally
        self.walked[report.combination] = report.walked
        self.passed |= report.passed
        self.died_at |= report.died_at
        missed = report.tally.goals_missed(can_settle_all=report.combination.can_settle_all)
        if report.trouble or missed:
            why = "; ".join(report.trouble) or ", ".join(missed)
            self.failures.append(f"{report.name}: {why} (see {report.kept})")
            console.print(f"[bold red]{self.failures[-1]}[/]", soft_wrap=True)

    @property
    def total(self) -> Tally:
        return sum(self.tallies.values(), Tally())

    @property
    def is_good(self) -> bool:
        """Whether every goal was met."""
        if self.lanes_failed or self.failures:
            return False
        return not self.proves or all(told[-1] for told in self.found_out.values())

    def progress(self, seconds: float) -> str:
        """One line on the way."""
        total = self.total
        return (
            f"{seconds / 60:5.1f} min  {total.lives} lives ({total.lives / seconds * 60:.0f} a minute), "
            f"{total.kills} kills, {total.recipients} recipients, {total.twice} twice, {total.lost} lost, "
            f"{total.unknown_left} unknown left, {len(self.failures)} lives went wrong"
        )

    def rows(self) -> list[tuple[str, Tally]]:
        """Every combination, and all of them."""
        return [
            *((str(combination), self.tallies[combination]) for combination in sorted(self.tallies)),
            ("all", self.total),
        ]

    def as_table(self) -> Table:
        """For a terminal."""
        table = Table("", *_COLUMNS.values(), show_edge=False, pad_edge=False)
        table.columns[0].no_wrap = True
        for column in table.columns[1:]:
            column.justify = "right"
        for title, tally in self.rows():
            table.add_row(title, *(str(getattr(tally, name)) for name in _COLUMNS))
        return table

    def as_markdown(self) -> str:
        """For a page."""
        lines = [
            "| provider, database, workers | " + " | ".join(_COLUMNS.values()) + " |",
            "|---|" + "---:|" * len(_COLUMNS),
            *(
                f"| {title} | " + " | ".join(str(getattr(tally, name)) for name in _COLUMNS) + " |"
                for title, tally in self.rows()
            ),
        ]
        return "\n".join([*lines, "", *self.sentences()]) + "\n"

    def sentences(self) -> list[str]:
        """What the table does not say."""
        said = [f"{self.seconds / 60:.1f} minutes, seed {self.seed}."]
        for combination, (sent, of_sending, reconciled, of_reconciling) in sorted(self.walked.items()):
            said.append(
                f"{combination}: {sent} of {of_sending} points of sending walked, "
                f"{reconciled} of {of_reconciling} of reconciling."
            )
        if self.passed:
            never = ", ".join(sorted(self.passed - self.died_at)) or "none"
            said.append(
                f"Of {len(self.passed)} places before or after a commit or a request, something happened at "
                f"{len(self.died_at)}; not at: {never}."
            )
        for (combination, mutant), told in sorted(self.found_out.items()):
            what = f"found out by life {len(told)}: {told[-1]}" if told[-1] else "NOT FOUND OUT"
            said.append(f"{combination}: {mutant}: {what}")
        if self.lanes_failed:
            said.append(f"{self.lanes_failed} lanes of the suite itself failed.")
        return said + self.failures

    def write(self, path: Path) -> None:
        """As `PATH.md` and `PATH.json`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".md").write_text(self.as_markdown(), encoding="utf-8")
        content: dict[str, Any] = {
            "seed": self.seed,
            "seconds": round(self.seconds),
            "combinations": {title: asdict(tally) | {"kills": tally.kills} for title, tally in self.rows()},
            "failures": self.failures,
            "places": sorted(self.passed),
            "places_without_an_accident": sorted(self.passed - self.died_at),
        }
        path.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
