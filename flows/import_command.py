"""The command that loads the registry: `python -m flows.import_contacts`."""

from collections.abc import Sequence

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from flows.arguments import parser_of
from flows.import_contacts import import_contacts
from flows.parameters import CampaignError, explain_validation
from flows.reconcile_command import check_files
from flows.terminal import ExitCode, exit_code_of, show_prefect_logs
from tasks.contact_rows import RowOutcome
from tasks.contacts.audience import Audience
from tasks.contacts.masking import mask_text
from tasks.embedded_server import start_out_of_reach_of_ctrl_c
from tasks.messaging.statuses import Channel


def main_import_contacts(arguments: Sequence[str] | None = None) -> int:
    """`python -m flows.import_contacts`."""
    options = parser_of("import_contacts").parse_args(arguments)
    console = Console()

    def work() -> ExitCode:
        check_files("FILE", options.file)
        try:
            Audience(path=options.file, default_country=options.default_country)
        except ValidationError as error:
            raise CampaignError("import_contacts", explain_validation(error)) from None
        show_prefect_logs(verbose=options.verbose)
        start_out_of_reach_of_ctrl_c()
        done = import_contacts(
            options.file, channel=Channel(options.channel), default_country=options.default_country
        )
        for sentence in done.sentences():
            console.print(escape(mask_text(sentence)), soft_wrap=True)
        return ExitCode.ATTENTION if done.outcomes[RowOutcome.REFUSED] else ExitCode.DONE

    return exit_code_of(work, console, verbose=options.verbose, refused="Refused.")
