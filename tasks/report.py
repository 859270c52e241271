"""What people see of a run: artifacts in the Prefect UI, a page, and files to correct.

No full address in an artifact or on a page; the CSV files are for the operator, and have them.
"""

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection

from tasks import charts
from tasks.concealment import concealed_errors
from tasks.contacts.masking import mask_text
from tasks.corrections import NOT_DELIVERED, replacing, write_corrections
from tasks.funnel import funnel_of
from tasks.markdown import plain, table
from tasks.meanings import STATUS_MEANINGS
from tasks.operator_commands import settle_commands
from tasks.report_page import CorrectionFile, render_report_page
from tasks.store import runs
from tasks.store.account import RunAccount, Tally, read_account, reading_one_instant
from tasks.store.session import Ledger
from tasks.store.tables import RunState

__all__ = [
    "STATUS_MEANINGS",
    "ReportFiles",
    "account_as_markdown",
    "count_and_write",
    "count_run",
    "publish_report",
    "report_directory",
    "say_what_was_done",
    "write_report",
]

_DEFAULT_ROOT = Path(__file__).parents[1] / "data" / "reports"
_MOST_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the report of a run was written."""

    html: Path
    excluded_csv: Path
    not_delivered_csv: Path


@task(name="publish report", task_run_name="publish report", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def publish_report(run_id: int, handed_over_before: int | None = None) -> RunAccount:
    """Count a run, write its report into files, and publish the account as an artifact of the flow run.

    A disk that is full does not make a run fail that was sent: then the account says so, and has no files.

    Args:
        run_id: The run.
        handed_over_before: Messages that earlier commands had handed over.
    """
    account = count_and_write(run_id, handed_over_before)
    create_markdown_artifact(
        account_as_markdown(account),
        key=f"rollcall-run-{run_id}",
        description=f"Account of {account.key} through {account.through}",
    )
    return account


def count_run(run_id: int, *, sent_by: str | None = None) -> RunAccount:
    """The account of a run as it stands, without writing its report."""
    with Ledger() as ledger, reading_one_instant(ledger) as connection:
        return replace(read_account(connection, run_id), sent_by=sent_by)


def count_and_write(run_id: int, handed_over_before: int | None = None) -> RunAccount:
    """The account of a run, and its report in files if they can be written; the account says where, or why not."""
    with Ledger() as ledger, reading_one_instant(ledger) as connection:
        account = replace(read_account(connection, run_id), handed_over_before=handed_over_before)
        try:
            files = _write_report(connection, account, report_directory(account.name, account.run_key))
        except OSError as error:
            where = error.filename or report_directory(account.name, account.run_key)
            why = f"{error.strerror or type(error).__name__} ({where})"
            account = replace(account, report_problem=f"The report could not be written: {why}.")
        else:
            named = (files.html, files.excluded_csv, files.not_delivered_csv)
            account = replace(account, report_files=tuple(map(str, named)))
    return account


def write_report(run_id: int, directory: str | os.PathLike[str] | None = None) -> ReportFiles:
    """Write the report of a run as it stands now: a page, and the rows that can be corrected and sent again.

    Args:
        run_id: The run.
        directory: Made if need be; `report_directory` of the run when not given. Files of an earlier report in it
            are replaced, each in one step.

    Raises:
        LedgerError: There is no such run.
        OSError: The directory cannot be written.
    """
    with Ledger() as ledger, reading_one_instant(ledger) as connection:
        account = read_account(connection, run_id)
        where = report_directory(account.name, account.run_key) if directory is None else Path(directory)
        return _write_report(connection, account, where)


def report_directory(name: str, run_key: str) -> Path:
    """Where the report of a run lies: NAME/RUN_KEY in `ROLLCALL_REPORT_DIRECTORY`, else in `data/reports`."""
    root = os.environ.get("ROLLCALL_REPORT_DIRECTORY")
    return (Path(root) if root else _DEFAULT_ROOT) / _as_file_name(name) / _as_file_name(run_key)


def _as_file_name(text: str) -> str:
    """A name that somebody gave, as the name of a directory: nothing in it can lead elsewhere.

    What had to be changed gets a mark of the original, so that two campaigns never share a directory.
    """
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    slug = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")[:_MOST_NAME_CHARS].strip("-")
    if slug == text:
        return slug
    mark = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{slug}-{mark}" if slug else mark


def _write_report(connection: Connection, account: RunAccount, directory: Path) -> ReportFiles:
    directory.mkdir(parents=True, exist_ok=True)
    corrections = write_corrections(connection, runs.get_run(connection, account.run_id), directory)
    page = render_report_page(
        account,
        [
            CorrectionFile(
                corrections.excluded.name, account.excluded, "rows that got no message, each with its reason"
            ),
            CorrectionFile(
                corrections.not_delivered.name,
                account.count(*NOT_DELIVERED),
                "messages that are undelivered, rejected, failed, cancelled or unknown",
            ),
        ],
        has_original_columns=corrections.has_original_columns,
        made_at=datetime.now(UTC),
    )
    html = directory / "report.html"
    with replacing(html, mode=0o666) as unfinished:  # no address stands in it in full
        unfinished.write_text(page, encoding="utf-8")
    return ReportFiles(html, corrections.excluded, corrections.not_delivered)


def say_what_was_done(account: RunAccount) -> list[str]:
    """What this command did, and what is special about the run; plain sentences."""
    sentences = []
    if account.sent_by:
        sentences.append(f"{account.sent_by}. This command sent nothing.")
    if account.is_simulated:
        sentences.append("Test mode: the provider only pretended, and nobody got a message.")
    if account.handed_over_before:
        before, now = account.handed_over_before, account.handed_over - account.handed_over_before
        sentences.append(
            f"{now:,} messages were handed over now, {before:,} before."
            if now
            else f"Nothing was sent now: {before:,} messages were handed over before."
        )
    sentences += [str(rerouted) for rerouted in account.reroutings]
    if account.addresses_removed_at:
        sentences.append(
            f"The addresses of this run were removed on {account.addresses_removed_at:%Y-%m-%d}, when they had "
            "been kept long enough: the counts are all that is left."
        )
    if account.held and account.held.sentence != account.error:
        sentences.append(f"{account.held.sentence}.")
    if account.report_problem:
        sentences.append(account.report_problem)
    return sentences


_MOST_LINES = 40
"""Of one table of an artifact; the page has the rest."""


_NOT_SETTLED = "Not all is settled: newer versions of this artifact, under its name, have what became of it."


def account_as_markdown(account: RunAccount) -> str:
    """The balance, the funnel, the statuses, the reasons and the countries of a run, with pictures."""
    balance = (
        f"**{account.rows_read:,} rows read = {account.messages:,} messages + {account.excluded:,} excluded**"
        if account.is_balanced
        else f"**THE ACCOUNT DOES NOT CLOSE: {account.rows_read:,} rows, {account.messages:,} messages, "
        f"{account.excluded:,} excluded**"
    )
    steps = funnel_of(account)
    sections = [
        f"# {plain(account.key)}",
        f"Through {account.through}, planned {account.created_at:%Y-%m-%d %H:%M} UTC. Digest `{account.digest}`.",
        balance,
        *map(plain, say_what_was_done(account)),
        *(
            [f"**Stopped:** {plain(mask_text(account.error))}. {account.what_then}".rstrip()]
            if account.error
            else []
        ),
        *([] if account.state is RunState.FINISHED else [_NOT_SETTLED]),
        "## From row to recipient",
        _picture(charts.draw_funnel(steps)),
        table(
            ("step", "came this far", "fell out before"),
            (
                (step.name, f"{step.count:,}", ", ".join(f"{n:,} {word}" for word, n in step.fell_out))
                for step in steps
            ),
        ),
        *_status_sections(account),
        *_trouble_sections(account),
        *_country_sections(account),
        f"{account.replies:,} replies came to the messages; {account.opt_outs:,} of these people have opted out.",
    ]
    if account.report_files:
        sections += ["## Files", "\n".join(f"- `{path}`" for path in account.report_files)]
    return "\n\n".join(sections)


def _status_sections(account: RunAccount) -> list[str]:
    sections = []
    if account.timeline is not None:
        sections += [
            "## Status over time",
            _picture(charts.draw_timeline(account.timeline)),
            "Line: handed over. Blue: delivered, orange: undelivered, grey: unconfirmed. Dashed: never arriving.",
        ]
    sections += [
        "## Messages",
        table(
            ("status", "messages", "meaning"),
            ((status, f"{count:,}", STATUS_MEANINGS[status]) for status, count in account.statuses.items()),
        ),
    ]
    if len(account.statuses_by_provider) > 1:
        cells = (
            (provider, status, f"{count:,}")
            for provider, statuses in account.statuses_by_provider.items()
            for status, count in statuses.items()
        )
        sections += ["## Providers", table(("provider", "status", "messages"), cells)]
    if commands := settle_commands(account):
        sections.append("The unknown ones wait for a decision:")
        sections.append("\n".join(f"- `{command}` {does}" for command, does in commands.items()))
    sections += [
        "## Excluded rows",
        table(("reason", "rows"), ((reason, f"{count:,}") for reason, count in account.exclusions.items())),
    ]
    return sections


def _trouble_sections(account: RunAccount) -> list[str]:
    sections = []
    if account.troubles:
        sections += [
            "## What the provider said",
            table(
                ("status", "reason", "provider's word", "messages"),
                (
                    (status, mask_text(why), mask_text(raw or ""), f"{n:,}")
                    for (status, why, raw), n in account.troubles.items()
                ),
            ),
        ]
    sections += [f"> {plain(mask_text(error))}" for error in account.errors[:_MOST_LINES]]
    if account.dropped_unnamed:
        sections.append(f"The provider left {account.dropped_unnamed:,} recipients out without saying which.")
    if account.unknown_words:
        sections += [
            "## Words of the provider that no table explains",
            "They changed nothing.",
            table(
                ("word", "messages"), ((mask_text(word), f"{n:,}") for word, n in account.unknown_words.items())
            ),
        ]
    if account.unreadable_events:
        sections += [
            f"## Callbacks of {account.through} that could not be read, since this run was planned",
            table(
                ("why", "callbacks"), ((mask_text(why), f"{n:,}") for why, n in account.unreadable_events.items())
            ),
        ]
    return sections


def _country_sections(account: RunAccount) -> list[str]:
    def cells(name: str, tally: Tally) -> tuple[str, ...]:
        cost = "not told" if tally.cost is None else f"{tally.cost:,.2f}"
        return name, f"{tally.messages:,}", f"{tally.delivered:,}", f"{tally.parts:,}", cost

    if not account.messages:
        return []
    return [
        "## Countries and cost",
        _picture(charts.draw_countries(account.countries)),
        table(
            ("country", "messages", "delivered", "parts", "cost"),
            [
                *(cells(code or "unknown", tally) for code, tally in account.countries.items()),
                *(cells(f"all through {name}", tally) for name, tally in account.providers.items()),
            ],
        ),
    ]


def _picture(picture: charts.Picture) -> str:
    """The Prefect UI shows a picture that is in the text itself; it would not load a file."""
    return f"![{plain(picture.text)}]({picture.data_uri()})"
