"""A marketing campaign that would reach many is confirmed: at a real terminal, with the real command."""

import io
import os
import pty
import select
import subprocess
import sys

import pytest
import yaml
from prefect.settings import PREFECT_API_URL
from rich.console import Console
from sqlalchemy import text

from flows.confirmation import confirm_above, terminal_to_ask_on
from flows.terminal import main_send_campaign
from tasks.providers.errors import ConfigurationError

QUESTION = "Type 5 to send them: "
_PATIENCE_SECONDS = 90


class Terminal:
    """The command at a pseudo-terminal."""

    def __init__(self, arguments) -> None:
        self._ours, theirs = pty.openpty()
        environment = {
            **os.environ,
            "PREFECT_API_URL": PREFECT_API_URL.value(),
            "COLUMNS": "300",
            "TERM": "dumb",  # no colours between the words
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.send_campaign", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def wait_for(self, words):
        while words not in self.shown:
            assert self._read(), f"it ended:\n{self.shown}"

    def type(self, keys):
        os.write(self._ours, keys.encode())

    def wait(self):
        """Its exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(60)

    def _read(self):
        ready, _, _ = select.select([self._ours], [], [], _PATIENCE_SECONDS)
        assert ready, f"nothing more is shown:\n{self.shown}"
        try:
            shown = os.read(self._ours, 1 << 16)
        except OSError:  # on Linux: nobody has the other side open any more
            return False
        self.shown += shown.decode("utf-8", "replace")
        return bool(shown)


@pytest.fixture
def campaign_file(tmp_path, contact_file, sandbox, database_url, monkeypatch):
    monkeypatch.setenv("ROLLCALL_CONFIRM_ABOVE", "4")

    def write(**changes):
        document = {
            "name": "spring",
            "channel": "sms",
            "provider": "bird",
            "purpose": "marketing",
            "text": "Hello {{ first_name }}, STOP to 12345",
            "audience": {"path": str(contact_file(5, extra=[["Nobody", "", "", ""]]))},
        }
        path = tmp_path / "campaign.yaml"
        path.write_text(yaml.safe_dump(document | changes), encoding="utf-8")
        return str(path)

    return write


def test_the_number_of_messages_is_typed_before_anything_is_written(sandbox, campaign_file, ledger):
    path = campaign_file()
    declining = Terminal([path])
    declining.wait_for(QUESTION)
    for shown in ("Hello Person0", "missing_address", "SMS parts", "5 marketing messages"):
        assert shown in declining.shown
    assert "5550100" not in declining.shown
    declining.type("yes\n")
    assert declining.wait() == 2, declining.shown
    assert "spring/1 was not confirmed" in declining.shown
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM campaign_run")).scalar_one() == 0
    assert sandbox.received("bird").total() == 0


@pytest.mark.long
def test_what_was_shown_and_confirmed_is_sent(sandbox, campaign_file):
    confirming = Terminal([campaign_file()])
    confirming.wait_for(QUESTION)
    confirming.type("5\n")
    assert confirming.wait() == 0, confirming.shown
    assert sandbox.received("bird").total() == 5


@pytest.mark.long
def test_nobody_is_asked_where_there_is_no_terminal(sandbox, campaign_file, capsys):
    assert main_send_campaign([campaign_file()]) == 0
    assert "Type" not in capsys.readouterr().out
    assert sandbox.received("bird").total() == 5


def test_a_run_that_goes_on_says_how_many_are_left(sandbox, campaign_file, capsys, monkeypatch):
    path = campaign_file()
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "wrong")
    assert main_send_campaign([path]) == 3
    monkeypatch.setenv("ROLLCALL_BIRD_ACCESS_KEY", "sandbox-bird-key")
    assert main_send_campaign([path]) == 0
    assert "spring/1 goes on: 5 messages are left to hand over." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "above"), [(None, 1_000), ("", 1_000), (" 0 ", 0), ("25000", 25_000), ("Never", None)]
)
def test_from_how_many_on_it_asks(monkeypatch, given, above):
    monkeypatch.delenv("ROLLCALL_CONFIRM_ABOVE", raising=False)
    if given is not None:
        monkeypatch.setenv("ROLLCALL_CONFIRM_ABOVE", given)
    assert confirm_above() == above


@pytest.mark.parametrize("given", ["-1", "1e3", "many", "\u0664"])
def test_another_value_is_refused(monkeypatch, given):
    monkeypatch.setenv("ROLLCALL_CONFIRM_ABOVE", given)
    with pytest.raises(ConfigurationError, match="0 asks always, never never"):
        confirm_above()


def test_a_question_is_put_where_a_person_sees_it(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(os.dup(theirs), encoding="utf-8") as keyboard, os.fdopen(theirs, "w") as screen:
        monkeypatch.setattr(sys, "stdin", keyboard)
        console, piped = Console(file=screen), Console(file=io.StringIO())
        assert terminal_to_ask_on(console) is console
        monkeypatch.setattr(sys, "stderr", screen)
        asked = terminal_to_ask_on(piped)
        assert asked is not None
        assert asked.stderr
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert terminal_to_ask_on(piped) is None
        monkeypatch.setattr(sys, "stdin", io.StringIO("5"))
        assert terminal_to_ask_on(console) is None
        monkeypatch.undo()
    os.close(ours)
