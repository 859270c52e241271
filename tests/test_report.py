"""The markdown that people see in the Prefect UI, and the files of a report."""

import base64
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tasks.messaging.statuses import MessageStatus
from tasks.report import (
    account_as_markdown,
    count_and_write,
    report_directory,
    say_what_was_done,
    write_report,
)
from tasks.store.account import Tally
from tasks.store.rerouting import ReroutedMessages
from tests.accounts import make_account as account
from tests.ledger_runs import add_run

TWO_PAST_NOON = datetime(2026, 3, 20, 12, 2, tzinfo=UTC)


@pytest.fixture
def small_run(ledger, tmp_path):
    """A run of two messages, in the ledger."""
    contacts = tmp_path / "list.csv"
    contacts.write_text("phone\n+12025550101\n+12025550102\n", encoding="utf-8")
    lost = {"row_number": 2, "address": "+12025550101", "status": MessageStatus.FAILED, "reason": "no_route"}
    arrived = {"row_number": 3, "address": "+12025550102", "status": MessageStatus.DELIVERED}
    return add_run(ledger, contacts, [lost, arrived])


def test_the_balance_comes_first_and_is_spelled_out():
    text = account_as_markdown(account())
    assert "**1,010 rows read = 1,000 messages + 10 excluded**" in text


def test_an_account_that_does_not_close_is_impossible_to_overlook():
    assert "THE ACCOUNT DOES NOT CLOSE" in account_as_markdown(account(rows_read=1_011))


def test_what_the_provider_said_is_shown():
    text = account_as_markdown(account())
    assert "| rejected | bad\\_destination | 117 | 10 |" in text
    assert "code 117: no valid number" in text


def test_a_stopped_run_says_why_and_what_to_do():
    assert "**Stopped:** no credit. The same command resumes." in account_as_markdown(account(error="no credit"))


def test_what_went_to_another_provider_is_told_with_when_why_and_how_many():
    two = account(
        providers={"octopush": Tally(400, 390, 400, None), "bird": Tally(600, 600, 600, None)},
        statuses_by_provider={
            "octopush": {MessageStatus.DELIVERED: 390, MessageStatus.REJECTED: 10},
            "bird": {MessageStatus.DELIVERED: 600},
        },
        reroutings=[ReroutedMessages("octopush", "bird", 1_200, "no credit is left: top it up.", TWO_PAST_NOON)],
    )
    sentence = (
        "octopush was out of order at 2026-03-20 12:02 UTC (no credit is left: top it up): "
        "1,200 messages went to bird instead."
    )
    assert sentence in say_what_was_done(two)
    text = account_as_markdown(two)
    assert "Through octopush, bird, planned" in text
    assert "| octopush | rejected | 10 |" in text
    assert "## Providers" not in account_as_markdown(account())


def test_a_cost_that_the_provider_does_not_tell_is_not_shown_as_nothing():
    assert "not told" in account_as_markdown(account(countries={"US": Tally(1, 0, 1, None)}))


def test_recipients_that_a_provider_left_out_unnamed_are_mentioned():
    assert "left 3 recipients out" in account_as_markdown(account(dropped_unnamed=3))


def test_the_pictures_stand_in_the_artifact_itself_because_the_prefect_ui_loads_no_files():
    text = account_as_markdown(account())
    pictures = re.findall(r"!\[([^]]+)\]\(data:image/svg\+xml;base64,([^)]+)\)", text)
    assert [re.split("[:,]", said)[0] for said, _ in pictures] == [
        "Funnel",
        "Status over time",
        "Messages by country",
    ]
    assert all(base64.b64decode(picture).startswith(b"<svg ") for _, picture in pictures)


def test_an_artifact_stays_small_whatever_a_provider_says():
    kinds = {(MessageStatus.REJECTED, "bad_destination", f"word {n} " + "x" * 100): 1 for n in range(200)}
    countries = {f"{chr(65 + n // 26)}{chr(65 + n % 26)}": Tally(9, 8, 9, Decimal(1)) for n in range(250)}
    text = account_as_markdown(account(troubles=kinds, countries=countries, errors=["e" * 300] * 200))
    assert len(text) < 200_000


def test_no_address_of_a_recipient_stands_in_the_artifact():
    said = {(MessageStatus.REJECTED, "bad_destination", "no route to +12025550143"): 1}
    text = account_as_markdown(
        account(troubles=said, unknown_words={"lost +12025550144": 1}, errors=["ada@example.com is blocked"])
    )
    assert not re.search(r"555014[34]|ada@", text)
    assert "+1202555" in text


def test_unknown_messages_are_shown_with_the_commands_that_settle_them():
    text = account_as_markdown(account(name="it's", statuses={MessageStatus.UNKNOWN: 2}))
    assert "--campaign 'it'\"'\"'s' --run-key 1 --unknown resend" in text
    assert "--unknown" not in account_as_markdown(account())


def test_words_that_no_table_explains_are_counted():
    assert "| HANDSET\\_ASLEEP | 7 |" in account_as_markdown(account(unknown_words={"HANDSET_ASLEEP": 7}))


def test_the_account_names_its_files_or_says_why_there_are_none():
    assert "- `reports/report.html`" in account_as_markdown(account(report_files=("reports/report.html",)))
    assert say_what_was_done(account(report_problem="The report could not be written: disk full.")) == [
        "The report could not be written: disk full."
    ]


@pytest.mark.parametrize(
    "name", ["..", ".", "a b", "A-B", "../../etc", "x" * 200, "\u674e", "<script>", "a/b", "con\0"]
)
def test_a_name_leads_to_a_directory_of_its_own_below_the_reports(monkeypatch, name):
    monkeypatch.setenv("ROLLCALL_REPORT_DIRECTORY", "/reports")
    directory = report_directory(name, name)
    assert re.fullmatch(r"/reports/[a-z0-9-]{1,90}/[a-z0-9-]{1,90}", str(directory))
    assert directory not in {report_directory(other, other) for other in ("a-b", "a--b", "etc", "script")}


def test_a_plain_name_is_the_name_of_its_directory(monkeypatch):
    monkeypatch.setenv("ROLLCALL_REPORT_DIRECTORY", "/reports")
    assert report_directory("spring-sale", "2") == Path("/reports/spring-sale/2")
    monkeypatch.delenv("ROLLCALL_REPORT_DIRECTORY")
    assert report_directory("spring-sale", "2").parts[-4:] == ("data", "reports", "spring-sale", "2")


def test_a_report_is_three_files_which_the_next_one_replaces(small_run):
    first = write_report(small_run.id)
    before = first.html.read_text(encoding="utf-8")
    assert [path.name for path in sorted(first.html.parent.iterdir())] == [
        "excluded.csv",
        "not_delivered.csv",
        "report.html",
    ]
    assert write_report(small_run.id) == first
    assert "Every row is answered for." in before
    assert len(list(first.html.parent.iterdir())) == 3


def test_rows_can_be_read_by_the_operator_alone(small_run, tmp_path):
    old_mask = os.umask(0o022)
    try:
        files = write_report(small_run.id, tmp_path / "elsewhere")
    finally:
        os.umask(old_mask)
    assert [path.stat().st_mode & 0o777 for path in (files.excluded_csv, files.not_delivered_csv)] == [0o600] * 2
    assert files.html.stat().st_mode & 0o777 == 0o644


def test_nothing_half_written_is_left_behind(small_run, tmp_path):
    (tmp_path / "not_delivered.csv").mkdir()  # cannot be replaced by a file
    with pytest.raises(OSError, match=r"not_delivered\.csv"):
        write_report(small_run.id, tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_report_that_cannot_be_written_does_not_make_a_run_fail_that_was_sent(small_run, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROLLCALL_REPORT_DIRECTORY", str(tmp_path / "file"))
    counted = count_and_write(small_run.id, handed_over_before=1)
    assert counted.is_balanced
    assert counted.report_files == ()
    assert say_what_was_done(counted)[-1].startswith("The report could not be written: Not a directory (")


def test_the_account_says_where_the_report_lies(small_run, tmp_path):
    directory = tmp_path / "reports" / "spring" / "1"
    assert count_and_write(small_run.id).report_files == tuple(
        str(directory / name) for name in ("report.html", "excluded.csv", "not_delivered.csv")
    )


def test_the_command_line_does_not_wait_for_the_plotting_library():
    asked = "import sys, flows.terminal; sys.exit('matplotlib' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", asked], check=False, cwd=Path(__file__).parents[1]).returncode == 0
    )
