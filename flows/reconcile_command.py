"""The commands that find out: `python -m flows.reconcile_deliveries` and `python -m flows.sync_opt_outs`."""

import time
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape

from flows.arguments import parser_of
from flows.confirmation import confirm_by_typing
from flows.named_runs import find_runs
from flows.parameters import CampaignError, Duration
from flows.reconcile_deliveries import Reconciliation, reconcile_deliveries
from flows.send_campaign import NOT_WELL
from flows.sync_opt_outs import SyncedOptOuts, sync_opt_outs
from flows.terminal import ExitCode, exit_code_of, show_account, show_prefect_logs
from tasks.closing import UnknownChoice
from tasks.contacts.file_references import check_file_reference
from tasks.embedded_server import start_out_of_reach_of_ctrl_c
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.report import STATUS_MEANINGS
from tasks.store import runs
from tasks.store.session import Ledger


def main_reconcile_deliveries(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.reconcile_deliveries`."""
    options = parser_of("reconcile_deliveries").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        unknown = UnknownChoice(options.unknown) if options.unknown else None
        count = None
        if unknown is not None:
            count = _confirm(unknown, options.campaign, options.run_key, console, is_confirmed=options.yes)
            if count is None:
                return ExitCode.REFUSED
        window = _duration("--receipt-window", options.receipt_window) if options.receipt_window else None
        columns = _columns(options.column)
        check_files("--report", options.report)
        time_limit = _duration("--time-limit", options.time_limit)
        show_prefect_logs(verbose=options.verbose)
        started = time.monotonic()
        start_out_of_reach_of_ctrl_c()
        done = reconcile_deliveries(
            options.campaign,
            options.run_key,
            unknown=unknown,
            unknown_count=count,
            report=options.report,
            report_columns=columns,
            receipt_window=window,
            ask_now=options.ask_now,
            time_limit=time_limit,
        )
        show_reconciliation(done, console)
        console.print(f"{time.monotonic() - started:.1f} s")
        needs_attention = any(any(map(account.statuses.get, NOT_WELL)) for account in done.accounts)
        return ExitCode.ATTENTION if needs_attention or done.troubles else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose)


def main_sync_opt_outs(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.sync_opt_outs`."""
    options = parser_of("sync_opt_outs").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        check_files("FILE", *options.suppressions)
        show_prefect_logs(verbose=options.verbose)
        start_out_of_reach_of_ctrl_c()
        done = sync_opt_outs(
            options.suppressions, channel=Channel(options.channel), default_country=options.default_country
        )
        show_opt_outs(done, console)
        return ExitCode.ATTENTION if done.troubles else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose)


def show_reconciliation(done: Reconciliation, console: Console) -> None:
    """What was learnt, then the account of each run with the files of its report."""
    for sentence in done.findings.sentences():
        console.print(sentence, soft_wrap=True)
    if done.imported is not None:
        console.print(
            f"{escape(done.imported.path)}: {done.imported.rows:,} rows, of which {done.imported.unmatched:,} fit "
            "no message of the ledger",
            soft_wrap=True,
        )
    if done.decided:
        console.print(f"{done.decided:,} unknown messages were settled as you decided.")
    for account in done.accounts:
        show_account(account, console)
    if not done.accounts:
        console.print("Nothing changed in any run that is not finished.")
    for trouble in done.troubles:
        console.print(f"[yellow]{escape(trouble)}[/]", soft_wrap=True)


def show_opt_outs(done: SyncedOptOuts, console: Console) -> None:
    """What was learnt about consent."""
    for path, count in done.listed.items():
        console.print(f"{escape(path)}: {count:,} addresses must not be contacted")
    asked = ", ".join(done.asked) or "no provider"
    console.print(
        f"Asked {asked}: {done.findings.consents:,} opt-outs or opt-ins, {done.findings.replies:,} replies."
    )
    for trouble in done.troubles:
        console.print(f"[yellow]{escape(trouble)}[/]", soft_wrap=True)


def _confirm(
    choice: UnknownChoice, campaign: str | None, run_key: str | None, console: Console, *, is_confirmed: bool
) -> int | None:
    """Show what the decision is about, and let it be confirmed by typing the number of messages.

    Returns:
        How many unknown messages were shown; None when the operator did not confirm.
    """
    [run] = find_runs(campaign, run_key, has_decision=True)
    with Ledger() as ledger, ledger.reading() as connection:
        count = runs.count_statuses(connection, run.id).get(MessageStatus.UNKNOWN, 0)
    if is_confirmed or not count:
        return count
    what = {
        UnknownChoice.RESEND: "They will be handed over again: whoever got the first one gets a second.",
        UnknownChoice.CLOSE: "They will not be handed over again: whoever did not get it gets nothing.",
    }[choice]
    meaning = STATUS_MEANINGS[MessageStatus.UNKNOWN]
    console.print(f"{count:,} messages of {escape(run.key)} are unknown ({meaning}). {what}")
    return count if confirm_by_typing(count, console) else None


def check_files(option: str, *named: str | None) -> None:
    """Before a flow run begins: Prefect stores its parameters, and checks them only then.

    Raises:
        CampaignError: A URL holds a password or a signature.
    """
    for text in filter(None, named):
        try:
            check_file_reference(text)
        except ValueError as error:
            raise CampaignError(option, [str(error)]) from None


def _duration(option: str, text: str) -> "Duration":
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        raise CampaignError(option, [error.errors()[0]["msg"].removeprefix("Value error, ")]) from None


def _columns(pairs: Sequence[str]) -> dict[str, str] | None:
    columns = {}
    for pair in pairs:
        meaning, equals, header = pair.partition("=")
        if not equals or not meaning or not header:
            raise CampaignError("--column", [f"`{pair}` is not of the form MEANING=HEADER"])
        columns[meaning.strip()] = header.strip()
    return columns or None
