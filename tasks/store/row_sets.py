"""Sets of values as tables, to join with: one bound parameter a column, however many rows there are."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, FromClause, String, cast, column, func, literal, select


def as_table(connection: Connection, **columns: Sequence[str | None]) -> FromClause:
    """Rows of text as a table named `wanted`.

    Args:
        connection: Tells the dialect.
        columns: Equally long; the table has one column of each name, and `place`, which counts from 1.
    """
    names = tuple(columns)
    if connection.dialect.name == "postgresql":
        # unnest, and not JSON: its planner knows the length of an array, and takes an index instead of reading
        # the whole table once per row.
        expanded = func.unnest(*(cast(list(values), ARRAY(String)) for values in columns.values()))
        listed = [column(name, String) for name in names]
        return expanded.table_valued(*listed, with_ordinality="place").render_derived(name="wanted")
    rows = func.json_each(json.dumps(list(zip(*columns.values(), strict=True)))).table_valued("key", "value")
    values = (
        func.json_extract(rows.c.value, literal(f"$[{place}]"), type_=String).label(name)
        for place, name in enumerate(names)
    )
    return select(*values, (rows.c.key + 1).label("place")).subquery("wanted")


def as_ids(connection: Connection, ids: Collection[int]) -> FromClause:
    """Integers as a table named `wanted` with the column `id`."""
    if connection.dialect.name == "postgresql":
        expanded = func.unnest(cast(list(ids), ARRAY(BigInteger)))
        return expanded.table_valued(column("id", BigInteger)).render_derived(name="wanted")
    rows = func.json_each(json.dumps(list(ids))).table_valued(column("value", BigInteger))
    return select(rows.c.value.label("id")).subquery("wanted")
