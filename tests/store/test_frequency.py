"""Frequency caps: what counts against them, to the second, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store import frequency
from tasks.store.frequency import Capped
from tasks.store.tables import Message
from tests.ledger_runs import add_run

ANN, BOB, EVE = "+12125550101", "+12125550102", "+12125550103"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
A_WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)
MESSAGE = Message.__table__


@pytest.fixture
def contact_file(tmp_path):
    path = tmp_path / "contacts.csv"
    path.write_text("phone\n", encoding="utf-8")
    return path


@pytest.fixture
def had(ledger, contact_file):
    """Let an address have had messages, each in a campaign of its own."""
    names = iter(range(1000))

    def send(*ages, address=ANN, status=MessageStatus.DELIVERED, **of_run):
        runs = []
        for age in ages:
            claimed_at = None if age is None else NOW - age
            row = {"row_number": 2, "address": address, "status": status, "claimed_at": claimed_at}
            runs.append(add_run(ledger, contact_file, [row], name=f"campaign {next(names)}", **of_run))
        return runs

    return send


@pytest.fixture
def capped(ledger):
    def ask(messages=2, days=7, *, channel=Channel.SMS, addresses=(ANN, BOB), except_run="new/1"):
        cap = FrequencyCap(messages=messages, days=days)
        with ledger.reading() as connection:
            return frequency.find_capped(connection, channel, addresses, cap, now=NOW, except_run=except_run)

    return ask


def test_who_had_one_less_than_allowed_is_free_and_who_had_as_many_is_not(had, capped):
    had(timedelta(days=1))
    assert capped(messages=2) == {}
    had(timedelta(days=3))
    assert capped(messages=2) == {ANN: Capped(2, NOW + timedelta(days=4))}


def test_a_message_of_exactly_so_many_days_ago_does_not_count_any_more(had, capped):
    had(A_WEEK)
    assert capped(messages=1) == {}
    had(A_WEEK - SECOND)
    assert capped(messages=1) == {ANN: Capped(1, NOW + SECOND)}


def test_who_had_more_than_allowed_waits_until_fewer_than_allowed_are_left(had, capped):
    had(*(timedelta(days=days) for days in (1, 2, 5, 6)))
    assert capped(messages=2) == {ANN: Capped(4, NOW + timedelta(days=5))}
    assert capped(messages=4) == {ANN: Capped(4, NOW + timedelta(days=1))}


def test_messages_to_others_transactional_ones_and_those_of_a_simulation_do_not_count(had, capped):
    had(timedelta(days=1), address=EVE)
    had(timedelta(days=1), purpose=Purpose.TRANSACTIONAL)
    had(timedelta(days=1), content={"test_mode": True})
    assert capped(messages=1) == {}
    had(timedelta(days=1), content={"test_mode": False})
    assert set(capped(messages=1)) == {ANN}


def test_sms_and_mms_are_one_channel_and_e_mail_is_another(had, capped):
    mail = "ann@example.com"
    had(timedelta(days=1), channel=Channel.SMS)
    had(timedelta(days=1), channel=Channel.MMS)
    had(timedelta(days=1), address=mail, channel=Channel.EMAIL)
    for channel in (Channel.SMS, Channel.MMS):
        assert set(capped(messages=2, channel=channel, addresses=[ANN, mail])) == {ANN}
    assert set(capped(messages=1, channel=Channel.EMAIL, addresses=[ANN, mail])) == {mail}


@pytest.mark.parametrize("status", list(MessageStatus))
def test_everything_counts_but_what_surely_never_left(had, capped, status):
    had(timedelta(days=1), status=status)
    never_left = {MessageStatus.CANCELLED, MessageStatus.REJECTED, MessageStatus.FAILED}
    assert bool(capped(messages=1)) is (status not in never_left)


@pytest.mark.parametrize(
    ("status", "age"), [(MessageStatus.PLANNED, None), (MessageStatus.SCHEDULED, timedelta(days=30))]
)
def test_what_is_still_to_leave_counts_as_if_it_left_now(had, capped, status, age):
    had(age, status=status)
    assert capped(messages=1) == {ANN: Capped(1, NOW + A_WEEK)}


def test_an_outcome_without_a_claim_counts_from_the_outcome(had, capped, ledger):
    had(None)
    with ledger.writing() as connection:
        connection.execute(update(MESSAGE).values(status_at=NOW - timedelta(days=2)))
    assert capped(messages=1) == {ANN: Capped(1, NOW + timedelta(days=5))}


def test_a_run_that_is_planned_already_does_not_count_against_itself(had, capped):
    (run,) = had(timedelta(days=1))
    assert capped(messages=1, except_run=run.key) == {}


def test_messages_whose_address_was_removed_count_for_nobody(had, capped, ledger):
    had(timedelta(days=1), timedelta(days=2))
    with ledger.writing() as connection:
        for row, kept in enumerate(("pruned:1", "erased:2"), 1):
            connection.execute(update(MESSAGE).where(MESSAGE.c.id == row).values(address=kept))
    assert capped(messages=1) == {}


def test_an_empty_batch_and_an_empty_ledger_have_nobody(capped, had):
    assert capped() == {}
    had(timedelta(days=1))
    assert capped(messages=1, addresses=[]) == {}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(0, 20), max_size=8),
    messages=st.integers(1, 4),
    days=st.integers(1, 15),
)
def test_once_free_there_is_room_for_exactly_one_more(had, capped, ledger, ages, messages, days):
    with ledger.writing() as connection:
        connection.execute(delete(MESSAGE))
    had(*(timedelta(days=age, hours=1) for age in ages))
    found = capped(messages=messages, days=days).get(ANN)
    moments = [NOW - timedelta(days=age, hours=1) for age in ages]

    def count(now):
        return sum(moment > now - timedelta(days=days) for moment in moments)

    assert (found is not None) is (count(NOW) >= messages)
    if found is not None:
        assert found.messages == count(NOW)
        assert count(found.free_at) < messages <= count(found.free_at - SECOND)
