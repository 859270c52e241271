import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contacts.masking import mask_address, mask_text


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("+33639980012", "+3363998••••"),
        ("+491713920012", "+4917139••••"),
        ("+33 6 39 98 00 12", "+33 6 39 98••••"),
        ("0639980012", "063998••••"),
        ("5550123", "555••••"),
        ("12125550123.0", "1212555••••"),
        ("ada@example.com", "a••••@example.com"),
        ("ada%40example.com", "a••••@example.com"),
        ('"ada lovelace"@example.com', "a••••@example.com"),
        ("o'brien@example.com", "o••••@example.com"),
        ("1.21256E+10", "1.••••"),
        ("call later", "ca••••"),
        ("", ""),
    ],
)
def test_an_address_is_shown_so_that_it_can_be_told_apart_and_not_be_used(address: str, masked: str) -> None:
    assert mask_address(address) == masked


def test_a_local_part_of_one_letter_is_hidden_whole() -> None:
    assert mask_address("a@example.com") == "••••@example.com"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to +33639980012 failed", "to +3363998•••• failed"),
        ("06/39/98/00/12, 06.39.98.00.13", "06/39/98••••, 06.39.98••••"),
        ("(212) 555-0123", "(212) 555••••"),
        ("+49 (0) 171 3920012", "+49 (0) 171 3••••"),
        ("06\u00a039\u00a098\u00a000\u00a012", "06\u00a039\u00a098••••"),
        ("06\u201339\u201398\u201300\u201312", "06\u201339\u201398••••"),
        ("06 -- 39 98 - 00 12", "06 -- 39 98••••"),
        ("33,639,980,012", "33,639,98••••"),
        ("GET /x?to=%2B33639980012&mail=ada%40example.com", "GET /x?to=%2B3363998••••&mail=a••••@example.com"),
        ("Ada <ada@example.com>", "Ada <a••••@example.com>"),
    ],
)
def test_addresses_in_a_sentence_are_masked_however_they_are_written(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_of_two_numbers_with_a_space_between_the_first_is_not_shown() -> None:
    assert mask_text("33639980012 33639980013") == "3363998••••"


def test_a_number_before_another_figure_does_not_lose_its_mask_to_it() -> None:
    assert mask_text("+33639980012 400 Bad Request") == "+3363998•••• Bad Request"


@pytest.mark.parametrize(
    "text", ["2026-01-05 11:46:06 row 12", "HTTP 404 after 350 ms", "1,250,000 messages", "SPRING-D8912B"]
)
def test_times_and_counts_can_still_be_read(text: str) -> None:
    assert mask_text(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    once = mask_text("+33639980012 and ada@example.com")
    assert mask_text(once) == once


separators = st.sampled_from(["", " ", "-", ".", "/", "\u00a0", ") ", " (", " - "])
words = st.text(alphabet="abcdefg ,;:\n", max_size=8)


@given(
    digits=st.text(alphabet="0123456789", min_size=7, max_size=15),
    joints=st.lists(separators, min_size=15, max_size=15),
    before=words,
    after=words,
)
def test_no_spelling_of_a_number_shows_its_last_four_digits(
    digits: str, joints: list[str], before: str, after: str
) -> None:
    number = "".join(digit + joint for digit, joint in zip(digits, [*joints[: len(digits) - 1], ""], strict=True))
    if re.match(r"\d{4}-\d\d-\d\d(?!\d)", number):
        return  # reads as a date
    shown = re.sub(r"\D", "", mask_text(f"{before} +{number} {after}"))
    assert shown == digits[: min(7, len(digits) - 4)]


@pytest.mark.parametrize(
    "text", ["'ada@example.com'", 'say "ada@example.com"', "it's 'a b@example.com', \\ada@x.org\x85"]
)
def test_what_is_masked_is_masked_in_its_repr_too(text):
    masked = mask_text(text)
    assert mask_text(masked) == masked
    assert mask_text(repr(masked)) == repr(masked)
    assert mask_text(repr(repr(masked))) == repr(repr(masked))
