"""The form that Prefect's UI draws for a deployment."""

from typing import Any

from prefect.utilities.callables import parameter_schema

from tasks.messaging.form_schema import without_null_choices


def form_of(flow: Any) -> dict[str, Any]:
    """The parameters of a flow as JSON schema: empty boxes instead of choices of types, and titles for people.

    What Prefect would not keep (lists of secrets: addresses) is not asked for.
    """
    schema = without_null_choices(parameter_schema(flow).model_dump_for_openapi())
    properties = {
        name: {**of_property, "title": _for_people(of_property.get("title", name))}
        for name, of_property in schema["properties"].items()
        if not _is_list_of_secrets(of_property)
    }
    form: dict[str, Any] = _as_plain_text({**schema, "properties": properties})
    return form


def _as_plain_text(schema: Any) -> Any:
    """Descriptions without the marks of code, which Prefect's second UI shows as they stand."""
    if isinstance(schema, list):
        return [_as_plain_text(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: part.replace("`", "") if key == "description" and isinstance(part, str) else _as_plain_text(part)
        for key, part in schema.items()
    }


def _for_people(title: str) -> str:
    return title[:1].upper() + title[1:].replace("_", " ")


def _is_list_of_secrets(schema: dict[str, Any]) -> bool:
    return any(choice.get("items", {}).get("writeOnly") for choice in schema.get("anyOf", [schema]))
