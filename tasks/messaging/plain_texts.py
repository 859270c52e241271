"""Texts of fixed words and bare columns, written for many rows at once.

Most campaigns say `Hi {{ first_name | default("there") }}, your code is {{ voucher }}`. Such a text needs no
template engine for each row. Whatever has more in it than columns and their defaults is none of these; and a row
that lacks a cell, or has an odd one, is for the engine and its explanations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from tasks.messaging.template_language import MAX_TEXT_CHARS, parse_text


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text of fixed words and columns. Made by `compile_plain`.

    Attributes:
        pattern: For `str.format`, with the fields by place.
        fields: Column and default of each; None where the text gives no default.
    """

    pattern: str
    fields: tuple[tuple[str, str | None], ...]

    def write(
        self, columns: Mapping[str, Sequence[str]], rows: int, is_taken: Callable[[str], bool] | None = None
    ) -> list[str | None]:
        """The text of each row; None where the template engine has to see to it.

        Args:
            columns: The cells of each column.
            rows: How many rows there are.
            is_taken: Whether a value may stand in the text; None: any may.
        """
        if not self.fields:
            return [self.pattern.format()] * rows
        values = (_values(columns[name], default, is_taken) for name, default in self.fields)
        write = self.pattern.format
        texts = (None if None in cells else write(*cells) for cells in zip(*values, strict=True))
        return [text if text is not None and len(text) <= MAX_TEXT_CHARS else None for text in texts]


def _values(cells: Sequence[str], default: str | None, is_taken: Callable[[str], bool] | None) -> list[str | None]:
    values = [cell if cell and not cell.isspace() else default for cell in cells]
    if is_taken is None:
        return values
    return [value if value is not None and is_taken(value) else None for value in values]


def compile_plain(source: str) -> PlainText | None:
    """The plain form of a template; None where it has none.

    Raises:
        TemplateError: The source is not a template.
    """
    pieces: list[str] = []
    fields: dict[tuple[str, str | None], int] = {}
    for statement in parse_text(source).body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append(node.data.replace("{", "{{").replace("}", "}}"))
            elif (field := _field(node)) is not None:
                place = fields.setdefault(field, len(fields))
                pieces.append(f"{{{place}}}")
            else:
                return None
    return PlainText("".join(pieces), tuple(fields))


def _field(node: nodes.Node) -> tuple[str, str | None] | None:
    """`{{ name }}` or `{{ name | default("words") }}`."""
    if isinstance(node, nodes.Name):
        return node.name, None
    if not (isinstance(node, nodes.Filter) and node.name == "default" and isinstance(node.node, nodes.Name)):
        return None
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None or len(node.args) != 1:
        return None
    given = node.args[0]
    if not isinstance(given, nodes.Const) or not isinstance(given.value, str):
        return None
    return node.node.name, given.value
