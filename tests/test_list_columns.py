"""Columns that are misspelt, or that nothing is taken from."""

import pytest

from tasks.contacts.audience import Audience
from tasks.contacts.columns import ColumnError, Meaning, recognise_columns
from tasks.list_columns import check_overrides, describe_unused, find_consent_warnings
from tasks.messaging.content import Content
from tasks.messaging.rendering import RunTexts


def content(purpose="marketing", text="Hi {{ first_name }} {{ code }}"):
    return Content(channel="sms", purpose=purpose, text=text)


TEXTS = RunTexts(content(), (), 0)


def columns(*header, **overrides):
    return recognise_columns(list(header), overrides=overrides, needed=Meaning.PHONE)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("optout", "did you mean `opted_out`?"),
        ("unsubscribed", "did you mean `opted_out`?"),
        ("timezon", "did you mean `timezone`?"),
        ("shoesize", "known here: phone, email"),
    ],
)
def test_a_misspelt_meaning_is_refused_because_an_opt_out_would_not_count(key, said):
    with pytest.raises(ColumnError) as refused:
        check_overrides({key: "will nix mehr"}, TEXTS)
    assert f"audience.columns.{key}: is neither" in str(refused.value)
    assert said in str(refused.value)


def test_meanings_and_variables_of_the_text_are_fine():
    check_overrides({"opted_out": "No texts", "code": "Voucher"}, TEXTS)


@pytest.mark.parametrize(
    ("header", "changes", "warned"),
    [
        (("Mobile", "First name"), {}, True),
        (("Mobile", "Unsubscribed"), {}, False),
        (("Mobile", "Status"), {}, False),
        (("Mobile",), {"suppressions": "no.csv"}, False),
    ],
)
def test_marketing_to_a_list_that_does_not_say_whom_not_to_write_to_is_worth_a_look(header, changes, warned):
    audience = Audience(path="list.csv", **changes)
    assert bool(find_consent_warnings(columns(*header), content(), audience)) is warned
    assert find_consent_warnings(columns(*header), content("transactional"), audience) == []


def test_what_is_not_used_is_named_and_what_is_used_is_not():
    found = columns("Mobile", "First name", "Kd.-Nr", "will nix mehr", "Voucher", code="Voucher")
    assert describe_unused(found, TEXTS) == ["columns that are not used: Kd.-Nr, will nix mehr"]
    assert describe_unused(columns("Mobile", "First name", "Code"), TEXTS) == []
