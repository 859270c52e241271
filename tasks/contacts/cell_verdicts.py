"""What became of each address cell of a column: an address, or a reason why not."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """What became of one cell.

    Attributes:
        address: In normal form, "" where there is none.
        country: ISO region of a phone number, "" where it has none.
        reason: An `ExclusionReason`, "" where there is an address.
        detail: A sentence with masked addresses; with an address only where there is something to tell.
    """

    address: str = ""
    country: str = ""
    reason: str = ""
    detail: str = ""


class CellVerdicts:
    """The verdicts on so many cells, by column.

    Attributes:
        is_open: Cells about which nothing is decided yet.
    """

    def __init__(self, cells: int, *columns: str) -> None:
        self._columns: dict[str, NDArray[np.object_]] = {
            name: np.full(cells, "", dtype=object) for name in columns
        }
        self.is_open: NDArray[np.bool_] = np.ones(cells, dtype=bool)

    def accept(self, rows: NDArray[np.int64] | NDArray[np.bool_], **columns: NDArray[np.object_]) -> None:
        """Decide about many cells at once."""
        for name, values in columns.items():
            self._columns[name][rows] = values
        self.is_open[rows] = False

    def judge_rest(self, keys: Iterable[tuple[int, _Key]], judge: Callable[[_Key], CellVerdict]) -> None:
        """Decide about single cells: each row with all that its verdict depends on; equal ones are judged once."""
        judged: dict[_Key, CellVerdict] = {}
        for row, key in keys:
            verdict = judged.get(key)
            if verdict is None:
                verdict = judged[key] = judge(key)
            for name, column in self._columns.items():
                column[row] = getattr(verdict, name)

    def as_frame(self, index: pd.Index) -> pd.DataFrame:
        """All columns as str."""
        columns = {name: pd.array(column, dtype="str") for name, column in self._columns.items()}
        return pd.DataFrame(columns, index=index)
