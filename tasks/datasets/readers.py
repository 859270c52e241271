"""Contact files of any format, in batches of text."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Protocol, Self

import fsspec

from tasks.datasets.batches import RowBatch
from tasks.datasets.delimited import DelimitedTable
from tasks.datasets.errors import DatasetError
from tasks.datasets.locations import bring_here, describe_location, sha256_of
from tasks.datasets.parquet import ParquetTable
from tasks.datasets.workbooks import WorkbookTable

__all__ = ["ContactFile", "DatasetError", "RowBatch", "open_contacts"]

_PARQUET_MAGIC = (b"PAR1", b"PARE")
_COMPRESSED_MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
_EXCEL_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", bytes.fromhex("d0cf11e0a1b11ae1"))


_UNPACKED_SUFFIXES = (".gz", ".bz2", ".xz")


class _Table(Protocol):
    header: list[str]
    notes: list[str]

    def batches(self, rows: int) -> Iterator[RowBatch]: ...


class ContactFile:
    """An open contact file. Made by `open_contacts`; a context manager.

    Attributes:
        path: As it was given.
        header: The columns, each name once.
        sha256: Of the file's bytes.
        notes: What was detected, for a person.
    """

    def __init__(self, path: str, table: _Table, sha256: str, stack: ExitStack) -> None:
        self.path = path
        self.sha256 = sha256
        self.header = table.header
        self.notes = table.notes
        self._table = table
        self._stack = stack

    def batches(self, rows: int = 25_000) -> Iterator[RowBatch]:
        """All rows, from the first, at most `rows` at a time; every cell is text.

        Raises:
            DatasetError: The file is damaged further down.
        """
        with _damage_explained(describe_location(self.path)):
            yield from self._table.batches(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def open_contacts(path: str) -> ContactFile:
    """Open a contact file: CSV, TSV or other delimited text (also compressed), Parquet, or Excel (.xlsx).

    The format is seen from the contents. Nothing is ever read as a number: one blank cell would turn a column
    of phone numbers into floats, and in some countries those are valid numbers of somebody else.

    Args:
        path: A local path, or any URL that fsspec opens (remote files are copied here first).

    Raises:
        DatasetError: The file cannot be read as a table; the message says what to do.
    """
    described = describe_location(path)
    with ExitStack() as stack:
        local = bring_here(path, stack)
        with open(local, "rb") as file:  # noqa: PTH123 - a plain local file
            magic = file.read(8)
        with _damage_explained(described):
            table = _open_table(local, described, magic, stack)
        return ContactFile(path, table, sha256_of(local), stack.pop_all())
    raise AssertionError("an ExitStack swallows nothing")


@contextmanager
def _damage_explained(described: str) -> Iterator[None]:
    """Broken compression and broken disks, at the start or in the middle of a file."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(f"{described} is damaged or cannot be read: export or copy it again") from error


def _open_table(local: str, described: str, magic: bytes, stack: ExitStack) -> _Table:
    if not magic:
        raise DatasetError(f"{described} is empty: it has not even a header")
    if magic.startswith(_PARQUET_MAGIC):
        return ParquetTable(local, described)
    if magic.startswith(_EXCEL_MAGIC):
        return WorkbookTable(local, described, stack)
    if fsspec.utils.infer_compression(local) is None:
        for mark, suffix in _COMPRESSED_MAGIC.items():
            if magic.startswith(mark):
                raise DatasetError(f"{described} is compressed: unpack it{_or_name_it(suffix)}")
    return DelimitedTable(local, described)


def _or_name_it(suffix: str) -> str:
    return f", or let its name end in {suffix}" if suffix in _UNPACKED_SUFFIXES else ""
