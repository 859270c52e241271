"""Text files with delimiters: CSV, TSV and their relatives."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tasks.datasets.batches import (
    RawRow,
    RowBatch,
    as_text_column,
    batches_of,
    fit_cells,
    make_batch,
    unique_header,
)
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
_MOST_BLOCK_CHARS = 8 << 20
"""Lines that are parsed in one go. Each character may be a cell, of which a list takes eight bytes."""
_NOT_PLAIN = re.compile(r'["\\\x00\x1c-\x1f]|^\ufeff')
"""What two readers of CSV may take for different things: quotation marks above all."""


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


class _Records:
    """The records of some lines, numbered as a spreadsheet does: a quoted line break does not start a new row.

    Args:
        lines: The csv module takes as many for a record as the quotation marks say.
        dialect: How cells are told apart.
        described: The file's name for messages.
        number: Of the record before the first.
        most_lines: No record is begun after so many lines.
    """

    def __init__(
        self,
        lines: Iterable[str],
        dialect: Dialect,
        described: str,
        *,
        number: int = 0,
        most_lines: int = sys.maxsize,
    ) -> None:
        self._lines, self._described, self._most_lines = lines, described, most_lines
        self._reader = dialect.reader(self._bounded_lines())
        self._chars = 0
        self.number = number

    def __iter__(self) -> Iterator[RawRow]:
        while (lines_before := self._reader.line_num) < self._most_lines:
            self._chars = 0
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._refuse_endless_cell(error)
                # Strict parsing failed somewhere in these lines. Each is one row that is not read, so none
                # disappears from the balance; reading goes on with the next line.
                for _ in range(max(1, self._reader.line_num - lines_before)):
                    self.number += 1
                    why = f"row {self.number} has a quotation mark that is not closed, or not doubled"
                    yield RawRow(self.number, torn=why)
            else:
                self.number += 1
                if cells:
                    yield RawRow(self.number, cells)

    def _bounded_lines(self) -> Iterator[str]:
        for line in self._lines:
            self._chars += len(line)
            if self._chars > _MOST_RECORD_CHARS:
                raise DatasetError(
                    f"row {self.number + 1} of {self._described} has more than {_MOST_RECORD_CHARS:,} characters: "
                    "a quotation mark is opened there and not closed where it should be"
                )
            yield line

    def _refuse_endless_cell(self, error: csv.Error) -> None:
        if "field larger than field limit" in str(error):
            raise DatasetError(
                f"row {self.number + 1} of {self._described} has a cell of more than {_MOST_CELL_CHARS:,} "
                "characters: a quotation mark is opened there and never closed; close it, or export the list again"
            ) from error


class _Lines:
    """The lines of a text. Once some of it cannot be decoded, nothing comes after it: rows would be lost."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._error: UnicodeError | None = None

    def __iter__(self) -> Iterator[str]:
        if self._error is not None:
            raise self._error
        try:
            for line in self._text:  # noqa: UP028 - `yield from` would close the file when a caller has enough
                yield line
        except UnicodeError as error:
            self._error = error
            raise

    def take(self, most: int) -> list[str]:
        """So many lines, or fewer if they are long; all that come before damage.

        Raises:
            UnicodeError: The next line cannot be decoded.
        """
        lines: list[str] = []
        chars = 0
        try:
            for line in self:
                lines.append(line)
                chars += len(line)
                if len(lines) >= most or chars > _MOST_BLOCK_CHARS:
                    break
        except UnicodeError:
            if not lines:
                raise
        return lines


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
        self._skips_hint = False
        with closing(self._open_text()) as text:
            sample = self._read_sample(text)
        if hint := _EXCEL_HINT.match(sample):
            self._skips_hint, self._dialect = True, Dialect(hint.group(1))
            sample = sample[hint.end() :]
        else:
            self._dialect = detect_dialect(sample)
        first = self._first_record()
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
        number = self._header_row
        with closing(self._open_text()) as text:
            lines = _Lines(text)
            header = iter(self._records(lines))
            while next(header).number < number:
                pass
            try:
                while block := lines.take(rows):
                    if columns := self._split_plain(block):
                        yield make_batch(columns, self.header, range(number + 1, number + 1 + len(block)), {})
                        number += len(block)
                        continue
                    cells = self._parse(block)
                    if cells is None:
                        # A record may end in lines that come after these.
                        records = self._records(chain(block, lines), number=number, most_lines=len(block))
                        try:
                            yield from batches_of(self._fitted(records), self.header, rows)
                        finally:  # an error shall name the row where it is
                            number = records.number
                        continue
                    if self._is_regular(cells):
                        columns = [as_text_column(column) for column in zip(*cells, strict=True)]
                        yield make_batch(columns, self.header, range(number + 1, number + 1 + len(cells)), {})
                    else:
                        numbered = (RawRow(at, row) for at, row in enumerate(cells, number + 1) if row)
                        yield from batches_of(self._fitted(numbered), self.header, rows)
                    number += len(cells)
            except UnicodeError as error:
                raise self._not_valid(f" after row {number}") from error

    def _split_plain(self, lines: list[str]) -> list[pa.Array] | None:
        """The columns of lines without any quotation mark, all with as many cells as the header; else None.

        There is only one way to read those, and Arrow's reader takes a quarter of the time of the csv module.
        """
        dialect, width = self._dialect, len(self.header)
        if width < 2 or dialect.spaces_after_delimiter or not dialect.delimiter.isascii():  # noqa: PLR2004  # blank lines
            return None
        text = "".join(lines)
        if _NOT_PLAIN.search(text) or max(map(len, lines)) > _MOST_CELL_CHARS:
            return None
        names = list(map(str, range(width)))
        try:
            data = text.encode()
            table = arrow_csv.read_csv(
                pa.py_buffer(data),
                arrow_csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
                arrow_csv.ParseOptions(delimiter=dialect.delimiter, quote_char=False, ignore_empty_lines=False),
                arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
        except (pa.ArrowInvalid, UnicodeEncodeError):
            return None
        columns: list[pa.Array] = [column.combine_chunks() for column in table.columns]
        has_blank_first = pc.any(pc.equal(pc.utf8_trim_whitespace(columns[0]), "")).as_py()
        return None if has_blank_first or len(table) != len(lines) else columns

    def _parse(self, lines: list[str]) -> list[list[str]] | None:
        """The cells of whole records; None where a quotation mark is open at the end, or nothing fits."""
        if len(lines[-1]) > _MOST_BLOCK_CHARS:
            return None
        try:
            return list(self._dialect.reader(iter(lines)))
        except csv.Error:
            return None

    def _is_regular(self, records: list[list[str]]) -> bool:
        """Whether every record has a cell for each column, and a first one that is not blank."""
        return set(map(len, records)) == {len(self.header)} and all(record[0].strip() for record in records)

    def _fitted(self, records: Iterable[RawRow]) -> Iterator[RawRow]:
        width = len(self.header)
        delimiter = _DELIMITERS.get(self._dialect.delimiter, repr(self._dialect.delimiter))
        hint = f"a cell probably holds an unquoted {delimiter}"
        for record in records:
            if record.torn or (len(record.cells) == width and record.cells[0].strip()):
                yield record
            elif fitted := fit_cells(record.number, record.cells, width, pad=False, hint=hint):
                yield fitted

    def _records(self, lines: Iterable[str], *, number: int = 0, most_lines: int = sys.maxsize) -> _Records:
        return _Records(lines, self._dialect, self._described, number=number, most_lines=most_lines)

    def _first_record(self) -> RawRow | None:
        with closing(self._open_text()) as text:
            try:
                return next(
                    (row for row in self._records(text) if row.torn or any(map(str.strip, row.cells))), None
                )
            except UnicodeError as error:
                raise self._not_valid() from error

    def _not_valid(self, after: str = "") -> DatasetError:
        return DatasetError(f"{self._described} is not valid {self._encoding.note}{after}: save it again as UTF-8")

    def _read_sample(self, text: IO[str]) -> str:
        try:
            sample = text.read(_SAMPLE_CHARS)
        except UnicodeError as error:
            raise self._not_valid() from error
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
        text = io.TextIOWrapper(
            self._open_bytes(), encoding=self._encoding.name, errors=self._encoding.errors, newline=""
        )
        if self._skips_hint:
            text.readline()
        return text
