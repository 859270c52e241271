"""The committed samples: made by the script beside them, nobody's numbers, and as messy as data/README.md says."""

import csv
import importlib.util
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import phonenumbers
import pytest
import yaml
from phonenumbers import PhoneNumberType

from tasks.messaging.templates import compile_text

DATA = Path(__file__).parents[1] / "data"
SAMPLES = DATA / "samples"
CAMPAIGNS = sorted((DATA / "campaigns").glob("*.yaml"))

RESERVED_FOR_FICTION = [
    re.compile(pattern)
    for pattern in (
        r"\+1\d{3}55501\d\d",
        r"\+4917139200\d\d",
        r"\+49176040690\d\d",
        r"\+493023125\d{3}",
        r"\+46701740(60[5-9]|6[1-9]\d)",
        r"\+61491570(110|15[6-9])",
        r"\+61[27]5550\d{4}",
        r"\+44(207946|161496)0\d{3}",
        r"\+447700900\d{3}",
        r"\+33639980\d{3}",
    )
]
REGIONS = {
    **dict.fromkeys(("United States", "US", "USA"), "US"),
    **dict.fromkeys(("Canada", "CA"), "CA"),
    **dict.fromkeys(("Germany", "DE", "Deutschland"), "DE"),
    **dict.fromkeys(("Sweden", "SE"), "SE"),
    **dict.fromkeys(("Australia", "AU"), "AU"),
    **dict.fromkeys(("United Kingdom", "GB"), "GB"),
    **dict.fromkeys(("France", "FR"), "FR"),
}
TEXTABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_contacts", SAMPLES / "make_contacts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contacts() -> list[dict[str, str]]:
    with (SAMPLES / "contacts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def few_contacts() -> list[dict[str, str]]:
    with (SAMPLES / "contacts_small.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def suppressions() -> list[dict[str, str]]:
    with (SAMPLES / "suppressions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def parse(cell: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The number that a person reads in the cell, float artefacts undone; None where there is none."""
    try:
        number = phonenumbers.parse(cell.removesuffix(".0").replace("tel:", ""), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) and re.fullmatch(r"[1-9]\d{7,}(\.0)?", cell):
        restored = phonenumbers.parse(f"+{cell.removesuffix('.0')}")
        return restored if phonenumbers.is_valid_number(restored) else number
    return number


def e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_the_committed_files_are_what_the_script_makes(maker: ModuleType) -> None:
    for name, content in maker.make_files().items():
        assert (SAMPLES / name).read_bytes() == content, f"{name}: run `python data/samples/make_contacts.py`"


def test_every_number_that_the_script_can_write_is_reserved_for_fiction(maker: ModuleType) -> None:
    phones = [
        *maker.north_american_numbers(),
        *maker.german_numbers(),
        *maker.swedish_numbers(),
        *maker.australian_numbers(),
        *maker.landlines(),
        *maker.unassigned_numbers(),
    ]
    strangers = [phone.e164 for phone in phones if not any(p.fullmatch(phone.e164) for p in RESERVED_FOR_FICTION)]
    assert strangers == []
    assert len({phone.e164 for phone in phones}) == len(phones)


def test_no_cell_reads_as_anybody_elses_number(contacts: list[dict[str, str]]) -> None:
    """A mangled spelling could be a valid number outside the ranges; none is, whatever country it is read in."""
    for row in contacts:
        number = parse(row["Mobile"], REGIONS[row["Country"]])
        if number is not None and phonenumbers.is_valid_number(number):
            assert any(pattern.fullmatch(e164(number)) for pattern in RESERVED_FOR_FICTION), row["external_id"]


def test_the_country_of_a_row_fits_its_number(contacts: list[dict[str, str]]) -> None:
    for row in contacts:
        number = parse(row["Mobile"], REGIONS[row["Country"]])
        if number is not None and phonenumbers.is_valid_number(number):
            assert phonenumbers.region_code_for_number(number) == REGIONS[row["Country"]]


def sendable_numbers(rows: list[dict[str, str]]) -> set[str]:
    """Numbers to which an SMS with a voucher can be sent."""
    sendable = set()
    for row in rows:
        number = parse(row["Mobile"], REGIONS[row["Country"]])
        if (
            number is not None
            and phonenumbers.is_valid_number(number)
            and phonenumbers.number_type(number) in TEXTABLE
            and row["Unsubscribed"] in {"", "no", "No", "FALSE", "0"}
            and row["Active"] in {"yes", "Yes", "TRUE", "true", "1"}
            and row["Voucher"]
            and None not in row
        ):
            sendable.add(e164(number))
    return sendable


def test_at_least_4500_rows_can_be_sent(
    contacts: list[dict[str, str]], suppressions: list[dict[str, str]]
) -> None:
    addresses = {row["phone"] or row["email"] for row in suppressions}
    kept = [row for row in contacts if row["Email"] not in addresses]
    assert len(contacts) >= 6_000
    assert len(sendable_numbers(kept) - addresses) >= 4_500


def test_the_small_list_begins_the_large_one_and_has_45_rows_that_can_be_sent(
    contacts: list[dict[str, str]], few_contacts: list[dict[str, str]]
) -> None:
    assert few_contacts == contacts[: len(few_contacts)]
    assert len(few_contacts) == 55
    assert len(sendable_numbers(few_contacts)) == 45


def test_the_mess_is_there(contacts: list[dict[str, str]]) -> None:
    mobiles = [row["Mobile"] for row in contacts]
    first_names = [row["First Name"] for row in contacts]
    seen = Counter(
        e164(number)
        for row in contacts
        if (number := parse(row["Mobile"], REGIONS[row["Country"]])) and phonenumbers.is_valid_number(number)
    )
    assert sum(count - 1 for count in seen.values()) == 250
    assert sum(mobile.endswith(".0") for mobile in mobiles) == 60
    assert sum("E+" in mobile for mobile in mobiles) == 60
    assert sum(row["Unsubscribed"] in {"yes", "Yes", "TRUE", "1"} for row in contacts) >= 160
    assert sum(row["Active"] in {"no", "No", "0", "false", "FALSE"} for row in contacts) >= 140
    assert mobiles.count("") == 90
    assert sum(None in row for row in contacts) == 12
    for spelling in (
        r"\u00a0",
        r"^tel:",
        r"^\(\d{3}\) ",
        r"^\d{3}\.\d{3}\.",
        r"^00",
        r" $",
        r"^[a-z]",
        r"^46\d+$",
    ):
        assert any(re.search(spelling, mobile) for mobile in mobiles), spelling
    for name in ("Žofia", "Björk", "李", "JosÃ©", "ADA", ""):
        assert name in first_names
    assert any("🌸" in name for name in first_names)
    assert any("\n" in row["Notes"] for row in contacts)
    assert any('"' in row["Notes"] and not row.get(None) for row in contacts)


def test_e_mail_addresses_are_under_the_domains_for_examples(contacts: list[dict[str, str]]) -> None:
    domains = {row["Email"].rpartition("@")[2].rpartition(" at ")[2] for row in contacts}
    assert domains == {"", "example.com", "example.org", "example.net"}


def test_the_german_list_is_windows_1252_with_semicolons() -> None:
    content = (SAMPLES / "contacts_latin1.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    rows = list(csv.reader(content.decode("cp1252").splitlines(), delimiter=";"))
    assert rows[0][1:4] == ["Vorname", "Nachname", "Handy"]
    assert len(rows) == 301
    assert {len(row) for row in rows} == {9}
    assert "€".encode("cp1252") in content  # is a control character in ISO 8859-1


def test_suppressed_people_are_on_the_list(
    contacts: list[dict[str, str]], suppressions: list[dict[str, str]]
) -> None:
    addresses = {row["Mobile"] for row in contacts} | {row["Email"] for row in contacts}
    assert len(suppressions) == 80
    assert all((row["phone"] or row["email"]) in addresses for row in suppressions)


@pytest.mark.parametrize("path", CAMPAIGNS, ids=lambda path: path.stem)
def test_the_campaigns_use_columns_that_the_samples_have(path: Path, contacts: list[dict[str, str]]) -> None:
    campaign = yaml.safe_load(path.read_text(encoding="utf-8"))
    first = campaign["provider"] if isinstance(campaign["provider"], str) else "routes"
    assert path.stem == f"{first}-{campaign['name']}"
    assert campaign["audience"]["path"] in {"data/samples/contacts.csv", "data/samples/contacts_small.csv"}
    columns = {str(header).lower().replace(" ", "_") for header in contacts[0]}
    row = {str(header).lower().replace(" ", "_"): cell for header, cell in contacts[0].items()}
    fields = campaign.get("template", {}).get("fields", {})
    for source in filter(None, [campaign.get("text"), *fields.values()]):
        compiled = compile_text(source)
        assert compiled.variables <= columns
        assert "\n" not in compiled.render(row)


def test_every_sample_file_is_in_the_readme() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for name in (
        "contacts.csv",
        "contacts_small.csv",
        "contacts_latin1.csv",
        "suppressions.csv",
        "make_contacts.py",
    ):
        assert name in readme
