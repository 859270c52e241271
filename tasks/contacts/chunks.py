"""How rows are cut into chunks, and chunks into requests."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def cut_evenly(total: int, most: int) -> list[int]:
    """Sizes that add up to `total`: as few as possible, none over `most`, none more than one larger than another.

    1,001 recipients at 500 a request are 334 + 334 + 333, not 500 + 500 + 1.

    Raises:
        ValueError: `total` is negative, or `most` is not positive.
    """
    if total < 0 or most < 1:
        raise ValueError(f"cannot cut {total} into parts of at most {most}")
    parts = -(-total // most)
    if not parts:
        return []
    base, larger = divmod(total, parts)
    return [base + 1] * larger + [base] * (parts - larger)


def assign_chunks(
    group_keys: NDArray[np.int64] | None, size: int, *, rows: int | None = None
) -> NDArray[np.int64]:
    """The chunk of each row.

    Rows of one group (equal text, so they can share a request) stay together: groups follow each other in order of
    first appearance, rows within a group in their own order. The cut falls where even sizes want it, so it
    splits at most one group per boundary and costs at most one more request there.

    Args:
        group_keys: One integer per row, equal for rows that can share a request; None when all or none can.
        size: Most rows of a chunk.
        rows: Number of rows; needed only without `group_keys`.

    Returns:
        Chunk ordinal (from 0) of each row, in the order of the rows.
    """
    if group_keys is None and rows is None:
        raise ValueError("without group_keys, say how many rows there are")
    total = len(group_keys) if group_keys is not None else int(rows or 0)
    sizes = cut_evenly(total, size)
    ordinals = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    if group_keys is None or not total:
        return ordinals
    groups, distinct = pd.factorize(group_keys)  # numbered in order of first appearance
    if len(distinct) == 1:
        return ordinals
    order = np.argsort(groups, kind="stable")
    assigned = np.empty(total, dtype=np.int64)
    assigned[order] = ordinals
    return assigned
