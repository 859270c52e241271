import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contacts.deduplicate import AddressIndex, _Run

ADDRESSES = st.sampled_from(["", *(f"+4670174{number:04}" for number in range(30))])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(ADDRESSES, max_size=25), max_size=8))
def test_first_rows_are_those_of_a_plain_dictionary(batches):
    index, first_of, row = AddressIndex(), {}, 2
    for batch in batches:
        rows = range(row, row + len(batch))
        row += len(batch)
        found = index.first_rows(pd.Series(batch, index=pd.Index(rows, dtype="int64"), dtype="str"))
        for number, address in zip(rows, batch, strict=True):
            expected = first_of.get(address) if address else None
            if address:
                first_of.setdefault(address, number)
            assert (None if pd.isna(found.loc[number]) else found.loc[number]) == expected
    assert len(index) == len(first_of)


def test_first_hash_collisions_are_told_apart_by_the_second():
    run = _Run(
        np.array([5, 5, 5, 9], dtype=np.uint64),
        np.array([1, 2, 3, 1], dtype=np.uint64),
        np.array([10, 20, 30, 40], dtype=np.int64),
    )
    keys = (np.array([5, 5, 5, 9, 7], dtype=np.uint64), np.array([3, 1, 4, 1, 1], dtype=np.uint64))
    assert run.find(keys).tolist() == [30, 10, -1, 40, -1]


def test_an_address_takes_24_bytes():
    index = AddressIndex()
    for start in range(0, 200_000, 20_000):
        numbers = pd.Series(range(start, start + 20_000), index=range(start, start + 20_000))
        index.first_rows(numbers.astype("str"))
    assert len(index) == 200_000
    assert sum(len(run) * 24 for run in index._runs) == 4_800_000  # noqa: SLF001 - memory is the point
    assert len(index._runs) < 8  # noqa: SLF001 - so is the number of look-ups


def test_asking_remembers_nothing():
    index = AddressIndex()
    index.first_rows(pd.Series(["a", "b"], dtype="str"))
    assert index.contains(pd.Series(["b", "c"], dtype="str")).tolist() == [True, False]
    assert index.contains(pd.Series(["c"], dtype="str")).tolist() == [False]
