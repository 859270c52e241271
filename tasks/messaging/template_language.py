"""The part of Jinja that a campaign text may use, with a bound on what any text can cost.

A text may print columns, filter them, choose with `{% if %}`, remember with `{% set %}` and walk a short list with
`{% for %}`. It may not define macros, load other templates or call functions. The list of what is allowed is
short on purpose: Jinja's sandbox keeps a text away from Python's internals, but not from `'x' * 10**9`, a padding
filter or loops in loops, and one such text would stop the worker that renders a million rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from itertools import islice
from typing import Any, NoReturn, ParamSpec, TypeVar

from jinja2 import Undefined, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.visitor import NodeTransformer

from tasks.messaging.strict_model import nearest

MAX_SOURCE_CHARS = 10_000
"""Longest source of a text."""
MAX_TEXT_CHARS = 10_000
"""Longest text, and longest value inside one: eight times what the most generous provider takes."""
MAX_LOOP_ITEMS = 100
"""Most items that a loop walks."""
MAX_NUMBER = 10**18
"""Largest result of arithmetic."""
_MAX_NESTING = 40

FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "format", "int", "join", "last", "length"),
    *("lower", "replace", "reverse", "round", "string", "title", "trim", "truncate", "upper", "urlencode"),
    *("wordcount",),
)
"""Filters of a campaign text."""
TESTS = ("defined", "undefined", "divisibleby", "even", "odd", "eq", "equalto", "ne", "in")
"""Tests (`is ...`) of a campaign text."""
METHODS = (
    *("capitalize", "endswith", "isalpha", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip"),
    *("split", "startswith", "strip", "title", "upper"),
)
"""What can be called on a value."""
_LOOP_ATTRIBUTES = ("index", "index0", "revindex", "revindex0", "first", "last", "length")

_EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    *(nodes.Name, nodes.Const, nodes.TemplateData, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword),
    *(nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.List, nodes.Tuple),
)
_STATEMENTS: tuple[type[nodes.Node], ...] = (nodes.Template, nodes.Output, nodes.If, nodes.For, nodes.Assign)
_REMEDIES: dict[type[nodes.Node], str] = {
    nodes.Pow: "`**` is not available in a campaign text.",
    nodes.Macro: "Macros are not available: write the text out.",
    nodes.CallBlock: "Macros are not available: write the text out.",
    nodes.Include: "A campaign is one text: paste the other text in.",
    nodes.Extends: "A campaign is one text: paste the other text in.",
    nodes.Import: "A campaign is one text: paste the other text in.",
    nodes.FromImport: "A campaign is one text: paste the other text in.",
    nodes.Block: "Blocks are not available: a campaign is one text.",
    nodes.FilterBlock: "Put the filter on each value: {{ first_name | upper }}.",
    nodes.AssignBlock: "Write it in one line: {% set greeting = 'Hi ' ~ first_name %}.",
    nodes.Scope: "`{% autoescape %}` is not available: nothing is escaped.",
    nodes.With: "Use {% set name = value %}.",
    nodes.Dict: "Dictionaries are not available: choose with {% if %}.",
}
# Names by which filters are called that the parser puts in; a text cannot write a name with a space.
_CONCATENATE = "concatenated text"
_LOOP_ITEMS = "loop items"

_P = ParamSpec("_P")
_R = TypeVar("_R")


class TemplateError(ValueError):
    """A text is not a template, or uses what is not there. Says where, and what to write instead."""


class LimitExceeded(Exception):
    """Rendering would make a text, number or loop larger than a campaign text may have."""


class EmptyCell(Undefined):
    """A column that is empty in this row: the empty text wherever it is tested, an error wherever it is used.

    Between Jinja's two: its plain kind prints nothing ("Hi , 20% off"), its strict kind also refuses
    `{% if first_name %}` and `first_name == "Ada"`, which are how a text asks whether there is a value.
    """

    __slots__ = ()
    __hash__ = Undefined.__hash__

    @property
    def _undefined_message(self) -> str:
        # The bare name, by which RenderError tells an empty column from every other mistake.
        if self._undefined_hint or not isinstance(self._undefined_name, str):
            return super()._undefined_message
        return self._undefined_name

    def __str__(self) -> str:
        raise self._undefined_exception(self._undefined_message)

    def __len__(self) -> int:
        raise self._undefined_exception(self._undefined_message)

    def __iter__(self) -> Iterator[Any]:
        raise self._undefined_exception(self._undefined_message)

    def __eq__(self, other: object) -> bool:
        return other == "" or isinstance(other, EmptyCell)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __contains__(self, item: object) -> bool:
        return item == ""


_MOST_MESSAGE_CHARS = 300
"""Of Jinja's own words: it quotes what it found, however long that is."""


def parse_text(source: str) -> nodes.Template:
    """The checked syntax tree of a text, with every operation that can grow replaced by a bounded one.

    Raises:
        TemplateError: The text is not a template, or uses something that a campaign text may not use.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateError(f"the text has {len(source)} characters; at most {MAX_SOURCE_CHARS} are allowed")
    try:
        tree = ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        message = (error.message or "not a template").rstrip(".")[:_MOST_MESSAGE_CHARS]
        raise TemplateError(f"line {error.lineno}: {message}. {_syntax_remedy(message)}") from None
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise TemplateError("the text is nested too deeply, or has a number that is too long") from error
    _check(tree, depth=0, in_loop=False)
    _BoundedOperations().visit(tree)
    return tree


def _syntax_remedy(message: str) -> str:
    if "nd of template" in message or "nknown tag 'end" in message:
        return "Every {% if %} needs its {% endif %}, every {% for %} its {% endfor %}, every {{ its }}."
    if "end of print statement" in message:
        return "A column is written as one word: {{ first_name }}."
    return "A column is written {{ first_name }}; braces that are meant as text are written {{ '{{' }}."


def _refuse(node: nodes.Node, message: str) -> NoReturn:
    raise TemplateError(f"line {node.lineno or 1}: {message}")


def _check(node: nodes.Node, *, depth: int, in_loop: bool) -> None:
    """Refuse every node that is not on the lists of this module."""
    kind = type(node)
    if kind not in _STATEMENTS and kind not in _EXPRESSIONS:
        _refuse(node, _REMEDIES.get(kind, f"{kind.__name__} is not available in a campaign text."))
    if depth > _MAX_NESTING:
        _refuse(node, f"nested more than {_MAX_NESTING} deep; split it with {{% set %}}.")
    if isinstance(node, nodes.For):
        if in_loop:
            _refuse(node, "a loop inside a loop is not available.")
        if node.recursive or not isinstance(node.target, nodes.Name):
            _refuse(node, "a loop is written {% for item in list %}.")
    rule = _RULES.get(kind)
    if rule is not None:
        rule(node)
    for child in node.iter_child_nodes():
        # A method is looked up by the call around it, whose rule has seen it.
        if isinstance(node, nodes.Call) and child is node.node:
            child = node.node.node  # type: ignore[attr-defined] # noqa: PLW2901 - the rule made sure: a Getattr
        _check(child, depth=depth + 1, in_loop=in_loop or isinstance(node, nodes.For))


def _check_name(node: nodes.Name) -> None:
    if node.name in {"self", "super", "caller"}:
        _refuse(node, f"`{node.name}` has a meaning of its own in Jinja: rename the column.")


def _check_filter(node: nodes.Filter) -> None:
    _check_listed(node, "filter", node.name, FILTERS)


def _check_test(node: nodes.Test) -> None:
    _check_listed(node, "test", node.name, TESTS)


def _check_listed(node: nodes.Filter | nodes.Test, kind: str, name: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        _refuse(node, f"there is no {kind} `{name}`; {nearest(name, allowed)}")
    if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None:
        _refuse(node, f"`{name}` takes its arguments one by one.")


def _check_call(node: nodes.Call) -> None:
    callee = node.node
    if not isinstance(callee, nodes.Getattr):
        name = callee.name if isinstance(callee, nodes.Name) else "this"
        _refuse(
            node, f"`{name}` cannot be called: there are no functions. A filter is written {{{{ x | upper }}}}."
        )
    if callee.attr not in METHODS:
        as_filter = f"write `| {callee.attr}`" if callee.attr in FILTERS else nearest(callee.attr, METHODS)
        _refuse(node, f"`.{callee.attr}()` is not available; {as_filter}")
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        _refuse(node, f"`.{callee.attr}()` takes plain arguments.")


def _check_attribute(node: nodes.Getattr) -> None:
    if not (isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP_ATTRIBUTES):
        _refuse(node, f"`.{node.attr}` is not available: a column is one name, for example {{{{ first_name }}}}.")


def _check_list(node: nodes.List | nodes.Tuple) -> None:
    # Lists of lists could double in size with every {% set %}.
    if not all(isinstance(item, nodes.Const) for item in node.items):
        _refuse(node, "a list holds fixed values only: ['FR', 'BE']. Texts are joined with ~.")


def _check_assignment(node: nodes.Assign) -> None:
    if not isinstance(node.target, nodes.Name):
        _refuse(node, "one name is set at a time: {% set name = value %}.")


_RULES: dict[type[nodes.Node], Callable[[Any], None]] = {
    nodes.Name: _check_name,
    nodes.Filter: _check_filter,
    nodes.Test: _check_test,
    nodes.Call: _check_call,
    nodes.Getattr: _check_attribute,
    nodes.List: _check_list,
    nodes.Tuple: _check_list,
    nodes.Assign: _check_assignment,
}


class _BoundedOperations(NodeTransformer):
    """`~` and loops have no hook in Jinja: put a filter of ours in their place."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - named by Jinja
        self.generic_visit(node)
        items = nodes.List(node.nodes, lineno=node.lineno)
        return _filter(items, _CONCATENATE)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - named by Jinja
        self.generic_visit(node)
        node.iter = _filter(node.iter, _LOOP_ITEMS)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802 - named by Jinja
        self.generic_visit(node)
        if node.expr2 is None:  # {{ "x" if vip }} is nothing for the others, not an empty column
            node.expr2 = nodes.Const("", lineno=node.lineno)
        return node


def _filter(node: nodes.Node, name: str) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    made.set_environment(ENVIRONMENT)
    return made


def _to_text(value: object) -> str:
    """How a value is printed. Refuses what no recipient should read: a list, a method, None."""
    if isinstance(value, Undefined):
        return str(value)  # raises, and names the column
    if not isinstance(value, str | int | float):
        raise TypeError(f"a {type(value).__name__} cannot be printed")
    return _bounded_text(str(value))


def _bounded_text(text: str) -> str:
    if len(text) > MAX_TEXT_CHARS:
        raise LimitExceeded(f"a text of more than {MAX_TEXT_CHARS} characters")
    return text


def _concatenate(values: list[object]) -> str:
    # Each value is bounded and their number is bounded by the source, so the sum is made before it is checked.
    return _bounded_text("".join(map(_to_text, values)))


def _loop_items(value: Iterable[object]) -> list[object]:
    items = list(islice(value, MAX_LOOP_ITEMS + 1))
    if len(items) > MAX_LOOP_ITEMS:
        raise LimitExceeded(f"a loop over more than {MAX_LOOP_ITEMS} items")
    return items


def _replace(value: object, old: str, new: str, count: int = -1) -> str:
    text = _to_text(value)
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT_CHARS:
        raise LimitExceeded(f"a text of more than {MAX_TEXT_CHARS} characters")
    return text.replace(old, new, count)


def _join(value: Iterable[object], d: str = "") -> str:
    return _to_text(d).join(_to_text(item) for item in _loop_items(value))


def _round(value: float, precision: int = 0) -> float:
    return round(float(value), max(-20, min(precision, 20)))


def _format(value: str, *args: object) -> str:
    if re.search(r"\*|\d{3}", value):
        raise LimitExceeded("a width of three digits or `*`")
    return value % args


def _reverse(value: Any) -> Any:
    return value[::-1]


def _strict(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The filter, refusing empty columns (some of Jinja's take them for a zero) and overlong results."""

    @wraps(function)  # also copies the mark by which Jinja knows filters that want its environment
    def strict(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Undefined):
                str(value)
        result = function(*args, **kwargs)
        if isinstance(result, str):
            _bounded_text(result)
        return result

    return strict


class _CampaignEnvironment(ImmutableSandboxedEnvironment):
    # `+` is here because it joins texts.
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _bounded_text(left + right)
        for operand in (left, right):
            if isinstance(operand, Undefined):
                str(operand)
            if not isinstance(operand, int | float):
                raise TypeError(f"`{operator}` needs numbers, and cells are texts: write `price | float`")
        result = super().call_binop(context, operator, left, right)
        if abs(result) > MAX_NUMBER:
            raise LimitExceeded(f"a number above {MAX_NUMBER}")
        return result


def _make_environment() -> _CampaignEnvironment:
    environment = _CampaignEnvironment(
        undefined=EmptyCell,
        # An SMS is plain text: escaped, it would read "Tom &amp; Ada". What an e-mail's HTML needs is the
        # business of the provider's template, which gets values, not markup.
        autoescape=False,
        # A campaign file's text ends as it is written there, line breaks included (a CR LF becomes LF).
        keep_trailing_newline=True,
        finalize=_to_text,
        cache_size=0,
    )
    environment.globals.clear()
    replaced = {"format": _format, "join": _join, "replace": _replace, "reverse": _reverse, "round": _round}
    strict = {name: _strict(function) for name, function in (JINJA_FILTERS | replaced).items() if name in FILTERS}
    lenient = {name: JINJA_FILTERS[name] for name in ("d", "default")}
    ours = {_CONCATENATE: _concatenate, _LOOP_ITEMS: _strict(_loop_items)}
    environment.filters = strict | lenient | ours
    environment.tests = {name: test for name, test in JINJA_TESTS.items() if name in TESTS}
    return environment


ENVIRONMENT = _make_environment()
"""The one environment of all campaign texts."""
