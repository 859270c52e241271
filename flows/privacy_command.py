"""The commands that remove: `python -m flows.erase_contact` and `python -m flows.prune_personal_data`."""

from collections.abc import Sequence

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

from flows.arguments import parser_of
from flows.confirmation import confirm_by_typing
from flows.erase_contact import describe, erase_contact
from flows.prune_personal_data import prune_personal_data
from flows.reconcile_command import check_files
from flows.terminal import ExitCode, exit_code_of, show_prefect_logs
from tasks.embedded_server import start_out_of_reach_of_ctrl_c
from tasks.erasure import Preview, preview, read_addresses, read_list
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store.erasure_key import require_key_for_erasure


def main_erase_contact(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.erase_contact`."""
    parser = parser_of("erase_contact")
    options = parser.parse_args(arguments)
    if not options.addresses and options.list_file is None:
        parser.error("give an ADDRESS, or --list FILE")
    console = Console()
    addresses = [SecretStr(address) for address in options.addresses]

    def work() -> ExitCode:
        channel = Channel(options.channel)
        check_files("--list", options.list_file)
        require_key_for_erasure(needs_one=not options.forget_entirely)
        given = read_addresses(addresses, options.default_country)
        if options.list_file is not None:
            given += read_list(options.list_file, channel, options.default_country)
        if not _confirm(preview(given), console, is_confirmed=options.yes):
            return ExitCode.REFUSED
        show_prefect_logs(verbose=options.verbose)
        start_out_of_reach_of_ctrl_c()
        done = erase_contact(
            addresses,
            list_file=options.list_file,
            channel=channel,
            default_country=options.default_country,
            forget_entirely=options.forget_entirely,
        )
        for sentence in describe(done):
            console.print(escape(sentence), soft_wrap=True)
        return ExitCode.ATTENTION if done.troubles else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose, refused="Refused, nothing was changed.")


def main_prune_personal_data(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.prune_personal_data`."""
    options = parser_of("prune_personal_data").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        show_prefect_logs(verbose=options.verbose)
        start_out_of_reach_of_ctrl_c()
        done = prune_personal_data(dry_run=options.dry_run)
        for sentence in done.sentences():
            console.print(escape(sentence), soft_wrap=True)
        return ExitCode.ATTENTION if done.troubles else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose, refused="Refused, nothing was changed.")


def _confirm(found: Preview, console: Console, *, is_confirmed: bool) -> bool:
    """Show whom and what it concerns, and let it be confirmed by typing the number of people."""
    statuses = ", ".join(
        f"{found.messages[status]:,} {status}" for status in MessageStatus if found.messages[status]
    )
    console.print(
        f"{found.people:,} people, with {found.messages.total():,} messages{f' ({statuses})' * bool(statuses)}."
    )
    if found.further:
        console.print(
            f"Further addresses of the same contacts: {escape(', '.join(found.further))}", soft_wrap=True
        )
    if is_confirmed:
        return True
    console.print("What is erased cannot be brought back.")
    return confirm_by_typing(found.people, console)
