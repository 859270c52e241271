"""What an .xlsx file is made of, looked at before it is read: an archive of XML can be made to exhaust any reader.

openpyxl holds all of a part but a sheet in memory, and of a sheet a row. So the parts are unpacked once here, in
pieces, and what could not be held is refused.
"""

import re
import struct
import zipfile
import zlib
from typing import IO

from tasks.datasets.errors import DatasetError
from tasks.datasets.unpacking import most_unpacked_bytes

_MOST_UNPACKED_BYTES = 4 << 30
_MOST_SHARED_TEXT_BYTES = 512 << 20
_TEXTS_WITHOUT_QUESTION = 200_000
"""Shared texts; openpyxl makes an object of each. Of more, each takes at least a byte in the archive."""
_MOST_PART_BYTES = 16 << 20
"""Of any part but sheets and shared texts: styles, the list of sheets."""
_MOST_ROW_BYTES = 4 << 20
_MOST_DIRECTORY_BYTES = 2 << 20
"""Of the archive's list of files: ten thousand files and more."""
_PROLOGUE_BYTES = 4096
_PIECE_BYTES = 1 << 20

_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_CONTENT_TYPES = "[Content_Types].xml"
_OVERRIDE = re.compile(rb"<[^<>]*?\bOverride\b([^<>]*)>")
_PART_NAME = re.compile(rb"""\bPartName\s*=\s*["']/?([^"']*)["']""")
_TEXT = re.compile(rb"<(?:\w+:)?si[\s>/]")
_NEVER_READ = ("xl/media/", "xl/embeddings/", "xl/drawings/", "xl/charts/", "xl/vbaProject.bin")
_DAMAGE = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error)


def check_package(path: str, described: str) -> int:
    """Refuse what is no workbook, or cannot be read within bounds.

    Args:
        path: A local file.
        described: Its name for messages.

    Returns:
        Bytes of all parts together, unpacked.

    Raises:
        DatasetError: It is encrypted, of the old format, damaged, or made to exhaust its reader.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a plain local file
        head = file.read(1 << 20)
        packed_bytes = file.seek(0, 2)
        file.seek(max(0, packed_bytes - (1 << 20)))
        tail = file.read()
    if head.startswith(_OLE_MAGIC):
        if _ENCRYPTED in head or _ENCRYPTED in tail:
            raise DatasetError(f"{described} is protected with a password: save it without one")
        raise DatasetError(f"{described} has the old Excel format (.xls): save it as .xlsx or CSV")
    if _directory_bytes(tail) > _MOST_DIRECTORY_BYTES:
        raise DatasetError(f"{described} is an archive of very many files, not an Excel workbook")
    try:
        with zipfile.ZipFile(path) as archive:
            return _check_parts(archive, packed_bytes, described)
    except _DAMAGE as error:
        raise DatasetError(
            f"{described} is not an Excel file, or a damaged one: save it again as .xlsx"
        ) from error


def _directory_bytes(tail: bytes) -> int:
    """The size of the archive's list of files, as its end says; the largest of several ends."""
    sizes = [0]
    for mark, place, form in ((b"PK\x05\x06", 12, "<L"), (b"PK\x06\x06", 40, "<Q")):
        for found in re.finditer(re.escape(mark), tail):
            at = found.start() + place
            if at + struct.calcsize(form) <= len(tail):
                (size,) = struct.unpack_from(form, tail, at)
                if size != 0xFFFFFFFF:  # then the other kind of end has it  # noqa: PLR2004
                    sizes.append(size)
    return max(sizes)


def _check_parts(archive: zipfile.ZipFile, packed_bytes: int, described: str) -> int:
    entries = archive.infolist()
    sizes = {entry.filename: entry.file_size for entry in entries}
    packed = {entry.filename: entry.compress_size for entry in entries}
    if len(sizes) != len(entries):
        raise ValueError("a name stands twice")
    if "xl/workbook.xml" not in sizes:
        raise DatasetError(f"{described} is not an Excel workbook: unpack it, or save the list as .xlsx or CSV")
    unpacked = sum(sizes.values())
    if unpacked > min(_MOST_UNPACKED_BYTES, most_unpacked_bytes(packed_bytes)):
        raise _too_large(described, unpacked)
    sheets, shared_texts = _roles(archive, sizes)
    for name, size in sizes.items():
        if name.startswith(_NEVER_READ) and name not in sheets | shared_texts:
            continue
        most = _MOST_UNPACKED_BYTES if name in sheets else _MOST_PART_BYTES
        if size > (_MOST_SHARED_TEXT_BYTES if name in shared_texts else most):
            raise _too_large(described, unpacked)
        with archive.open(name) as part:
            if name in sheets:
                _check_sheet(part, name, described)
            else:
                prologue = part.read(_PROLOGUE_BYTES)
                _refuse_entities(prologue, described)
                if name in shared_texts:
                    _check_shared_texts(prologue, part, packed[name], described)
    return unpacked


def _check_shared_texts(prologue: bytes, part: IO[bytes], packed_bytes: int, described: str) -> None:
    """No more texts than the part can hold if they are those of a list."""
    most, found, piece = max(_TEXTS_WITHOUT_QUESTION, packed_bytes), 0, prologue
    before = b""
    while piece:
        window = before + piece
        found += sum(match.end() > len(before) for match in _TEXT.finditer(window))
        before, piece = window[-16:], part.read(_PIECE_BYTES)
        if found > most:
            raise DatasetError(
                f"{described} has more than {most:,} texts, nearly all of them empty or equal: save it as CSV"
            )


def _roles(archive: zipfile.ZipFile, sizes: dict[str, int]) -> tuple[set[str], set[str]]:
    """The parts that are sheets, and those with the shared texts: as the package says, their names are free."""
    sheets, shared_texts = set(), set()
    if sizes.get(_CONTENT_TYPES, 0) > _MOST_PART_BYTES:
        raise ValueError("too many parts")
    for found in _OVERRIDE.finditer(archive.read(_CONTENT_TYPES) if _CONTENT_TYPES in sizes else b""):
        name = _PART_NAME.search(found[1])
        if name is not None:
            part = name[1].decode("utf-8", "replace")
            if b"sharedStrings+xml" in found[1]:
                shared_texts.add(part)
            elif b"worksheet+xml" in found[1]:
                sheets.add(part)
    return sheets - shared_texts, shared_texts


def _check_sheet(part: IO[bytes], name: str, described: str) -> None:
    """Rows that can be held one at a time. Markup that could hide where a row begins is written by no program."""
    since_row, seen, before = 0, 0, b""
    while piece := part.read(_PIECE_BYTES):
        window = before + piece
        markup = window.find(b"<!", max(0, _PROLOGUE_BYTES - seen) if seen < _PROLOGUE_BYTES else 0)
        if markup >= 0:
            raise DatasetError(f"{described} has comments or entities in {name}: save it again as .xlsx")
        if not seen:
            _refuse_entities(window[:_PROLOGUE_BYTES], described)
        rows = re.finditer(rb"<(?:\w+:)?row[\s>/]", window)
        starts = [found.start() for found in rows]
        ends = [*starts, len(window)]
        lengths = (after - first for first, after in zip(starts, ends[1:], strict=True))
        longest = max([since_row + ends[0], *lengths])
        if longest > _MOST_ROW_BYTES:
            raise DatasetError(
                f"{described} has a row of more than {_MOST_ROW_BYTES >> 20} MB in {name}: save the list as CSV"
            )
        since_row = len(window) - starts[-1] if starts else since_row + len(piece)
        seen += len(piece)
        before = window[-16:]


def _refuse_entities(xml: bytes, described: str) -> None:
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml or b"<\0!\0" in xml or b"\0<\0!" in xml:
        raise DatasetError(
            f"{described} defines XML entities, which no spreadsheet program does: save it again as .xlsx"
        )


def _too_large(described: str, unpacked: int) -> DatasetError:
    return DatasetError(
        f"{described} would unpack to {unpacked >> 20:,} MB, too much for an Excel file of its size: save the "
        "list as CSV"
    )
