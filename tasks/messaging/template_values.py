"""Which columns a text cannot do without.

The rule: a column is *required* when rendering fails for every row in which its cell is empty, whatever the other
cells hold. Printing a column, filtering it or computing with it needs a value; testing it does not. So none of
these require `first_name`:

    {{ first_name | default("friend") }}    the default stands in (an empty cell is undefined to the text)
    {{ first_name or "friend" }}            so does the other side
    {% if first_name %}Hi {{ first_name }}{% endif %}    the value is used in one branch only
    {% if first_name == "Ada" %}...         an empty cell is not "Ada"

and these do: `{{ first_name }}`, `{{ first_name | upper | default("friend") }}` (the filter comes first), and
`{% if vip %}Dear {{ first_name }}{% else %}Hi {{ first_name }}{% endif %}` (both branches).
"""

from collections.abc import Iterable

from jinja2 import nodes

_NONE: frozenset[str] = frozenset()


def required_variables(tree: nodes.Template) -> frozenset[str]:
    """The columns whose empty cell makes rendering fail in any case."""
    return _Analysis().of_body(tree.body)


class _Analysis:
    """Collects certain uses in the order of rendering: `{% set %}` can put a value in a column's place."""

    def __init__(self) -> None:
        self._set_names: set[str] = set()

    def of_body(self, body: Iterable[nodes.Node]) -> frozenset[str]:
        return _NONE.union(*[self._of_statement(node) for node in body])

    def _of_statement(self, node: nodes.Node) -> frozenset[str]:
        match node:
            case nodes.Output():
                return _NONE.union(*[self._used(child) for child in node.nodes])
            case nodes.Assign(target=nodes.Name(name=name)):
                # Remembering an empty cell is no failure; printing it later is.
                evaluated = self._evaluated(node.node)
                self._set_names.add(name)
                return evaluated
            case nodes.If():
                # Of an {% elif %} nobody knows whether it is reached, of a branch only what all of them use.
                certain = self._evaluated(node.test)
                bodies = [node.body, *(branch.body for branch in node.elif_), node.else_]
                return certain | frozenset.intersection(*[self.of_body(body) for body in bodies])
            case nodes.For():
                # What the body uses counts for nothing: the list may be empty.
                certain = self._used(node.iter)
                self.of_body([*node.body, *node.else_])
                return certain
        return _NONE

    def _used(self, node: nodes.Node | None) -> frozenset[str]:
        """Columns that must have a value for the expression to have one."""
        match node:
            case nodes.Name():
                return _NONE if node.name in self._set_names or node.name == "loop" else frozenset({node.name})
            case nodes.Or() | nodes.And():
                return self._evaluated(node) | self._used(node.left) & self._used(node.right)
            case nodes.CondExpr():
                return self._evaluated(node) | self._used(node.expr1) & self._used(node.expr2)
            case nodes.Filter(name="default" | "d") | nodes.Test() | nodes.Not() | nodes.Compare():
                return self._evaluated(node)
            case None:
                return _NONE
        return _NONE.union(*[self._used(child) for child in node.iter_child_nodes()])

    def _evaluated(self, node: nodes.Node | None) -> frozenset[str]:
        """Columns that must have a value for the expression to be evaluated, be its result empty or not."""
        match node:
            case nodes.Name() | None:
                return _NONE
            case nodes.Or() | nodes.And():
                return self._evaluated(node.left)
            case nodes.CondExpr():
                return self._evaluated(node.test) | self._evaluated(node.expr1) & self._evaluated(node.expr2)
            case nodes.Compare():
                # `<` and its like may be behind a comparison that already failed: only the first is certain.
                first = node.ops[0]
                parts = self._evaluated(node.expr) | self._evaluated(first.expr)
                ordered = first.op in {"lt", "lteq", "gt", "gteq"}
                return parts | (self._used(node.expr) | self._used(first.expr) if ordered else _NONE)
            case nodes.Filter(name="default" | "d") | nodes.Test() | nodes.Not():
                return _NONE.union(*[self._evaluated(child) for child in node.iter_child_nodes()])
        return self._used(node)
