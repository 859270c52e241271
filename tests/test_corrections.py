"""Files of rows that got no message, and their way back into another run."""

import csv
import gzip

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.contacts.column_names import known_name
from tasks.contacts.columns import Meaning, recognise_columns
from tasks.contacts.phones import normalise_phones
from tasks.corrections import ROLLCALL_COLUMNS, write_corrections
from tasks.datasets.readers import open_contacts
from tasks.messaging.statuses import Channel, ExclusionReason, MessageStatus
from tasks.store.account import reading_one_instant
from tasks.store.session import Ledger
from tests.ledger_runs import add_run

LIST = (
    "First name;Mobile;Note;Mobile\r\n"
    "Ada;+12025550101;=SUM(A1);\r\n"
    'Zo\u00eb;\'+12025550102;"two\nlines; ""quoted""";x\r\n'
    "\r\n"
    "Lin;  call me ;;\r\n"
    "Bo;012\r\n"
    "Kim;+12025550105;-;\r\n"
)
# As a spreadsheet counts: the header is row 1, the blank row is row 4, the torn one row 6.
UNDELIVERED = {
    "row_number": 2,
    "address": "+12025550101",
    "status": MessageStatus.UNDELIVERED,
    "reason": "absent",
    "raw_status": "=27",
    "variables": {"first_name": "Ada", "phone": "0101"},
}
DELIVERED = {"row_number": 3, "address": "+12025550102", "status": MessageStatus.DELIVERED}
UNKNOWN = {
    "row_number": 7,
    "address": "+12025550105",
    "status": MessageStatus.UNKNOWN,
    "reason": "read_timeout",
    "external_code": "k-7",
    "variables": {"first_name": "Kim", "code": "9"},
}
EXCLUDED = [
    {
        "row_number": 6,
        "address": None,
        "reason": ExclusionReason.DAMAGED_ADDRESS,
        "detail": "row 6 has 2 cells where the header has 4",
    },
    {
        "row_number": 5,
        "address": "call me",
        "reason": ExclusionReason.INVALID_ADDRESS,
        "detail": "'call me' is not a phone number",
    },
]


@pytest.fixture
def contact_file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(LIST.encode("latin-1"))
    return path


@pytest.fixture
def run(ledger, contact_file):
    return add_run(ledger, contact_file, [UNKNOWN, DELIVERED, UNDELIVERED], EXCLUDED)


def corrections(ledger, run, directory):
    directory.mkdir(exist_ok=True)
    with reading_one_instant(ledger) as connection:
        return write_corrections(connection, run, directory)


def read(path):
    """All rows of a file, as a contact file is read."""
    with open_contacts(str(path)) as contacts:
        nothing = pd.DataFrame(columns=contacts.header, dtype="str")
        return pd.concat([nothing, *(batch.frame for batch in contacts.batches())])


def test_a_row_keeps_its_columns_as_they_stand_in_the_file_and_what_became_of_it_follows(ledger, run, tmp_path):
    files = corrections(ledger, run, tmp_path / "out")
    assert files.has_original_columns
    lost = read(files.not_delivered)
    assert lost.columns.tolist() == ["First name", "Mobile", "Note", "Mobile (2)", *ROLLCALL_COLUMNS]
    assert lost.to_numpy().tolist() == [
        ["Ada", "+12025550101", "=SUM(A1)", "", "2", "+12025550101", "undelivered", "absent",
         f"the carrier could not deliver it (reference {run.token}-2)", "=27"],
        ["Kim", "+12025550105", "-", "", "7", "+12025550105", "unknown", "read_timeout",
         f"handed over or not: cannot be known yet (reference {run.token}-7)", ""],
    ]  # fmt: skip


def test_a_torn_row_is_not_lost_though_its_cells_cannot_be_told(ledger, run, tmp_path):
    excluded = read(corrections(ledger, run, tmp_path / "out").excluded)
    assert excluded.to_numpy().tolist() == [
        ["Lin", "  call me ", "", "", "5", "call me", "excluded", "invalid_address",
         "'call me' is not a phone number", ""],
        ["", "", "", "", "6", "", "excluded", "damaged_address", "row 6 has 2 cells where the header has 4", ""],
    ]  # fmt: skip


def test_no_cell_can_start_a_formula(ledger, run, tmp_path):
    files = corrections(ledger, run, tmp_path / "out")
    for path in (files.excluded, files.not_delivered):
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


def test_a_corrected_file_is_a_contact_file(ledger, run, tmp_path):
    lost = read(corrections(ledger, run, tmp_path / "out").not_delivered)
    columns = recognise_columns(list(lost.columns), overrides={"phone": "Mobile"}, needed=Meaning.PHONE)
    contacts = columns.extract(lost)
    assert contacts["phone"].tolist() == ["+12025550101", "+12025550105"]
    assert not contacts["opted_out"].any()
    assert not contacts["disabled"].any()
    assert normalise_phones(contacts["phone"], None, textable=True)["address"].tolist() == [
        "+12025550101",
        "+12025550105",
    ]


@pytest.mark.parametrize("column", ROLLCALL_COLUMNS)
def test_what_became_of_a_row_is_never_taken_for_something_about_the_contact(column):
    assert known_name(column) is None
    for needed, header in ((Meaning.PHONE, "phone"), (Meaning.EMAIL, "email")):
        found = recognise_columns([header, *ROLLCALL_COLUMNS], overrides={}, needed=needed)
        assert [(meaning, name) for meaning, name, _ in found.describe()] == [(header, header)]


def test_a_file_that_was_corrected_before_gets_new_verdicts_in_place_of_the_old(ledger, run, tmp_path):
    first = corrections(ledger, run, tmp_path / "out").not_delivered
    again = add_run(
        ledger, first, [UNDELIVERED | {"row_number": 2}, DELIVERED | {"address": "+12025550105"}], name="again"
    )
    second = read(corrections(ledger, again, tmp_path / "second").not_delivered)
    assert second.columns.tolist() == ["First name", "Mobile", "Note", "Mobile (2)", *ROLLCALL_COLUMNS]
    assert second["rollcall_detail"].tolist() == [f"the carrier could not deliver it (reference {again.token}-2)"]


@pytest.mark.parametrize("fate", ["gone", "changed"])
def test_without_the_contact_file_a_row_has_what_the_ledger_knows(ledger, run, contact_file, tmp_path, fate):
    if fate == "gone":
        contact_file.unlink()
    else:
        contact_file.write_text(LIST + "New;+12025550199;;\r\n", encoding="utf-8")
    files = corrections(ledger, run, tmp_path / "out")
    assert not files.has_original_columns
    lost = read(files.not_delivered)
    assert lost.columns.tolist() == ["phone", "first_name", "external_code", "code", *ROLLCALL_COLUMNS]
    assert lost.iloc[:, :4].to_numpy().tolist() == [
        ["+12025550101", "Ada", "", ""],
        ["+12025550105", "Kim", "k-7", "9"],
    ]
    assert read(files.excluded)["phone"].tolist() == ["call me", ""]
    columns = recognise_columns(list(lost.columns), overrides={}, needed=Meaning.PHONE)
    assert columns.extract(lost)["phone"].tolist() == ["+12025550101", "+12025550105"]
    assert columns.supplies("code")


def test_contacts_that_only_the_provider_can_address_keep_their_code(ledger, contact_file, tmp_path):
    code_only = {
        "row_number": 2,
        "address": "external:77",
        "external_code": "77",
        "status": MessageStatus.FAILED,
        "variables": {"external_code": "77"},
    }
    run = add_run(ledger, contact_file, [code_only], channel=Channel.EMAIL)
    contact_file.unlink()
    lost = read(corrections(ledger, run, tmp_path / "out").not_delivered)
    assert lost.iloc[:, :2].to_dict("records") == [{"email": "", "external_code": "77"}]


def test_nothing_to_correct_is_a_file_with_a_header(ledger, contact_file, tmp_path):
    run = add_run(ledger, contact_file, [DELIVERED])
    files = corrections(ledger, run, tmp_path / "out")
    for path in (files.excluded, files.not_delivered):
        assert path.read_text(encoding="utf-8-sig").count("\n") == 1


def test_other_formats_give_their_columns_too(ledger, tmp_path):
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(b"email,phone\nada@example.com,+12025550101\n"))
    run = add_run(ledger, path, [UNDELIVERED])
    lost = read(corrections(ledger, run, tmp_path / "out").not_delivered)
    assert lost[["email", "phone"]].to_numpy().tolist() == [["ada@example.com", "+12025550101"]]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet="'=+-@\t;,\" ab1\n\u00eb", max_size=5), min_size=1, max_size=30))
def test_every_cell_comes_back_as_it_was(tmp_path, cells):
    directory = tmp_path / f"example {len(list(tmp_path.iterdir()))}"
    directory.mkdir()
    original = directory / "list.csv"
    with original.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["phone", "note"], *(["1", cell] for cell in cells)])
    before = read(original)
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        exclusions = [
            {"row_number": row, "address": "1", "reason": ExclusionReason.INVALID_ADDRESS, "detail": "too short"}
            for row in before.index.tolist()
        ]
        run = add_run(ledger, original, [], exclusions, name=directory.name)
        after = read(corrections(ledger, run, directory / "out").excluded)
    assert after["note"].tolist() == before["note"].tolist()
    assert after["rollcall_row"].tolist() == [str(row) for row in before.index]
