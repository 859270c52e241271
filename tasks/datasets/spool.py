"""A prepared audience on disk, between reading the contact file and writing the ledger.

Reading can take minutes and may come from another machine; writing the ledger is one transaction. The spool keeps
them apart, and lets a dry run do everything but the writing.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_MESSAGES = pa.schema(
    [
        ("row_number", pa.int64()),
        ("address", pa.string()),
        ("country", pa.string()),
        ("external_code", pa.string()),
        ("parts", pa.int16()),
        ("variables", pa.string()),
        ("text_key", pa.int64()),
        ("is_new", pa.bool_()),
        ("phone", pa.string()),
        ("email", pa.string()),
        ("first_name", pa.string()),
        ("last_name", pa.string()),
        ("timezone", pa.string()),
        ("fields", pa.string()),
    ]
)
_EXCLUSIONS = pa.schema(
    [("row_number", pa.int64()), ("address", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
_BATCH_ROWS = 20_000
_SUPPRESSIONS = pa.schema([("address", pa.string())])


class SpoolWriter:
    """Writes a spool; use as a context manager.

    `messages` have the columns `row_number, address, country, external_code, parts, variables (JSON object),
    text_key (messages with equal keys can go in one request), is_new`, and of contacts that are new to the
    registry what it shall know: `phone, email, first_name, last_name, timezone, fields (JSON object)`;
    `exclusions` have `row_number, address, reason, detail`; `suppressions` have `address`.
    """

    def __init__(self, directory: Path) -> None:
        self._messages = pq.ParquetWriter(directory / "messages.parquet", _MESSAGES)
        self._exclusions = pq.ParquetWriter(directory / "exclusions.parquet", _EXCLUSIONS)
        self._suppressions = pq.ParquetWriter(directory / "suppressions.parquet", _SUPPRESSIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for writer in (self._messages, self._exclusions, self._suppressions):
            writer.close()

    def add_messages(self, frame: pd.DataFrame) -> None:
        """Append messages."""
        self._messages.write_table(pa.Table.from_pandas(frame, schema=_MESSAGES, preserve_index=False))

    def add_exclusions(self, frame: pd.DataFrame) -> None:
        """Append exclusions."""
        self._exclusions.write_table(pa.Table.from_pandas(frame, schema=_EXCLUSIONS, preserve_index=False))

    def add_suppressions(self, frame: pd.DataFrame) -> None:
        """Append addresses of the campaign's suppression file."""
        self._suppressions.write_table(pa.Table.from_pandas(frame, schema=_SUPPRESSIONS, preserve_index=False))


def withdraw_messages(directory: Path, refusals: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Turn messages of a closed spool into exclusions.

    Args:
        directory: Where the spool lies.
        refusals: Reason and detail by address.

    Returns:
        The withdrawn messages, with columns `reason` and `detail`.
    """
    source, kept = directory / "messages.parquet", directory / "kept.parquet"
    withdrawn = []
    with pq.ParquetFile(source) as file, pq.ParquetWriter(kept, _MESSAGES) as writer:
        for batch in file.iter_batches():
            is_refused = pc.is_in(batch["address"], value_set=pa.array(list(refusals), pa.string()))
            writer.write_batch(batch.filter(pc.invert(is_refused)))
            withdrawn.append(batch.filter(is_refused).to_pandas())
    kept.replace(source)
    frame: pd.DataFrame = pd.concat([_MESSAGES.empty_table().to_pandas(), *withdrawn])
    frame["reason"] = [refusals[address][0] for address in frame["address"]]
    frame["detail"] = [refusals[address][1] for address in frame["address"]]
    late = pa.Table.from_pandas(frame, schema=_EXCLUSIONS, preserve_index=False)
    pq.write_table(late, directory / "late_exclusions.parquet")
    return frame


class Spool:
    """A written spool."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def text_keys(self) -> npt.NDArray[np.int64]:
        """The `text_key` of every message, in order."""
        keys: npt.NDArray[np.int64] = pq.read_table(self._directory / "messages.parquet", columns=["text_key"])[
            "text_key"
        ].to_numpy()
        return keys

    def messages(self) -> Iterator[pa.RecordBatch]:
        """Messages in batches."""
        yield from self._batches("messages")

    def exclusions(self) -> Iterator[dict[str, list[Any]]]:
        """The columns of exclusions, in batches."""
        for name in ("exclusions", "late_exclusions"):
            if (self._directory / f"{name}.parquet").exists():
                for batch in self._batches(name):
                    yield batch.to_pydict()

    def suppressions(self) -> Iterator[list[str]]:
        """Suppressed addresses in batches."""
        for batch in self._batches("suppressions"):
            yield batch["address"].to_pylist()

    def _batches(self, name: str) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._directory / f"{name}.parquet") as file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS)
