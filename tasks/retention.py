"""How long personal data is kept, and removing what was kept long enough."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection

from tasks.concealment import concealed_errors
from tasks.corrections import empty_corrections
from tasks.providers.errors import ConfigurationError
from tasks.report import report_directory, write_report
from tasks.store import retention, runs
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

_NUMBER = re.compile("[0-9]{1,5}")
_PAUSE_SECONDS = 0.03
"""Between two transactions: on SQLite, who else wants to write gets in only then."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How long personal data is kept; None means for ever.

    The defaults: a year of addresses, so that this year's campaign can be compared with last year's and a
    complaint answered; 90 days of callbacks and files, which only repeat what is in the ledger by then, and which
    providers repeat for days at most.

    Attributes:
        messages: Addresses and values of messages and excluded rows, after their run was finished.
        events: Callbacks, after they were read.
        replies: What people answered, after it came.
        reports: CSV files with addresses, after their run was finished.
    """

    messages: timedelta | None = timedelta(days=365)
    events: timedelta | None = timedelta(days=90)
    replies: timedelta | None = timedelta(days=365)
    reports: timedelta | None = timedelta(days=90)

    @classmethod
    def from_environment(cls) -> Self:
        """`ROLLCALL_RETENTION_DAYS_...`; where one is not set, the default.

        Raises:
            ConfigurationError: One is not a whole number of days.
        """
        usual = cls()
        return cls(
            messages=_days("ROLLCALL_RETENTION_DAYS_MESSAGES", usual.messages),
            events=_days("ROLLCALL_RETENTION_DAYS_EVENTS", usual.events),
            replies=_days("ROLLCALL_RETENTION_DAYS_REPLIES", usual.replies),
            reports=_days("ROLLCALL_RETENTION_DAYS_REPORTS", usual.reports),
        )


def _days(variable: str, usual: timedelta | None) -> timedelta | None:
    text = os.environ.get(variable)
    if text is None:
        return usual
    text = text.strip()
    if text and not _NUMBER.fullmatch(text):
        raise ConfigurationError(
            f"{variable} is `{text[:20]}`, which is no whole number of days; for example 90, or 0 to keep for ever"
        )
    days = int(text or "0")
    return timedelta(days=days) if days else None  # 0 days would remove everything at once: nobody means that


@dataclass(slots=True)
class Pruned:
    """What was removed; in a dry run, what would be.

    Attributes:
        runs: Runs whose addresses were removed.
        files: CSV files whose rows were removed.
        troubles: What could not be done, for a person.
    """

    is_dry_run: bool = False
    runs: int = 0
    messages: int = 0
    exclusions: int = 0
    events: int = 0
    replies: int = 0
    files: int = 0
    troubles: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """The same for people."""
        would = "Would be removed" if self.is_dry_run else "Removed"
        return [
            (
                f"{would}: the addresses of {self.messages:,} messages and {self.exclusions:,} excluded rows of "
                f"{self.runs:,} runs, {self.events:,} callbacks, {self.replies:,} replies, the rows of "
                f"{self.files:,} CSV files. Counts stay."
            ),
            *self.troubles,
        ]


@task(name="prune personal data", task_run_name="prune personal data", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def prune(*, dry_run: bool = False) -> Pruned:
    """Remove what was kept long enough. It may be interrupted, and run twice at once.

    Raises:
        ConfigurationError: A setting is no number of days. Nothing was removed.
    """
    periods = RetentionPeriods.from_environment()
    now = utc_now()
    done = Pruned(is_dry_run=dry_run)
    with Ledger() as ledger:
        if periods.messages is not None:
            _prune_messages(ledger, now - periods.messages, done)
        if periods.events is not None:
            before = now - periods.events
            done.events = _prune_all(
                ledger, retention.count_events, retention.prune_events, before, dry_run=dry_run
            )
        if periods.replies is not None:
            before = now - periods.replies
            done.replies = _prune_all(
                ledger, retention.count_replies, retention.prune_replies, before, dry_run=dry_run
            )
        if periods.reports is not None:
            _prune_reports(ledger, now - periods.reports, done)
    return done


def _prune_messages(ledger: Ledger, finished_before: datetime, done: Pruned) -> None:
    with ledger.reading() as connection:
        run_ids = retention.runs_to_prune(connection, finished_before)
    for run_id in run_ids:
        with ledger.reading() as connection:
            messages, exclusions = retention.count_rows(connection, run_id)
            run = runs.get_run(connection, run_id)
        done.runs += 1
        done.messages += messages
        done.exclusions += exclusions
        if done.is_dry_run:
            continue
        _prune_pages(ledger, run_id, retention.prune_messages)
        _prune_pages(ledger, run_id, retention.prune_exclusions)
        _note_pruned(ledger, run_id)
        if report_directory(run.name, run.run_key).exists():
            try:
                write_report(run_id)
            except OSError as error:
                done.troubles.append(f"The report of {run.key} could not be written anew: {error.strerror}.")


def _prune_pages(ledger: Ledger, run_id: int, prune_page: Callable[[Connection, int, int], int | None]) -> None:
    @again_while_busy
    def page(after_id: int) -> int | None:
        with ledger.writing() as connection:
            return prune_page(connection, run_id, after_id)

    last_id: int | None = 0
    while last_id is not None:
        last_id = page(last_id)
        time.sleep(_PAUSE_SECONDS)


@again_while_busy
def _note_pruned(ledger: Ledger, run_id: int) -> None:
    with ledger.writing() as connection:
        retention.note_pruned(connection, run_id)


def _prune_all(
    ledger: Ledger,
    count: Callable[[Connection, datetime], int],
    prune_some: Callable[[Connection, datetime], int],
    before: datetime,
    *,
    dry_run: bool,
) -> int:
    if dry_run:
        with ledger.reading() as connection:
            return count(connection, before)

    @again_while_busy
    def some() -> int:
        with ledger.writing() as connection:
            return prune_some(connection, before)

    total = 0
    while pruned := some():
        total += pruned
        time.sleep(_PAUSE_SECONDS)
    return total


def _prune_reports(ledger: Ledger, finished_before: datetime, done: Pruned) -> None:
    with ledger.reading() as connection:
        finished = retention.finished_runs(connection, finished_before)
    for name, run_key in finished:
        for path in _old_files(report_directory(name, run_key), finished_before):
            try:
                if not done.is_dry_run:
                    empty_corrections(path, utc_now())
            except OSError as error:
                done.troubles.append(f"The rows of {path} could not be removed: {error.strerror}.")
            else:
                done.files += 1


def _old_files(directory: Path, written_before: datetime) -> Iterator[Path]:
    for path in sorted(directory.glob("*.csv")):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < written_before:
            yield path
