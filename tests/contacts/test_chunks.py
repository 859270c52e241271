import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contacts.chunks import assign_chunks, cut_evenly


@given(st.integers(0, 100_000), st.integers(1, 5_000))
def test_parts_are_few_even_and_complete(total, most):
    sizes = cut_evenly(total, most)
    assert sum(sizes) == total
    assert len(sizes) == -(-total // most)
    assert not sizes or (max(sizes) <= most and max(sizes) - min(sizes) <= 1)


def test_a_list_just_over_the_limit_is_halved():
    assert cut_evenly(1001, 500) == [334, 334, 333]
    with pytest.raises(ValueError, match="cannot cut"):
        cut_evenly(5, 0)


@given(st.lists(st.integers(-3, 3), max_size=60), st.integers(1, 12))
def test_rows_of_one_text_stay_together_and_in_order(keys, size):
    chunks = assign_chunks(np.array(keys, dtype=np.int64), size)
    assert np.bincount(chunks, minlength=0).tolist() == cut_evenly(len(keys), size)
    requests = {(key, chunk) for key, chunk in zip(keys, chunks, strict=True)}
    distinct = len(set(keys))
    chunk_count = len(cut_evenly(len(keys), size))
    assert len(requests) <= distinct + max(0, chunk_count - 1)
    for key in set(keys):
        of_key = [chunk for row_key, chunk in zip(keys, chunks, strict=True) if row_key == key]
        assert of_key == sorted(of_key)


def test_without_groups_rows_are_cut_in_order():
    assert assign_chunks(None, 2, rows=5).tolist() == [0, 0, 1, 1, 2]
    with pytest.raises(ValueError, match="how many rows"):
        assign_chunks(None, 2)
