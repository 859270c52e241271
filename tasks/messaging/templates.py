"""Campaign texts: Jinja templates over the cells of one row.

All cells are texts. A cell that is empty, or only white space, counts as missing: the template sees it as
undefined, so that `{{ first_name | default("friend") }}` and `{% if first_name %}` do what their author means.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from jinja2 import Template, meta, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.lexer import TOKEN_BLOCK_BEGIN, TOKEN_BLOCK_END, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END

from tasks.messaging.strict_model import nearest
from tasks.messaging.template_language import (
    ENVIRONMENT,
    MAX_TEXT_CHARS,
    LimitExceeded,
    TemplateError,
    parse_text,
)
from tasks.messaging.template_values import required_variables

__all__ = ["CompiledText", "RenderError", "TemplateError", "check_variables", "compile_text", "compile_tree"]


_MAX_NAMED_TAGS = 3


class RenderError(Exception):
    """A text cannot be rendered for one row. Holds no cell of that row.

    Attributes:
        variable: The column whose cell is empty, when that is the cause.
    """

    def __init__(self, message: str, *, variable: str | None = None) -> None:
        super().__init__(message)
        self.variable = variable


class CompiledText:
    """A text that is rendered once per row. Made by `compile_text`.

    Attributes:
        source: As the author wrote it.
        variables: Columns that the text reads.
        required: Columns whose empty cell always makes rendering fail; the rule is in `template_values`.
    """

    def __init__(self, source: str, tree: nodes.Template) -> None:
        self.source = source
        # Before anything else looks at the tree: Jinja's compiler folds constants in place.
        self.required = required_variables(tree)
        self.variables = frozenset(meta.find_undeclared_variables(tree))
        self._template = Template.from_code(ENVIRONMENT, ENVIRONMENT.compile(tree), {})
        self._sorted_variables = sorted(self.variables)

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """The columns that are empty in this row although the text needs them, sorted.

        Args:
            values: The row's cells by column name.
        """
        empty = [name for name in self._sorted_variables if not _has_value(values.get(name))]
        missing = [name for name in empty if name in self.required]
        if missing or not empty:
            return missing
        # A column that some branch needs: whether this row comes to that branch, rendering tells.
        try:
            self.render(values)
        except RenderError as error:
            return [] if error.variable is None else [error.variable]
        return []

    def render(self, values: Mapping[str, str]) -> str:
        """The text for one row.

        Args:
            values: The row's cells by column name; those that the text does not read are ignored.

        Raises:
            RenderError: A needed cell is empty, an expression fails, or the text is longer than MAX_TEXT_CHARS.
        """
        cells = {name: value for name in self._sorted_variables if _has_value(value := values.get(name))}
        pieces = []
        chars = 0
        try:
            for piece in self._template.root_render_func(self._template.new_context(cells, shared=True)):
                chars += len(piece)
                if chars > MAX_TEXT_CHARS:
                    raise LimitExceeded(f"a text of more than {MAX_TEXT_CHARS} characters")  # noqa: TRY301 - rare
                pieces.append(piece)
        except Exception as error:  # noqa: BLE001 - an expression can raise anything; it fails this row, not the run
            raise self._explain(error) from None
        return "".join(pieces)

    def _explain(self, error: Exception) -> RenderError:
        if isinstance(error, UndefinedError) and error.message in self.variables:
            return RenderError(f"`{error.message}` is empty in this row", variable=error.message)
        # Only messages of which we know that they quote no cell.
        told = isinstance(error, LimitExceeded | ZeroDivisionError | TypeError)
        reason = str(error) if told else f"{type(error).__name__}: a value is not what is needed here"
        return RenderError(f"{self._place_of(error)}: {reason}")

    def _place_of(self, error: Exception) -> str:
        """`line 1, {{ price / 0 }}`: the expressions at the traceback's last line inside the template."""
        line = 1
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals is self._template.root_render_func.__globals__:
                line = self._template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        tags = [tag for first, tag in _tags(self.source) if first <= line <= first + tag.count("\n")]
        named = " or ".join(tags) if len(tags) <= _MAX_NAMED_TAGS else f"one of {len(tags)} expressions"
        return f"line {line}, {named}"


def compile_text(source: str) -> CompiledText:
    """Compile a text that may use contact columns: `Hi {{ first_name | default("you") }}`.

    Raises:
        TemplateError: It is not a template; the message has the line and what to write instead.
    """
    return compile_tree(source, parse_text(source))


def compile_tree(source: str, tree: nodes.Template) -> CompiledText:
    """Compile a tree that `parse_text` made, or a part of one. The tree is used up.

    Args:
        source: What error messages quote.
        tree: Checked nodes.

    Raises:
        TemplateError: Jinja cannot make code of it.
    """
    try:
        return CompiledText(source, tree)
    except TemplateSyntaxError as error:
        raise TemplateError(f"line {error.lineno}: {error.message}") from None
    except SyntaxError as error:
        raise TemplateError("the text is nested too deeply: split it with {% set %}") from error


def check_variables(compiled: CompiledText, known: Collection[str]) -> None:
    """Whether the contact list has every column that a text reads.

    Raises:
        TemplateError: It names each column that is not there, or that stands in single braces.
    """
    unknown = sorted(compiled.variables.difference(known))
    if unknown:
        named = [f"`{name}` is not a column of the contact list; {nearest(name, known)}" for name in unknown]
        remedy = f"If one holds it, name it under audience: columns: {{{unknown[0]}: HEADER}}."
        raise TemplateError(" ".join([*named, remedy]))
    for found in _ONE_BRACE.finditer(compiled.source):
        if found[1] in known:
            raise TemplateError(
                f"`{found[0]}` would be sent as it stands: a column takes two braces, {{{{ {found[1]} }}}}"
            )


_ONE_BRACE = re.compile(r"(?<!\{)\{\s*(\w+)\s*\}(?!\})")


def _has_value(cell: str | None) -> bool:
    return cell is not None and cell != "" and not cell.isspace()


def _tags(source: str) -> Iterator[tuple[int, str]]:
    """The line on which each `{{ }}` and `{% %}` of a text begins, and its source."""
    line, pieces = 1, list[str]()
    for token_line, kind, value in ENVIRONMENT.lex(source):
        if kind in {TOKEN_VARIABLE_BEGIN, TOKEN_BLOCK_BEGIN}:
            line, pieces = token_line, []
        pieces.append(value)
        if kind in {TOKEN_VARIABLE_END, TOKEN_BLOCK_END}:
            yield line, "".join(pieces).strip()
