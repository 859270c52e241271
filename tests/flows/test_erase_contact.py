"""A person is erased from everywhere, Prefect's own records included, and a list cannot bring them back."""

import csv

import pytest
from prefect.client.orchestration import get_client
from pydantic import SecretStr
from sqlalchemy import text

from flows.erase_contact import NOT_REACHED, erase_contact
from flows.privacy_command import main_erase_contact, main_prune_personal_data
from flows.send_campaign import send_campaign
from flows.terminal import ExitCode
from tasks.erasure import AddressNotUnderstood, read_addresses
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.report import report_directory, write_report
from tasks.store.erasure_key import ErasureKeyError
from tests.flows.conftest import AREA_CODES
from tests.store.every_byte import files_that_mention, rows_that_mention

ANN, BOB = (f"+1{AREA_CODES[0]}555010{n}" for n in range(2))
KEY = "a key of the tests that is long enough"


def what_prefect_knows():
    """All flow runs, task runs, logs and artifacts of the server, as text."""
    with get_client(sync_client=True) as client:
        return "\n".join(
            client._client.post(f"/{kind}/filter", json={"limit": 200}).raise_for_status().text  # noqa: SLF001
            for kind in ("flow_runs", "task_runs", "logs", "artifacts")
        )


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("ROLLCALL_ERASURE_KEY", KEY)


def test_a_person_is_erased_everywhere_and_does_not_come_back(sandbox, campaign, ledger, key, tmp_path):
    run_id = send_campaign(campaign("octopush", 3)).run_id
    with ledger.writing() as connection:
        connection.execute(text("UPDATE message SET status = 'undelivered' WHERE address = :ann"), {"ann": ANN})
    assert files_that_mention(write_report(run_id).html.parent, ANN[1:]) == ["not_delivered.csv"]
    done = erase_contact([SecretStr("(212) 555-0100")], default_country="US")
    assert (done.people, done.counts["messages"], done.reports) == (1, 1, 1)
    assert rows_that_mention(ledger, ANN) == []
    assert files_that_mention(tmp_path, ANN[1:], "555-0100") == ["contacts.csv"]  # the operator's own
    assert not any(spelled in what_prefect_knows() for spelled in (ANN[1:], "555-0100", KEY))
    again = campaign("octopush", 3, name="another", audience={"path": str(tmp_path / "twice.csv")})
    (tmp_path / "twice.csv").write_text(
        f"Mobile,First name,Unsubscribed\n{ANN},Ann,\n{ANN},Ann,\n{BOB},Bob,\n{ANN},Ann,yes\n", encoding="utf-8"
    )
    account = send_campaign(again)
    assert account.statuses == {MessageStatus.ACCEPTED: 1}
    assert account.exclusions == {ExclusionReason.DUPLICATE: 2, ExclusionReason.OPTED_OUT: 1}
    assert rows_that_mention(ledger, ANN) == []
    assert sandbox.received("octopush")[ANN] == 1
    report = report_directory("another", "1")
    assert files_that_mention(report, ANN[1:]) == []
    with (report / "excluded.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["Mobile"], row["rollcall_row"]) for row in csv.DictReader(file)] == [
            ("", "2"),
            ("", "3"),
            ("", "5"),
        ]


def test_plain_text_that_prefect_was_given_is_hidden_afterwards(ledger, key):
    erase_contact(["+14155550123"])
    assert "4155550123" not in what_prefect_knows()


def test_without_the_key_a_campaign_is_refused_before_anything_is_sent(
    sandbox, campaign, ledger, key, monkeypatch
):
    people = campaign("octopush", 2)
    erase_contact([SecretStr(ANN)])
    monkeypatch.delenv("ROLLCALL_ERASURE_KEY")
    with pytest.raises(ErasureKeyError, match="ROLLCALL_ERASURE_KEY"):
        send_campaign(people)
    assert not sandbox.received("octopush")
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM campaign_run")).scalar_one() == 0


def test_the_commands_say_what_they_did_and_name_nobody(ledger, key, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    people = tmp_path / "people.csv"
    people.write_text(f"Mobile\n{ANN}\n{BOB}\n", encoding="utf-8")
    assert main_erase_contact(["--list", str(people)]) == ExitCode.REFUSED
    assert "Give --yes" in capsys.readouterr().out
    assert main_erase_contact(["--list", str(people), "--yes"]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "2 people erased" in printed
    assert NOT_REACHED in printed
    assert ANN not in printed
    assert main_prune_personal_data(["--dry-run"]) == ExitCode.DONE
    assert "Would be removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("**********", "list_file"),
        ("not an address", "no address"),
        ("06 39 98 00 12", "no address"),
        (" ", "no address"),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_shown(given, said):
    with pytest.raises(AddressNotUnderstood, match=said) as caught:
        read_addresses([SecretStr(given)])
    assert "06 39 98 00 12" not in str(caught.value)


def test_numbers_mailboxes_and_codes_are_read_as_people_write_them():
    given = [SecretStr(text) for text in ("+1 (212) 555-0100", " Ann@Example.com", "external:k-2")]
    read = [address.get_secret_value() for address in read_addresses(given)]
    assert read == ["+12125550100", "ann@example.com", "external:k-2"]
