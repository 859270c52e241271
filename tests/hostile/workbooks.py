"""Excel workbooks that are none, or unpack to more than anybody has."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.hostile.contact_files import MEGABYTE, Maker, of_bytes

_SHEET = "xl/worksheets/sheet1.xml"
_TEXTS = "xl/sharedStrings.xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/>'
        f'<Override PartName="/{_TEXTS}" ContentType="{_TYPE}.sharedStrings+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>"
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{_OFFICE}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>'
    ),
    _TEXTS: f'<sst xmlns="{_MAIN}"><si><t>phone</t></si></sst>',
}
_BEGIN = f'<worksheet xmlns="{_MAIN}"><sheetData>'
_HEADER = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>a</t></is></c></row>'
_END = "</sheetData></worksheet>"
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def package(changes: Mapping[str, str | bytes | Iterable[bytes]]) -> Maker:
    """A workbook with some of its parts replaced."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {**_PARTS, _SHEET: _BEGIN + _HEADER + _END, **changes}.items():
                with archive.open(name, "w", force_zip64=True) as part:
                    pieces = [content] if isinstance(content, str | bytes) else content
                    part.writelines(piece.encode() if isinstance(piece, str) else piece for piece in pieces)

    return make


def sheet(rows: str, *, before: str = "") -> Maker:
    """A workbook with these rows below its header."""
    return package({_SHEET: before + _BEGIN + _HEADER + rows + _END})


def _repeated(before: str, piece: bytes, megabytes: int, after: str) -> Iterable[bytes]:
    yield before.encode()
    whole = piece * (MEGABYTE // len(piece))
    for _ in range(megabytes):
        yield whole
    yield after.encode()


def _sheet_of(piece: bytes, megabytes: int, before: str = "", after: str = "") -> Maker:
    def make(path: Path) -> None:
        package({_SHEET: _repeated(_BEGIN + _HEADER + before, piece, megabytes, after + _END)})(path)

    return make


def _cell(attributes: str, value: str) -> str:
    return f'<row r="2"><c r="A2" {attributes}><v>{value}</v></c></row>'


def _many_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"xl/{number}", b"")


def _nested(path: Path) -> None:
    inner = b"\0" * MEGABYTE
    for _ in range(4):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}.xlsx", inner)
        inner = packed.getvalue()
    path.write_bytes(inner)


def _damaged(path: Path) -> None:
    package({})(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 40] = b"\xff" * 40
    path.write_bytes(content)


def _cut(path: Path) -> None:
    package({})(path)
    path.write_bytes(path.read_bytes()[:-30])


def _understated(path: Path) -> None:
    """Sizes that are smaller in the list of files than what is unpacked."""
    _sheet_of(b"<row/>", 2)(path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(_SHEET).file_size
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))


def _shared_texts(piece: bytes, megabytes: int) -> Maker:
    def make(path: Path) -> None:
        package({_TEXTS: _repeated(f'<sst xmlns="{_MAIN}">', piece, megabytes, "</sst>")})(path)

    return make


SMALL: dict[str, Maker] = {
    "ordinary.xlsx": sheet('<row r="2"><c r="A2" t="inlineStr"><is><t>+46701740605</t></is></c></row>'),
    "header only.xlsx": package({}),
    "no sheets.xlsx": package({"xl/workbook.xml": f'<workbook xmlns="{_MAIN}"><sheets/></workbook>'}),
    "no types.xlsx": package({"[Content_Types].xml": "<Types/>"}),
    "not xml.xlsx": package({_SHEET: "phone,a"}),
    "row ten billion.xlsx": sheet('<row r="10000000000"><c><v>1</v></c></row>'),
    "row minus one.xlsx": sheet('<row r="-1"><c><v>1</v></c></row>'),
    "row 1e300.xlsx": sheet('<row r="1e300"><c><v>1</v></c></row>'),
    "row NaN.xlsx": sheet('<row r="NaN"><c><v>1</v></c></row>'),
    "column ZZZ.xlsx": sheet('<row r="2"><c r="ZZZ2"><v>1</v></c></row>'),
    "column ZZZZZZ.xlsx": sheet('<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>'),
    "declared dimension.xlsx": package(
        {_SHEET: _BEGIN.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>') + _HEADER + _END}
    ),
    "number 1e400.xlsx": sheet(_cell("", "1e400")),
    "number of 5,000 digits.xlsx": sheet(_cell("", "9" * 5000)),
    "number nan.xlsx": sheet(_cell("", "nan")),
    "date out of range.xlsx": sheet(_cell('t="d"', "99999-99-99")),
    "shared text out of range.xlsx": sheet(_cell('t="s"', "99999")),
    "shared text minus one.xlsx": sheet(_cell('t="s"', "-5")),
    "style out of range.xlsx": sheet(_cell('s="99999"', "1")),
    "truth 99.xlsx": sheet(_cell('t="b"', "99")),
    "escaped surrogate.xlsx": package(
        {
            _TEXTS: f'<sst xmlns="{_MAIN}"><si><t>phone_xD800_</t></si></sst>',
            _SHEET: _BEGIN
            + _HEADER
            + '<row r="2"><c t="inlineStr"><is><t>+4670_xD800__x0000_</t></is></c></row>'
            + _END,
        }
    ),
    "deep elements.xlsx": sheet("<row>" + "<c>" * 3000 + "</c>" * 3000 + "</row>"),
    "deep rich text.xlsx": sheet("<row><c t='inlineStr'>" + "<is>" * 3000 + "</is>" * 3000 + "</c></row>"),
    "billion laughs.xlsx": package(
        {
            _SHEET: f'<!DOCTYPE w [<!ENTITY l0 "ha">{_LAUGHS}]>{_BEGIN}{_HEADER}'
            f'<row><c t="str"><v>&l9;</v></c></row>{_END}'
        }
    ),
    "billion laughs in the workbook.xlsx": package(
        {"xl/workbook.xml": f'<!DOCTYPE w [<!ENTITY l0 "ha">{_LAUGHS}]><workbook xmlns="{_MAIN}">&l9;</workbook>'}
    ),
    "external entity.xlsx": package(
        {
            _SHEET: f'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]>{_BEGIN}{_HEADER}'
            f'<row><c t="str"><v>&x;</v></c></row>{_END}'
        }
    ),
    "nested.xlsx": _nested,
    "damaged.xlsx": _damaged,
    "cut.xlsx": _cut,
    "sizes understated.xlsx": _understated,
    "old.xlsx": of_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)),
    "encrypted.xlsx": of_bytes(
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    ),
    "workbook.csv": package({}),
    "other archive.xlsx": of_bytes(b"PK\x05\x06" + bytes(18)),
}

LARGE: dict[str, Maker] = {
    "many files.xlsx": _many_files,
    "empty rows.xlsx": _sheet_of(b"<row/>", 200),
    "sparse rows.xlsx": _sheet_of(b'<row><c r="XFD1"><v>1</v></c></row>', 10),
    "one row of cells.xlsx": _sheet_of(b"<c/>", 60, "<row>", "</row>"),
    "one cell of text.xlsx": _sheet_of(b"x", 60, '<row><c t="str"><v>', "</v></c></row>"),
    "rows in comments.xlsx": _sheet_of(b"<c/>" * 1000 + b"<!-- <row -->", 60, "<row>", "</row>"),
    "shared texts.xlsx": _shared_texts(b"<si><t/></si>", 60),
    "shared texts, ratio.xlsx": _shared_texts(b"<si><t>aaaaaaaaaaaaaaaaaaaaaaaa</t></si>", 900),
    "4 GB of spaces.xlsx": _sheet_of(b" ", 4200),
}
