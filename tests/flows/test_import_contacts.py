"""The registry is loaded by a command; every row is accounted for, and no address is shown in full."""

import csv

import httpx
import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import select

from flows.import_command import main_import_contacts
from flows.import_contacts import import_contacts
from flows.terminal import ExitCode
from tasks.contact_import import refused_file_of
from tasks.datasets.readers import DatasetError
from tasks.store.tables import Contact

CONTACT = Contact.__table__


@pytest.fixture
def contacts(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(
        "Customer ID,Mobile,First name,Unsubscribed\n"
        "A,(212) 555-0101,Ann,\nB,2125550102,Bob,yes\nC,12,Cid,\nD,(212) 555-0101,Dan,\n",
        encoding="utf-8",
    )
    return path


def test_the_command_accounts_for_every_row_and_hands_refused_ones_back(ledger, contacts, capsys):
    arguments = [str(contacts), "--default-country", "US"]
    assert main_import_contacts(arguments) == ExitCode.ATTENTION
    shown = capsys.readouterr().out
    assert "4 rows read = 2 new + 0 updated + 0 unchanged + 2 refused." in shown
    assert "row 5: the contact with this phone number has another external code" in shown
    assert "5550" not in shown
    refused = refused_file_of(str(contacts))
    assert str(refused) in shown.replace("\n", "")
    with refused.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Customer ID"], row["Mobile"], row["rollcall_row"]) for row in rows] == [
        ("C", "12", "4"),
        ("D", "(212) 555-0101", "5"),
    ]
    assert refused.stat().st_mode & 0o077 == 0
    with ledger.reading() as connection:
        assert set(connection.execute(select(CONTACT.c.external_code)).scalars()) == {"A", "B"}
    wanted = {"artifacts": {"key": {"any_": ["rollcall-contact-import"]}}, "sort": "CREATED_DESC"}
    report = httpx.post(f"{PREFECT_API_URL.value()}/artifacts/filter", json=wanted).json()[0]["data"]
    assert "4 rows read = 2 new" in report
    assert "5550" not in report

    corrected = refused.read_text(encoding="utf-8-sig").replace('"12"', '"(212) 555-0103"')
    corrected = corrected.replace('"(212) 555-0101"', '"(212) 555-0104"')
    refused.write_text(corrected, encoding="utf-8")
    assert main_import_contacts([str(refused), "--default-country", "US"]) == ExitCode.DONE
    assert "2 rows read = 2 new" in capsys.readouterr().out
    assert refused.exists()


def test_the_flow_ends_partly_imported_or_completed_and_refuses_what_it_cannot_read(
    ledger, contacts, tmp_path, capsys
):
    assert import_contacts(str(contacts), default_country="US", return_state=True).name == "PartlyImported"
    empty = tmp_path / "empty.csv"
    empty.write_text("Mobile\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="nobody to import"):
        import_contacts(str(empty))
    for arguments in ([str(tmp_path / "none.csv")], [str(contacts), "--default-country", "UK"]):
        assert main_import_contacts(arguments) == ExitCode.REFUSED
        assert "Refused." in capsys.readouterr().out
