"""Parquet files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.datasets.batches import MOST_BATCH_CHARS, RowBatch, make_batch, unique_header
from tasks.datasets.errors import DatasetError
from tasks.datasets.unpacking import most_unpacked_bytes
from tasks.datasets.workbooks import cell_text

_MOST_CELL_BYTES = 131_072
"""As in text files: see `delimited`."""
_BYTES_OF_A_CELL = 8
_ROWS_WITHOUT_QUESTION = 1_000_000
_MOST_ROWS_PER_BYTE = 8
"""Rows that say nothing take no room in Parquet; a phone number of its own takes at least some bits."""
_DAMAGE = (pa.ArrowException, OSError, UnicodeError, MemoryError)


class ParquetTable:
    """One Parquet file, read a few row groups at a time.

    Args:
        path: A local file.
        described: The file's name for messages.

    Raises:
        DatasetError: It is damaged or encrypted, or has no columns.
    """

    def __init__(self, path: str, described: str) -> None:
        self._path, self._described = path, described
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except _DAMAGE as error:
            raise self._damaged() from error
        names = schema.names
        if rows > _ROWS_WITHOUT_QUESTION + _MOST_ROWS_PER_BYTE * Path(path).stat().st_size:
            raise DatasetError(
                f"{described} says it has {rows:,} rows, more than its bytes can hold: export the list again"
            )
        # A text that stands once in the file and in every row of it must stay once in memory.
        self._texts = [field.name for field in schema if _is_text(field.type)]
        if not names:
            raise DatasetError(f"{described} is empty: it has no columns")
        self.header = unique_header(names, described)
        self.notes = ["Parquet"]

    def batches(self, rows: int) -> Iterator[RowBatch]:
        """The rows; the first is row 2, as it would be below a header in a spreadsheet."""
        try:
            yield from self._batches(rows)
        except _DAMAGE as error:
            raise self._damaged() from error

    def _batches(self, rows: int) -> Iterator[RowBatch]:
        first_row = 2
        waiting: list[list[pa.Array]] = []
        waiting_rows = waiting_bytes = 0
        for piece, piece_bytes in self._pieces(rows):
            if waiting and (
                waiting_rows + piece.num_rows > rows or waiting_bytes + piece_bytes > MOST_BATCH_CHARS
            ):
                yield self._make_batch(waiting, first_row)
                first_row += waiting_rows
                waiting, waiting_rows, waiting_bytes = [], 0, 0
            waiting.append([column_text(column) for column in piece.columns])
            waiting_rows += piece.num_rows
            waiting_bytes += piece_bytes
        if waiting:
            yield self._make_batch(waiting, first_row)

    def _make_batch(self, pieces: list[list[pa.Array]], first_row: int) -> RowBatch:
        columns = [pa.concat_arrays(parts) for parts in zip(*pieces, strict=True)]
        is_filled = _any_filled(columns, len(columns[0]))
        numbers = [first_row + int(place) for place in np.flatnonzero(is_filled)]
        return make_batch([pc.filter(column, is_filled) for column in columns], self.header, numbers, {})

    def _pieces(self, rows: int) -> Iterator[tuple[pa.RecordBatch, int]]:
        """What is read at once, and how many bytes of text it has: very little where a row group is small."""
        first_row, text_bytes = 2, 0
        most_bytes = most_unpacked_bytes(Path(self._path).stat().st_size)
        with pq.ParquetFile(self._path, read_dictionary=self._texts) as file:
            for batch in file.iter_batches(batch_size=rows):
                for piece, piece_bytes in self._divide(batch, first_row):
                    text_bytes += piece_bytes
                    if text_bytes > most_bytes:
                        raise DatasetError(
                            f"{self._described} unpacks to more than {most_bytes >> 20:,} MB, too much for a list "
                            "of contacts: leave out the columns that repeat a long text"
                        )
                    yield piece, piece_bytes
                first_row += batch.num_rows

    def _divide(self, batch: pa.RecordBatch, first_row: int) -> Iterator[tuple[pa.RecordBatch, int]]:
        """The batch in pieces of which none has more than MOST_BATCH_CHARS bytes of text.

        Raises:
            DatasetError: A cell is longer than one of a contact list.
        """
        row_bytes = np.full(batch.num_rows, _BYTES_OF_A_CELL * max(1, batch.num_columns), dtype=np.int64)
        for name, column in zip(self.header, batch.columns, strict=True):
            cell_bytes = _cell_bytes(column)
            if cell_bytes is None:
                continue
            longest = int(cell_bytes.argmax()) if len(cell_bytes) else 0
            if len(cell_bytes) and cell_bytes[longest] > _MOST_CELL_BYTES:
                raise DatasetError(
                    f"row {first_row + longest} of {self._described} has a cell of {cell_bytes[longest]:,} bytes "
                    f"in column {name[:60]!r}: no contact has that; leave the column out"
                )
            row_bytes += cell_bytes
        parts = np.cumsum(row_bytes) // MOST_BATCH_CHARS
        starts = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist()]
        for start, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
            if end > start:
                yield batch.slice(start, end - start), int(row_bytes[start:end].sum())

    def _damaged(self) -> DatasetError:
        return DatasetError(f"{self._described} is a damaged or encrypted Parquet file: export the list again")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _cell_bytes(column: pa.Array) -> npt.NDArray[np.int64] | None:
    """How long each cell is, without spelling out a dictionary; None where cells have a fixed size."""
    if pa.types.is_dictionary(column.type):
        lengths = _cell_bytes(column.dictionary)
        if lengths is None or not len(lengths):
            return None
        of_rows: npt.NDArray[np.int64] = lengths[pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)]
        return of_rows
    if _is_text(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        found: npt.NDArray[np.int64] = (
            pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        return found
    if pa.types.is_nested(column.type):
        # About, and enough: nested cells are rare, and all of them together must be small.
        return np.full(len(column), column.nbytes // max(1, len(column)), dtype=np.int64)
    return None


def _any_filled(columns: list[pa.Array], rows: int) -> pa.Array:
    filled = pa.array([False] * rows)
    for column in columns:
        filled = pc.or_(filled, pc.not_equal(pc.utf8_trim_whitespace(column), ""))
    return filled


def column_text(column: pa.Array) -> pa.Array:
    """A column as text without loss: floats without `.0`, ISO 8601 dates, JSON for nested values, "" for null."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_integer(column.type)
    ):
        texts = _valid_texts(pc.fill_null(pc.cast(column, pa.string()), ""))
        # NUL is a character to Parquet, and to no database.
        return pc.replace_substring(texts, "\0", "\N{REPLACEMENT CHARACTER}") if _has_nul(texts) else texts
    return pa.array([_value_text(value) for value in _python_values(column)], pa.string())


def _python_values(column: pa.Array) -> list[Any]:
    """Values of Python; an instant outside its years, or with more digits than it has, as Arrow writes it."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, ArithmeticError):
        values = pc.cast(column, pa.string()).to_pylist()
    return values


def _valid_texts(texts: pa.Array) -> pa.Array:
    """The texts, in UTF-8; not every writer checks that, and Arrow's functions break off where it is not so."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raw = pc.cast(texts, pa.binary()).to_pylist()
        return pa.array([cell.decode("utf-8", "replace") for cell in raw], pa.string())
    return texts


def _has_nul(texts: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(texts, "\0")).as_py())


def _value_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return cell_text(value)
