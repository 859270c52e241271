import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.templates import RenderError, TemplateError, check_variables, compile_text

ROW = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "voucher": "SPRING-1",
    "city": "Paris",
    "country": "FR",
    "price": "12.5",
    "tags": "red,green",
    "empty": "",
    "blank": " \u00a0\t",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi {{ first_name }}, 20% off", "Hi Ada, 20% off"),
        ("{{ first_name | upper }} {{ last_name[0] }}.", "ADA L."),
        ("{{ first_name.upper() }} {{ tags.split(',')[1] }}", "ADA green"),
        ("{{ empty | default('friend') }}", "friend"),
        ("{{ empty | d('friend') }}", "friend"),
        ("{{ empty | default('friend', true) }}", "friend"),
        ("{{ blank | default('friend') }}", "friend"),
        ("{{ not_in_the_list | default('friend') }}", "friend"),
        ("{{ empty or 'friend' }}", "friend"),
        ("{{ empty | default(first_name) | upper }}", "ADA"),
        ("{% if empty %}a{% else %}b{% endif %}", "b"),
        ("{% if empty is defined %}a{% else %}b{% endif %}", "b"),
        ("{% if empty == 'x' or empty in ['x'] or 'x' in empty %}a{% else %}b{% endif %}", "b"),
        ("{% if empty == '' and empty != 'x' %}a{% endif %}", "a"),
        ("{% if country in ['FR', 'BE'] %}Bonjour{% else %}Hello{% endif %}", "Bonjour"),
        ("{{ 'in ' ~ city if city }}!{{ 'x' if empty }}", "in Paris!"),
        ("{% set who = first_name ~ ' ' ~ last_name %}{{ who }}, {{ who }}", "Ada Lovelace, Ada Lovelace"),
        (
            "{% for tag in tags.split(',') %}{{ loop.index }}{{ tag }}{{ ', ' if not loop.last }}{% endfor %}",
            "1red, 2green",
        ),
        ("{{ '%.2f' | format(price | float * 2) }} {{ (price | float) | round(1) }}", "25.00 12.5"),
        ("{{ tags | replace(',', ' and ') }} {{ tags.split(',') | join('/') }}", "red and green red/green"),
        ("Tom & <{{ first_name }}>", "Tom & <Ada>"),
        ("{{ '{{' }} {% raw %}{{ x }}{% endraw %}{# note #}", "{{ {{ x }}"),
    ],
)
def test_what_a_text_can_say(source: str, text: str) -> None:
    compiled = compile_text(source)
    assert compiled.missing(ROW) == []
    assert compiled.render(ROW) == text


@pytest.mark.parametrize("source", ["a\nb\n", "\n\na", "a\n{% if city %}\nb\n{% endif %}\n", "a  \n b"])
def test_line_breaks_and_spaces_stay_where_they_are(source: str) -> None:
    rendered = compile_text(source).render(ROW)
    assert rendered == source.replace("{% if city %}", "").replace("{% endif %}", "")


def test_windows_line_breaks_become_one_character() -> None:
    assert compile_text("a\r\nb\r\n").render({}) == "a\nb\n"


def test_cells_are_not_templates() -> None:
    assert compile_text("{{ city }}").render({"city": "{{ 7 * 7 }} & <b>"}) == "{{ 7 * 7 }} & <b>"


# Which columns a text needs.


@pytest.mark.parametrize(
    ("source", "variables", "required"),
    [
        ("no columns", "", ""),
        ("{{ a }}", "a", "a"),
        ("{{ a | upper }}", "a", "a"),
        ("{{ a.strip() }}", "a", "a"),
        ("{{ a ~ b }}", "a b", "a b"),
        ("{{ a | default('x') }}", "a", ""),
        ("{{ a | d('x') | upper }}", "a", ""),
        ("{{ a | upper | default('x') }}", "a", "a"),
        ("{{ a or 'x' }}", "a", ""),
        ("{{ a or b }}", "a b", ""),
        ("{{ a or a }}", "a", "a"),
        ("{{ a | default(b) }}", "a b", ""),
        ("{{ a | default(b | upper) }}", "a b", "b"),
        ("{% if a %}{{ a }}{% endif %}", "a", ""),
        ("{% if a %}{{ a }}{% else %}{{ b }}{% endif %}", "a b", ""),
        ("{% if a %}{{ b }}{% else %}{{ b }}!{% endif %}", "a b", "b"),
        ("{% if a %}{{ b }}{% elif c %}{{ b }}{% endif %}", "a b c", ""),
        ("{% if a == 'x' or b in ['y'] %}z{% endif %}", "a b", ""),
        ("{% if a | int > 3 %}z{% endif %}", "a", "a"),
        ("{% if a < b %}z{% endif %}", "a b", "a b"),
        ("{{ a if a else 'x' }}", "a", ""),
        ("{{ a if b else a }}", "a b", "a"),
        ("{{ 'x' if a is defined else b }}", "a b", ""),
        ("{% for x in a.split(',') %}{{ x }}{{ b }}{% endfor %}", "a b", "a"),
        ("{% set x = a %}{{ b }}", "a b", "b"),
        ("{% set x = a | upper %}{{ x }}", "a", "a"),
        ("{% set a = a or 'x' %}{{ a }}", "a", ""),
        ("{{ a[0] }}{{ b[1:3] }}", "a b", "a b"),
        ("{{ a is divisibleby 2 }}", "a", ""),
    ],
)
def test_a_column_is_required_when_its_empty_cell_fails_in_any_case(
    source: str, variables: str, required: str
) -> None:
    compiled = compile_text(source)
    assert compiled.variables == frozenset(variables.split())
    assert compiled.required == frozenset(required.split())


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"first_name": "Ada", "voucher": "X"}, []),
        ({"first_name": "", "voucher": "X"}, []),
        ({"first_name": "Ada", "voucher": ""}, ["voucher"]),
        ({"first_name": "Ada", "voucher": "  "}, ["voucher"]),
        ({"first_name": "Ada"}, ["voucher"]),
        ({"first_name": "", "voucher": "X", "vip": "yes"}, ["link"]),
        ({"first_name": "", "voucher": "X", "vip": "yes", "link": "y"}, []),
    ],
)
def test_missing_names_what_this_row_lacks(values: dict[str, str], missing: list[str]) -> None:
    """`link` is needed on the rows of very important people only, so its empty cell excludes only those."""
    compiled = compile_text("{{ first_name | default('you') }}: {{ voucher }}{% if vip %} {{ link }}{% endif %}")
    assert compiled.missing(values) == missing
    if missing:
        with pytest.raises(RenderError, match=f"`{missing[0]}` is empty in this row") as caught:
            compiled.render(values)
        assert caught.value.variable == missing[0]


expressions = st.recursive(
    st.sampled_from(["a", "b", "c", "'x'", "1"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["default('d')", "upper", "default(c)", "length"])).map(
            lambda pair: f"({pair[0]} | {pair[1]})"
        ),
        st.tuples(inner, st.sampled_from(["or", "and", "~", "==", "<", "in"]), inner).map(
            lambda t: f"({' '.join(t)})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda one: f"(not {one})"),
    ),
    max_leaves=6,
)
statements = st.recursive(
    expressions.map(lambda expression: f"{{{{ {expression} }}}}"),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(expressions, inner).map(lambda t: f"{{% if {t[0]} %}}{t[1]}{{% endif %}}"),
        st.tuples(expressions, inner, inner).map(
            lambda t: f"{{% if {t[0]} %}}{t[1]}{{% else %}}{t[2]}{{% endif %}}"
        ),
        st.tuples(st.sampled_from("ab"), expressions, inner).map(lambda t: f"{{% set {t[0]} = {t[1]} %}}{t[2]}"),
    ),
    max_leaves=4,
)
rows = st.fixed_dictionaries({name: st.sampled_from(["", "x", "5"]) for name in "abc"})


@given(source=statements, row=rows)
def test_a_row_that_lacks_a_required_column_can_never_be_rendered_and_missing_tells_all(
    source: str, row: dict[str, str]
) -> None:
    compiled = compile_text(source)
    assert compiled.required <= compiled.variables
    try:
        compiled.render(row)
    except RenderError as error:
        failed, cause = True, error.variable
    else:
        failed, cause = False, None
    lacks = [name for name in compiled.required if not row[name]]
    assert not lacks or failed
    missing = compiled.missing(row)
    assert bool(missing) == bool(lacks or cause)
    assert all(not row[name] for name in missing)


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Hi {{ first_name }", "line 1: unexpected '}'. A column is written {{ first_name }}"),
        (
            "a\nb {{ First Name }}",
            "line 2: expected token 'end of print statement'.* A column is written as one word",
        ),
        ("{% if a %}x", "line 1: Unexpected end of template.* Every {% if %} needs its {% endif %}"),
        ("{{ a | uper }}", "line 1: there is no filter `uper`; did you mean `upper`?"),
        ("{{ a is mapping }}", "line 1: there is no test `mapping`; known here: defined"),
        ("{{ a.upcase() }}", "`.upcase\\(\\)` is not available"),
        ("{{ a.replace('x', 'y') }}", "`.replace\\(\\)` is not available; write `| replace`"),
        ("{{ a.b }}", "`.b` is not available: a column is one name"),
        ("{{ a.__class__ }}", "is not available"),
        ("{{ range(9) }}", "`range` cannot be called: there are no functions"),
        ("{{ lipsum() }}", "cannot be called"),
        ("{{ self }}", "rename the column"),
        ("{{ 2 ** 9 }}", "`\\*\\*` is not available"),
        ("{{ [a, [a]] }}", "a list holds fixed values only"),
        ("{{ {'a': 1} }}", "Dictionaries are not available"),
        ("{% macro m() %}{% endmacro %}", "Macros are not available"),
        ("{% include 'x' %}", "A campaign is one text"),
        ("{% extends 'x' %}", "A campaign is one text"),
        ("{% import 'x' as y %}", "A campaign is one text"),
        ("{% block b %}{% endblock %}", "Blocks are not available"),
        ("{% filter upper %}x{% endfilter %}", "Put the filter on each value"),
        ("{% set x %}y{% endset %}", "Write it in one line"),
        ("{% with x = 1 %}{% endwith %}", "Use {% set"),
        ("{% autoescape true %}x{% endautoescape %}", "nothing is escaped"),
        ("{% do a %}", "unknown tag 'do'"),
        ("{% for x in a %}{% for y in b %}{% endfor %}{% endfor %}", "a loop inside a loop is not available"),
        ("{% for x in a recursive %}{% endfor %}", "a loop is written"),
        ("{% set x, y = a %}", "one name is set at a time"),
        ("{% if a %}" * 60 + "{% endif %}" * 60, "nested more than 40 deep"),
        ("{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}", "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "a number that is too long"),
        ("x" * 10_001, "the text has 10001 characters; at most 10000"),
    ],
)
def test_a_mistake_in_a_text_is_told_with_its_place_and_what_to_write(source: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        compile_text(source)


def test_unknown_columns_are_named_with_the_nearest_known() -> None:
    compiled = compile_text("{{ fist_name }} {{ voucher }} {{ vocher | default('x') }}")
    with pytest.raises(TemplateError) as caught:
        check_variables(compiled, ["first_name", "voucher"])
    assert str(caught.value) == (
        "`fist_name` is not a column of the contact list; did you mean `first_name`? "
        "`vocher` is not a column of the contact list; did you mean `voucher`? "
        "If one holds it, name it under audience: columns: {fist_name: HEADER}."
    )


def test_known_columns_are_no_mistake() -> None:
    check_variables(compile_text("{{ first_name }}"), ["first_name", "voucher"])


# What fails for one row.


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "Hi\n{{ price | float / (empty | default(0)) }}",
            "line 2, {{ price | float / (empty | default(0)) }}: float division by zero",
        ),
        (
            "{{ city + 1 }}",
            "line 1, {{ city + 1 }}: `+` needs numbers, and cells are texts: write `price | float`",
        ),
        ("{{ 'x' * 1000000000 }}", "line 1, {{ 'x' * 1000000000 }}: `*` needs numbers, and cells are texts"),
        ("{{ '%s' % city }}", "`%` needs numbers"),
        ("{{ tags.split(',') }}", "line 1, {{ tags.split(',') }}: a list cannot be printed"),
        ("{{ city['upper'] }}", "cannot be printed"),
        ("{{ city['__class__'] }}", "SecurityError: a value is not what is needed here"),
        ("{{ city[city] }}", "UndefinedError: a value is not what is needed here"),
        ("{{ city[99] }}", "UndefinedError: a value is not what is needed here"),
        ("{{ none }}", "a NoneType cannot be printed"),
        ("{{ '%999d' | format(1) }}", "a width of three digits or `*`"),
        ("{{ city | truncate(2, end='xxxx') }}", "a value is not what is needed here"),
        ("{{ 'x' }}{{ city < 3 }}", "not supported between instances of 'str' and 'int'"),
    ],
)
def test_a_row_on_which_an_expression_fails_is_told_with_the_expression(source: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        compile_text(source).render(ROW)
    assert message in str(caught.value)
    assert caught.value.variable is None


def test_an_error_of_a_row_shows_no_cell_of_it() -> None:
    for source in [
        "{{ secret[secret] }}",
        "{{ secret + 1 }}",
        "{{ secret | abs }}",
        "{{ (secret ~ 'x') | round }}",
    ]:
        with pytest.raises(RenderError) as caught:
            compile_text(source).render({"secret": "+33639980012"})
        assert "+33639980012" not in str(caught.value)
        assert caught.value.__cause__ is None


# What any text can cost.

TENFOLD = " | replace('x', 'xxxxxxxxxx')"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x'" + TENFOLD * 12 + " }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
        "{% set n = 10 %}" + "{% set n = n * n %}" * 60 + "{{ n }}",
        "{% for x in long %}x{% endfor %}",
        "{% for x in long[:99] %}{{ long[:200] }}{% endfor %}",
        "{{ long[:500] | join(long[:500]) }}",
        "{{ long }}",
        "{{ long | upper | length }}",
        "{{ long[:9000] | urlencode | urlencode | urlencode | urlencode }}",
        "{{ 1.5 | round(1000000000) }}{{ long }}",
    ],
)
def test_no_text_can_grow_without_bound(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises((RenderError, TemplateError)):
        compile_text(source).render({"long": "é" * 100_000})
    assert time.perf_counter() - started < 1


def test_a_text_of_ten_thousand_characters_is_rendered_and_one_more_is_not() -> None:
    compiled = compile_text("{{ a }}{{ b }}")
    assert len(compiled.render({"a": "x" * 5000, "b": "y" * 5000})) == 10_000
    with pytest.raises(RenderError, match="a text of more than 10000 characters"):
        compiled.render({"a": "x" * 5000, "b": "y" * 5001})


def test_a_loop_walks_a_hundred_items_and_no_more() -> None:
    compiled = compile_text("{% for x in a.split(',') %}{{ x }}{% endfor %}")
    assert compiled.render({"a": ",".join("x" * 100)}) == "x" * 100
    with pytest.raises(RenderError, match="a loop over more than 100 items"):
        compiled.render({"a": ",".join("x" * 101)})


def test_one_row_cannot_change_what_the_next_reads() -> None:
    compiled = compile_text("{% set a = a or 'none' %}{{ a }}")
    assert [compiled.render({"a": value}) for value in ("1", "", "2")] == ["1", "none", "2"]
