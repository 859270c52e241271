"""Which rows repeat an earlier row's address, in lists larger than memory."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_HASH_KEYS = ("rollcall-address", "address-rollcall")
"""Two SipHash keys of 16 characters each. They need no secrecy; they only have to differ."""

_Keys = tuple[NDArray[np.uint64], NDArray[np.uint64]]


class _Run:
    """Addresses in order of their first hash: 24 bytes each."""

    def __init__(self, first: NDArray[np.uint64], second: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        self.first, self.second, self.rows = first, second, rows

    def __len__(self) -> int:
        return len(self.first)

    def find(self, keys: _Keys) -> NDArray[np.int64]:
        """Row of each key, -1 where it is not here."""
        found = np.full(len(keys[0]), -1, dtype=np.int64)
        places = np.searchsorted(self.first, keys[0])
        open_keys = np.flatnonzero(places < len(self))
        # One turn in practice; two addresses with the same first hash stand side by side and take a second.
        while len(open_keys):
            at = places[open_keys]
            open_keys, at = (part[self.first[at] == keys[0][open_keys]] for part in (open_keys, at))
            is_same = self.second[at] == keys[1][open_keys]
            found[open_keys[is_same]] = self.rows[at[is_same]]
            open_keys = open_keys[~is_same]
            places[open_keys] += 1
            open_keys = open_keys[places[open_keys] < len(self)]
        return found

    def merge(self, other: "_Run") -> None:
        """Take over the addresses of another run, column by column, so that little more than one is held twice."""
        total = len(self) + len(other)
        targets = np.searchsorted(self.first, other.first, side="right") + np.arange(len(other))
        is_own = np.ones(total, dtype=bool)
        is_own[targets] = False
        for column in ("first", "second", "rows"):
            own, theirs = getattr(self, column), getattr(other, column)
            merged = np.empty(total, dtype=own.dtype)
            merged[is_own], merged[targets] = own, theirs
            setattr(self, column, merged)


class AddressIndex:
    """Remembers every address it was shown, and the row that had it first.

    Addresses are kept as 128-bit keys with their row, 24 bytes each, in sorted runs that are merged as they
    grow (a log-structured merge tree in memory): 10 million addresses take 240 MB. The chance that two
    different addresses of 10 million share a key is below 1 in 10^24.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def first_rows(self, addresses: "pd.Series[str]") -> "pd.Series[pd.Int64Dtype]":
        """Look up a batch, and remember it.

        Args:
            addresses: Normal form, "" where a row has none (such rows repeat nothing); the index is the row
                number.

        Returns:
            Int64 with the same index: the row that had this address first (in an earlier batch, or above in this
            one), <NA> where none had.
        """
        result = np.full(len(addresses), -1, dtype=np.int64)
        present = np.flatnonzero((addresses != "").to_numpy())
        rows = addresses.index.to_numpy(dtype=np.int64)[present]
        keys = _hash(addresses.iloc[present])
        order = np.lexsort((keys[1], keys[0]))  # stable: the earliest row of equal keys comes first
        first, second, rows = keys[0][order], keys[1][order], rows[order]
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        group = np.cumsum(is_new) - 1
        distinct = (first[is_new], second[is_new])
        known = np.full(len(distinct[0]), -1, dtype=np.int64)
        for run in self._runs:
            np.maximum(known, run.find(distinct), out=known)
        fresh = known < 0
        owners = np.where(fresh, rows[is_new], known)[group]
        result[present[order]] = np.where(is_new & fresh[group], -1, owners)
        self._remember(_Run(distinct[0][fresh], distinct[1][fresh], rows[is_new][fresh]))
        return pd.Series(pd.arrays.IntegerArray(result, result < 0), index=addresses.index)

    def contains(self, addresses: "pd.Series[str]") -> NDArray[np.bool_]:
        """Which of these addresses were remembered; nothing is remembered by asking."""
        known = np.full(len(addresses), -1, dtype=np.int64)
        keys = _hash(addresses)
        for run in self._runs:
            np.maximum(known, run.find(keys), out=known)
        return known >= 0

    def _remember(self, run: _Run) -> None:
        if len(run):
            self._runs.append(run)
        # Each run stays more than twice as long as the next, so there are few to search and each row moves few
        # times.
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            shorter = self._runs.pop()
            self._runs[-1].merge(shorter)


def _hash(addresses: "pd.Series[str]") -> _Keys:
    values = addresses.to_numpy(dtype=object)
    first, second = (pd.util.hash_array(values, hash_key=key, categorize=False) for key in _HASH_KEYS)
    return first, second
