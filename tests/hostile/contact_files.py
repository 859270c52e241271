"""Contact files that nobody should hand over: text in every broken shape, compressed text that is not small."""

import bz2
import codecs
import gzip
import lzma
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

Maker = Callable[[Path], None]

ORDINARY = (
    "phone;first_name;country;opted_out\r\n"
    "+46701740605;Zo\u00eb;SE;no\r\n"
    '+46 70 174 06 12;"Ada; Countess\nof Lovelace";SE;\r\n'
    "+12025550123;Jos\u00e9;US;yes\r\n"
    ";;;\r\n"
    "+491713920012;\u0141ukasz;DE;no\r\n"
)
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "cp1251",
    "cp932",
    "euc_jp",
)
DECLARED = (
    b"",
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
)
MEGABYTE = 1 << 20


def of_bytes(content: bytes) -> Maker:
    """A file with this content."""

    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def of_pieces(pieces: Callable[[], Iterator[bytes]]) -> Maker:
    """A file that is larger than what should be in memory while it is made."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(pieces())

    return make


def _compressed(opener: Callable[..., object], content: bytes, times: int) -> Maker:
    def make(path: Path) -> None:
        with opener(path, "wb") as file:  # type: ignore[attr-defined]  # all of them are files
            for _ in range(times):
                file.write(content)

    return make


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        listening.bind(path.name)
    finally:
        os.chdir(here)
        listening.close()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _link_to(target: str) -> Maker:
    def make(path: Path) -> None:
        path.symlink_to(target)

    return make


def _wrongly_declared() -> Iterator[tuple[str, Maker]]:
    for encoding in ENCODINGS:
        content = ORDINARY.encode(encoding, "replace")
        for place, mark in enumerate(DECLARED):
            yield f"{encoding} under mark {place}.csv", of_bytes(mark + content)


SMALL: dict[str, Maker] = {
    **dict(_wrongly_declared()),
    "empty.csv": of_bytes(b""),
    "mark only.csv": of_bytes(codecs.BOM_UTF8),
    "blank lines.csv": of_bytes(b"\r\n\n\r   \n"),
    "header only.csv": of_bytes(b"phone,first_name\n"),
    "no end of line.csv": of_bytes(b"phone"),
    "duplicated header.csv": of_bytes(b"phone,phone,phone (2),phone\n+46701740605,,,\n"),
    "nameless header.csv": of_bytes(b",,,\n+46701740605,,,\n"),
    "ragged.csv": of_bytes(b"phone,a,b\n+46701740605\n+46701740606,1,2,3,4,5\n,,,,,,,\n+46701740607,1,2\n"),
    "mixed line ends.csv": of_bytes(b'phone,a\r+46701740605,1\n+46701740606,2\r\n\r\r+46701740607,"x\ry"\n\r'),
    "controls.csv": of_bytes(b"phone,na\x1b[2Jme\n+46701740605,\x1b]0;owned\x07\x08\x7f\x0b\x0c\x1c\x85\n"),
    "bidi and zero width.csv": of_bytes(
        "\u202ephone\u202c,\u200bfirst\u2060_name\n\u2066+4670\u200b1740605\u2069,\ufeff=1+1\n".encode()
    ),
    "surrogates.csv": of_bytes(b"phone,a\n+46701740605,\xed\xa0\x80\xed\xbf\xbf\n"),
    "surrogates in utf-16.csv": of_bytes(
        codecs.BOM_UTF16_LE + "phone,a\n+46701740605,".encode("utf-16-le") + b"\x00\xd8"
    ),
    "overlong utf-8.csv": of_bytes(b"phone,a\n+46701740605,\xc0\xaf\xf8\x88\x80\x80\x80\xfe\xff\n"),
    "nul.csv": of_bytes(b"phone,a\n+46701740605,\0\n"),
    "nul after mark.csv": of_bytes(codecs.BOM_UTF8 + b"phone,a\n+46701740605,\0\n"),
    "nul in utf-16.csv": of_bytes("phone,a\n+46701740605,\0\n".encode("utf-16")),
    "odd utf-16.csv": of_bytes(ORDINARY.encode("utf-16")[:-1]),
    "bytes.csv": of_bytes(bytes(range(256)) * 64),
    "high bytes.csv": of_bytes(b"phone,a\n" + bytes(range(128, 256)) * 512),
    "quotation marks.csv": of_bytes(b'phone,a\n"+46701740605,"x"y,""z\n"""",""""""\n"'),
    "separator is a quotation mark.csv": of_bytes(b'sep="\nphone"a\n+46701740605"1\n'),
    "separator is a carriage return.csv": of_bytes(b"sep=\r\nphone\r\n"),
    "separator is a backslash.csv": of_bytes(b"sep=\\\nphone\\a\n+46701740605\\1\n"),
    "separator is a letter.csv": of_bytes(b"sep=p\nphone,a\n+46701740605,1\n"),
    "numbers.csv": of_bytes(b"phone,n\n1e400,1e400\n-1e-400,NaN\n" + b"9" * 5000 + b",inf\n4.6701740605E+10,\n"),
    "dates.csv": of_bytes(
        b"phone,opted_out\n+46701740605,9999-99-99\n+46701740606,-0001-01-01\n+46701740607,0000-00-00\n"
    ),
    "deep json.csv": of_bytes(b'phone,attributes\n+46701740605,"' + b'{""a"":' * 5000 + b'"\n'),
    "json number.csv": of_bytes(b'phone,attributes\n+46701740605,"{""a"": ' + b"9" * 9000 + b', ""b"": 1e999}"\n'),
    "template syntax.csv": of_bytes(
        b'phone,first_name\n+46701740605,"{{ 7 * 7 }}{% for x in range(9) %}{{ self }}"\n'
    ),
    "long words.csv": of_bytes(
        b"phone,opted_out,country\n+46701740605," + b"a" * 100_000 + b"," + b"b" * 100_000 + b"\n"
    ),
    "long phones.csv": of_bytes(b"phone\n" + b"+" + b"4 (" * 30_000 + b"\n" + b"0" * 100_000 + b"\n"),
    "long e-mails.csv": of_bytes(
        b"phone,email\n" + b"+46701740605," + b"a." * 40_000 + b"@" + b"b." * 10_000 + b"\n"
    ),
    "compressed without a name.csv": _compressed(gzip.open, ORDINARY.encode(), 1),
    "compressed well.csv.gz": _compressed(gzip.open, ORDINARY.encode(), 1),
    "not compressed.csv.gz": of_bytes(ORDINARY.encode()),
    "not compressed.csv.bz2": of_bytes(ORDINARY.encode()),
    "not compressed.csv.xz": of_bytes(ORDINARY.encode()),
    "cut.csv.gz": of_bytes(gzip.compress(ORDINARY.encode() * 50)[:-20]),
    "cut.csv.bz2": of_bytes(bz2.compress(ORDINARY.encode() * 50)[:-20]),
    "cut.csv.xz": of_bytes(lzma.compress(ORDINARY.encode() * 50)[:-20]),
    "archive.zip": of_bytes(b"PK\x05\x06" + bytes(18)),
    "damaged archive.zip": of_bytes(b"PK\x05\x07" + bytes(18)),
    "archive.csv": of_bytes(b"PK\x03\x04" + bytes(200)),
    "pipe.csv": _pipe,
    "socket.csv": _socket,
    "device.csv": _link_to("/dev/zero"),
    "random device.csv": _link_to("/dev/urandom"),
    "terminal.csv": _link_to("/dev/tty"),
    "loop.csv": _loop,
    "directory.csv": Path.mkdir,
    "no such file.csv": lambda _path: None,
}
"""Quick to make and to refuse."""


def _lines(line: bytes, megabytes: int, *, header: bytes = b"phone,a\n") -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield header
        piece = line * (MEGABYTE // len(line))
        for _ in range(megabytes):
            yield piece

    return pieces


LARGE: dict[str, Maker] = {
    "one line of 100 MB.csv": of_pieces(_lines(b"x", 100)),
    "one cell of 100 MB.csv": of_pieces(_lines(b"x\n", 100, header=b'phone,a\n+46701740605,"')),
    "one line of 100 MB after a mark.csv": of_pieces(_lines(b"x", 100, header=codecs.BOM_UTF8 + b"phone,a\n")),
    "one line of 100 MB in utf-16.csv": of_pieces(_lines(b"x\0", 100, header=codecs.BOM_UTF16_LE + b"p\0\n\0")),
    "a record of long cells.csv": of_pieces(_lines(b'"' + b"y\n" * 50_000 + b'",', 60)),
    "millions of columns.csv": of_pieces(_lines(b",", 8, header=b"phone")),
    "100,000 equal columns.csv": of_bytes(b"phone," * 100_000 + b"\n"),
    "16,000 equal columns.csv": of_bytes(b"phone," * 15_999 + b"x\n" + b"," * 15_999 + b"\n"),
    "wide rows.csv": of_pieces(_lines(b"1" + b"," * 15_999 + b"\n", 10, header=b"a" + b"," * 15_999 + b"\n")),
    "long cells.csv": of_pieces(_lines(b"+46701740605," + b"z" * 130_000 + b"\n", 100)),
    "blank lines.csv": of_pieces(_lines(b"\n", 20)),
    "torn rows.csv": of_pieces(_lines(b'"a"b\n', 5)),
    "bomb of lines.csv.gz": _compressed(gzip.open, b"+46701740605,x\n" * 70_000, 1000),
    "bomb of one line.csv.gz": _compressed(gzip.open, b"x" * MEGABYTE, 500),
    "bomb.csv.bz2": _compressed(bz2.open, b"+46701740605,x\n" * 70_000, 200),
    "bomb.csv.xz": _compressed(lzma.open, b"+46701740605,x\n" * 70_000, 500),
}
"""Made to exhaust the reader's memory or the reader's patience."""
