"""The base of everything that a person writes into a file or a form."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from tasks.messaging.form_schema import without_null_choices


class StrictModel(BaseModel):
    """A frozen model in which an unknown key is an error that names the nearest known one.

    A misspelt key that is quietly ignored sends the wrong campaign; pydantic's own message for it
    ("Extra inputs are not permitted") does not tell what to write instead.
    """

    # What stands in a file may be a secret or personal: an error names the key, and does not repeat the value.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := [str(key) for key in data if key not in cls.model_fields]):
            raise ValueError("; ".join(_explain_unknown(key, list(cls.model_fields)) for key in unknown))
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        of_model = handler.resolve_ref_schema(schema)
        of_model.update(without_null_choices(of_model))
        return schema


def _explain_unknown(key: str, known: list[str]) -> str:
    return f"unknown key `{key}`; {nearest(key, known)}"


def nearest(word: str, known: Collection[str]) -> str:
    """The end of an error message about a word that is not known: the one that was meant, or all there are."""
    near = get_close_matches(word.lower(), known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
