import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.placeholders import PlaceholderText, compile_to_placeholders
from tasks.messaging.templates import RenderError, TemplateError, compile_text

NAMES = ("first_name", "last_name", "param1", "param2", "param3", "param4", "param5")
ROW = {"first_name": "Ada", "last_name": "Lovelace", "voucher": "SPRING-1", "city": "Paris", "empty": ""}


def compiled(source: str, names: tuple[str, ...] = NAMES) -> PlaceholderText:
    text = compile_to_placeholders(source, names, 50)
    assert text is not None
    return text


def fill_in(text: str, values: dict[str, str]) -> str:
    """What a provider does: every placeholder at once, nothing inside the values."""
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], text)


@pytest.mark.parametrize(
    ("source", "text", "values"),
    [
        ("Hello", "Hello", {}),
        (
            "Hi {{ first_name }} {{ last_name }}",
            "Hi {first_name} {last_name}",
            {"first_name": "Ada", "last_name": "Lovelace"},
        ),
        ("{{ voucher }} in {{ city }}", "{param1} in {param2}", {"param1": "SPRING-1", "param2": "Paris"}),
        (
            "{{ first_name | upper }}, {{ first_name }}",
            "{param1}, {first_name}",
            {"param1": "ADA", "first_name": "Ada"},
        ),
        ("{{ empty | default('you') }}", "{param1}", {"param1": "you"}),
        ("{{ city }}, {{ city }}, {{city}}", "{param1}, {param1}, {param1}", {"param1": "Paris"}),
        ("{% if city %}in {{ city }}{% else %}here{% endif %}!", "{param1}!", {"param1": "in Paris"}),
        ("{% for c in city[:2] %}{{ c }}-{% endfor %}", "{param1}", {"param1": "P-a-"}),
        ("{{ 'fixed' }} {{ city ~ '!' }}", "fixed {param1}", {"param1": "Paris!"}),
        ("a\n{{ city }}\n", "a\n{param1}\n", {"param1": "Paris"}),
        ("a {{- city -}} b", "a{param1}b", {"param1": "Paris"}),
    ],
)
def test_expressions_become_placeholders_and_words_stay(source: str, text: str, values: dict[str, str]) -> None:
    result = compiled(source)
    assert result.text == text
    assert result.values(ROW) == values
    assert fill_in(text, values) == compile_text(source).render(ROW)


def test_name_placeholders_carry_other_expressions_when_the_numbered_ones_are_used_up() -> None:
    source = "".join(f"{{{{ city[{index}:] }}}}" for index in range(7))
    assert compiled(source).text == "{param1}{param2}{param3}{param4}{param5}{first_name}{last_name}"


def test_a_bare_name_keeps_its_own_placeholder_when_the_others_run_out() -> None:
    source = "".join(f"{{{{ city[{index}:] }}}}" for index in range(6)) + "{{ last_name }}"
    assert compiled(source).text == "{param1}{param2}{param3}{param4}{param5}{first_name}{last_name}"


@pytest.mark.parametrize(
    "source",
    [
        "".join(f"{{{{ city[{index}:] }}}}" for index in range(8)),
        "{% set x = city %}{{ x }}",
        "{% if city %}{% set x = 1 %}{% endif %}{{ x | default('') }}",
        "Use {first_name} {{ city }}",
        "{ {{ city }} }",
        "{{ '{param1}' }} {{ city }}",
        "{% raw %}{param1}{% endraw %}{{ city }}",
    ],
)
def test_a_text_that_placeholders_cannot_express_is_left_to_us(source: str) -> None:
    assert compile_to_placeholders(source, NAMES, 50) is None


def test_a_provider_without_placeholders_takes_only_texts_without_expressions() -> None:
    assert compile_to_placeholders("Hi {{ city }}", (), 50) is None
    assert compiled("Hi", ()).text == "Hi"


@pytest.mark.parametrize(
    "city", ["", "x" * 51, "{param1}", "a{", "}", "🌸" * 26, "a\0b"], ids=lambda city: repr(city)[:12]
)
def test_a_recipient_whose_value_the_provider_might_garble_is_left_to_us(city: str) -> None:
    text = compiled("{{ city | default('') }}, {{ first_name }}")
    assert text.values(ROW | {"city": city}) is None


@pytest.mark.parametrize("city", ["x" * 50, "🌸" * 25, "é" * 50])
def test_a_value_as_long_as_the_provider_takes_is_used(city: str) -> None:
    assert compiled("{{ city }}").values({"city": city}) == {"param1": city}


def test_a_row_that_cannot_be_rendered_has_no_values_either() -> None:
    with pytest.raises(RenderError, match="`city` is empty in this row") as caught:
        compiled("Hi {{ first_name }}, {{ city }}").values({"first_name": "Ada"})
    assert caught.value.variable == "city"


def test_a_failing_expression_is_told_with_its_line() -> None:
    with pytest.raises(RenderError, match=r"line 3, {{ city \| int / 0 }}: division by zero"):
        compiled("Hi\n{{ first_name }}\n{{ city | int / 0 }}").values(ROW)


def test_what_is_not_a_template_is_refused() -> None:
    with pytest.raises(TemplateError, match="unexpected '}'"):
        compile_to_placeholders("{{ city }", NAMES, 50)


words = st.text(alphabet="abc ,.!\n%<&é€🌸", max_size=8)
columns = st.sampled_from(["first_name", "last_name", "city", "voucher"])
outputs = st.one_of(
    columns.map("{{{{ {} | default('you') }}}}".format),
    columns.map("{{{{ {} | default('you') | upper }}}}".format),
    st.tuples(columns, columns).map("{{{{ {0[0]} or {0[1]} or 'you' }}}}".format),
    st.tuples(columns, columns).map(
        "{{% if {0[0]} %}}in {{{{ {0[1]} | default('you') }}}}{{% else %}}at{{% endif %}}".format
    ),
    st.tuples(columns, columns).map(
        "{{% if {0[0]} == 'x' %}}y{{% else %}}{{{{ {0[1]} | default('you') }}}}{{% endif %}}".format
    ),
    columns.map("{{% for c in ({} or 'ab')[:3] %}}{{{{ c }}}}.{{% endfor %}}".format),
    st.sampled_from(["{{- city | default('you') -}}", "{{ 'fixed' }}", "{# note #}", "{{ 5 }}"]),
)
sources = st.lists(st.one_of(words, outputs), max_size=5).map("".join)
names_and_values = dict.fromkeys(("first_name", "last_name", "city", "voucher"), "xyz é🌸|")
rows = st.fixed_dictionaries({name: st.text(alphabet, max_size=10) for name, alphabet in names_and_values.items()})

hard_outputs = st.one_of(
    outputs,
    columns.map("{{{{ {} }}}}".format),
    columns.map("{{{{ {} | upper }}}}".format),
    st.just("{"),
    st.just("}"),
)
hard_sources = st.lists(st.one_of(words, hard_outputs), max_size=9).map("".join)
hard_rows = st.fixed_dictionaries(
    {name: st.text(alphabet + "{}", max_size=30) for name, alphabet in names_and_values.items()}
)


@given(source=sources, row=rows)
def test_filled_in_by_the_provider_a_text_reads_as_if_rendered_by_us(source: str, row: dict[str, str]) -> None:
    text = compiled(source)
    values = text.values(row)
    assert values is not None
    assert all(0 < len(value) <= 50 for value in values.values())
    assert fill_in(text.text, values) == compile_text(source).render(row)


@given(source=hard_sources, row=hard_rows, max_chars=st.sampled_from([10, 50]))
def test_what_a_provider_might_garble_is_left_to_us_or_reads_the_same(
    source: str, row: dict[str, str], max_chars: int
) -> None:
    """Most of these cannot be expressed: then there is nothing to compare, and that is what is wanted."""
    try:
        text = compile_to_placeholders(source, NAMES, max_chars)
        rendered = compile_text(source).render(row)
    except (TemplateError, RenderError):
        return
    if text is not None and (values := text.values(row)) is not None:
        assert all(0 < len(value) <= max_chars for value in values.values())
        assert fill_in(text.text, values) == rendered


@given(source=hard_sources, row=hard_rows)
def test_placeholders_fail_on_exactly_the_rows_on_which_rendering_fails(source: str, row: dict[str, str]) -> None:
    try:
        text = compile_to_placeholders(source, NAMES, 50)
    except TemplateError:
        return
    if text is None:
        return
    failures = []
    for attempt in (compile_text(source).render, text.values):
        try:
            attempt(row)
        except RenderError as error:
            failures.append(error.variable)
    assert len(failures) in {0, 2}


@given(source=hard_sources, row=hard_rows)
def test_values_without_the_engine_are_those_of_the_engine(source, row):
    try:
        text = compile_to_placeholders(source, NAMES, 50)
    except TemplateError:
        return
    if text is None:
        return
    by_engine = replace(text, _plain_fields=())
    try:
        expected = by_engine.values(row)
    except RenderError:
        with pytest.raises(RenderError):
            text.values(row)
    else:
        assert text.values(row) == expected


def test_bare_columns_and_defaults_need_no_engine():
    values = compiled("{{ city }}, {{ empty | default('you') }} {{ city }}").values(ROW)
    assert values == {"param1": "Paris", "param2": "you"}
