from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.statuses import (
    ALLOWED_MOVES,
    FINAL_STATUSES,
    HANDED_OVER_STATUSES,
    ExclusionReason,
    MessageStatus,
    after_receipt,
    may_move,
)

SETTLED = FINAL_STATUSES - {MessageStatus.UNCONFIRMED}
REPORTED_BY_PROVIDERS = HANDED_OVER_STATUSES | {MessageStatus.REJECTED, MessageStatus.CANCELLED}

statuses = st.sampled_from(MessageStatus)


def apply_all(current: MessageStatus, receipts: tuple[MessageStatus, ...]) -> MessageStatus:
    for receipt in receipts:
        current = after_receipt(current, receipt)
    return current


@given(current=statuses, receipts=st.lists(statuses, max_size=5))
def test_every_order_of_the_same_receipts_ends_in_the_same_status(
    current: MessageStatus, receipts: list[MessageStatus]
) -> None:
    assert len({apply_all(current, order) for order in permutations(receipts)}) == 1


@given(current=statuses, receipt=statuses, repeats=st.integers(1, 5))
def test_a_repeated_receipt_changes_nothing(current: MessageStatus, receipt: MessageStatus, repeats: int) -> None:
    once = after_receipt(current, receipt)
    assert apply_all(current, (receipt,) * (repeats + 1)) == once
    assert after_receipt(once, receipt) == once


@given(a=statuses, b=statuses, c=statuses)
def test_receipts_can_be_grouped_in_any_way(a: MessageStatus, b: MessageStatus, c: MessageStatus) -> None:
    assert after_receipt(after_receipt(a, b), c) == after_receipt(a, after_receipt(b, c))


@given(current=st.sampled_from(sorted(FINAL_STATUSES)), receipts=st.lists(statuses, max_size=6))
def test_a_late_receipt_never_reopens_a_final_state(current: MessageStatus, receipts: list[MessageStatus]) -> None:
    assert apply_all(current, tuple(receipts)) in FINAL_STATUSES


@given(reported=st.sampled_from(sorted(SETTLED)))
def test_a_late_receipt_corrects_unconfirmed(reported: MessageStatus) -> None:
    assert after_receipt(MessageStatus.UNCONFIRMED, reported) == reported


@given(reported=st.sampled_from(sorted(set(MessageStatus) - FINAL_STATUSES)))
def test_a_receipt_of_something_underway_does_not_touch_unconfirmed(reported: MessageStatus) -> None:
    assert after_receipt(MessageStatus.UNCONFIRMED, reported) is MessageStatus.UNCONFIRMED


def test_a_message_of_which_one_part_was_not_delivered_was_not_delivered() -> None:
    assert after_receipt(MessageStatus.DELIVERED, MessageStatus.UNDELIVERED) is MessageStatus.UNDELIVERED
    assert after_receipt(MessageStatus.UNDELIVERED, MessageStatus.DELIVERED) is MessageStatus.UNDELIVERED


def test_a_receipt_settles_a_message_of_which_it_was_not_known_whether_it_was_sent() -> None:
    for reported in REPORTED_BY_PROVIDERS:
        assert after_receipt(MessageStatus.UNKNOWN, reported) is reported


def test_every_status_has_its_moves() -> None:
    assert set(ALLOWED_MOVES) == set(MessageStatus)


@pytest.mark.parametrize("settled", sorted(SETTLED))
def test_nothing_moves_a_settled_message(settled: MessageStatus) -> None:
    assert not any(may_move(settled, to) for to in MessageStatus)


@pytest.mark.parametrize("status", sorted(MessageStatus))
def test_no_status_moves_to_itself(status: MessageStatus) -> None:
    assert not may_move(status, status)


@pytest.mark.parametrize("status", sorted(set(MessageStatus) - SETTLED))
def test_every_status_that_is_not_settled_can_reach_a_final_one(status: MessageStatus) -> None:
    assert ALLOWED_MOVES[status] & FINAL_STATUSES


def test_only_a_claimed_or_unknown_message_goes_back_to_planned() -> None:
    back = {status for status in MessageStatus if may_move(status, MessageStatus.PLANNED)}
    assert back == {MessageStatus.SENDING, MessageStatus.UNKNOWN}


def test_a_message_is_sent_only_from_planned() -> None:
    assert {status for status in MessageStatus if may_move(status, MessageStatus.SENDING)} == {
        MessageStatus.PLANNED
    }


@pytest.mark.parametrize("handed_over", sorted(HANDED_OVER_STATUSES))
def test_what_the_provider_has_can_never_be_sent_again(handed_over: MessageStatus) -> None:
    reached = {handed_over}
    frontier = [handed_over]
    while frontier:
        for to in ALLOWED_MOVES[frontier.pop()] - reached:
            reached.add(to)
            frontier.append(to)
    assert reached.isdisjoint({MessageStatus.PLANNED, MessageStatus.SENDING, MessageStatus.UNKNOWN})


@pytest.mark.parametrize("status", sorted(MessageStatus))
def test_a_move_forward_agrees_with_the_receipt_of_the_same_news(status: MessageStatus) -> None:
    """Whether an outcome is recorded by us or told by a receipt must not matter."""
    for to in ALLOWED_MOVES[status] - {MessageStatus.PLANNED, MessageStatus.UNKNOWN}:
        assert after_receipt(status, to) is to


def test_properties_say_what_the_sets_say() -> None:
    assert {status for status in MessageStatus if status.is_final} == FINAL_STATUSES
    assert {status for status in MessageStatus if status.is_handed_over} == HANDED_OVER_STATUSES


def test_the_words_of_the_ledger_are_fixed() -> None:
    assert [status.value for status in MessageStatus] == [
        *("planned", "sending", "unknown", "accepted", "scheduled", "sent", "delivered", "undelivered"),
        *("rejected", "failed", "cancelled", "unconfirmed"),
    ]
    assert [reason.value for reason in ExclusionReason] == [
        *("missing_address", "invalid_address", "damaged_address", "not_textable", "duplicate", "disabled"),
        *("opted_out", "not_a_contact", "frequency_capped", "missing_value", "too_long", "unsupported_country"),
    ]
