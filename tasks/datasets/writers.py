"""Files that Rollcall hands back to people."""

from pathlib import Path

import pandas as pd

from tasks.datasets.formula_guard import guard


def write_rejected_rows(path: str | Path, frame: pd.DataFrame, *, append: bool = False) -> None:
    """Write rows as CSV that a spreadsheet opens without running anything in it.

    UTF-8 with a byte order mark (Excel needs it), every cell quoted, cells that could be formulas guarded with an
    apostrophe (see `formula_guard`; `open_contacts` takes it off again, so +33 numbers survive the round trip).

    Args:
        path: A local path.
        frame: Any columns; a named index becomes the first column.
        append: Add rows to a file that this function has begun; the columns must be the same.
    """
    table = frame.reset_index() if frame.index.name else frame
    texts = table.map(lambda cell: "" if cell is None or cell is pd.NA or cell != cell else guard(str(cell)))  # noqa: PLR0124 - NaN
    texts.columns = pd.Index([guard(str(column)) for column in table.columns])
    texts.to_csv(
        path,
        index=False,
        header=not append,
        mode="a" if append else "w",
        encoding="utf-8" if append else "utf-8-sig",
        errors="replace",  # halves of surrogate pairs, which no file in UTF-8 can hold
        quoting=1,
        lineterminator="\r\n",
    )
