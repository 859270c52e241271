import pytest

from tasks.contacts.truth_words import (
    Standing,
    read_standing,
    says_disabled,
    says_enabled,
    says_opted_in,
    says_opted_out,
)

YES = ["yes", "Y", "TRUE", "1", "1.0", "x", "on", "oui", "Ja", "s\u00ed", "\u2713", "checked"]
NO = ["no", "N", "False", "0", "0.0", "off", "non", "nein", "nej", "never", "n/a", "-", "0000-00-00 00:00:00"]
MOMENTS = [
    "2026-03-05 08:30:00",
    "05/03/2026",
    "5 Mar 2026",
    "March 5, 2026",
    "1772700000",
    "2026-03-05T08:30:00Z",
]


@pytest.mark.parametrize("cell", YES + MOMENTS + ["unsubscribed", "blocklisted", "maybe", "??"])
def test_an_opt_out_column_excludes_for_yes_a_date_and_anything_unclear(cell):
    assert says_opted_out(cell)


@pytest.mark.parametrize("cell", ["", " ", "subscribed", "opted in", *NO])
def test_an_opt_out_column_lets_only_no_and_nothing_pass(cell):
    assert not says_opted_out(cell)


@pytest.mark.parametrize("cell", YES + MOMENTS + ["subscribed", "Opted in"])
def test_a_consent_is_a_yes_or_a_date(cell):
    assert says_opted_in(cell)


@pytest.mark.parametrize("cell", ["", "maybe", "unsubscribed", *NO])
def test_nothing_else_is_a_consent(cell):
    assert not says_opted_in(cell)


def test_a_switch_is_off_when_unclear():
    assert says_disabled("perhaps")
    assert not says_disabled("")
    assert not says_enabled("")
    assert says_enabled("Aktiv")


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("enabled", Standing.OPEN),
        ("", Standing.OPEN),
        ("VIP customer", Standing.OPEN),
        ("Marketing contact", Standing.OPEN),
        ("Non-marketing contact", Standing.DISABLED),
        ("disabled", Standing.DISABLED),
        ("Cleaned", Standing.DISABLED),
        ("blocklisted", Standing.OPTED_OUT),
        ("Unsubscribed", Standing.OPTED_OUT),
        ("D\u00e9sabonn\u00e9", Standing.OPTED_OUT),
    ],
)
def test_a_status_excludes_only_for_words_about_sending(word, standing):
    assert read_standing(word) is standing
