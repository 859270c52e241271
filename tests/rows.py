"""Rows as tests write them, as the columns that the store takes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The same values, column by column; what a row does not have is None (`enabled`: True); `fields` are JSON."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, name == "enabled" or None) for row in rows] for name in names}
    if "fields" in columns:
        columns["fields"] = [json.dumps(fields or {}) for fields in columns["fields"]]
    return columns
