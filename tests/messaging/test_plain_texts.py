"""Texts without a template engine read as the engine writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.plain_texts import compile_plain
from tasks.messaging.templates import RenderError, TemplateError, compile_text
from tests.messaging.test_placeholders import hard_rows, hard_sources

ROW = {"first_name": "Ada", "city": "Paris", "empty": " "}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello", "Hello"),
        ("Hi {{ first_name }} in {{ city }}, {{ first_name }}!", "Hi Ada in Paris, Ada!"),
        ("{{ empty | default('you') }} {x} {{ '{{' }}", None),
        ("{{ empty | default('you') }}{}%s", "you{}%s"),
        ("a {{- city -}} b", "aParisb"),
        ("{% raw %}{{ city }}{% endraw %}", "{{ city }}"),
        ("{{ city | upper }}", None),
        ("{% if city %}a{% endif %}", None),
        ("{{ city | default('a', true) }}", None),
        ("{{ city | default(first_name) }}", None),
    ],
)
def test_columns_and_defaults_need_no_engine_and_everything_else_does(source, text):
    plain = compile_plain(source)
    assert (plain and plain.write({name: [cell] for name, cell in ROW.items()}, 1)) == (text and [text])
    if text is not None:
        assert compile_text(source).render(ROW) == text


@given(source=hard_sources, rows=st.lists(hard_rows, min_size=1, max_size=4))
def test_it_reads_as_the_engine_writes_it_or_is_left_to_the_engine(source, rows):
    try:
        plain = compile_plain(source)
    except TemplateError:
        return
    if plain is None:
        return
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for row, text in zip(rows, plain.write(columns, len(rows)), strict=True):
        if text is None:
            with pytest.raises(RenderError):
                compile_text(source).render(row)
        else:
            assert text == compile_text(source).render(row)


def test_a_value_that_may_not_stand_there_is_left_to_the_engine():
    plain = compile_plain("{{ city }}")
    assert plain.write({"city": ["Paris", "{x}", ""]}, 3, lambda value: "{" not in value) == ["Paris", None, None]


def test_a_text_beyond_the_limit_is_left_to_the_engine():
    assert compile_plain("{{ a }}{{ a }}").write({"a": ["x" * 5001, "y"]}, 2) == [None, "yy"]
