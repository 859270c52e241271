"""Headers: what is recognised, what is refused, and what rows give."""

import pandas as pd
import pytest

from tasks.contacts.column_names import _KNOWN, normal_name
from tasks.contacts.columns import ColumnError, Meaning, recognise_columns, variable_name


def frame(**columns: list[str]):
    rows = max(map(len, columns.values()))
    return pd.DataFrame(columns, index=pd.RangeIndex(2, 2 + rows, name="row_number"), dtype="str")


def recognise(header, needed=Meaning.PHONE, **overrides: str):
    return recognise_columns(header, overrides=overrides, needed=needed)


def column_for(meaning, header, needed=Meaning.PHONE):
    return next((column for found, column, _ in recognise(header, needed).describe() if found == meaning), None)


@pytest.mark.parametrize(
    "name",
    [
        "phone", "PHONE", "Phone Number", "phone_number", "PhoneNumber", "Mobile", "MobilePhone", "mobile-phone",
        "Cell", "MSISDN", "T\u00e9l\u00e9phone", "TELEPHONE PORTABLE", "Portable", "Handy", "Telefonnummer",
        "Telefon",
        "M\u00f3vil", "Tel\u00e9fono", "Mobil", "mobilnummer", "SMS", "Phone 1 - Value", "Mobile 1", "Work Phone",
    ],
)  # fmt: skip
def test_phone_columns_are_recognised_in_five_languages(name):
    assert column_for("phone", ["x", name, "y"]) == name


@pytest.mark.parametrize("name", ["Fax", "Business Fax", "Pager", "AssistantPhone", "Assistant's Phone", "Notes"])
def test_columns_that_are_no_way_to_reach_the_person_are_not(name):
    with pytest.raises(ColumnError, match="no column is recognised as a phone number"):
        recognise([name, "Email"])


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("E-mail Address", "email"),
        ("Courriel", "email"),
        ("Correo electr\u00f3nico", "email"),
        ("E-post", "email"),
        ("Pr\u00e9nom", "first_name"),
        ("Vorname", "first_name"),
        ("Given Name", "first_name"),
        ("F\u00f6rnamn", "first_name"),
        ("Nachname", "last_name"),
        ("Apellidos", "last_name"),
        ("Efternamn", "last_name"),
        ("Country/Region", "country"),
        ("Pa\u00eds", "country"),
        ("Land", "country"),
        ("Time Zone", "timezone"),
        ("Record ID", "external_code"),
        ("Kundennummer", "external_code"),
    ],
)
def test_other_columns_are_recognised(name, meaning):
    assert column_for(meaning, ["phone", name]) == name


def test_names_mean_what_they_mean_beside_each_other():
    french = recognise(["Nom", "Pr\u00e9nom", "Portable"])
    assert ("last_name", "Nom") in [found[:2] for found in french.describe()]
    spanish = recognise(["Nombre", "Apellidos", "M\u00f3vil"])
    assert ("first_name", "Nombre") in [found[:2] for found in spanish.describe()]
    assert column_for("full_name", ["Nombre", "M\u00f3vil"]) == "Nombre"


def test_a_missing_column_is_refused_with_what_to_write():
    with pytest.raises(ColumnError) as refused:
        recognise(["Contact Ref", "Number to text"])
    assert "'Contact Ref', 'Number to text'" in str(refused.value)
    assert 'columns: {phone: "its header"}' in str(refused.value)


def test_two_equally_good_columns_are_refused_with_both_names():
    with pytest.raises(ColumnError, match=r"'Mobile' and 'Cell phone'.*columns: \{phone: \"Mobile\"\}"):
        recognise(["Mobile", "Cell phone"])
    with pytest.raises(ColumnError, match=r"'Phone' and 'Phone \(2\)'"):
        recognise(["Phone", "Phone (2)"])
    assert recognise(["Mobile", "Cell phone"], phone="Cell phone")
    assert recognise(["Email", "Mobile", "Cell phone"], needed=Meaning.EMAIL)


def test_an_override_must_name_a_column_of_the_file():
    with pytest.raises(ColumnError, match="the nearest is 'Rufnummer'"):
        recognise(["Name", "Rufnummer"], phone="Rufnumer")
    assert recognise(["Name", "NUMBER TO TEXT"], phone="number to text")


def test_an_override_with_another_name_is_a_template_variable():
    columns = recognise(["Phone", "Kortnr"], card="Kortnr")
    rows = frame(Phone=["1", "2"], Kortnr=[" A7 ", ""])
    assert columns.variables["card"] == "Kortnr"
    assert columns.variable_values(rows, ["card"])["card"].tolist() == ["A7", ""]


def test_each_row_gives_its_best_filled_phone():
    columns = recognise(["Home Phone", "Phone", "Mobile"])
    found = columns.extract(
        frame(**{"Home Phone": ["h", "h", "h"], "Phone": ["p", "p", ""], "Mobile": ["m", " ", ""]})
    )
    assert found["phone"].tolist() == ["m", "p", "h"]
    assert found["phone_column"].tolist() == ["Mobile", "Phone", "Home Phone"]


def test_every_column_is_a_variable_under_its_snake_case_name():
    columns = recognise(["Mobile", "Company Name", "Pr\u00e9nom", "2nd visit", "company_name"])
    assert columns.variables["company_name"] == "Company Name"
    assert columns.variables["company_name_2"] == "company_name"
    assert columns.variables["first_name"] == columns.variables["prenom"] == "Pr\u00e9nom"
    assert variable_name("2nd visit") == "_2nd_visit"
    assert not columns.supplies("discount")
    with pytest.raises(KeyError):
        columns.variable_values(frame(Mobile=["1"]), ["discount"])
    assert columns.other_columns == ["Company Name", "2nd visit", "company_name"]


def test_consent_counts_for_the_channel_it_speaks_of():
    header = ["Phone", "Email", "Email Opt Out", "Do Not Call", "Unsubscribed"]
    rows = frame(
        Phone=["1", "2", "3", "4"],
        Email=["a", "b", "c", "d"],
        **{
            "Email Opt Out": ["1", "", "", ""],
            "Do Not Call": ["", "yes", "", ""],
            "Unsubscribed": ["", "", "2026-01-02", "no"],
        },
    )
    texts = recognise(header).extract(rows)
    mails = recognise(header, needed=Meaning.EMAIL).extract(rows)
    assert texts["opted_out"].tolist() == [False, True, True, False]
    assert mails["opted_out"].tolist() == [True, False, True, False]
    assert texts["eligibility_detail"].tolist()[1] == "column 'Do Not Call' says 'yes'"
    assert ("not used: opted_out", "Email Opt Out") in [found[:2] for found in recognise(header).describe()]
    assert recognise(header, opted_out="Email Opt Out").extract(rows)["opted_out"].tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_a_consent_column_excludes_whoever_gave_none():
    found = recognise(["Phone", "SMS consent"]).extract(
        frame(Phone=["1", "2", "3"], **{"SMS consent": ["yes", "", "no"]})
    )
    assert found["opted_out"].tolist() == [False, True, True]
    assert found["eligibility_detail"].tolist() == [
        "",
        "column 'SMS consent' is empty",
        "column 'SMS consent' says 'no'",
    ]


def test_status_columns_disable_and_opt_out():
    found = recognise(["Phone", "Status", "Active"]).extract(
        frame(
            Phone=["1", "2", "3", "4"],
            Status=["enabled", "disabled", "blocklisted", "VIP"],
            Active=["1", "1", "1", "0"],
        )
    )
    assert found["disabled"].tolist() == [False, True, False, True]
    assert found["opted_out"].tolist() == [False, False, True, False]


def test_the_keys_of_a_json_column_are_variables_and_may_hold_the_phone():
    columns = recognise(["email", "attributes"])
    rows = frame(
        email=["a", "b", "c", "d"],
        attributes=[
            '{"Mobile": 46701740605, "plan": "pro", "tags": ["x"]}',
            '{"phone": "+46701740606", "sms_consent": "no"}',
            "not json",
            '{"ratio": 1.10}',
        ],
    )
    found = columns.extract(rows)
    assert found["phone"].tolist() == ["46701740605", "+46701740606", "", ""]
    assert found["opted_out"].tolist() == [False, True, False, False]
    values = columns.variable_values(rows, ["plan", "tags", "ratio"])
    assert columns.supplies("plan")
    assert values.to_numpy().tolist() == [["pro", '["x"]', ""], ["", "", ""], ["", "", ""], ["", "", "1.10"]]
    assert recognise(["email", "attributes"], phone="attributes.Mobile").extract(rows)["phone"].tolist()[1] == ""


def test_googles_label_says_which_number_is_the_mobile():
    header = ["Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Type", "Phone 2 - Value"]
    rows = frame(
        **{
            "Phone 1 - Label": ["Home", "Mobile", "Work"],
            "Phone 1 - Value": ["h", "m", "w"],
            "Phone 2 - Type": ["* Mobile", "Home", "Home"],
            "Phone 2 - Value": ["m", "h", "h"],
        }
    )
    assert recognise(header).extract(rows)["phone"].tolist() == ["m", "m", "w"]


def test_a_frame_without_rows_gives_a_frame_without_rows():
    columns = recognise(["Phone", "Status", "attributes"])
    empty = frame(Phone=["1"], Status=[""], attributes=[""]).iloc[:0]
    assert columns.extract(empty).empty
    assert list(columns.variable_values(empty, ["phone"]).columns) == ["phone"]


def test_every_known_name_is_in_the_form_in_which_names_are_compared():
    assert [name for name in _KNOWN if name != normal_name(name) or not name or len(name.split()) > 6] == []
    for phrase in (
        "opted out of sms",
        "phone opt out",
        "nom et prenom",
        "portable",
        "handy",
        "numero de telephone",
        "baja",
    ):
        assert phrase in _KNOWN
