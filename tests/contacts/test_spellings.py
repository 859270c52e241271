import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contacts.spellings import REDACTED, Spellings

ANN = Spellings(["+12135550102", "+491713920012", "ann@example.com", "external:k-2"])


@pytest.mark.parametrize(
    "spelled",
    [
        *(
            "+12135550102",
            "12135550102",
            "0012135550102",
            "+1 213-555-0102",
            "+1 (213) 555.0102",
            "(213) 555-0102",
        ),
        *("+491713920012", "01713920012", "0171 3920012", "0171/39 20 012", "+49\u00a0171\u00a03920012"),
        *("1%20213%20555%200102", "ann@example.com", "Ann@Example.COM", "ann%40example.com", "external:k-2"),
    ],
)
def test_an_address_is_found_however_it_is_spelled(spelled):
    for before, after in (("", ""), ("tel:", ";"), ("call ", " now"), ("99 ", " 12135550103"), ('{"a": "', '"}')):
        text = ANN.redact(f"{before}{spelled}{after}")
        assert not ANN.occur_in(text)
        assert text == f"{before}{REDACTED}{after}"


@pytest.mark.parametrize(
    "other",
    [
        *("912135550102", "121355501029", "+121355501023", "2135550102", "12135550103", "2135550102-9 of id"),
        *("joann@example.com", "ann@example.com.org", "ann+x@example.com", "", "2026-03-20 10:00:00"),
    ],
)
def test_what_only_contains_an_address_is_somebody_elses(other):
    assert ANN.redact(other) == other


def test_documents_lose_it_in_keys_values_and_numbers():
    document = {"+12135550102": 1, "a": [12135550102, None, True, 2.5, {"b": "x ann@example.com"}]}
    assert ANN.redact_document(document) == {REDACTED: 1, "a": [REDACTED, None, True, 2.5, {"b": f"x {REDACTED}"}]}


def test_a_cell_with_nothing_else_may_be_a_bare_national_number():
    assert ANN.is_one("2135550102")
    assert ANN.is_one(" Ann@example.com ")
    assert not ANN.is_one("2135550102 or so")


@given(st.text(alphabet="+0123456789 ()-.%ab@", max_size=60))
def test_nothing_is_left_after_redaction(text):
    assert not ANN.occur_in(ANN.redact(text))
