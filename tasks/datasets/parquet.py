"""Parquet files."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.datasets.batches import RowBatch, make_batch, unique_header
from tasks.datasets.errors import DatasetError
from tasks.datasets.workbooks import cell_text


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
                names = file.schema_arrow.names
        except (pa.ArrowException, OSError) as error:
            raise self._damaged() from error
        if not names:
            raise DatasetError(f"{described} is empty: it has no columns")
        self.header = unique_header(names)
        self.notes = ["Parquet"]

    def batches(self, rows: int) -> Iterator[RowBatch]:
        """The rows; the first is row 2, as it would be below a header in a spreadsheet."""
        first_row = 2
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=rows):
                    columns = [column_text(column) for column in batch.columns]
                    is_filled = _any_filled(columns, batch.num_rows)
                    numbers = [first_row + place for place, filled in enumerate(is_filled.to_pylist()) if filled]
                    first_row += batch.num_rows
                    yield make_batch(
                        [pc.filter(column, is_filled) for column in columns], self.header, numbers, {}
                    )
        except (pa.ArrowException, OSError) as error:
            raise self._damaged() from error

    def _damaged(self) -> DatasetError:
        return DatasetError(f"{self._described} is a damaged or encrypted Parquet file: export the list again")


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
        return pc.fill_null(pc.cast(column, pa.string()), "")
    return pa.array([_value_text(value) for value in column.to_pylist()], pa.string())


def _value_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return cell_text(value)
