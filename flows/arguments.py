"""The command lines: what each command takes. Without Prefect and pandas, so that `--help` answers at once."""

import argparse
from collections.abc import Callable, Mapping, Sequence

_CHANNELS = ("sms", "mms", "email")
_EXIT_CODES_OF_FINDING_OUT = (
    "Exit codes: 0 done; 1 done, but some messages need attention, or a provider could not be asked; 2 refused; "
    "3 stopped midway, the same command goes on."
)
_EXIT_CODES_OF_REMOVING = (
    "Exit codes: 0 done; 1 done, but something is left to do; 2 refused; 3 stopped midway, run it again."
)


def _send_campaign() -> argparse.ArgumentParser:
    parser = _parser(
        "send_campaign",
        description="Send a campaign, or resume it where it stopped.",
        epilog="Exit codes: 0 done; 1 done, but some messages need attention; 2 refused, nothing was sent; "
        "3 stopped midway, the same command resumes.",
    )
    parser.add_argument("campaign", help="the campaign file (YAML)")
    parser.add_argument("--run-key", help="send the campaign again under this key")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be sent")
    parser.add_argument("--approve", metavar="DIGEST", help="send only what the dry run with this digest showed")
    parser.add_argument("--yes", action="store_true", help="do not ask to confirm a large marketing campaign")
    parser.add_argument(
        "--chunk-size",
        type=at_least_one,
        metavar="N",
        help="messages per task run (5000, or 20000 where a request has many recipients)",
    )
    parser.add_argument(
        "--workers",
        type=at_least_one,
        default=1,
        metavar="N",
        help="processes that hand chunks over at once (%(default)s)",
    )
    parser.add_argument(
        "--limit", type=at_least_one, metavar="N", help="hand over at most N messages now, the rest later"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="ADDRESS",
        help="hand over now only what goes to this number (+1...) or e-mail address of the list; may be repeated",
    )
    return _with_verbose(parser)


def _control_campaign() -> argparse.ArgumentParser:
    parser = _parser(
        "control_campaign",
        description="Pause, resume or cancel a campaign that is being sent, wherever that is. Every process that "
        "sends it obeys within seconds.",
        epilog="Exit codes: 0 done; 1 done, but somebody is sending still; 2 refused, nothing was changed.",
    )
    parser.add_argument("action", choices=("pause", "resume", "cancel"))
    _add_named_run(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask to confirm a cancellation")
    return parser


def _hand_over_chunks() -> argparse.ArgumentParser:
    parser = _parser(
        "hand_over_chunks",
        description="Help to send a campaign that another process is sending, on this machine or another one that "
        "reaches the ledger.",
        epilog="Exit codes: 0 nothing is left to take; 2 refused; 3 stopped, or nobody is sending it.",
    )
    _add_named_run(parser)
    return _with_verbose(parser)


def _send_held() -> argparse.ArgumentParser:
    parser = _parser(
        "send_held",
        description="Send what sending hours held back: every run that waited for nothing but a window which is "
        "open now goes on.",
        epilog="Exit codes: 0 done; 1 done, but some messages need attention, or are held for longer; 2 refused; "
        "3 a run could not go on, or stopped.",
    )
    return _with_verbose(parser)


def _erase_contact() -> argparse.ArgumentParser:
    parser = _parser(
        "erase_contact",
        description="Erase people from the ledger and its reports; counts stay. They stay suppressed, as a keyed "
        "hash (ROLLCALL_ERASURE_KEY).",
        epilog=_EXIT_CODES_OF_REMOVING,
    )
    parser.add_argument("addresses", nargs="*", metavar="ADDRESS", help="phone numbers, e-mail addresses")
    parser.add_argument("--list", metavar="FILE", dest="list_file", help="a contact file of people to erase")
    _add_list_options(parser, "what the list has: e-mail addresses for email, phone numbers else (%(default)s)")
    parser.add_argument(
        "--forget-entirely",
        action="store_true",
        help="let those be written to again who never opted out, should they be in a list once more",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask to confirm")
    return _with_verbose(parser)


def _prune_personal_data() -> argparse.ArgumentParser:
    parser = _parser(
        "prune_personal_data",
        description="Remove personal data that was kept long enough (ROLLCALL_RETENTION_DAYS_...); counts stay.",
        epilog=_EXIT_CODES_OF_REMOVING,
    )
    parser.add_argument("--dry-run", action="store_true", help="only count what would be removed")
    return _with_verbose(parser)


def _reconcile_deliveries() -> argparse.ArgumentParser:
    parser = _parser(
        "reconcile_deliveries",
        description="Find out what became of every message: read what providers sent, ask those that can be "
        "asked, settle what was unknown, close what gets no receipt, and write the report.",
        epilog=_EXIT_CODES_OF_FINDING_OUT,
    )
    parser.add_argument("--campaign", metavar="NAME", help="only this campaign; all that are not finished else")
    parser.add_argument("--run-key", metavar="KEY", help="only this run of the campaign")
    parser.add_argument(
        "--unknown",
        choices=("resend", "close"),
        help="decide about messages of which nobody can say whether they arrived: again, or no more",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask to confirm that decision")
    parser.add_argument(
        "--report", metavar="FILE", help="read a delivery report exported from a provider's console"
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="MEANING=HEADER",
        help="a header of that report that is not recognised, for example custom_data='My reference'",
    )
    parser.add_argument(
        "--receipt-window",
        metavar="DURATION",
        help="close messages without a receipt after this time (90s, 2h, 3d) instead of the provider's",
    )
    parser.add_argument("--ask-now", action="store_true", help="ask also about what was asked about lately")
    parser.add_argument(
        "--time-limit", metavar="DURATION", default="10m", help="ask no further after this time (%(default)s)"
    )
    return _with_verbose(parser)


def _sync_opt_outs() -> argparse.ArgumentParser:
    parser = _parser(
        "sync_opt_outs",
        description="Learn who must not be contacted: from lists, from what providers sent, and from providers "
        "that can be asked.",
        epilog=_EXIT_CODES_OF_FINDING_OUT,
    )
    parser.add_argument("suppressions", nargs="*", metavar="FILE", help="a list of people not to be contacted")
    _add_list_options(parser, "for which the lists hold (%(default)s; sms and mms forbid each other)")
    return _with_verbose(parser)


def _import_contacts() -> argparse.ArgumentParser:
    parser = _parser(
        "import_contacts",
        description="Load the contact registry from a contact file: new contacts are added, known ones updated, "
        "opt-outs become suppressions. Importing the same file again changes nothing.",
        epilog="Exit codes: 0 done; 1 done, but some rows were refused; 2 refused; "
        "3 stopped midway, run it again.",
    )
    parser.add_argument("file", metavar="FILE", help="a contact file: CSV, Excel or Parquet; a path or a URL")
    _add_list_options(parser, "which address every row must have: e-mail for email, phone else (%(default)s)")
    return _with_verbose(parser)


def _parser(flow: str, description: str, epilog: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"python -m flows.{flow}", description=description, epilog=epilog)


def _add_named_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", metavar="NAME", help="the campaign's name")
    parser.add_argument("--run-key", metavar="KEY", help="which run of it, if more than one is not over")


def _add_list_options(parser: argparse.ArgumentParser, channel_help: str) -> None:
    parser.add_argument("--channel", choices=_CHANNELS, default="sms", help=channel_help)
    parser.add_argument("--default-country", metavar="CC", help="of numbers without a country code in a list")


def _with_verbose(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--verbose", action="store_true", help="show Prefect's log")
    return parser


def at_least_one(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


_PARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "send_campaign": _send_campaign,
    "control_campaign": _control_campaign,
    "hand_over_chunks": _hand_over_chunks,
    "send_held": _send_held,
    "erase_contact": _erase_contact,
    "prune_personal_data": _prune_personal_data,
    "reconcile_deliveries": _reconcile_deliveries,
    "sync_opt_outs": _sync_opt_outs,
    "import_contacts": _import_contacts,
}


def parser_of(flow: str) -> argparse.ArgumentParser:
    """The parser of `python -m flows.<flow>`."""
    return _PARSERS[flow]()


def answer_help(interpreter_arguments: Sequence[str]) -> None:
    """Answer `python -m flows.send_campaign --help` and end, before anything is imported that takes seconds.

    Args:
        interpreter_arguments: `sys.orig_argv`: what Python itself was started with.
    """
    _, *given = interpreter_arguments
    if "-m" not in given:
        return
    module, *arguments = given[given.index("-m") + 1 :] or [""]
    flow = module.removeprefix("flows.")
    if module.startswith("flows.") and flow in _PARSERS and {"-h", "--help"} & set(arguments):
        parser_of(flow).parse_args(["--help"])
