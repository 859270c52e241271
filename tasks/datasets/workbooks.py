"""Excel workbooks (.xlsx)."""

import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl

from tasks.datasets.batches import RawRow, RowBatch, batches_of, fit_cells, unique_header
from tasks.datasets.errors import DatasetError
from tasks.datasets.workbook_packages import check_package

_MOST_ROWS = 1_048_576
"""What Excel has. A row may call itself the ten-billionth, and all the rows before it would be made."""
_CELLS_WITHOUT_QUESTION = 4_000_000
_MOST_CELLS_PER_BYTE = 1
"""A row with one cell, in the last column, is 40 bytes and 16,384 cells. A list has a third of one at most."""
_MOST_EXACT_INTEGER = 2**53
_ZEROS_FORMAT = re.compile(r"0{2,}")


class WorkbookTable:
    """The first sheet with rows of one workbook.

    Args:
        path: A local file.
        described: The file's name for messages.
        stack: Closes the file. It is opened once, because all texts that its cells share are read each time.

    Raises:
        DatasetError: It is encrypted, damaged, of the old format, absurdly large, or empty.
    """

    def __init__(self, path: str, described: str, stack: ExitStack) -> None:
        self._described = described
        self._most_cells = max(_CELLS_WITHOUT_QUESTION, _MOST_CELLS_PER_BYTE * check_package(path, described))
        with _translated_errors(described):
            self._workbook = _open(path)
        stack.callback(self._workbook.close)
        self._sheet, self._header_row, first = self._find_header()
        self.header = unique_header(_without_trailing_blanks(first), described)
        others = [name for name in self._sheet_names() if name != self._sheet]
        unread = f"; not read: {', '.join(repr(name) for name in others)}" if others else ""
        self.notes = [f"Excel, sheet {self._sheet!r}{unread}"]

    def batches(self, rows: int) -> Iterator[RowBatch]:
        """The rows below the header."""
        return batches_of(self._rows(), self.header, rows)

    def _rows(self) -> Iterator[RawRow]:
        hint = "there is something right of the last named column"
        for number, cells in self._cells(self._sheet):
            if number > self._header_row and (
                row := fit_cells(number, cells, len(self.header), pad=True, hint=hint)
            ):
                yield row

    def _find_header(self) -> tuple[str, int, list[str]]:
        for name in self._sheet_names():
            for number, cells in self._cells(name):
                if any(cell.strip() for cell in cells):
                    return name, number, cells
        raise DatasetError(f"{self._described} is empty: no sheet has a header")

    def _sheet_names(self) -> list[str]:
        with _translated_errors(self._described):
            return [sheet.title for sheet in self._workbook.worksheets if sheet.sheet_state == "visible"]

    def _cells(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        with _translated_errors(self._described):
            worksheet = self._workbook[sheet]
            # The size that a sheet declares is a hint of the program that wrote it, and often wrong.
            worksheet.reset_dimensions()
            cells = 0
            for number, row in enumerate(worksheet.iter_rows(), 1):
                cells += len(row)
                if number > _MOST_ROWS or cells > self._most_cells:
                    raise DatasetError(
                        f"{self._described} has a sheet {sheet!r} of which nearly all rows or columns are empty "
                        f"(seen at row {number:,}): delete what stands far below or right of the list, or save "
                        "it as CSV"
                    )
                yield (
                    number,
                    [
                        # Cells that are not there can be thousands a row.
                        ""
                        if (value := cell.value) is None
                        else cell_text(value, getattr(cell, "number_format", ""))
                        for cell in row
                    ],
                )


def _open(path: str) -> Any:
    """The streaming reader of openpyxl."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions, which do not matter here
        return openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)


class _translated_errors:  # noqa: N801 - reads as a sentence after `with`
    """Turns whatever openpyxl meets in a damaged file into a DatasetError."""

    def __init__(self, described: str) -> None:
        self._described = described

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DatasetError):
            raise DatasetError(
                f"{self._described} is a damaged Excel file: open it in a spreadsheet program and save it again"
            ) from error


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    named = max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)
    return cells[:named]


def cell_text(value: object, number_format: str = "") -> str:
    """A cell as text, losing nothing: 447700900123.0 is `447700900123`, 0.1 is `0.1`, a date is ISO 8601.

    A number that is shown with leading zeros (format `0000000000`) keeps them: somebody chose the format for them.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        is_whole = float(value).is_integer() and abs(value) < _MOST_EXACT_INTEGER
        text = str(int(value)) if isinstance(value, int) or is_whole else repr(value)
        return text.zfill(len(number_format)) if _ZEROS_FORMAT.fullmatch(number_format or "") else text
    if isinstance(value, datetime):
        is_day = value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else _other_text(value)


def _other_text(value: object) -> str:
    return str(value) if not isinstance(value, timedelta) else str(value.total_seconds())
