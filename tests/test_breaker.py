from hypothesis import given
from hypothesis import strategies as st

from tasks.breaker import Breaker


def tripped(outcomes, *, is_bulk=False):
    breaker = Breaker(is_bulk=is_bulk)
    return [breaker.note(failed=failed) for failed in outcomes]


def test_a_run_whose_requests_all_fail_stops_after_twenty_five_of_them():
    assert tripped([True] * 25) == [False] * 24 + [True]


def test_requests_with_many_recipients_need_fewer_failures():
    assert tripped([True] * 5, is_bulk=True) == [False] * 4 + [True]


def test_a_few_failures_among_many_successes_stop_nothing():
    assert not any(tripped(([False] * 5 + [True]) * 200))


def test_failures_that_begin_after_a_thousand_successes_are_noticed():
    assert any(tripped([False] * 1000 + [True] * 100))


@given(st.lists(st.booleans(), max_size=300))
def test_it_never_stops_a_run_of_which_less_than_four_fifths_fail(outcomes):
    breaker = Breaker(is_bulk=False)
    for n, failed in enumerate(outcomes, start=1):
        recent = outcomes[max(0, n - 100) : n]
        assert breaker.note(failed=failed) == (len(recent) >= 25 and sum(recent) >= 0.8 * len(recent))
