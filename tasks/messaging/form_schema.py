"""JSON schemas that forms are made of: what people can leave empty is an empty box, not a choice of types.

For an optional text pydantic writes `anyOf: [string, null]`, and the Prefect UI makes two buttons of that, `str`
and `None`, with no box until somebody presses one. A property that is simply not required says the same.
"""

from typing import Any

_BOXES = frozenset({"string", "integer", "number"})
"""Types that have a box which can be left empty. A group of fields keeps its two buttons: it is folded."""


def without_null_choices(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object, with a title for each property, and a plain box where it is optional and simple.

    Args:
        schema: Of an object, with `properties`. It is not changed.
    """
    properties = schema.get("properties", {})
    boxes = {name: _as_box(of_property) for name, of_property in properties.items()}
    # A group of fields has no title of its own in pydantic's schema, and Prefect's second UI calls it "Field".
    titles = {name: {"title": name.replace("_", " ").capitalize(), **box} for name, box in boxes.items()}
    return {**schema, "properties": titles}


def _as_box(schema: dict[str, Any]) -> dict[str, Any]:
    choices = schema.get("anyOf", [schema])
    given = [choice for choice in choices if choice.get("type") != "null"]
    if len(given) != 1 or given[0].get("type") not in _BOXES:
        return schema
    box = {**{key: value for key, value in schema.items() if key != "anyOf"}, **given[0]}
    if box.get("format") == "duration":  # `PT2H` and a check that wants it; people write 2h
        del box["format"]
    if "default" in box and box["default"] is None:
        del box["default"]
    return box
