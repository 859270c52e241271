"""Text files with delimiters: CSV, TSV and their relatives."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec

from tasks.datasets.batches import RawRow, RowBatch, batches_of, fit_cells, unique_header
from tasks.datasets.encodings import detect_encoding
from tasks.datasets.errors import DatasetError
from tasks.datasets.unpacking import most_unpacked_bytes

_SAMPLE_CHARS = 1 << 16
_SAMPLE_RECORDS = 500
_DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
_EXCEL_HINT = re.compile(r"sep=([^\w\"\\\s]|\t)\r?\n?", re.IGNORECASE)
_MOST_CELL_CHARS = 131_072
"""csv.field_size_limit as Python ships it: no cell of a contact list is longer, an unclosed quote is."""
_MOST_RECORD_CHARS = 16 << 20
"""A record of many long cells, with line breaks in them, could be as large as the file."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart. The quotation mark is always the double one."""

    delimiter: str
    backslash_escapes: bool = False
    spaces_after_delimiter: bool = False

    def reader(self, lines: Iterator[str]) -> Any:  # the csv module has no public type for its readers
        """A csv reader that refuses half-quoted cells instead of guessing."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar='"',
            doublequote=not self.backslash_escapes,
            escapechar="\\" if self.backslash_escapes else None,
            skipinitialspace=self.spaces_after_delimiter,
            strict=True,
        )


def detect_dialect(sample: str) -> Dialect:
    """The dialect under which most records of a sample have as many cells as its header.

    Delimiters that the header does not have are out, so commas inside names cannot win; among equals the
    plainest dialect, then the one with more cells.
    """
    candidates = [Dialect(delimiter) for delimiter in _DELIMITERS]
    if '\\"' in sample:
        candidates += [Dialect(delimiter, backslash_escapes=True) for delimiter in _DELIMITERS]
    if re.search(r'[,;\t|] +"', sample):
        candidates += [Dialect(delimiter, spaces_after_delimiter=True) for delimiter in _DELIMITERS]
    return max(candidates, key=lambda dialect: _fit(dialect, sample))


def _fit(dialect: Dialect, sample: str) -> tuple[float, int]:
    reader = dialect.reader(iter(io.StringIO(sample, newline="")))
    widths: list[int] = []
    while len(widths) < _SAMPLE_RECORDS:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error:
            widths.append(-1)
            continue
        if any(cell.strip() for cell in record):
            # Trailing delimiters are harmless, see `fit_cells`.
            extra_is_blank = widths and len(record) > widths[0] and not any(map(str.strip, record[widths[0] :]))
            widths.append(widths[0] if extra_is_blank else len(record))
    if not widths or widths[0] < 1:
        return 0.0, 0
    fitting = widths.count(widths[0]) / len(widths)
    return (fitting if widths[0] > 1 else fitting * 0.4), widths[0]


class _RecordLines:
    """The lines of a text for a csv reader, which takes as many for a record as the quotation marks say."""

    def __init__(self, text: IO[str], described: str) -> None:
        self._text, self._described = text, described
        self.begin_record(1)

    def begin_record(self, number: int) -> None:
        """What comes now belongs to the next record."""
        self._number, self._chars = number, 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self._chars += len(line)
            if self._chars > _MOST_RECORD_CHARS:
                raise DatasetError(
                    f"row {self._number} of {self._described} has more than {_MOST_RECORD_CHARS:,} characters: a "
                    "quotation mark is opened there and not closed where it should be"
                )
            yield line


class DelimitedTable:
    """One text file. Memory does not grow with it.

    Args:
        path: A local file; `.gz`, `.bz2` and `.xz` are unpacked while reading.
        described: The file's name for messages.

    Raises:
        DatasetError: It is not a table.
    """

    def __init__(self, path: str, described: str) -> None:
        self._path, self._described = path, described
        with closing(self._open_bytes()) as file:
            self._encoding = detect_encoding(file, described, self._most_unpacked_bytes())
        with closing(self._open_text()) as text:
            sample = self._read_sample(text)
        self._skips_hint = False
        if hint := _EXCEL_HINT.match(sample):
            self._skips_hint, self._dialect = True, Dialect(hint.group(1))
            sample = sample[hint.end() :]
        else:
            self._dialect = detect_dialect(sample)
        first = next((row for row in self._records() if row.torn or any(map(str.strip, row.cells))), None)
        if first is None:
            raise DatasetError(f"{described} is empty: it has not even a header")
        if first.torn:
            raise DatasetError(f"{described} has a header that cannot be read: {first.torn}")
        self._header_row = first.number
        self.header = unique_header(first.cells, described)
        delimiter = _DELIMITERS.get(self._dialect.delimiter, repr(self._dialect.delimiter))
        self.notes = [f"CSV, encoding {self._encoding.note}, delimiter {delimiter}"]

    def batches(self, rows: int) -> Iterator[RowBatch]:
        """The rows below the header."""
        return batches_of(self._rows(), self.header, rows)

    def _rows(self) -> Iterator[RawRow]:
        width = len(self.header)
        delimiter = _DELIMITERS.get(self._dialect.delimiter, repr(self._dialect.delimiter))
        hint = f"a cell probably holds an unquoted {delimiter}"
        for record in self._records():
            if record.number <= self._header_row:
                continue
            if record.torn or len(record.cells) != width or not record.cells[0].strip():
                fitted = (
                    record if record.torn else fit_cells(record.number, record.cells, width, pad=False, hint=hint)
                )
                if fitted is not None:
                    yield fitted
            else:
                yield record

    def _records(self) -> Iterator[RawRow]:
        """Every record, numbered as a spreadsheet does: a quoted line break does not start a new row."""
        with closing(self._open_text()) as text:
            if self._skips_hint:
                text.readline()
            lines = _RecordLines(text, self._described)
            reader = self._dialect.reader(iter(lines))
            number, lines_before = 0, 0
            while True:
                lines.begin_record(number + 1)
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self._refuse_endless_cell(error, number + 1)
                    # Strict parsing failed somewhere in these lines. Each is one row that is not read, so none
                    # disappears from the balance; reading goes on with the next line.
                    for _ in range(max(1, reader.line_num - lines_before)):
                        number += 1
                        why = f"row {number} has a quotation mark that is not closed, or not doubled"
                        yield RawRow(number, torn=why)
                except UnicodeError as error:
                    raise DatasetError(
                        f"{self._described} is not valid {self._encoding.note} after row {number}: "
                        "save it again as UTF-8"
                    ) from error
                else:
                    number += 1
                    if cells:
                        yield RawRow(number, cells)
                lines_before = reader.line_num

    def _refuse_endless_cell(self, error: csv.Error, number: int) -> None:
        if "field larger than field limit" in str(error):
            raise DatasetError(
                f"row {number} of {self._described} has a cell of more than {_MOST_CELL_CHARS:,} characters: a "
                "quotation mark is opened there and never closed; close it, or export the list again"
            ) from error

    def _read_sample(self, text: IO[str]) -> str:
        try:
            sample = text.read(_SAMPLE_CHARS)
        except UnicodeError as error:
            raise DatasetError(
                f"{self._described} is not valid {self._encoding.note}: save it again as UTF-8"
            ) from error
        complete = sample.rpartition("\n")[0] if len(sample) == _SAMPLE_CHARS else ""
        return f"{complete}\n" if complete else sample

    def _most_unpacked_bytes(self) -> int | None:
        if fsspec.utils.infer_compression(self._path) is None:
            return None
        return most_unpacked_bytes(Path(self._path).stat().st_size)

    def _open_bytes(self) -> IO[bytes]:
        if fsspec.utils.infer_compression(self._path) is None:
            return open(self._path, "rb")  # noqa: PTH123 - twice as fast as through fsspec
        file: IO[bytes] = fsspec.open(self._path, "rb", compression="infer").open()
        return file

    def _open_text(self) -> io.TextIOWrapper:
        # newline="" keeps line breaks inside quoted cells as they are, as the csv module asks.
        return io.TextIOWrapper(
            self._open_bytes(), encoding=self._encoding.name, errors=self._encoding.errors, newline=""
        )
