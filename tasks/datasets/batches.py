"""Rows on their way from a file: always text, with the row number that a spreadsheet would show."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.datasets.formula_guard import unguard


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some consecutive rows of a file.

    Attributes:
        frame: One str column per header, "" where a cell is empty. The index `row_number` is the row as a
            spreadsheet shows
            it: the header is row 1, blank rows count and are left out.
        torn: Rows whose cells cannot be told apart: index `row_number`, column `detail` (a sentence).
    """

    frame: pd.DataFrame
    torn: pd.DataFrame


class RawRow(NamedTuple):
    """One row of a file: its cells, or why it has none that can be trusted. A tuple because there are millions."""

    number: int
    cells: Sequence[str] = ()
    torn: str = ""


def batches_of(rows: Iterable[RawRow], header: Sequence[str], size: int) -> Iterator[RowBatch]:
    """Rows in batches of `size`. Blank rows must not be among them."""
    iterator = iter(rows)
    while taken := list(islice(iterator, size)):
        good = [row for row in taken if not row.torn]
        torn = [row for row in taken if row.torn]
        columns = zip(*(row.cells for row in good), strict=True) if good else [()] * len(header)
        yield make_batch(
            [pa.array(column, pa.string()) for column in columns],
            header,
            [row.number for row in good],
            {row.number: row.torn for row in torn},
        )


def make_batch(
    columns: Sequence[pa.Array], header: Sequence[str], row_numbers: Sequence[int], torn: dict[int, str]
) -> RowBatch:
    """A batch from columns of text; the formula guard of our own writer is taken off."""
    table = pa.Table.from_arrays([unguard(column) for column in columns], names=list(map(str, range(len(header)))))
    frame = table.to_pandas().astype("str")
    frame.columns = pd.Index(list(header), dtype="str")
    frame.index = pd.Index(np.asarray(row_numbers, dtype=np.int64), name="row_number")
    torn_frame = pd.DataFrame(
        {"detail": pd.array(list(torn.values()), dtype="str")},
        index=pd.Index(list(torn), dtype="int64", name="row_number"),
    )
    return RowBatch(frame, torn_frame)


def fit_cells(number: int, cells: Sequence[str], width: int, *, pad: bool, hint: str) -> RawRow | None:
    """A row with exactly `width` cells, a torn one, or None for a blank one.

    Too many cells are harmless if the extra ones are empty (a trailing delimiter). Too few are not padded in a
    text file: it may be the first half of a row that an unquoted line break has cut, and the half that is
    missing may hold the opt-out. In a workbook every cell has a place, so absent means empty: `pad`.
    """
    if not any(cell and not cell.isspace() for cell in cells):
        return None
    if len(cells) > width:
        if any(cell.strip() for cell in cells[width:]):
            filled = max(place for place, cell in enumerate(cells, 1) if cell.strip())
            return RawRow(number, torn=f"row {number} has {filled} cells where the header has {width}: {hint}")
        cells = cells[:width]
    elif len(cells) < width:
        if not pad:
            return RawRow(
                number,
                torn=f"row {number} has {len(cells)} cells where the header has {width}: a line break inside a "
                "cell probably is not quoted, or the end of the row is missing",
            )
        cells = [*cells, *[""] * (width - len(cells))]
    return RawRow(number, cells)


def unique_header(cells: Sequence[str]) -> list[str]:
    """Header cells, trimmed, each name once: the second `Phone` becomes `Phone (2)`, nameless ones `column 3`."""
    header: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\ufeff", "").split()) or f"column {place}"
        unique, number = name, 2
        while unique in header:
            unique, number = f"{name} ({number})", number + 1
        header.append(unique)
    return header
