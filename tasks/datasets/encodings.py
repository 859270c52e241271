"""Which encoding a text file is in, decided on the whole file.

A UTF-8 file may be ASCII for its first 100 MB; a sample would call it anything. So every byte is decoded once, at
the speed of the disk, before a row is read.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

from charset_normalizer import from_bytes

from tasks.datasets.errors import DatasetError

_CHUNK_BYTES = 1 << 20
_LONGEST_LINE = 16 << 20
"""In bytes, or in characters where they have more than one each. A line is in memory as a whole."""
_EVIDENCE_BYTES = 1 << 16
_MOST_BAD_BYTES = 10_000
_FEW_ACCENTS = 8
_MIXED = "rollcall-mixed-utf-8"

_LEGACY_ENCODINGS = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "mac_roman",
]
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """How to decode a file.

    Attributes:
        name: For `open`.
        errors: For `open`.
        note: For a person.
    """

    name: str
    errors: str
    note: str


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


codecs.register_error(_MIXED, _as_windows_1252)


class _Utf8Check:
    """Decodes a file as UTF-8 and counts what is not."""

    def __init__(self) -> None:
        self.bad_bytes = 0
        self.evidence = b""
        codecs.register_error("rollcall-count", self._count)
        self._decoder = codecs.getincrementaldecoder("utf-8")("rollcall-count")
        self.wide_characters = 0

    def _count(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        self.bad_bytes += error.end - error.start
        return "", error.end

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        if self.bad_bytes < _MOST_BAD_BYTES:
            text = self._decoder.decode(chunk, final)
            if not text.isascii():
                self.wide_characters += len(text) - len(text.encode("ascii", "ignore"))
        if not chunk.isascii() and len(self.evidence) < _EVIDENCE_BYTES:
            lines = [line for line in chunk.splitlines() if not line.isascii()]
            self.evidence += b"\n".join(lines)[:_EVIDENCE_BYTES] + b"\n"


def detect_encoding(file: IO[bytes], described: str, most_bytes: int | None = None) -> TextEncoding:
    """The encoding of an open file, read from its beginning to its end.

    A byte order mark decides. Else UTF-8 if every byte fits; if a few do not (two files pasted together),
    UTF-8 with those read as Windows-1252. Else what charset-normalizer finds in the lines that are not ASCII,
    Windows-1252 being preferred where it fits as well.

    Args:
        file: At its beginning.
        described: Its name for messages.
        most_bytes: What a compressed file may unpack to.

    Raises:
        DatasetError: It is not a text file, has a line that cannot be a row, or unpacks to more than `most_bytes`.
    """
    chunks = _bounded_chunks(file, described, most_bytes)
    head = next(chunks, b"")
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            _check_lines(chain([head], chunks), name, described)
            return _strict(name, f"{name.removesuffix('-sig')} with a byte order mark")
    if name := _utf_16_without_mark(head[:4096]):
        _check_lines(chain([head], chunks), name, described)
        return _strict(name, name)
    check, line_bytes = _Utf8Check(), 0
    for chunk in chain([head], chunks):
        if b"\0" in chunk:
            raise _not_text(described)
        check.feed(chunk)
        line_end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        line_bytes = len(chunk) - line_end - 1 + (line_bytes if line_end < 0 else 0)
        if line_bytes > _LONGEST_LINE:
            raise _endless_line(described)
    check.feed(b"", final=True)
    if not check.bad_bytes:
        return _strict("utf-8", "utf-8")
    if check.wide_characters > 2 * check.bad_bytes:
        return TextEncoding(
            "utf-8", _MIXED, f"utf-8 ({check.bad_bytes} bytes are not, and were read as windows-1252)"
        )
    name = _legacy_encoding(check.evidence)
    return TextEncoding(name, "replace", "windows-1252" if name == "cp1252" else name)


def _bounded_chunks(file: IO[bytes], described: str, most_bytes: int | None) -> Iterator[bytes]:
    read_bytes = 0
    while chunk := file.read(_CHUNK_BYTES):
        read_bytes += len(chunk)
        if most_bytes is not None and read_bytes > most_bytes:
            raise DatasetError(
                f"{described} unpacks to more than {most_bytes >> 20:,} MB, far more than a list of contacts: "
                "unpack it yourself, and look at it"
            )
        yield chunk


def _check_lines(chunks: Iterable[bytes], name: str, described: str) -> None:
    """The same limits where the encoding is certain. What does not fit the encoding is told when rows are read."""
    decoder = codecs.getincrementaldecoder(name)("replace")
    line_chars = 0
    for chunk in chunks:
        text = decoder.decode(chunk)
        if "\0" in text:
            raise _not_text(described)
        line_end = max(text.rfind("\n"), text.rfind("\r"))
        line_chars = len(text) - line_end - 1 + (line_chars if line_end < 0 else 0)
        if line_chars > _LONGEST_LINE:
            raise _endless_line(described)


def _not_text(described: str) -> DatasetError:
    return DatasetError(f"{described} is not a text file: export the list as CSV, Excel or Parquet")


def _endless_line(described: str) -> DatasetError:
    return DatasetError(f"{described} has a line of more than 16 MB: it is not a list with one contact a line")


def _strict(name: str, note: str) -> TextEncoding:
    return TextEncoding(name, "strict", note)


def _utf_16_without_mark(head: bytes) -> str:
    even, odd = head[::2].count(0), head[1::2].count(0)
    most = len(head) // 2
    if most and odd > 0.6 * most and not even:
        return "utf-16-le"
    return "utf-16-be" if most and even > 0.6 * most and not odd else ""


def _legacy_encoding(evidence: bytes) -> str:
    found = list(from_bytes(evidence, cp_isolation=_LEGACY_ENCODINGS))
    western = next((match for match in found if match.encoding == "cp1252"), None)
    if found and (western is None or (found[0].chaos, -found[0].coherence) < (western.chaos, -western.coherence)):
        best = str(found[0].encoding)
        # A handful of accents is no evidence against Western Europe: "José" alone scores as Cyrillic.
        if western is not None or len(re.sub(rb"[\x00-\x7f]", b"", evidence)) > _FEW_ACCENTS:
            return best
    try:
        evidence.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1" if not found else str(found[0].encoding)
    return "cp1252"
