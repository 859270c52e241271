"""What the command line shows, and the exit codes that every command shares."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType
from typing import cast

from prefect.exceptions import CancelledRun, TerminationSignal
from prefect.logging.handlers import PrefectConsoleHandler
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from flows.arguments import parser_of
from flows.confirmation import NotConfirmed, confirm_before_sending, say_what_is_left
from flows.named_runs import find_run
from flows.parameters import Campaign, CampaignError, read_campaign
from flows.send_campaign import NOT_WELL, NotApproved, RunStopped, check_campaign, send_campaign
from tasks.concealment import concealed_errors
from tasks.contacts.columns import ColumnError
from tasks.contacts.masking import mask_text
from tasks.costs import COST_COLUMNS, CostEstimate
from tasks.datasets.readers import DatasetError
from tasks.embedded_server import start_out_of_reach_of_ctrl_c
from tasks.messaging.templates import TemplateError
from tasks.operator_commands import settle_commands
from tasks.plan import Plan
from tasks.plan_report import describe_content, describe_size, say_if_planned
from tasks.providers.errors import ConfigurationError
from tasks.report import STATUS_MEANINGS, count_run, say_what_was_done
from tasks.resume import CampaignChanged
from tasks.run_control import control_of
from tasks.stopping import allow_sending, request_stop
from tasks.store import leadership, runs
from tasks.store.account import RunAccount
from tasks.store.control import ControlRefused
from tasks.store.session import Ledger, LedgerError
from tasks.store.tables import RunControl


class ExitCode(IntEnum):
    """What a command's end means, for scripts."""

    DONE = 0
    """Everything settled or handed over."""
    ATTENTION = 1
    """Done, but some messages failed, are unknown or are held."""
    REFUSED = 2
    """Bad campaign, data or configuration: nothing was sent."""
    STOPPED = 3
    """Stopped midway: the same command resumes."""


REFUSALS = (
    CampaignChanged,
    CampaignError,
    ColumnError,
    ConfigurationError,
    ControlRefused,
    DatasetError,
    LedgerError,
    NotApproved,
    NotConfirmed,
    TemplateError,
    leadership.RunHeldBack,
)
"""Errors that mean: nothing was sent by this command."""


def show_prefect_logs(*, verbose: bool) -> None:
    """Keep Prefect's log off the terminal, unless it is asked for. The Prefect UI has it in any case."""
    if verbose:
        return
    handlers = {
        handler
        for logger in [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
        for handler in logger.handlers
        if isinstance(handler, PrefectConsoleHandler)
    }
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)


def exit_code_of(
    work: Callable[[], ExitCode],
    console: Console,
    *,
    verbose: bool,
    refused: str = "Refused, nothing was sent.",
) -> ExitCode:
    """Run a command, and turn what it raises into one clear message and an exit code."""
    try:
        with concealed_errors():
            return work()
    except REFUSALS as error:
        console.print(f"[bold red]{refused}[/] {escape(str(error))}", soft_wrap=True)
        return ExitCode.REFUSED
    except RunStopped as error:
        show_account(error.account, console)
        console.print(f"[bold red]Stopped.[/] {escape(str(error))}", soft_wrap=True)
        return ExitCode.STOPPED
    except TerminationSignal:  # Prefect's word for SIGTERM, while nothing was being handed over
        console.print("[bold red]Stopped on request.[/] The same command resumes.")
        return ExitCode.STOPPED
    except Exception as error:  # noqa: BLE001  # exit code 1 would say "done", which is not true
        console.print(
            f"[bold red]Stopped by a fault of Rollcall.[/] {type(error).__name__}: {escape(mask_text(str(error)))}"
        )
        console.print(
            "What was handed over is in the ledger; the same command resumes. --verbose shows where it was."
        )
        if verbose:
            console.print_exception()
        return ExitCode.STOPPED


@contextmanager
def stopping_on_signals(console: Console) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) ends the run cleanly after what is in flight; the second one at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        request_stop()
        signal.signal(number, signal.SIG_DFL)
        console.print("[yellow]Stopping after the requests in flight. Once more to stop at once.[/]")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_of(key: str, console: Console) -> Iterator[None]:
    """A progress bar that reads the ledger, so it is right wherever the work is done.

    Without a terminal nothing is drawn.
    """
    finished = threading.Event()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("starting", total=None)

        def follow() -> None:
            with Ledger() as ledger:
                while not finished.wait(0.3):
                    with ledger.reading() as connection:
                        run = runs.find_run(connection, key)
                        if run is None:
                            progress.update(bar, description="reading and checking contacts")
                            continue
                        handled, total = runs.count_handled(connection, run.id)
                        progress.update(bar, description="handing over", completed=handled, total=total)

        follower = threading.Thread(target=follow, name="progress", daemon=True)
        follower.start()
        try:
            yield
        finally:
            finished.set()
            follower.join()


def show_account(account: RunAccount, console: Console) -> None:
    """The account of a run: its balance as a table, what needs attention, and where its report lies."""
    console.print(f"\n[bold]{escape(account.key)}[/] through {account.through}")
    console.print(_balance_of(account))
    for sentence in say_what_was_done(account):
        console.print(f"[bold]{escape(sentence)}[/]", soft_wrap=True)
    if account.held and account.held.sentence == account.error:
        console.print(f"[yellow]{escape(account.error)}.[/] {escape(account.what_then)}", soft_wrap=True)
    for line in _attention_to(account):
        console.print(line, soft_wrap=True)
    facts = [f"{account.parts:,} SMS parts"] if account.parts else []
    if account.cost:
        facts.append(f"cost {account.cost:.2f}")
    if account.residual_credit is not None:
        facts.append(f"credit left {account.residual_credit:.2f}")
    if facts:
        console.print(", ".join(facts))
    for path in account.report_files:
        console.print(f"  {escape(path)}", soft_wrap=True)


def _balance_of(account: RunAccount) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for title in ("rows", "", ""):
        table.add_column(title, justify="right" if title else "left")
    table.add_row(f"{account.rows_read:,}", "[bold]rows read[/]", "")
    for status, count in account.statuses.items():
        style = "yellow" if status in NOT_WELL else "green"
        table.add_row(f"{count:,}", f"[{style}]{status}[/]", STATUS_MEANINGS[status])
    for why, count in account.exclusions.items():
        table.add_row(f"{count:,}", f"[dim]{why}[/]", "[dim]excluded[/]")
    closes = "balance closed" if account.is_balanced else "[bold red]THE ACCOUNT DOES NOT CLOSE[/]"
    table.add_row(f"{account.messages + account.excluded:,}", "[bold]accounted for[/]", closes)
    return table


def _attention_to(account: RunAccount) -> Iterator[str]:
    """Lines about what is not as one would wish, and the commands that help."""
    if len(account.statuses_by_provider) > 1:
        for provider, statuses in account.statuses_by_provider.items():
            counted = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
            yield f"  {provider}: {counted}"
    for (status, reason, raw), count in account.troubles.items():
        said = f" (the provider said {escape(raw)})" if raw else ""
        yield f"  {count:,} {status}: {escape(reason)}{said}"
    for word, count in account.unknown_words.items():
        yield f"  [yellow]{count:,} with the word {escape(word)}, which no table explains: it changed nothing[/]"
    for command, meaning in settle_commands(account).items():
        yield f"  {escape(command)}\n    [dim]{meaning}[/]"
    for error in account.errors:
        yield f"  [yellow]{escape(error)}[/]"


def show_plan(plan: Plan, console: Console) -> None:
    """What a dry run found, as tables."""
    prepared = plan.prepared
    console.print(f"\n[bold]Plan of {escape(plan.key)}[/] through {plan.provider}: nothing was sent")
    for sentence in say_if_planned(plan):
        console.print(f"[bold]{sentence}[/]", soft_wrap=True)
    for fact in (*describe_content(plan.content), *prepared.notes):
        console.print(f"  {escape(fact)}", soft_wrap=True)
    for warning in plan.warnings:
        console.print(f"  [yellow]{escape(warning)}[/]", soft_wrap=True)
    columns = Table("meaning", "column", "because", show_edge=False, pad_edge=False)
    for row in prepared.columns:
        columns.add_row(*map(escape, row))
    console.print(columns)
    rows = Table("rows", "", "for example", show_edge=False, pad_edge=False)
    rows.columns[0].justify = "right"
    rows.add_row(f"{prepared.rows_read:,}", "[bold]rows read[/]", "")
    countries = ", ".join(f"{code or 'unknown'} {count:,}" for code, count in prepared.countries.most_common())
    rows.add_row(f"{prepared.messages:,}", "[green]messages[/]", countries)
    for reason, count in prepared.exclusions.most_common():
        rows.add_row(f"{count:,}", f"[dim]{reason}[/]", escape("\n".join(prepared.examples.get(reason, []))))
    console.print(rows)
    if not prepared.messages:
        console.print("[bold red]Nobody would get this.[/] The reasons are in the table above.")
        return
    _show_what_would_be_sent(plan, console)
    console.print(f"Digest [bold]{prepared.digest}[/]: send exactly this with --approve {prepared.digest}")


def _show_what_would_be_sent(plan: Plan, console: Console) -> None:
    for sentence in describe_size(plan):
        console.print(sentence, soft_wrap=True)
    if plan.costs is not None:
        _show_costs(plan.costs, console)
    for text in plan.prepared.sample_texts:
        console.print(f"  [cyan]{escape(mask_text(text))}[/]", soft_wrap=True)
    for advice in plan.prepared.advice:
        console.print(f"  [yellow]{escape(advice)}[/]", soft_wrap=True)


def _show_costs(costs: CostEstimate, console: Console) -> None:
    table = Table(*COST_COLUMNS, show_edge=False, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for cells in costs.cells():
        table.add_row(*map(escape, cells))
    console.print(table)
    for sentence in costs.sentences():
        console.print(escape(sentence), soft_wrap=True)


def look_at(campaign: Campaign, console: Console, chunk_size: int | None) -> Plan:
    """A dry run of a campaign, with its progress shown."""
    with stopping_on_signals(console), progress_of(runs.run_key_of(campaign.name, campaign.run_key), console):
        start_out_of_reach_of_ctrl_c()
        plan = send_campaign(campaign, dry_run=True, chunk_size=chunk_size)
    return cast("Plan", plan)


def main_send_campaign(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.send_campaign`."""
    options = parser_of("send_campaign").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        allow_sending()
        overrides = {"run_key": options.run_key} if options.run_key else {}
        campaign = read_campaign(options.campaign, **overrides)
        planned = check_campaign(campaign, needs_credentials=not options.dry_run)
        show_prefect_logs(verbose=options.verbose)
        approve = options.approve
        if planned is None and not options.dry_run:
            approve = confirm_before_sending(
                campaign,
                console,
                approve=options.approve,
                is_confirmed=options.yes,
                is_portion=options.limit is not None or options.only is not None,
                look=lambda: look_at(campaign, console, options.chunk_size),
                show=show_plan,
            )
        elif planned is not None and not options.dry_run:
            say_what_is_left(planned, console)
        started = time.monotonic()
        with stopping_on_signals(console), progress_of(runs.run_key_of(campaign.name, campaign.run_key), console):
            start_out_of_reach_of_ctrl_c()
            try:
                result = send_campaign(
                    campaign,
                    dry_run=options.dry_run,
                    approve=approve,
                    chunk_size=options.chunk_size,
                    workers=options.workers,
                    limit=options.limit,
                    only=None if options.only is None else [SecretStr(address) for address in options.only],
                )
            except CancelledRun as cancelled:
                run = find_run(campaign.name, campaign.run_key)
                if control_of(run.id) is not RunControl.CANCEL:
                    raise RunStopped(str(cancelled), count_run(run.id)) from None
                show_account(count_run(run.id), console)
                console.print("[bold red]Cancelled.[/] What was not handed over never will be.")
                return ExitCode.STOPPED
        if isinstance(result, Plan):
            show_plan(result, console)
            return ExitCode.DONE
        show_account(result, console)
        if result.sent_by:
            return ExitCode.DONE
        console.print(f"{time.monotonic() - started:.1f} s")
        return ExitCode.ATTENTION if any(map(result.statuses.get, NOT_WELL)) else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose)
