"""What the commands take, and that help does not wait for Prefect."""

import subprocess
import sys

import pytest

from flows.arguments import answer_help, parser_of
from tasks.closing import UnknownChoice
from tasks.messaging.statuses import Channel
from tasks.plan import BULK_CHUNK_SIZE, CHUNK_SIZE
from tasks.run_control import Action

COMMANDS = (
    "send_campaign",
    "control_campaign",
    "hand_over_chunks",
    "send_held",
    "erase_contact",
    "prune_personal_data",
    "reconcile_deliveries",
    "sync_opt_outs",
    "import_contacts",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_neither_prefect_nor_pandas(command):
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"flows.{command}", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.startswith(f"usage: python -m flows.{command} ")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
    assert "argparse" in imported
    assert imported.isdisjoint({"prefect", "pandas", "pyarrow", "sqlalchemy", "httpx"})


@pytest.mark.parametrize(
    "arguments", [["python"], ["python", "-m"], ["python", "-m", "pytest", "--help"], ["python", "-c", "x", "-h"]]
)
def test_other_programs_are_let_be(arguments):
    answer_help(arguments)


def choices_of(command, destination):
    (action,) = (action for action in parser_of(command)._actions if action.dest == destination)  # noqa: SLF001
    return set(action.choices)


def test_what_can_be_chosen_are_the_words_of_the_program():
    assert choices_of("control_campaign", "action") == set(Action)
    assert choices_of("reconcile_deliveries", "unknown") == set(UnknownChoice)
    for command in ("erase_contact", "sync_opt_outs", "import_contacts"):
        assert choices_of(command, "channel") == set(Channel)
    sizes = f"{CHUNK_SIZE}, or {BULK_CHUNK_SIZE}"
    assert sizes in parser_of("send_campaign").format_help()
