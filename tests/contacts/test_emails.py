import pandas as pd
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contacts.emails import normalise_emails


def judge(cell):
    return normalise_emails(pd.Series([cell], dtype="str")).iloc[0]


@pytest.mark.parametrize(
    "cell",
    [
        "ada@example.com",
        " Ada@Example.COM ",
        "ada @ example.com",
        "Ada Lovelace <ada@example.com>",
        "<ada@example.com>",
        "mailto:ada@example.com?subject=Hi",
        "'ada@example.com'",
        "ada@example.com.",
        "\u200bada@example.com\u00a0",
        "ada@example.com; ada@example.org",
        "ada@example.com ::: ada@example.org",
        "Ada <ada@example.com>, Bob <bob@example.com>",
    ],
)
def test_what_surrounds_an_address_is_taken_off(cell):
    found = judge(cell)
    assert (found["address"], found["reason"], found["detail"]) == ("ada@example.com", "", "")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "missing_address"),
        ("  ", "missing_address"),
        ("ada", "invalid_address"),
        ("ada@", "invalid_address"),
        ("@example.com", "invalid_address"),
        ("ada@localhost", "invalid_address"),
        ("ada..l@example.com", "invalid_address"),
        ("ada@exa mple.com", "invalid_address"),
        ("ada@-example.com", "invalid_address"),
        ("x" * 1001, "invalid_address"),
    ],
)
def test_what_is_no_address_gets_a_reason(cell, reason):
    found = judge(cell)
    assert (found["address"], found["reason"]) == ("", reason)
    assert found["detail"]


def test_both_spellings_of_an_international_domain_are_one_address():
    assert judge("ada@b\u00fccher.example.com")["address"] == judge("ada@xn--bcher-kva.example.com")["address"]


def test_a_second_address_is_used_when_the_first_is_none_and_the_detail_says_so():
    found = judge("ada@localhost; ada@example.com")
    assert found["address"] == "ada@example.com"
    assert "address 2 of 2" in found["detail"]


def test_a_sentence_shows_only_the_first_letter_of_a_local_part():
    assert "lovelace" not in judge("ada.lovelace@localhost")["detail"]


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[a-z0-9_.+-]{1,12}@[a-z0-9.-]{1,25}\.(com|net|org|se|test|local|x)", fullmatch=True))
def test_the_fast_way_never_accepts_what_email_validator_refuses(text):
    found = judge(text)["address"]
    try:
        expected = validate_email(text.rstrip("."), check_deliverability=False)
    except EmailNotValidError:
        assert found == ""
    else:
        assert found == f"{expected.local_part}@{expected.ascii_domain}".lower()


def test_a_sentence_shows_control_characters_as_what_they_are():
    assert judge("a\x1b[2J@exa\x07mple.com")["detail"].startswith(r"'a••••@exa\x07mple.com'")
