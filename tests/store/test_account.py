"""The account of a run, counted by the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, text, update

from tasks.funnel import funnel_of
from tasks.messaging.statuses import Channel, EventKind, ExclusionReason, MessageStatus
from tasks.store import consent, inbox, runs
from tasks.store.account import Tally, read_account, reading_one_instant
from tasks.store.session import Ledger
from tasks.store.tables import CampaignRun, Message, Reply, RunState
from tasks.store.timeline import choose_step
from tests.accounts import make_account
from tests.rows import columns_of

MESSAGE = Message.__table__
PLANNED_AT = datetime(2026, 3, 20, 10, 30, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def settle(ledger, plan):
    """A run of messages, row by row as given: dictionaries of columns."""

    def settled(*changes, **run_columns):
        run, _ = plan(len(changes), name="settled")
        columns = {"created_at": PLANNED_AT} | run_columns
        with ledger.writing() as connection:
            connection.execute(update(CampaignRun.__table__).where(CampaignRun.id == run.id).values(**columns))
            for row, change in enumerate(changes, start=2):
                connection.execute(
                    update(MESSAGE)
                    .where(MESSAGE.c.run_id == run.id, MESSAGE.c.row_number == bindparam("of_row"))
                    .values(**change),
                    {"of_row": row},
                )
        return run

    return settled


def account_of(ledger, run):
    with reading_one_instant(ledger) as connection:
        return read_account(connection, run.id)


def after(seconds):
    return PLANNED_AT + timedelta(seconds=seconds)


def delivered(**changes):
    return {"status": MessageStatus.DELIVERED, "claimed_at": after(1), "status_at": after(9)} | changes


def test_countries_and_providers_add_up_to_the_messages(ledger, settle):
    run = settle(
        delivered(country="SE", cost=Decimal("0.05"), parts=2),
        delivered(country="US", cost=Decimal("0.01")),
        {"status": MessageStatus.REJECTED, "country": "US"},
        {"status": MessageStatus.ACCEPTED, "country": None},
    )
    account = account_of(ledger, run)
    assert account.countries == {
        "US": Tally(2, 1, 2, Decimal("0.01")),
        "": Tally(1, 0, 1, None),
        "SE": Tally(1, 1, 2, Decimal("0.05")),
    }
    assert account.providers == {"octopush": Tally(4, 2, 5, Decimal("0.06"))}
    assert (account.parts, account.cost) == (5, Decimal("0.06"))


def test_status_over_time_is_counted_in_steps_of_the_clock_and_never_falls(ledger, settle):
    run = settle(
        delivered(claimed_at=after(1), status_at=after(100)),
        delivered(claimed_at=after(1), status_at=after(239)),
        delivered(status=MessageStatus.UNDELIVERED, claimed_at=after(120), status_at=after(130)),
        {"status": MessageStatus.ACCEPTED, "claimed_at": after(121), "status_at": after(122)},
        {"status": MessageStatus.REJECTED, "claimed_at": after(3), "status_at": after(4)},
        {"status": MessageStatus.PLANNED, "status_at": after(-60)},
    )
    timeline = account_of(ledger, run).timeline
    assert timeline.step == timedelta(seconds=2)
    assert timeline.start == datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
    assert timeline.handed_over[0] == 2
    assert timeline.handed_over[58:62] == [2, 2, 4, 4]
    assert {status: counts[-1] for status, counts in timeline.finals.items()} == {
        MessageStatus.DELIVERED: 2,
        MessageStatus.UNDELIVERED: 1,
        MessageStatus.REJECTED: 1,
    }
    assert timeline.finals[MessageStatus.DELIVERED][49:52] == [0, 1, 1]
    assert timeline.ends[-1] - timeline.start == timedelta(seconds=240)


def test_a_run_of_which_nothing_was_handed_over_has_no_timeline(ledger, settle):
    assert account_of(ledger, settle({"status": MessageStatus.PLANNED})).timeline is None
    assert account_of(ledger, settle_nothing(ledger)).timeline is None


def settle_nothing(ledger):
    with ledger.writing() as connection:
        run, _ = runs.create_run(
            connection,
            name="nothing",
            run_key="1",
            channel=Channel.SMS,
            provider="octopush",
            purpose="marketing",
            rows_read=1,
            digest="d",
            campaign={"audience": {"path": "list.csv"}},
            content={"test_mode": True},
            options={},
            source_sha256="s",
            chunk_sizes=[],
        )
        row = {"row_number": 2, "address": None, "reason": ExclusionReason.MISSING_ADDRESS, "detail": "empty"}
        runs.add_exclusions(connection, run, columns_of([row]))
    return run


def test_a_run_in_which_everybody_is_excluded_has_an_account(ledger):
    account = account_of(ledger, settle_nothing(ledger))
    assert account.is_balanced
    assert (account.messages, account.excluded, account.handed_over, account.unsettled) == (0, 1, 0, 0)
    assert (account.contact_file, account.is_simulated) == ("list.csv", True)


def test_a_providers_wrong_clock_stretches_no_timeline(ledger, settle):
    run = settle(
        delivered(status_at=datetime(1970, 1, 1, tzinfo=UTC)),
        delivered(status_at=datetime(2999, 1, 1, tzinfo=UTC)),
    )
    timeline = account_of(ledger, run).timeline
    assert timeline.start >= PLANNED_AT - timeline.step
    assert timeline.ends[-1] <= datetime.now(UTC) + timeline.step
    assert timeline.finals[MessageStatus.DELIVERED][-1] == 2


def test_messages_from_before_claim_times_were_kept_count_by_their_outcome(ledger, settle):
    assert account_of(ledger, settle(delivered(claimed_at=None))).timeline.handed_over[-1] == 1


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=20_000)))
def test_a_timeline_of_any_length_has_a_few_steps(span):
    assert span <= choose_step(span) * 120


def test_unknown_words_are_counted_and_change_nothing(ledger, settle):
    run = settle(
        delivered(unknown_word="ASLEEP"), delivered(unknown_word="ASLEEP"), delivered(unknown_word="LOST")
    )
    account = account_of(ledger, run)
    assert account.unknown_words == {"ASLEEP": 2, "LOST": 1}
    assert account.statuses == {MessageStatus.DELIVERED: 3}


def test_reasons_are_told_with_the_providers_own_word_most_frequent_first(ledger, settle):
    lost = {"status": MessageStatus.UNDELIVERED, "reason": "absent", "raw_status": "27"}
    account = account_of(ledger, settle(delivered(), {**lost, "raw_status": None}, lost, lost))
    assert list(account.troubles.items()) == [
        ((MessageStatus.UNDELIVERED, "absent", "27"), 2),
        ((MessageStatus.UNDELIVERED, "absent", None), 1),
    ]


def test_replies_and_opt_outs_are_those_of_this_run(ledger, settle, plan):
    run = settle(delivered(), delivered())
    other, _ = plan(3, name="other")
    with ledger.writing() as connection:
        messages = connection.execute(text("SELECT id, run_id, address FROM message ORDER BY id")).all()
        for message in messages:
            connection.execute(
                Reply.__table__.insert().values(
                    provider="octopush",
                    address=message.address,
                    text="ok",
                    received_at=after(5),
                    message_id=message.id,
                )
            )
        shared, only_other = messages[0].address, messages[-1].address
        consent.add_suppressions(
            connection, Channel.SMS, [shared, only_other], reason="stop", source="STOP callback"
        )
        consent.add_suppressions(connection, Channel.EMAIL, [shared], reason="stop", source="a list")
    account = account_of(ledger, run)
    assert (account.replies, account.opt_outs) == (2, 1)
    assert account_of(ledger, other).replies == 3


def test_who_opted_out_before_the_run_was_planned_is_not_counted(ledger, settle):
    run = settle(delivered(), created_at=datetime.now(UTC) + timedelta(days=1))
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, ["+12125550101"], reason="stop", source="a list")
    assert account_of(ledger, run).opt_outs == 0


def test_callbacks_that_could_not_be_read_are_those_of_the_provider_since_planning(ledger, settle):
    run = settle(delivered())

    def event(number, **changes):
        values = {"provider": "octopush", "kind": EventKind.UNKNOWN, "payload": {}, "error": "no `status`"}
        return inbox.EventToKeep(**values | {"dedupe_key": f"k{number}", "received_at": after(1)} | changes)

    with ledger.writing() as connection:
        inbox.add_events(
            connection,
            [
                event(1),
                event(2),
                event(3, error=None),
                event(4, provider="bird"),
                event(5, received_at=after(-1)),
            ],
        )
    assert account_of(ledger, run).unreadable_events == {"no `status`": 2}


def test_every_figure_shows_the_same_instant(ledger, settle, database_url):
    run = settle(delivered(), {"status": MessageStatus.ACCEPTED})
    with Ledger(database_url) as other, reading_one_instant(ledger) as connection:
        before = runs.count_statuses(connection, run.id)
        with other.writing() as writer:
            writer.execute(update(MESSAGE).values(status=MessageStatus.DELIVERED))
        assert read_account(connection, run.id).statuses == before


def test_what_is_still_open_is_not_final(ledger, settle):
    run = settle(
        delivered(), {"status": MessageStatus.SENT}, {"status": MessageStatus.UNKNOWN}, state=RunState.STOPPED
    )
    account = account_of(ledger, run)
    assert (account.unsettled, account.handed_over, account.state) == (2, 2, RunState.STOPPED)


@given(st.dictionaries(st.sampled_from(MessageStatus), st.integers(0, 9)), st.integers(0, 9))
def test_every_row_falls_out_of_the_funnel_once_or_is_delivered(statuses, excluded):
    account = make_account(
        rows_read=sum(statuses.values()) + excluded,
        statuses=statuses,
        exclusions={ExclusionReason.DUPLICATE: excluded},
    )
    steps = funnel_of(account)
    assert [step.name for step in steps] == ["rows read", "messages", "handed over", "sent", "delivered"]
    for before, step in pairwise(steps):
        assert step.count == before.count - sum(count for _, count in step.fell_out)
    assert steps[2].count == account.handed_over
