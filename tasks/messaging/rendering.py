"""The texts of one run: compiled once, rendered once per recipient."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.messaging.content import Content
from tasks.messaging.placeholders import PlaceholderText, compile_to_placeholders
from tasks.messaging.plain_texts import PlainText, compile_plain
from tasks.messaging.templates import CompiledText, check_variables, compile_text


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """What one recipient reads.

    Attributes:
        text: None when the content lives at the provider.
        template_fields: Values of the provider's template.
    """

    text: str | None
    template_fields: Mapping[str, str] = field(default_factory=dict)


class RunTexts:
    """The content of a run, ready to be rendered.

    Args:
        content: What the messages of the run share.
        placeholders: Names that the provider fills in per recipient, if it does.
        placeholder_max_chars: Longest value that it takes.

    Raises:
        TemplateError: A text is not a template.
    """

    def __init__(self, content: Content, placeholders: Sequence[str] = (), placeholder_max_chars: int = 0) -> None:
        self._text = compile_text(content.text) if content.text else None
        self._has_media = bool(content.media)
        fields = content.template.fields if content.template else {}
        self._fields = {key: compile_text(source) for key, source in fields.items()}
        self.shared: PlaceholderText | None = (
            compile_to_placeholders(content.text, placeholders, placeholder_max_chars)
            if content.text and placeholders
            else None
        )
        """One text for all recipients, with the provider's placeholders; None where it cannot be had."""
        can_be_plain = content.text and not fields and (self.shared is not None or not placeholders)
        self.plain: PlainText | None = compile_plain(content.text) if content.text and can_be_plain else None
        """The text in a form that is quicker to write; None where it has none."""
        self.variables = sorted({name for text in self._compiled() for name in text.variables})
        """Names of the columns that the texts use."""

    @property
    def is_text(self) -> bool:
        """Whether each message is a text of ours, with nothing beside it."""
        return self._text is not None and not self._has_media

    def _compiled(self) -> Iterable[CompiledText]:
        if self._text is not None:
            yield self._text
        yield from self._fields.values()

    def check_variables(self, known: Collection[str]) -> None:
        """Whether the contact file provides every variable.

        Raises:
            TemplateError: It names each one that is not there.
        """
        for text in self._compiled():
            check_variables(text, known)

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """Variables that this row leaves empty, and for which the texts give no default."""
        return sorted({name for text in self._compiled() for name in text.missing(values)})

    def render(self, values: Mapping[str, str]) -> RenderedMessage:
        """What this row's recipient reads.

        Raises:
            RenderError: An expression fails for this row.
        """
        return RenderedMessage(
            text=None if self._text is None else self._text.render(values),
            template_fields={key: text.render(values) for key, text in self._fields.items()},
        )
