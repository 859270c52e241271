"""What a provider's credentials and options are, as tables for its page of the documentation."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tasks.providers.registry import load_provider


def credential_rows(name: str) -> list[list[str]]:
    """A header, then a row for each credential: its variable, whether it must be given, and what it is."""
    rows = [["variable", "needed", "what it is"]]
    for key, field in load_provider(name).Credentials.model_fields.items():
        needed = "yes" if field.is_required() else _default(field)
        rows.append([f"`ROLLCALL_{name.upper()}_{key.upper()}`", needed, field.description or field.title or ""])
    return rows


def option_rows(name: str) -> list[list[str]]:
    """A header, then a row for each key of `options.NAME`: its default, and what it does."""
    rows = [["key", "default", "what it does"]]
    rows += [
        [f"`{key}`", _default(field), " ".join(_explained(field))]
        for key, field in load_provider(name).Options.model_fields.items()
    ]
    return rows


def _explained(field: FieldInfo) -> Iterator[str]:
    if field.description:
        yield field.description
    models = [part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    if models:
        if not field.description:
            yield (models[0].__doc__ or "").partition("\n")[0]
        yield f"Keys of its own: {', '.join(f'`{key}`' for key in models[0].model_fields)}."
    choices = [part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, Enum)]
    if choices:
        yield f"One of {', '.join(f'`{choice.value}`' for choice in choices[0])}."


def _parts(annotation: Any) -> Sequence[Any]:
    """A type, or the types of which it is made."""
    return [annotation, *(part for inner in get_args(annotation) for part in _parts(inner))]


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default in (None, (), PydanticUndefined) or isinstance(default, BaseModel):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"`{default.value if isinstance(default, Enum) else default}`"
