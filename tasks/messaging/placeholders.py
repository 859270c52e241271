"""One text for many recipients, for providers that fill in placeholders themselves.

Such a provider takes a request of hundreds of recipients with one text, in which `{first_name}` or `{param1}`
stands for a short value of each recipient. The campaign's Jinja text becomes that text: its fixed words stay,
and each expression or block at its top level becomes a placeholder whose value Rollcall renders.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from tasks.messaging.plain_texts import compile_plain
from tasks.messaging.template_language import parse_text
from tasks.messaging.templates import CompiledText, compile_tree

# Which braces a provider takes for a placeholder, and whether it looks into values, is nowhere documented. So no
# brace of ours goes out but those of placeholders; such a text is rendered by us for each recipient instead.
_BRACE = re.compile(r"[{}]")


# Stands between the values while they are rendered in one go, three times faster than one by one.
_SEPARATOR = "\0"


@dataclass(frozen=True, slots=True)
class PlaceholderText:
    """A text with a provider's placeholders, and what to put in them.

    Attributes:
        text: Written for the provider: `Hi {first_name}, {param1} off`.
        names: The placeholders in it.
        max_chars: Longest value, in UTF-16 code units.
    """

    text: str
    names: tuple[str, ...]
    max_chars: int
    _compiled_values: CompiledText
    _plain_fields: tuple[tuple[str, str | None], ...] = ()

    def values(self, row_values: Mapping[str, str]) -> dict[str, str] | None:
        """The value of each placeholder for one row.

        Args:
            row_values: The row's cells by column name.

        Returns:
            Values by placeholder name. None when one is empty (what a provider does then is not documented), too
            long or has a brace: that recipient must get a text that we rendered.

        Raises:
            RenderError: The row cannot be rendered at all.
        """
        if not self.names:
            return {}
        if self._plain_fields and (plain := self._plain_values(row_values)) is not None:
            return plain
        values = self._compiled_values.render(row_values).split(_SEPARATOR)
        if len(values) == len(self.names) and all(map(self.takes, values)):
            return dict(zip(self.names, values, strict=True))
        return None

    def _plain_values(self, row_values: Mapping[str, str]) -> dict[str, str] | None:
        """The values of columns and their defaults; None where the template engine has to see to it."""
        values = {}
        for name, (column, default) in zip(self.names, self._plain_fields, strict=True):
            cell = row_values.get(column)
            value = cell if cell and not cell.isspace() else default
            if value is None or not self.takes(value):
                return None
            values[name] = value
        return values

    def fill(self, values: Mapping[str, str]) -> str:
        """What the provider makes of the text: its fixed words have no brace."""
        return self.text.format_map(values)

    def takes(self, value: str) -> bool:
        """Whether the provider can be given this value."""
        if not value or len(value) > self.max_chars or _BRACE.search(value) or _SEPARATOR in value:
            return False
        # A provider that counts as its own database does may count an emoji twice.
        return value.isascii() or len(value.encode("utf-16-le", "surrogatepass")) // 2 <= self.max_chars


def compile_to_placeholders(source: str, names: Sequence[str], max_chars: int) -> PlaceholderText | None:
    """Put a provider's placeholders in the place of a text's expressions.

    A bare `{{ first_name }}` takes the placeholder of that name, so that the provider's own pages read well. Every
    other expression takes a free one, numbered names first; equal expressions share one.

    Args:
        source: The campaign's Jinja text.
        names: The provider's placeholders, written `{name}`.
        max_chars: Longest value of a placeholder.

    Returns:
        None when the text cannot be expressed: it needs more placeholders than there are, sets variables (a block
        would then depend on another), or its fixed words have a brace.

    Raises:
        TemplateError: The source is not a template.
    """
    tree = parse_text(source)
    if tree.find(nodes.Assign) is not None:
        return None
    pieces: list[str | nodes.Node] = []
    for statement in tree.body:
        for node in statement.nodes if isinstance(statement, nodes.Output) else [statement]:
            fixed = _fixed_text(node)
            pieces.append(node if fixed is None else fixed)
    if any(isinstance(piece, str) and _BRACE.search(piece) for piece in pieces):
        return None
    expressions: list[nodes.Node] = []
    for piece in pieces:
        if not isinstance(piece, str) and piece not in expressions:
            expressions.append(piece)
    assigned = _assign(expressions, names)
    if assigned is None:
        return None
    text = "".join(
        piece if isinstance(piece, str) else f"{{{assigned[expressions.index(piece)]}}}" for piece in pieces
    )
    plain = compile_plain(source)
    # Its fields are the expressions: both have equal ones once, in the order in which they come.
    fields = plain.fields if plain is not None and len(plain.fields) == len(assigned) else ()
    return PlaceholderText(text, tuple(assigned), max_chars, _compile(source, expressions, tree), fields)


def _fixed_text(node: nodes.Node) -> str | None:
    """What a node prints in every row, or None."""
    if isinstance(node, nodes.TemplateData):
        return node.data
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    return None


def _assign(expressions: Sequence[nodes.Node], names: Sequence[str]) -> list[str] | None:
    """The placeholder of each expression, or None if there are too few."""
    own = {node.name: node.name for node in expressions if isinstance(node, nodes.Name) and node.name in names}
    free = [name for name in names if name not in own]
    free.sort(key=lambda name: not name[-1].isdigit())
    if len(expressions) - len(own) > len(free):
        return None
    unnamed = iter(free)
    return [
        node.name if isinstance(node, nodes.Name) and node.name in own else next(unnamed) for node in expressions
    ]


def _compile(source: str, expressions: Sequence[nodes.Node], tree: nodes.Template) -> CompiledText:
    """One text of the expressions' values, a separator between each two."""
    body: list[nodes.Node] = []
    for node in expressions:
        if body:
            body.append(nodes.Output([nodes.TemplateData(_SEPARATOR)], lineno=node.lineno))
        body.append(nodes.Output([node], lineno=node.lineno) if isinstance(node, nodes.Expr) else node)
    values = nodes.Template(body, lineno=1)
    if tree.environment is not None:
        values.set_environment(tree.environment)
    return compile_tree(source, values)
