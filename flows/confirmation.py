"""The last look before many people get a marketing message: what would be sent is shown, and its number is typed.

Only a person at a terminal is asked. A script, cron or CI gave its command with nobody there to answer; the
Prefect UI has a form of its own. What is confirmed is a dry run, whose digest then approves the sending: nothing
but what was shown is sent, and the flow knows nothing of terminals.
"""

import os
import sys
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from flows.parameters import Campaign
from tasks.messaging.statuses import MessageStatus, Purpose
from tasks.plan import Plan
from tasks.providers.errors import ConfigurationError
from tasks.store import runs
from tasks.store.session import Ledger

CONFIRM_ABOVE_VARIABLE = "ROLLCALL_CONFIRM_ABOVE"
DEFAULT_CONFIRM_ABOVE = 1_000
"""Messages that may be sent without a question."""

_NEVER = "never"


class NotConfirmed(Exception):
    """The person at the terminal did not confirm. Nothing was written, and nothing was sent."""


def confirm_above() -> int | None:
    """How many messages may be sent without a question, `ROLLCALL_CONFIRM_ABOVE`; None: any number.

    Raises:
        ConfigurationError: It is neither a number nor `never`.
    """
    given = os.environ.get(CONFIRM_ABOVE_VARIABLE, "").strip()
    if not given:
        return DEFAULT_CONFIRM_ABOVE
    if given.lower() == _NEVER:
        return None
    if not (given.isascii() and given.isdecimal()):
        raise ConfigurationError(
            f"{CONFIRM_ABOVE_VARIABLE} is not a number of messages: 0 asks always, {_NEVER} never"
        )
    return int(given)


def terminal_to_ask_on(console: Console) -> Console | None:
    """Where a person sees a question and can answer it; None where there is nobody.

    The answer is typed at standard input. Where standard output goes elsewhere, into a pipe or a file, the
    question is put on standard error.
    """
    if not _is_terminal(sys.stdin):
        return None
    if _is_terminal(console.file):
        return console
    return Console(stderr=True) if _is_terminal(sys.stderr) else None


def confirm_before_sending(
    campaign: Campaign,
    console: Console,
    *,
    approve: str | None,
    is_confirmed: bool,
    is_portion: bool = False,
    look: Callable[[], Plan],
    show: Callable[[Plan, Console], None],
) -> str | None:
    """Let a person at the terminal confirm a marketing campaign that would reach many, before it is planned.

    Args:
        campaign: Only `marketing` is asked about.
        console: Of the command.
        approve: The digest of a dry run that was given with the command: whoever gives it has seen that.
        is_confirmed: `--yes` was given.
        is_portion: Only a part is handed over now. All is asked about: the rest will not be, when it goes on.
        look: Makes a dry run of the campaign.
        show: Shows it.

    Returns:
        The digest that the sending has to have; None where nobody was asked.

    Raises:
        NotConfirmed: Something else than the number was typed, or nothing.
        ConfigurationError: `ROLLCALL_CONFIRM_ABOVE` cannot be used.
    """
    above = confirm_above()  # also where it does not matter today: a wrong value is told at once
    where = terminal_to_ask_on(console)
    if campaign.purpose is not Purpose.MARKETING or approve or is_confirmed or above is None or where is None:
        return approve
    plan = look()
    if plan.prepared.messages > above:
        show(plan, where)
        _ask(plan, where, is_portion=is_portion)
    return plan.prepared.digest


def _ask(plan: Plan, console: Console, *, is_portion: bool) -> None:
    count = plan.prepared.messages
    console.print(
        f"\n[bold]{count:,} marketing messages[/] of {escape(plan.key)} would go to {plan.provider}"
        + (", a part of them now and the rest when it goes on." if is_portion else " now."),
        soft_wrap=True,
    )
    if not is_typed(count, console, "to send them"):
        raise NotConfirmed(f"{plan.key} was not confirmed: nothing was planned")


def is_typed(count: int, console: Console, what_for: str = "to go on") -> bool:
    """Whether the person at the terminal types that number."""
    try:
        typed = console.input(f"Type {count} {what_for}: ")
    except (EOFError, KeyboardInterrupt):
        console.print()
        return False
    return typed.strip().replace(",", "") == str(count)


def confirm_by_typing(count: int, console: Console) -> bool:
    """Let a decision, which has just been shown, be confirmed by typing its number; say so if it was not.

    Where nobody can answer it is not confirmed: these decisions cannot be taken back, and `--yes` says them.
    """
    where = terminal_to_ask_on(console)
    if where is None:
        console.print("Not confirmed: there is no terminal to ask on. Give --yes if you are sure.")
        return False
    if not is_typed(count, where):
        console.print("Not confirmed; nothing was done.")
        return False
    return True


def say_what_is_left(run: runs.RunRecord, console: Console) -> None:
    """A run that goes on was confirmed when it was planned: only how much of it is left."""
    with Ledger() as ledger, ledger.reading() as connection:
        left = runs.count_statuses(connection, run.id).get(MessageStatus.PLANNED, 0)
    if left:
        console.print(f"{escape(run.key)} goes on: {left:,} messages are left to hand over.", soft_wrap=True)


def _is_terminal(file: object) -> bool:
    isatty = getattr(file, "isatty", None)
    try:
        return bool(isatty and isatty())
    except ValueError:  # it is closed
        return False
