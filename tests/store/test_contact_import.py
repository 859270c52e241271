"""Contact files into the registry: matching, refusals, consent, and that the same file twice changes nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from tasks.contact_import import ContactImport, import_rows
from tasks.contact_rows import RowOutcome
from tasks.contacts.audience import Audience
from tasks.contacts.columns import ColumnError
from tasks.datasets.readers import open_contacts
from tasks.messaging.statuses import Channel, Purpose
from tasks.store import erasure, registry
from tasks.store.tables import Contact, Suppression
from tests.rows import columns_of

ANN, BOB, EVE = "+12125550101", "+12125550102", "+12125550103"
HEADER = "Customer ID,Mobile,Email,First name,City,Shoe size,Unsubscribed"
WITH_ENABLED = HEADER.replace("Shoe size", "Enabled")
CONTACT, SUPPRESSION = Contact.__table__, Suppression.__table__


class Importer:
    def __init__(self, ledger, directory) -> None:
        self.ledger, self.directory = ledger, directory

    def load(self, *lines, header=HEADER, channel=Channel.SMS, default_country=None, rows_at_once=25_000):
        path = self.directory / "contacts.csv"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        self.refused = self.directory / "refused.csv"
        self.refused.write_text("", encoding="utf-8")
        audience = Audience(path=str(path), default_country=default_country)
        with open_contacts(str(path)) as contacts:
            work = ContactImport(audience, channel, contacts.header)
            for batch in contacts.batches(rows_at_once):
                import_rows.fn(lambda batch=batch: batch, work, self.refused)
        account = work.account
        assert account.rows_read == account.outcomes.total() == len(lines)
        return account

    def contacts(self, *columns):
        names = columns or ("external_code", "phone", "email", "first_name", "enabled")
        with self.ledger.reading() as connection:
            wanted = select(*(CONTACT.c[name] for name in names)).order_by(CONTACT.c.id)
            return [tuple(row) for row in connection.execute(wanted)]

    def everything(self):
        with self.ledger.reading() as connection:
            return [
                [tuple(map(str, row)) for row in connection.execute(select(table).order_by(table.c.id))]
                for table in (CONTACT, SUPPRESSION)
            ]

    def suppressed(self, channel, *addresses):
        with self.ledger.reading() as connection:
            return set(registry.find_suppressions(connection, channel, Purpose.MARKETING, addresses))


@pytest.fixture
def importing(ledger, tmp_path):
    return Importer(ledger, tmp_path)


def outcomes(account):
    return {str(word): number for word, number in account.outcomes.items() if number}


def test_contacts_are_added_with_all_that_the_file_says(importing):
    account = importing.load("A,(212) 555-0101,Ann@Example.com,Ann,Paris,,", default_country="US")
    assert outcomes(account) == {"new": 1}
    assert importing.contacts() == [("A", ANN, "ann@example.com", "Ann", True)]
    assert importing.contacts("country", "fields") == [("US", {"City": "Paris"})]


def test_a_contact_is_found_by_code_then_phone_then_e_mail_and_empty_cells_delete_nothing(importing):
    importing.load(f"A,{ANN},ann@example.com,Ann,Paris,,")
    assert outcomes(importing.load(f"A,{BOB},,,,,")) == {"updated": 1}
    assert importing.contacts() == [("A", BOB, "ann@example.com", "Ann", True)]
    assert outcomes(importing.load(f",{BOB},,Anna,,,")) == {"updated": 1}
    assert outcomes(importing.load(f",{EVE},ann@example.com,,,,")) == {"updated": 1}
    assert importing.contacts() == [("A", EVE, "ann@example.com", "Anna", True)]


def test_a_contact_that_a_campaign_added_gets_the_code_of_the_file(importing, ledger):
    with ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([{"phone": ANN, "fields": {"City": "Rome", "Tier": "gold"}}]))
    assert outcomes(importing.load(f"A,{ANN},,Ann,Paris,,")) == {"updated": 1}
    assert importing.contacts("external_code", "fields") == [("A", {"City": "Paris", "Tier": "gold"})]


@pytest.mark.parametrize("rows_at_once", [1, 10])
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([f"A,{ANN},,,,,", f"B,{ANN},,,,,"], "the contact with this phone number has another external code"),
        ([f"A,{ANN},,,,,", f"B,{BOB},,,,,", f"A,{BOB},,,,,"], "another contact has this phone number"),
        ([f"A,{ANN},a@example.com,,,,", f"B,{BOB},a@example.com,,,,"], "with this e-mail address has another"),
        (
            [f"A,{ANN},,Ann,,,", f"A,{ANN},,Anna,,,"],
            "an earlier row is about the same contact, and says otherwise",
        ),
        ([f"A,{ANN},,Ann,,,", f"A,{BOB},,Ann,,,"], "an earlier row is about the same contact, and says otherwise"),
    ],
)
def test_rows_that_contradict_each_other_are_refused_with_the_reason(importing, rows, reason, rows_at_once):
    account = importing.load(*rows, rows_at_once=rows_at_once)
    assert outcomes(account) == {"new": len(rows) - 1, "refused": 1}
    [example] = account.examples
    assert reason in example
    assert example.startswith(f"row {len(rows) + 1}: ")
    assert "5550" not in "".join(account.sentences())


def test_two_contacts_of_the_registry_are_never_merged_by_guess(importing, ledger):
    with ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([{"phone": ANN, "fields": {}}, {"phone": ANN, "fields": {}}]))
    account = importing.load(f"A,{ANN},,,,,")
    assert list(account.refusals) == ["several contacts of the registry have this phone number"]


def test_a_row_that_repeats_what_an_earlier_one_said_changes_nothing(importing):
    assert outcomes(importing.load(f"A,{ANN},,Ann,,,", f"A,{ANN},,,,,")) == {"new": 1, "unchanged": 1}


def test_a_contact_that_a_campaign_adds_during_an_import_is_not_taken_for_one_of_the_file(importing, ledger):
    path = importing.directory / "contacts.csv"
    path.write_text("\n".join([HEADER, f"A,{ANN},,Ann,,,", f"B,{BOB},,Bob,,,", f"A,{ANN},,Eve,,,", ""]))
    refused = importing.directory / "refused.csv"
    refused.touch()
    with open_contacts(str(path)) as file:
        work = ContactImport(Audience(path=str(path)), Channel.SMS, file.header)
        for number, batch in enumerate(file.batches(1)):
            if number == 1:
                with ledger.writing() as connection:
                    registry.add_contacts(connection, columns_of([{"phone": BOB, "fields": {}}]))
            import_rows.fn(lambda batch=batch: batch, work, refused)
    assert outcomes(work.account) == {"new": 1, "updated": 1, "refused": 1}
    assert importing.contacts("external_code", "first_name") == [("A", "Ann"), ("B", "Bob")]


def test_refused_rows_are_written_with_their_columns_and_can_be_corrected_and_imported(importing):
    importing.load("A,12,x@example.com,Ann,Paris,,", f"B,{BOB},,Bob,,,")
    [line] = importing.refused.read_text(encoding="utf-8-sig").splitlines()[1:]
    assert line.startswith('"A","12","x@example.com","Ann","Paris","","","2","refused",')
    header = importing.refused.read_text(encoding="utf-8-sig").splitlines()[0].replace('"', "")
    corrected = line.replace('"12"', f'"{ANN}"')
    assert outcomes(importing.load(corrected, header=header)) == {"new": 1}
    assert "rollcall" not in str(importing.contacts("fields"))


def test_a_file_switches_off_and_switches_on_only_by_saying_so(importing):
    no_column = "Customer ID,Mobile"
    importing.load(f"A,{ANN}", header=no_column)
    assert importing.load(f"A,{ANN},no", header=f"{no_column},Enabled").switched_off == 1
    for row, header in ((f"A,{ANN}", no_column), (f"A,{ANN},no", f"{no_column},Disabled")):
        assert outcomes(importing.load(row, header=header)) == {"unchanged": 1}
        assert importing.contacts("enabled") == [(False,)]
    assert outcomes(importing.load(f"A,{ANN},yes", header=f"{no_column},Enabled")) == {"updated": 1}
    assert importing.contacts("enabled") == [(True,)]


def test_opt_outs_become_suppressions_of_both_addresses_also_in_refused_rows_and_none_is_cleared(importing):
    account = importing.load(
        f"A,{ANN},ann@example.com,,,,yes",
        f"B,{ANN},bob@example.com,,,,",
        f"B,{BOB},,,,,",
        f"A,{BOB},,,,,yes",
    )
    assert account.outcomes[RowOutcome.REFUSED] == 2
    assert importing.suppressed(Channel.SMS, ANN, BOB, EVE) == {ANN, BOB}
    assert importing.suppressed(Channel.EMAIL, "ann@example.com", "bob@example.com") == {"ann@example.com"}
    importing.load(f"A,{ANN},ann@example.com,,,,no")
    assert importing.suppressed(Channel.SMS, ANN) == {ANN}


@pytest.mark.parametrize("rows_at_once", [1, 10])
@pytest.mark.parametrize("cell", ["", "12"])
def test_an_opt_out_in_a_row_without_the_address_counts_for_what_its_contact_has(importing, cell, rows_at_once):
    importing.load(f"A,{ANN},ann@example.com,Ann,,,", f",{BOB},bob@example.com,Bob,,,")
    rows = [f"A,{cell},,,,,yes", f",{cell},bob@example.com,,,,yes", f"C,{cell},,,,,yes", f"C,{EVE},,,,,"]
    account = importing.load(*rows, rows_at_once=rows_at_once)
    assert outcomes(account) == {"refused": 3, "new": 1}
    assert account.suppressed == 5
    assert importing.suppressed(Channel.SMS, ANN, BOB, EVE) == {ANN, BOB, EVE}
    emails = {"ann@example.com", "bob@example.com"}
    assert importing.suppressed(Channel.EMAIL, *emails) == emails


def test_an_opt_out_counts_for_the_other_address_too_when_only_the_registry_knows_it(importing):
    importing.load(f"A,{ANN},ann@example.com,Ann,,,")
    assert outcomes(importing.load(f"A,{ANN},,,,,yes")) == {"unchanged": 1}
    assert importing.suppressed(Channel.EMAIL, "ann@example.com") == {"ann@example.com"}


@pytest.mark.parametrize("rows_at_once", [1, 10])
def test_a_row_without_the_address_switches_its_contact_off(importing, rows_at_once):
    importing.load(f"A,{ANN},,Ann,,,", f"B,{BOB},,Bob,,,")
    rows = ["A,,,,,no,", f"A,{ANN},,Anna,,yes,", f"B,{BOB},,,,yes,", "B,,,,,no,", "C,,,,,no,", f"C,{EVE},,,,yes,"]
    account = importing.load(*rows, header=WITH_ENABLED, rows_at_once=rows_at_once)
    assert outcomes(account) == {"refused": 3, "updated": 1, "unchanged": 1, "new": 1}
    assert importing.contacts("first_name", "enabled") == [("Anna", False), ("Bob", True), (None, False)]
    assert account.switched_off == 2


def test_an_opt_out_of_one_channel_forbids_that_one_only(importing):
    importing.load(f"A,{ANN},ann@example.com,yes", header="Customer ID,Mobile,Email,Email opt out")
    assert importing.suppressed(Channel.SMS, ANN) == set()
    assert importing.suppressed(Channel.EMAIL, "ann@example.com") == {"ann@example.com"}


def test_the_channel_says_which_address_is_needed(importing):
    rows = ("A,,ann@example.com,,,,", f"B,{BOB},,,,,")
    assert outcomes(importing.load(*rows, channel=Channel.EMAIL)) == {"new": 1, "refused": 1}
    assert importing.contacts("external_code") == [("A",)]
    with pytest.raises(ColumnError):
        importing.load("x", header="Email")


def test_another_address_that_cannot_be_read_is_left_out_and_counted(importing):
    account = importing.load(f"A,{ANN},not an address,,,,")
    assert (outcomes(account), account.left_out) == ({"new": 1}, 1)


def test_erased_people_are_not_brought_back(importing, ledger, monkeypatch):
    monkeypatch.setenv("ROLLCALL_ERASURE_KEY", "a key of the tests that is long enough")
    importing.load(f"A,{ANN},ann@example.com,Ann,,,")
    with ledger.writing() as connection:
        erasure.begin_erasure(connection, 1, keep_suppressed=True)
        erasure.erase_person(connection, erasure.find_person(connection, ANN), keep_suppressed=True)
    before = importing.everything()
    account = importing.load(f"A,{ANN},ann@example.com,Ann,,,yes", f"B,{BOB},,Bob,,,")
    assert outcomes(account) == {"refused": 1, "new": 1}
    assert importing.contacts("phone") == [(BOB,)]
    assert importing.everything()[1] == before[1]
    written = importing.refused.read_text(encoding="utf-8-sig")
    assert "erased on request" in written
    assert "5550101" not in written


CODES = st.sampled_from(["", "A", "B", "C"])
PHONES = st.sampled_from([f"+1212555010{n}" for n in range(4)] + ["12", ""])
EMAILS = st.sampled_from(["", "a@example.com", "b@example.com", "c@example.com"])
ROWS = st.builds(
    lambda *cells: ",".join(cells),
    CODES,
    PHONES,
    EMAILS,
    st.sampled_from(["", "Ann", "Bob"]),
    st.sampled_from(["", "Paris"]),
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["", "yes"]),
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(ROWS, max_size=6),
    rows=st.lists(ROWS, min_size=1, max_size=8),
    rows_at_once=st.integers(1, 4),
)
def test_importing_the_same_file_twice_changes_nothing_the_second_time(importing, before, rows, rows_at_once):
    with importing.ledger.writing() as connection:
        for table in (CONTACT, SUPPRESSION):
            connection.execute(delete(table))
    if before:
        importing.load(*before, header=WITH_ENABLED)
    first = importing.load(*rows, header=WITH_ENABLED, rows_at_once=rows_at_once)
    then = importing.everything()
    second = importing.load(*rows, header=WITH_ENABLED)
    assert importing.everything() == then
    assert second.outcomes[RowOutcome.NEW] == second.outcomes[RowOutcome.UPDATED] == 0
    assert second.outcomes[RowOutcome.REFUSED] == first.outcomes[RowOutcome.REFUSED]


def test_tens_of_thousands_of_rows_are_a_few_statements(importing):
    rows = [f"{n},+1212{5550000 + n},,P{n},Paris,," for n in range(5_000)]
    first = importing.load(*rows)
    assert first.outcomes[RowOutcome.NEW] > 3_000
    changed = importing.load(*(row.replace("Paris", "Rome") for row in rows))
    assert changed.outcomes[RowOutcome.UPDATED] == first.outcomes[RowOutcome.NEW]
