"""Excel workbooks (.xlsx)."""

import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl

from tasks.datasets.batches import RawRow, RowBatch, batches_of, fit_cells, unique_header
from tasks.datasets.errors import DatasetError

_MOST_UNPACKED_BYTES = 4 << 30
_MOST_SHARED_TEXT_BYTES = 1 << 30
_MOST_EXACT_INTEGER = 2**53
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ZEROS_FORMAT = re.compile(r"0{2,}")


class WorkbookTable:
    """The first sheet with rows of one workbook.

    Args:
        path: A local file.
        described: The file's name for messages.

    Raises:
        DatasetError: It is encrypted, damaged, of the old format, absurdly large, or empty.
    """

    def __init__(self, path: str, described: str) -> None:
        self._path, self._described = path, described
        _check_container(path, described)
        self._sheet, self._header_row, first = self._find_header()
        self.header = unique_header(_without_trailing_blanks(first))
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
        with _translated_errors(self._described), _Workbook(self._path) as workbook:
            return [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]

    def _cells(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        with _translated_errors(self._described), _Workbook(self._path) as workbook:
            worksheet = workbook[sheet]
            # The size that a sheet declares is a hint of the program that wrote it, and often wrong.
            worksheet.reset_dimensions()
            for number, row in enumerate(worksheet.iter_rows(), 1):
                yield number, [cell_text(cell.value, getattr(cell, "number_format", "")) for cell in row]


class _Workbook:
    """openpyxl's streaming reader, closed in any case."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which do not matter here
            self._workbook = openpyxl.load_workbook(self._path, read_only=True, data_only=True, keep_links=False)
        return self._workbook

    def __exit__(self, *_: object) -> None:
        self._workbook.close()


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


def _check_container(path: str, described: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123 - a plain local file
        head = file.read(1 << 20)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - (1 << 20)))
        tail = file.read()
    if head.startswith(_OLE_MAGIC):
        if _ENCRYPTED in head or _ENCRYPTED in tail:
            raise DatasetError(f"{described} is protected with a password: save it without one")
        raise DatasetError(f"{described} has the old Excel format (.xls): save it as .xlsx or CSV")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DatasetError(
            f"{described} is not an Excel file, or a damaged one: save it again as .xlsx"
        ) from error
    if "xl/workbook.xml" not in sizes:
        raise DatasetError(f"{described} is not an Excel workbook: unpack it, or save the list as .xlsx or CSV")
    if (
        sum(sizes.values()) > _MOST_UNPACKED_BYTES
        or sizes.get("xl/sharedStrings.xml", 0) > _MOST_SHARED_TEXT_BYTES
    ):
        raise DatasetError(
            f"{described} would unpack to {sum(sizes.values()) >> 20:,} MB, too much for an Excel file: save the "
            "list as CSV"
        )


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
