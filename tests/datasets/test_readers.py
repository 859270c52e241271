"""Files as products, spreadsheets and accidents make them."""

import csv
import gzip
import hashlib
import io
import lzma
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal

import fsspec
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.datasets.formula_guard import unguard_cell
from tasks.datasets.readers import DatasetError, open_contacts


def read(path, rows=50_000):
    """Header, rows by number, details of torn rows, notes."""
    with open_contacts(str(path)) as file:
        found, torn = {}, {}
        for batch in file.batches(rows):
            found |= dict(zip(batch.frame.index, batch.frame.to_numpy().tolist(), strict=True))
            torn |= batch.torn["detail"].to_dict()
        return file.header, found, torn, file.notes


@pytest.fixture
def read_bytes(tmp_path):
    def read_content(content, name="list.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return read(path)

    return read_content


def test_cells_are_always_text(read_bytes):
    header, rows, torn, notes = read_bytes(b"phone,ok,n\n0701740605,true,1.0\n,,7\n")
    assert header == ["phone", "ok", "n"]
    assert rows == {2: ["0701740605", "true", "1.0"], 3: ["", "", "7"]}
    assert torn == {}
    assert notes == ["CSV, encoding utf-8, delimiter ','"]


def test_row_numbers_are_those_of_a_spreadsheet(read_bytes):
    _, rows, torn, _ = read_bytes(b'a,b\n1,"two\nlines"\n\n,\n , \n3,4,5\n6,7,\n8\n9,10\n')
    assert rows == {2: ["1", "two\nlines"], 7: ["6", "7"], 9: ["9", "10"]}
    assert torn == {
        6: "row 6 has 3 cells where the header has 2: a cell probably holds an unquoted ','",
        8: "row 8 has 1 cells where the header has 2: a line break inside a cell probably is not quoted, "
        "or the end of the row is missing",
    }


def test_a_broken_quotation_mark_costs_its_own_lines_and_no_others(read_bytes):
    _, rows, torn, _ = read_bytes(b'id,name,city\n1,"bob,x\n2,"al",y\n3,eve,z\n4,"a"b,z\n5,sue,w\n')
    assert rows == {4: ["3", "eve", "z"], 6: ["5", "sue", "w"]}
    assert set(torn) == {2, 3, 5}
    _, rows, torn, _ = read_bytes(b'id,name\n1,a\n2,"b\n3,c\n')
    assert (set(rows), set(torn)) == ({2}, {3, 4})


def test_an_endless_cell_is_refused_with_its_row(read_bytes):
    with pytest.raises(DatasetError, match=r"row 3 of .* quotation mark is opened there and never closed"):
        read_bytes(b'id,name\n1,a\n2,"b\n' + b"3,c\n" * 40_000)


def test_headers_become_unique(read_bytes):
    header, *_ = read_bytes(b"\n,,\nPhone , Phone,,Phone (2)\n1,2,3,4\n")
    assert header == ["Phone", "Phone (2)", "column 3", "Phone (2) (2)"]


def test_a_header_alone_is_a_list_without_rows(read_bytes):
    header, rows, torn, _ = read_bytes(b"phone;name")
    assert (header, rows, torn) == (["phone", "name"], {}, {})


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "list.csv", "is empty"),
        (b"\n \n\n", "list.csv", "is empty"),
        (b"\x00\x01\x02binary", "list.csv", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "list.csv", "not a text file"),
        (b"x" * (17 << 20), "list.csv", "line of more than 16 MB"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "list.csv", "utf-16"),
        (b"PAR1 nonsense", "list.parquet", "damaged or encrypted Parquet"),
        (b"PK\x03\x04 nonsense", "list.xlsx", "damaged one"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "list.xls", "old Excel format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "l.xlsx", "password"),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-20], "list.csv.gz", "damaged"),
        (b"no gzip", "list.csv.gz", "damaged"),
        (b"no xz", "list.csv.xz", "damaged"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(read_bytes, content, name, words):
    with pytest.raises(DatasetError, match=words):
        read_bytes(content, name)


def test_files_that_cannot_be_opened_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        open_contacts(str(tmp_path / "none.csv"))
    with pytest.raises(DatasetError, match="is a directory"):
        open_contacts(str(tmp_path))
    with pytest.raises(DatasetError, match="does not exist"):
        open_contacts("memory://none.csv")
    with pytest.raises(DatasetError, match="fsspec knows no 'nowhere://'"):
        open_contacts("nowhere://bucket/list.csv")


def test_a_password_in_a_url_is_not_shown():
    with pytest.raises(DatasetError) as refused:
        open_contacts("nowhere://ada:hunter2@bucket/list.csv?signature=hunter3")
    assert "hunter" not in str(refused.value)


def test_remote_and_packed_files_are_read(tmp_path):
    content = b"phone\n+46701740605\n"
    for name, packed in {
        "a.csv": content,
        "a.csv.gz": gzip.compress(content),
        "a.csv.xz": lzma.compress(content),
    }.items():
        (tmp_path / name).write_bytes(packed)
        assert read(tmp_path / name)[1] == {2: ["+46701740605"]}
        with fsspec.open(f"memory://lists/{name}", "wb") as file:
            file.write(packed)
        assert read(f"memory://lists/{name}")[1] == {2: ["+46701740605"]}


def test_the_digest_is_that_of_the_file(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    with open_contacts(str(tmp_path / "a.csv")) as file:
        assert file.sha256 == hashlib.sha256(b"a\n1\n").hexdigest()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings_are_recognised(read_bytes, encoding):
    text = (
        "Pr\u00e9nom;Ort;Telefon\nJos\u00e9;Malm\u00f6;1\nFran\u00e7ois;K\u00f6ln;2\nBj\u00f6rn;G\u00f6teborg;3\n"
    )
    header, rows, *_ = read_bytes(text.encode(encoding))
    assert header == ["Pr\u00e9nom", "Ort", "Telefon"]
    assert rows[4] == ["Bj\u00f6rn", "G\u00f6teborg", "3"]


def test_utf_8_is_recognised_however_late_it_shows(read_bytes):
    content = b"name,phone\n" + b"Bob,1\n" * 400_000 + "Zo\u00eb,2\n".encode()
    _, rows, _, notes = read_bytes(content)
    assert rows[400_002] == ["Zo\u00eb", "2"]
    assert "utf-8" in notes[0]


def test_a_foreign_line_does_not_spoil_a_utf_8_file(read_bytes):
    content = b"name\n" + "Zo\u00eb\nJos\u00e9\nBj\u00f6rn\n".encode() + b"Jos\xe9\n"
    _, rows, _, notes = read_bytes(content)
    assert [cells[0] for cells in rows.values()] == ["Zo\u00eb", "Jos\u00e9", "Bj\u00f6rn", "Jos\u00e9"]
    assert "1 bytes are not" in notes[0]


def test_cyrillic_is_not_taken_for_western(read_bytes):
    text = (
        "\u0418\u043c\u044f;\u0422\u0435\u043b\u0435\u0444\u043e\u043d\n"
        + "\u041c\u0430\u0440\u0438\u044f \u0418\u0432\u0430\u043d\u043e\u0432\u0430;1\n" * 5
    )
    assert (
        read_bytes(text.encode("cp1251"))[1][2][0]
        == "\u041c\u0430\u0440\u0438\u044f \u0418\u0432\u0430\u043d\u043e\u0432\u0430"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told_from_what_cells_contain(read_bytes, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([["Name", "Phone", "Notes"], *[["Doe, Jane", "+46 70 174 06 05", "a; b | c, d\te"]] * 30])
    assert set(map(tuple, read_bytes(out.getvalue().encode())[1].values())) == {
        ("Doe, Jane", "+46 70 174 06 05", "a; b | c, d\te")
    }


def test_the_separator_hint_of_excel_is_followed(read_bytes):
    assert read_bytes(b"sep=|\r\na|b\r\n1|2\r\n")[:2] == (["a", "b"], {2: ["1", "2"]})


def test_backslash_escapes_and_spaces_after_delimiters_are_read(read_bytes):
    assert read_bytes(b'a,b\n1,"say \\"hi\\", Bob"\n')[1] == {2: ["1", 'say "hi", Bob']}
    assert read_bytes(b'a, b\n1, "x, y"\n2, "z"\n')[1] == {2: ["1", "x, y"], 3: ["2", "z"]}


def test_batches_are_as_long_as_asked_and_can_be_read_again(tmp_path):
    (tmp_path / "a.csv").write_text("a\n" + "x\n" * 10)
    with open_contacts(str(tmp_path / "a.csv")) as file:
        for _ in range(2):
            batches = list(file.batches(4))
            assert [len(batch.frame) for batch in batches] == [4, 4, 2]
            assert batches[2].frame.index.tolist() == [10, 11]
            assert str(batches[0].frame["a"].dtype) == "str"
            assert batches[0].frame.index.name == "row_number"


def test_parquet_becomes_text_without_loss(tmp_path):
    table = pa.table(
        {
            "phone": pa.array([447700900123.0, None, 0.1]),
            "big": pa.array([2**62, 1, None], pa.int64()),
            "day": pa.array([date(2026, 3, 5), None, None]),
            "at": pa.array([datetime.fromisoformat("2026-03-05 08:30"), None, None]),
            "ok": pa.array([True, None, False]),
            "price": pa.array([Decimal("1.50"), None, None]),
            "tags": pa.array([["a", "b"], None, None]),
            "kind": pa.array(["x", None, "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    header, rows, torn, _ = read(tmp_path / "a.parquet")
    assert header == table.column_names
    assert rows[2] == [
        "447700900123",
        str(2**62),
        "2026-03-05",
        "2026-03-05 08:30:00",
        "true",
        "1.50",
        '["a", "b"]',
        "x",
    ]
    assert rows[3] == ["", "1", "", "", "", "", "", ""]
    assert rows[4] == ["0.1", "", "", "", "false", "", "", "y"]
    assert torn == {}


def test_blank_parquet_rows_are_not_rows(tmp_path):
    pq.write_table(pa.table({"a": ["1", None, " ", "4"]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", rows=2)[1] == {2: ["1"], 5: ["4"]}


def workbook(path, rows, formats=None):
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    book.create_sheet("Other").append(["nothing"])
    book.save(path)


def test_excel_becomes_text_without_loss(tmp_path):
    workbook(
        tmp_path / "a.xlsx",
        [
            ["Phone", "Name", None],
            [447700900123, "Ada"],
            [701740605, "Bob"],
            [],
            [447700900123.0, "Eve", None, "stray"],
            [None, datetime.fromisoformat("2026-03-05")],
            [0.5, True],
        ],
        {"A3": "0000000000"},
    )
    header, rows, torn, notes = read(tmp_path / "a.xlsx")
    assert header == ["Phone", "Name"]
    assert rows == {
        2: ["447700900123", "Ada"],
        3: ["0701740605", "Bob"],
        6: ["", "2026-03-05"],
        7: ["0.5", "true"],
    }
    assert list(torn) == [5]
    assert notes == ["Excel, sheet 'Sheet'; not read: 'Other'"]


def test_an_excel_file_that_would_unpack_to_too_much_is_refused(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/sharedStrings.xml", b"")
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"xl/sharedStrings.xml") - 46  # central directory: declared size at offset 24
    content[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="would unpack to"):
        open_contacts(str(path))


def test_other_archives_and_broken_workbooks_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("list.csv", "a,b")
    with pytest.raises(DatasetError, match="unpack it"):
        open_contacts(str(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<not even")
    with pytest.raises(DatasetError, match="damaged Excel file"):
        open_contacts(str(tmp_path / "b.xlsx"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300) | st.text(alphabet='ab,;"\n\r\t|\\\0\u00e9', max_size=120).map(str.encode),
    prefix=st.sampled_from(
        [
            b"",
            b"PAR1",
            b"PK\x03\x04",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"sep=;\n",
        ]
    ),
)
def test_no_bytes_raise_anything_but_a_dataset_error(tmp_path, content, prefix):
    (tmp_path / "any").write_bytes(prefix + content)
    try:
        header, rows, *_ = read(tmp_path / "any", rows=7)
    except DatasetError:
        return
    assert len(set(header)) == len(header)
    assert all(isinstance(cell, str) for cells in rows.values() for cell in cells)


CELLS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=8
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_csv_writer_writes_reads_back_equal(tmp_path, *, rows, delimiter, quoting, line_end, encoding):
    if line_end == "\n":  # csv.writer of Python 3.11 leaves a lone \r unquoted then: no reader could tell
        rows = [[cell.replace("\r", "\n") for cell in cells] for cells in rows]
    width = len(rows[0]) if rows else 2
    if width == 1:  # a file of one column says nowhere what its delimiter is, so "," may be two empty cells
        rows = [[re.sub(r"[,;\t|]", "", cell) for cell in cells] for cells in rows]
    header = [f"column{place}" for place in range(width)]
    with (tmp_path / "any.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows([header, *rows])
    found_header, found, torn, _ = read(tmp_path / "any.csv")
    expected = {
        number: [unguard_cell(cell) for cell in cells]
        for number, cells in enumerate(rows, 2)
        if any(cell.strip() for cell in cells)
    }
    assert (found_header, found, torn) == (header, expected, {})


def test_pandas_reads_what_we_read(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"a": ["1", "x,y", 'q"q'], "b": ["", "\u00e9", "z"]}).to_csv(path, index=False)
    assert list(read(path)[1].values()) == [["1", ""], ["x,y", "\u00e9"], ['q"q', "z"]]


csv_lines = st.lists(
    st.text(alphabet='ab1,"\n\\ ', max_size=12).map(lambda line: line + "\n"), min_size=0, max_size=30
).map("".join)


@given(text=csv_lines, rows=st.integers(1, 7))
def test_where_a_batch_ends_changes_no_row(tmp_path_factory, text, rows):
    """Quotation marks that are open where a batch ends, broken ones, blank lines: every row keeps its number."""
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_text("phone,name\n" + text, encoding="utf-8", newline="")
    assert read(path, rows) == read(path)


@pytest.mark.parametrize("rows", [97, 29_999, 30_000, 100_000])
def test_bytes_that_are_no_text_end_the_reading_wherever_a_batch_ends(tmp_path, rows):
    path = tmp_path / "list.csv"
    good = "".join(f"+4670{n:07d},Zoë\n" for n in range(30_000))
    half_a_character = b"\x00\xd8a\x00\n\x00"
    path.write_bytes(f"phone,name\n{good}".encode("utf-16") + half_a_character + good.encode("utf-16-le"))
    seen = 0

    def read_all():
        nonlocal seen
        with open_contacts(str(path)) as file:
            for batch in file.batches(rows):
                seen += len(batch.frame)

    with pytest.raises(DatasetError, match="not valid utf-16"):
        read_all()
    assert seen <= 30_000
