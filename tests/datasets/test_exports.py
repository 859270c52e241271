"""Unmodified exports of six products load without being told what their columns are."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.contacts.columns import Meaning, recognise_columns
from tasks.contacts.countries import country_codes
from tasks.contacts.emails import normalise_emails
from tasks.contacts.phones import normalise_phones
from tasks.datasets.readers import open_contacts

EXPORTS = Path(__file__).parents[2] / "data" / "samples" / "exports"
PRODUCTS = ["google_contacts", "outlook", "hubspot", "mailchimp", "salesforce", "listmonk"]


def load(product, needed):
    with open_contacts(str(EXPORTS / f"{product}.csv")) as file:
        columns = recognise_columns(file.header, overrides={}, needed=needed)
        batches = list(file.batches())
    assert len(batches) == 1
    assert batches[0].torn.empty
    return columns.extract(batches[0].frame), columns


def phones(product):
    cells, _ = load(product, Meaning.PHONE)
    found = normalise_phones(cells["phone"], country_codes(cells["country"]), textable=True)
    return cells.join(found[["address", "reason"]])


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_export_has_texts_to_send(product):
    assert (phones(product)["address"] != "").sum() >= 2


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_export_has_mails_to_send(product):
    cells, columns = load(product, Meaning.EMAIL)
    assert (normalise_emails(cells["email"])["address"] != "").sum() >= 3
    assert columns.supplies("first_name")


def test_google_contacts():
    found = phones("google_contacts")
    assert found["address"].tolist() == ["+46701740605", "+46701740612", "+14155550142", ""]
    assert found["first_name"].tolist() == ["Astrid", "Bram", "Carla", "Dan"]


def test_google_contacts_in_its_older_form():
    header = (
        "Name,Given Name,Additional Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,"
        "Phone 1 - Type,Phone 1 - Value"
    )
    columns = recognise_columns(header.split(","), overrides={}, needed=Meaning.PHONE)
    row = ["Ada L", "Ada", "", "L", "* myContacts", "*", "ada@example.com", "Mobile", "+46 70 174 06 05"]
    found = columns.extract(pd.DataFrame([row], columns=header.split(","), dtype="str")).iloc[0]
    assert (found["phone"], found["email"], found["first_name"], found["last_name"]) == (
        "+46 70 174 06 05",
        "ada@example.com",
        "Ada",
        "L",
    )


def test_outlook():
    found = phones("outlook")
    assert found["address"].tolist() == ["+491713920012", "+4917604069012", "+14155550123", ""]
    assert found["first_name"].tolist()[:2] == ["J\u00fcrgen", "\u00c9lise"]


def test_hubspot():
    found = phones("hubspot")
    assert found["address"].tolist() == ["+46701740620", "+14155550155", "+46701740621"]
    assert found["disabled"].tolist() == [False, False, True]
    assert found["external_code"].tolist()[0] == "70012301"
    assert found["timezone"].tolist()[0] == "Europe/Stockholm"
    mails, _ = load("hubspot", Meaning.EMAIL)
    assert mails["opted_out"].tolist() == [False, True, False]


def test_mailchimp():
    found = phones("mailchimp")
    assert found["address"].tolist() == ["+46701740630", "+46701740631", "+46701740632"]
    assert found["opted_out"].tolist() == [False, False, True]
    assert found["eligibility_detail"].tolist()[2] == "column 'UNSUB_TIME' says '2026-03-05 08:30:00'"


def test_salesforce():
    found = phones("salesforce")
    assert found["address"].tolist() == ["+61491570156", "+14155550177", "+61491570157"]
    assert found["opted_out"].tolist() == [False, False, True]
    assert not found["disabled"].any()
    mails, _ = load("salesforce", Meaning.EMAIL)
    assert mails["opted_out"].tolist() == [False, True, False]


def test_listmonk():
    found = phones("listmonk")
    assert found["address"].tolist()[:2] == [
        "+46701740640",
        "",
    ]  # the second has no + and no country to read it with
    assert found["disabled"].tolist() == [False, False, True, False]
    assert found["opted_out"].tolist() == [False, False, False, True]
    cells, columns = load("listmonk", Meaning.PHONE)
    assert normalise_phones(cells["phone"], "SE", textable=True)["address"].tolist()[1] == "+46701740641"
    assert columns.supplies("plan")
