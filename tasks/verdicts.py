"""What was decided about the rows of a batch so far."""

import pandas as pd

from tasks.messaging.statuses import ExclusionReason


class Verdicts:
    """Reason and detail of every row of a batch; the first reason stays.

    Args:
        reason: "" where a row has none yet; the index is the row number.
        detail: The same in words.
    """

    def __init__(self, reason: "pd.Series[str]", detail: "pd.Series[str]") -> None:
        self.reason = reason.copy()
        self.detail = detail.copy()

    @property
    def open_rows(self) -> "pd.Index[int]":
        """Rows without a reason."""
        return self.reason.index[self.reason == ""]

    def exclude(self, rows: "pd.Index[int]", reason: ExclusionReason, detail: "str | pd.Series[str]") -> None:
        """Give these rows a reason, unless they have one."""
        rows = rows.intersection(self.open_rows, sort=False)
        self.reason.loc[rows] = reason.value
        self.detail.loc[rows] = detail if isinstance(detail, str) else detail.loc[rows]
