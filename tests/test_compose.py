"""Texts written many at a time are what writing them one by one gives."""

import json

import pandas as pd
import pytest

from tasks.compose import Composer
from tasks.messaging.content import Content
from tasks.messaging.parts import count_parts
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import ExclusionReason

PLACEHOLDERS = ("first_name", "param1", "param2")
NAMES = ("Ada", "", " ", "Zoë", "Łukasz", "{x}", "x" * 60, "a\0b", "%s", '"\\')


def composer(text, *, placeholders=(), max_chars=None, is_bulk=False):
    content = Content(channel="sms", purpose="transactional", text=text)
    texts = RunTexts(content, placeholders, 50)
    sources = {name: name for name in texts.variables}
    written = Composer(
        texts, sources, counts_parts=True, max_chars=max_chars, is_bulk=is_bulk, placeholders=placeholders
    )
    return texts, written


def people(texts, rows):
    return pd.DataFrame(
        {
            name: pd.array([NAMES[(row + place) % len(NAMES)] for row in range(rows)], dtype="str")
            for place, name in enumerate(texts.variables)
        },
        index=pd.Index(range(10, 10 + rows), name="row_number"),
    )


@pytest.mark.parametrize("placeholders", [(), PLACEHOLDERS])
@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "Hi {{ first_name }}, {{ code }}",
        'Hi {{ first_name | default("you") }} {{ code | default("") }}!',
        "Hi {{ first_name | upper }}",
        "{{ a }}{{ b }}{{ c }}{{ d }}",
        "{% if first_name %}Hi {{ first_name }}{% endif %}",
        "Braces { and } {{ first_name | default('you') }}",
    ],
)
def test_each_row_gets_what_it_would_get_alone(text, placeholders):
    rows = 23
    texts, at_once = composer(text, placeholders=placeholders, is_bulk=bool(placeholders), max_chars=70)
    values = people(texts, rows)
    together, refused = at_once.compose(values)
    assert sorted([*together.index, *refused.index]) == list(values.index)
    alone = [
        composer(text, placeholders=placeholders, is_bulk=bool(placeholders), max_chars=70)[1].compose(
            values.iloc[place : place + 1]
        )
        for place in range(rows)
    ]
    pd.testing.assert_frame_equal(together, pd.concat([one for one, _ in alone]), check_dtype=False)
    pd.testing.assert_frame_equal(refused, pd.concat([one for _, one in alone]), check_dtype=False)
    for row, written in together.iterrows():
        cells = values.loc[row].to_dict()
        assert (written["variables"] and json.loads(written["variables"])) == (cells or None)
        assert written["parts"] == count_parts(texts.render(cells).text).parts
        if placeholders and texts.shared is not None:
            assert (written["text_key"] == 0) == (texts.shared.values(cells) is not None)
    assert set(refused["reason"]) <= {ExclusionReason.MISSING_VALUE, ExclusionReason.TOO_LONG}


def test_samples_are_the_first_texts_and_encodings_are_counted():
    texts, written = composer("Hi {{ first_name | default('you') }}")
    written.compose(people(texts, 10))
    assert written.sample_texts == ["Hi Ada", "Hi you", "Hi you"]
    assert written.encodings.total() == 10
    assert written.encodings["ucs2"] == 3  # ë, Ł and NUL are not in GSM-7
    assert any("Ł" in advice for advice in written.advice)


@pytest.mark.parametrize("text", ["Hi {{ first_name | default('you') }}", "Hello"])
def test_texts_that_are_taken_back_are_not_counted(text):
    texts, written = composer(text)
    composed, _ = written.compose(people(texts, 10))
    written.take_back(composed["variables"].iloc[:9])
    assert written.encodings.total() == 1
    written.take_back(composed["variables"].iloc[9:])
    assert written.encodings.total() == 0


def test_nobody_is_no_rows():
    texts, written = composer("Hi {{ first_name }}")
    composed, refused = written.compose(people(texts, 0))
    assert (len(composed), len(refused)) == (0, 0)
    assert list(composed.columns) == ["variables", "parts", "text_key"]


def test_more_rows_than_are_written_at_a_time():
    texts, written = composer("Hi {{ first_name | default('you') }}")
    composed, refused = written.compose(people(texts, 12_345))
    assert (len(composed), len(refused)) == (12_345, 0)
    assert composed.index.is_monotonic_increasing
