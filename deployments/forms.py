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
    return {**schema, "properties": properties}


def _for_people(title: str) -> str:
    return title[:1].upper() + title[1:].replace("_", " ")


def _is_list_of_secrets(schema: dict[str, Any]) -> bool:
    return any(choice.get("items", {}).get("writeOnly") for choice in schema.get("anyOf", [schema]))
