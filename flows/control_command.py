"""The commands for runs that were begun: `flows.control_campaign`, `flows.hand_over_chunks`, `flows.send_held`."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from flows.arguments import parser_of
from flows.confirmation import confirm_by_typing
from flows.hand_over_chunks import hand_over_chunks
from flows.named_runs import find_run
from flows.send_campaign import NOT_WELL
from flows.send_held import send_held
from flows.terminal import ExitCode, exit_code_of, show_account, show_prefect_logs, stopping_on_signals
from tasks.embedded_server import start_out_of_reach_of_ctrl_c
from tasks.messaging.statuses import MessageStatus
from tasks.report import count_and_write
from tasks.run_control import Action, control_run, sentences
from tasks.stopping import allow_sending
from tasks.store import runs
from tasks.store.session import Ledger


def main_control_campaign(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.control_campaign`."""
    options = parser_of("control_campaign").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        action = Action(options.action)
        run = find_run(options.campaign, options.run_key)
        if action is Action.CANCEL and not (options.yes or _confirm_cancellation(run, console)):
            return ExitCode.REFUSED
        # Without Prefect, which takes seconds to start: whoever sends must hear of it at once.
        decided = control_run.fn(run.id, action)
        for sentence in sentences(decided):
            console.print(escape(sentence), soft_wrap=True)
        if action is Action.CANCEL:
            show_account(count_and_write(run.id), console)
        return ExitCode.ATTENTION if decided.is_being_sent else ExitCode.DONE

    return exit_code_of(work, console, verbose=False, refused="Refused, nothing was changed.")


def main_hand_over_chunks(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.hand_over_chunks`."""
    options = parser_of("hand_over_chunks").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        show_prefect_logs(verbose=options.verbose)
        start_out_of_reach_of_ctrl_c()
        stopped = hand_over_chunks(options.campaign, options.run_key)
        console.print(escape(f"Stopped: {stopped}." if stopped else "No chunk is left to take."), soft_wrap=True)
        return ExitCode.STOPPED if stopped else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose)


def main_send_held(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.send_held`."""
    options = parser_of("send_held").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        allow_sending()
        show_prefect_logs(verbose=options.verbose)
        with stopping_on_signals(console):
            start_out_of_reach_of_ctrl_c()
            done = send_held()
        for sentence in done.sentences():
            console.print(escape(sentence), soft_wrap=True)
        if done.troubles:
            return ExitCode.STOPPED
        needs_attention = any(account.statuses.get(status) for account in done.accounts for status in NOT_WELL)
        return ExitCode.ATTENTION if needs_attention else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose)


def _confirm_cancellation(run: runs.RunRecord, console: Console) -> bool:
    """Let it be confirmed by typing the number of messages that would never be sent."""
    with Ledger() as ledger, ledger.reading() as connection:
        left = runs.count_statuses(connection, run.id).get(MessageStatus.PLANNED, 0)
    if not left:
        return True
    console.print(f"{left:,} messages of {escape(run.key)} would never be handed over; this cannot be taken back.")
    return confirm_by_typing(left, console)
