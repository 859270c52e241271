from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.receipts import Standing, merge, merge_all
from tasks.messaging.statuses import FINAL_STATUSES, MessageStatus, after_receipt

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

standings = st.builds(
    Standing,
    status=st.sampled_from(MessageStatus),
    at=st.integers(0, 5).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    raw_status=st.sampled_from([None, "", "ACK", "DELIVERED", "READ"]),
    reason=st.sampled_from([None, "expired", "not_delivered"]),
)


@given(current=standings, reports=st.lists(standings, max_size=5))
def test_every_order_of_the_same_reports_ends_in_the_same_standing(
    current: Standing, reports: list[Standing]
) -> None:
    assert len({merge_all(current, order) for order in permutations(reports)}) == 1


@given(current=standings, reports=st.lists(standings, min_size=1, max_size=4), data=st.data())
def test_repeats_in_any_place_change_nothing(
    current: Standing, reports: list[Standing], data: st.DataObject
) -> None:
    repeated = data.draw(st.permutations([*reports, *data.draw(st.lists(st.sampled_from(reports), max_size=6))]))
    assert merge_all(current, repeated) == merge_all(current, reports)


@given(current=standings, reports=st.lists(standings, max_size=6), cut=st.integers(0, 6))
def test_it_does_not_matter_how_reports_are_grouped_into_batches(
    current: Standing, reports: list[Standing], cut: int
) -> None:
    assert merge_all(merge_all(current, reports[:cut]), reports[cut:]) == merge_all(current, reports)


@given(current=standings, report=standings)
def test_the_status_is_that_of_the_one_rule(current: Standing, report: Standing) -> None:
    assert merge(current, report).status is after_receipt(current.status, report.status)


@given(current=standings.filter(lambda standing: standing.status in FINAL_STATUSES), report=standings)
def test_a_final_state_is_never_reopened(current: Standing, report: Standing) -> None:
    assert merge(current, report).status in FINAL_STATUSES


@pytest.mark.parametrize("others", [[], [MessageStatus.DELIVERED], [MessageStatus.DELIVERED, MessageStatus.SENT]])
def test_of_several_parts_the_worst_decides(others: list[MessageStatus]) -> None:
    reports = [Standing(status, NOON) for status in [*others, MessageStatus.UNDELIVERED]]
    for order in permutations(reports):
        assert merge_all(Standing(MessageStatus.ACCEPTED, NOON), order).status is MessageStatus.UNDELIVERED


def test_since_when_is_told_by_the_earlier_of_equal_reports() -> None:
    early, late = (Standing(MessageStatus.DELIVERED, NOON + timedelta(minutes=n), "DELIVERED") for n in (1, 2))
    assert merge(late, early) == merge(early, late) == early
