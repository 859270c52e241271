"""Rows on their way from a file: always text, with the row number that a spreadsheet would show."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.datasets.errors import DatasetError
from tasks.datasets.formula_guard import unguard, unguard_cell

MOST_COLUMNS = 16_384
"""What Excel has. A header of millions of columns is made to exhaust whoever reads it."""
MOST_BATCH_CHARS = 64 << 20
"""A batch ends early when its cells have so many characters, each cell counted with a few more for itself."""
_CHARS_OF_A_CELL = 8
_MOST_NAME_CHARS = 10_000
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
"""Control, zero-width and direction characters: in a name they only hide what it is."""


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
    """Rows in batches of at most `size`. Blank rows must not be among them."""
    iterator = iter(rows)
    while taken := _take(iterator, size):
        good = [row for row in taken if not row.torn]
        torn = [row for row in taken if row.torn]
        columns = zip(*(row.cells for row in good), strict=True) if good else [()] * len(header)
        yield make_batch(
            [as_text_column(column) for column in columns],
            header,
            [row.number for row in good],
            {row.number: row.torn for row in torn},
        )


def _take(rows: Iterator[RawRow], size: int) -> list[RawRow]:
    """The next rows, fewer than `size` when they are large: no content makes a batch exhaust the memory."""
    taken: list[RawRow] = []
    chars = 0
    for row in rows:
        taken.append(row)
        cells = row.cells
        chars += sum(map(len, cells)) + _CHARS_OF_A_CELL * len(cells)
        if len(taken) >= size or chars > MOST_BATCH_CHARS:
            break
    return taken


def as_text_column(cells: Sequence[str]) -> pa.Array:
    """Cells as Arrow holds them."""
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:  # halves of surrogate pairs: Excel can write them as `_xD800_`
        return pa.array([cell.encode("utf-8", "replace").decode() for cell in cells], pa.string())


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


def unique_header(cells: Sequence[str], described: str) -> list[str]:
    """Header cells, trimmed, each name once: the second `Phone` becomes `Phone (2)`, nameless ones `column 3`.

    What cannot be seen in a name is left out of it, and so is the formula guard of our own writer.

    Args:
        cells: As they stand in the file.
        described: The file's name for messages.

    Raises:
        DatasetError: There are more than MOST_COLUMNS, or a name is not one.
    """
    if len(cells) > MOST_COLUMNS:
        raise DatasetError(
            f"{described} has {len(cells):,} columns in its header, and at most {MOST_COLUMNS:,} are read: it is "
            "not a list with one contact a row, or not one with this delimiter"
        )
    header: dict[str, None] = {}
    next_numbers: dict[str, int] = {}
    for place, cell in enumerate(cells, 1):
        if len(cell) > _MOST_NAME_CHARS:
            raise DatasetError(
                f"{described} has a column name of {len(cell):,} characters (column {place}): the first row must "
                "be the header, with the names of the columns"
            )
        name = " ".join(_UNSEEN.sub(" ", unguard_cell(cell)).split()) or f"column {place}"
        unique, number = name, next_numbers.get(name, 2)
        while unique in header:
            unique, number = f"{name} ({number})", number + 1
        next_numbers[name] = number
        header[unique] = None
    return list(header)
