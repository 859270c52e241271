"""Parquet files: cut, lying about their size, and small ones with a great deal in them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.contact_files import MEGABYTE, Maker

_PHONE = "+46701740605"


def _table(options: dict[str, Any] | None = None, **columns: Any) -> Maker:
    def make(path: Path) -> None:
        pq.write_table(pa.table(columns), path, **(options or {}))

    return make


def _changed(change: Any) -> Maker:
    def make(path: Path) -> None:
        _table(phone=[_PHONE] * 100, a=list(range(100)))(path)
        path.write_bytes(change(path.read_bytes()))

    return make


def _deep(levels: int) -> pa.Array:
    value: Any = "x"
    kind: pa.DataType = pa.string()
    for _ in range(levels):
        value, kind = [value], pa.list_(kind)
    return pa.array([value], kind)


def _of_instants() -> Maker:
    return _table(
        phone=pa.array([_PHONE] * 3),
        us=pa.array([2**62, -(2**62), 0], pa.timestamp("us")),
        ns=pa.array([2**62, -(2**62), 1], pa.timestamp("ns")),
        day=pa.array([2**31 - 1, -(2**31), 0], pa.date32()),
        zone=pa.array([2**60, 0, 1], pa.timestamp("us", tz="Europe/Stockholm")),
        lasted=pa.array([2**62, 0, 1], pa.duration("s")),
        at=pa.array([86_399_999_999, 0, 1], pa.time64("us")),
    )


SMALL: dict[str, Maker] = {
    "ordinary.parquet": _table(phone=[_PHONE, None, "+46701740612"], first_name=["Zo\u00eb", "", "Ada"]),
    "empty.parquet": _table(phone=pa.array([], pa.string())),
    "no columns.parquet": _table(),
    "cut at the end.parquet": _changed(lambda content: content[:-20]),
    "cut in the middle.parquet": _changed(lambda content: content[: len(content) // 2]),
    "head only.parquet": _changed(lambda content: content[:4]),
    "footer of 4 GB.parquet": _changed(lambda content: content[:-8] + b"\xff\xff\xff\xff" + content[-4:]),
    "pages overwritten.parquet": _changed(lambda content: content[:8] + b"\xff" * 100 + content[108:]),
    "footer overwritten.parquet": _changed(lambda content: content[:-200] + b"\x7f" * 100 + content[-100:]),
    "instants.parquet": _of_instants(),
    "numbers.parquet": _table(
        phone=[_PHONE] * 3,
        x=[float("nan"), float("inf"), 1e308],
        y=[2**63 - 1, -(2**63), 0],
        z=pa.array([Decimal("9" * 38), Decimal(0), None], pa.decimal128(38, 0)),
        w=pa.array([1.0, 2.0, 3.0], pa.float16()),
    ),
    "bytes.parquet": _table(
        phone=[_PHONE.encode(), b"\xff\xfe\0", b""], a=pa.array([b"1", b"2", b"3"], pa.binary(1))
    ),
    "nul.parquet": _table(phone=[_PHONE, "\0"], a=["\0x", "y\0"]),
    "no utf-8.parquet": _table(
        phone=pa.StringArray.from_buffers(
            1, pa.py_buffer(np.array([0, 4], np.int32)), pa.py_buffer(b"\xff\xfe\xed\xa0")
        )
    ),
    "nested.parquet": _table(phone=[_PHONE], a=[{"b": [1, 2], "c": {"d": "e"}}], m=[[{"k": "v"}]]),
    "maps.parquet": _table(phone=[_PHONE], m=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))),
    "deep.parquet": _table(phone=[_PHONE], a=_deep(60)),
    "dictionary.parquet": _table(phone=pa.array([_PHONE, None]).dictionary_encode()),
    "equal names.parquet": lambda path: pq.write_table(
        pa.Table.from_arrays([pa.array([_PHONE]), pa.array(["x"])], ["phone", "phone"]), path
    ),
    "dots in names.parquet": _table(**{"phone": [_PHONE], "a.b": ["x"], "": ["y"]}),
    "many row groups.parquet": _table({"row_group_size": 1}, phone=[_PHONE] * 2000),
    "2,000 columns.parquet": lambda path: pq.write_table(
        pa.table({f"c{number}": [_PHONE] for number in range(2000)}), path
    ),
    "encrypted.parquet": _changed(lambda content: b"PARE" + content[4:-4] + b"PARE"),
}


def _nothing(path: Path) -> None:
    """Two billion rows in which nothing stands."""
    column = pa.nulls(5_000_000, pa.string())
    with pq.ParquetWriter(path, pa.schema([("phone", pa.string())])) as writer:
        for _ in range(20):
            writer.write_table(pa.table({"phone": column}))


LARGE: dict[str, Maker] = {
    "one text in every row.parquet": lambda path: pq.write_table(
        pa.table(
            {
                "phone": [_PHONE] * 50_000,
                "a": pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(50_000, np.int32)), pa.array(["x" * 130_000])
                ),
            }
        ),
        path,
        dictionary_pagesize_limit=4 * MEGABYTE,
    ),
    "a cell of 100 MB.parquet": _table({"compression": "zstd"}, phone=["x" * (100 * MEGABYTE)]),
    "nothing.parquet": _nothing,
    "20,000 columns.parquet": lambda path: pq.write_table(
        pa.table({f"c{number}": [_PHONE] for number in range(20_000)}), path
    ),
    "50,000 row groups.parquet": _table({"row_group_size": 1}, phone=[_PHONE] * 50_000),
}
