"""Parts of a text, by 3GPP TS 23.038 and 23.040."""

import pytest

from deployments.sandbox.sms_parts import count_parts, is_gsm_7, to_cheaper_text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("ê" * 134, 2),
        ("ê" * 135, 3),
        ("\U0001f389" * 35, 1),
        ("\U0001f389" * 36, 2),
    ],
)
def test_a_text_needs_as_many_sms_as_its_alphabet_allows(text, parts):
    assert count_parts(text) == parts


@pytest.mark.parametrize(("text", "is_gsm"), [("é à ù € [x]", True), ("ê", False), ("ç", False), ("Ç", True)])
def test_the_alphabet_is_gsm_7(text, is_gsm):
    assert is_gsm_7(text) is is_gsm


@pytest.mark.parametrize(
    ("text", "cheaper"),
    [
        ("Plain text, kept.", "Plain text, kept."),
        ("two  spaces", "two spaces"),
        (" around ", "around"),
        ("line \n next", "line\nnext"),
        ("fête, cœur", "fete, coeur"),
        ("it\u2019s \u201cnew\u201d\u2026", 'it\'s "new"...'),
        ("party \U0001f389!", "party !"),
    ],
)
def test_a_text_gets_cheaper_without_useless_spaces_and_unicode(text, cheaper):
    assert to_cheaper_text(text) == cheaper
