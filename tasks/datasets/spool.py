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
from pyarrow import ipc

_MESSAGES = pa.schema(
    [
        ("row_number", pa.int64()),
        ("address", pa.string()),
        ("country", pa.string()),
        ("external_code", pa.string()),
        ("parts", pa.int16()),
        ("variables", pa.string()),
        ("text_key", pa.int64()),
        ("hours_country", pa.string()),
        ("zones", pa.string()),
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
_SUPPRESSIONS = pa.schema([("address", pa.string())])


class SpoolWriter:
    """Writes a spool; use as a context manager.

    `messages` have the columns `row_number, address, country, external_code, parts, variables (JSON object),
    text_key (messages with equal keys can go in one request), hours_country and zones (where the recipient may be,
    of campaigns with hours), is_new`, and of contacts that are new to the
    registry what it shall know: `phone, email, first_name, last_name, timezone, fields (JSON object)`;
    `exclusions` have `row_number, address, reason, detail`; `suppressions` have `address`.
    """

    def __init__(self, directory: Path) -> None:
        # Arrow's own format, uncompressed: it is written and read once, and Parquet takes ten times as long.
        self._messages = ipc.new_file(_path(directory, "messages"), _MESSAGES)
        self._exclusions = ipc.new_file(_path(directory, "exclusions"), _EXCLUSIONS)
        self._suppressions = ipc.new_file(_path(directory, "suppressions"), _SUPPRESSIONS)

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


def withdraw_messages(
    directory: Path,
    refusals: Mapping[str, tuple[str, str]],
    by_code: Mapping[str, tuple[str, str]],
    *,
    ignores_case: bool,
) -> pd.DataFrame:
    """Turn messages of a closed spool into exclusions.

    Args:
        directory: Where the spool lies.
        refusals: Reason and detail by address.
        by_code: The same by external code.
        ignores_case: These codes are in small letters, whatever those of the messages are in.

    Returns:
        The withdrawn messages, with columns `reason` and `detail`.
    """
    source, kept = _path(directory, "messages"), _path(directory, "kept")
    withdrawn = []
    with ipc.new_file(kept, _MESSAGES) as writer:
        for batch in _batches(source):
            codes = pc.utf8_lower(batch["external_code"]) if ignores_case else batch["external_code"]
            is_refused = pc.or_(
                pc.is_in(batch["address"], value_set=pa.array(list(refusals), pa.string())),
                pc.is_in(codes, value_set=pa.array(list(by_code), pa.string())),
            )
            writer.write_batch(batch.filter(pc.invert(is_refused)))
            withdrawn.append(batch.filter(is_refused).to_pandas())
    Path(kept).replace(source)
    frame: pd.DataFrame = pd.concat([_MESSAGES.empty_table().to_pandas(), *withdrawn])
    why = [
        refusals.get(address) or by_code[code.lower() if ignores_case else code]
        for address, code in zip(frame["address"], frame["external_code"], strict=True)
    ]
    frame["reason"] = [reason for reason, _ in why]
    frame["detail"] = [detail for _, detail in why]
    late = pa.Table.from_pandas(frame, schema=_EXCLUSIONS, preserve_index=False)
    with ipc.new_file(_path(directory, "late_exclusions"), _EXCLUSIONS) as writer:
        writer.write_table(late)
    return frame


def _path(directory: Path, name: str) -> str:
    return str(directory / f"{name}.arrow")


def _batches(path: str, *, column: str | None = None) -> Iterator[pa.RecordBatch]:
    """As they were written; read, not mapped: what is mapped stays in memory as long as the file is open."""
    with pa.OSFile(path) as source:
        fields = None if column is None else [_MESSAGES.get_field_index(column)]
        file = ipc.open_file(source, options=ipc.IpcReadOptions(included_fields=fields))
        for number in range(file.num_record_batches):
            yield file.get_batch(number)


class Spool:
    """A written spool."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def text_keys(self) -> npt.NDArray[np.int64]:
        """The `text_key` of every message, in order."""
        batches = _batches(_path(self._directory, "messages"), column="text_key")
        # Copied: an array of Arrow's keeps the whole batch in memory.
        keys: list[npt.NDArray[np.int64]] = [batch["text_key"].to_numpy().copy() for batch in batches]
        return np.concatenate([np.zeros(0, dtype=np.int64), *keys])

    def countries(self) -> npt.NDArray[np.object_]:
        """The country of every message, in order; "" where it has none."""
        batches = _batches(_path(self._directory, "messages"), column="country")
        found: list[npt.NDArray[np.object_]] = [
            pc.fill_null(batch["country"], "").to_numpy(zero_copy_only=False) for batch in batches
        ]
        return np.concatenate([np.zeros(0, dtype=object), *found])

    def messages(self) -> Iterator[pa.RecordBatch]:
        """Messages in batches."""
        yield from _batches(_path(self._directory, "messages"))

    def exclusions(self) -> Iterator[dict[str, list[Any]]]:
        """The columns of exclusions, in batches."""
        for name in ("exclusions", "late_exclusions"):
            if Path(path := _path(self._directory, name)).exists():
                for batch in _batches(path):
                    yield batch.to_pydict()

    def suppressions(self) -> Iterator[list[str]]:
        """Suppressed addresses in batches."""
        for batch in _batches(_path(self._directory, "suppressions")):
            yield batch["address"].to_pylist()
