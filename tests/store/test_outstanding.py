import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, leadership, outbox, outstanding, runs
from tasks.store.delivery import apply_reports
from tasks.store.inbox import EventToKeep, add_events, close_events, put_off_events, take_events, try_all_again
from tasks.store.outbox import RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.tables import Chunk, Message, ProviderEvent, ProviderRequest, RequestState, utc_now
from tests import claims

MESSAGE, CHUNK, REQUEST, EVENT = (table.__table__ for table in (Message, Chunk, ProviderRequest, ProviderEvent))
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def handed_over(ledger, plan):
    """A run whose messages were claimed in one request, and recorded in a status."""

    def hand_over(size, status=MessageStatus.ACCEPTED, *, ticket=None, name="spring"):
        run, [chunk_id] = plan(size, name=name)
        with ledger.writing() as connection:
            ids = [message.id for message in outbox.planned_messages(connection, chunk_id)]
            claimed = claims.claim(connection, run, chunk_id, ids, [RequestToOpen(f"{run.token}-2-1", ids)])
            [request_id] = claimed.request_ids.values()
            if status is not MessageStatus.SENDING:
                state = RequestState.UNKNOWN if status is MessageStatus.UNKNOWN else RequestState.ACCEPTED
                outbox.record_outcomes(
                    connection,
                    chunk_id,
                    [RecordedOutcome(message_id, 1, status, provider_message_id=ticket) for message_id in ids],
                    [RecordedRequest(request_id, state, ticket=ticket)],
                )
                chunks.release_chunk(connection, chunk_id, "nobody")
                connection.execute(update(CHUNK).values(state="done"))
        return run

    return hand_over


def claim(connection, run, *, statuses=outstanding.AWAITING_RECEIPT, old=timedelta(0), limit=100):
    return outstanding.claim_questions(
        connection, run.id, run.provider, statuses=statuses, at_least_old=old, longest_pause=6 * HOUR, limit=limit
    )


def make_older(ledger, by):
    with ledger.writing() as connection:
        for row in connection.execute(select(MESSAGE.c.id, MESSAGE.c.claimed_at, MESSAGE.c.status_at)).all():
            connection.execute(
                update(MESSAGE)
                .where(MESSAGE.c.id == row.id)
                .values(claimed_at=row.claimed_at - by, status_at=row.status_at - by, next_poll_at=None)
            )


def statuses(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(MESSAGE.c.status).order_by(MESSAGE.c.id)).scalars().all()


def test_who_is_asked_about_is_put_off_by_half_its_age(ledger, handed_over):
    run = handed_over(3)
    make_older(ledger, 2 * HOUR)
    with ledger.writing() as connection:
        assert [one.asked.address for one in claim(connection, run, limit=2)] == ["+12125550101", "+12125550102"]
        assert len(claim(connection, run)) == 1
        assert claim(connection, run) == []
        due = connection.execute(select(MESSAGE.c.next_poll_at)).scalars().all()
    assert all(timedelta(minutes=59) < when - utc_now() < timedelta(minutes=61) for when in due)
    with ledger.writing() as connection:
        outstanding.ask_again(connection, run.id)
        assert len(claim(connection, run)) == 3


def test_the_young_and_the_settled_are_not_asked_about(ledger, handed_over):
    run = handed_over(2)
    with ledger.writing() as connection:
        assert claim(connection, run, old=HOUR) == []
        connection.execute(update(MESSAGE).where(MESSAGE.c.row_number == 2).values(status="delivered"))
        assert [one.asked.address for one in claim(connection, run)] == ["+12125550102"]


def test_what_is_asked_tells_everything_by_which_it_can_be_found(ledger, handed_over):
    run = handed_over(1, ticket="sms_1")
    with ledger.writing() as connection:
        [message] = claim(connection, run)
    asked = message.asked
    assert (asked.ticket, asked.request_reference, asked.request_size) == ("sms_1", f"{run.token}-2-1", 1)
    assert (asked.reference, asked.provider_message_id, asked.channel) == (f"{run.token}-2", "sms_1", "sms")
    assert message.attempts == 1


@ON_POSTGRESQL
def test_two_who_ask_at_once_share_the_messages_and_do_not_wait_for_each_other(ledger, handed_over):
    run = handed_over(4)
    with ledger.writing() as first, ledger.writing() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        mine = {one.id for one in claim(first, run, limit=2)}
        others = {one.id for one in claim(second, run)}
    assert len(mine) == len(others) == 2
    assert not mine & others


@ON_POSTGRESQL
def test_two_who_drain_at_once_share_the_events_and_do_not_wait_for_each_other(ledger):
    keep(ledger, "a", "b", "c")
    with ledger.writing() as first, ledger.writing() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        mine = {event.id for event in take_events(first, 2)}
        others = {event.id for event in take_events(second, 2)}
    assert (len(mine), len(others)) == (2, 1)
    assert not mine & others


@ON_POSTGRESQL
def test_a_report_waits_for_another_one_about_the_same_message_and_then_sees_it(ledger, handed_over):
    run = handed_over(1)
    reference = f"{run.token}-2"

    def report(status):
        return StatusReport(status=status, raw_status=status, reference=reference)

    def report_later():
        with ledger.writing() as second:
            apply_reports(second, "octopush", [report(MessageStatus.SENT)], [utc_now()])

    later = threading.Thread(target=report_later)
    with ledger.writing() as first:
        apply_reports(first, "octopush", [report(MessageStatus.DELIVERED)], [utc_now()])
        later.start()
        with ledger.reading() as watching:
            while not watching.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                assert later.is_alive()
    later.join()
    assert statuses(ledger) == ["delivered"]


def test_a_ticket_that_a_callback_told_settles_only_what_was_unknown(ledger, handed_over):
    run = handed_over(3, MessageStatus.UNKNOWN)
    told = StatusReport(
        status=MessageStatus.DELIVERED,
        raw_status="DELIVERED",
        ticket="sms_9",
        request_reference=f"{run.token}-2-1",
        address="+12125550102",
    )
    with ledger.writing() as connection:
        apply_reports(connection, "octopush", [told], [utc_now()])
        assert outstanding.settle_by_ticket(connection, run.id) == 2
        assert outstanding.settle_by_ticket(connection, run.id) == 0
        assert connection.execute(select(REQUEST.c.state, REQUEST.c.ticket)).all() == [("accepted", "sms_9")]
        ids = connection.execute(select(MESSAGE.c.provider_message_id)).scalars().all()
    assert statuses(ledger) == ["accepted", "delivered", "accepted"]
    assert set(ids) == {"sms_9"}


def test_without_a_ticket_what_is_unknown_stays_so(ledger, handed_over):
    run = handed_over(2, MessageStatus.UNKNOWN)
    with ledger.writing() as connection:
        assert outstanding.settle_by_ticket(connection, run.id) == 0
    assert statuses(ledger) == ["unknown", "unknown"]


def test_only_the_attempt_that_never_arrived_is_planned_again(ledger, handed_over):
    run = handed_over(3, MessageStatus.UNKNOWN)
    with ledger.reading() as connection:
        first, second, third = connection.execute(select(MESSAGE.c.id).order_by(MESSAGE.c.id)).scalars()
    with ledger.writing() as connection:
        connection.execute(update(MESSAGE).where(MESSAGE.c.id == third).values(status="accepted"))
        assert outstanding.plan_again(connection, run.id, {first: 1, second: 2, third: 1}, reason="r") == 1
        chunk = connection.execute(select(CHUNK.c.state, CHUNK.c.handled)).one()
        assert leadership.settle_run(connection, run.id) == "stopped"
        assert "1 messages are left" in runs.get_run(connection, run.id).error
    assert statuses(ledger) == ["planned", "unknown", "accepted"]
    assert chunk == ("planned", 2)


def test_what_waits_for_a_receipt_for_too_long_is_closed(ledger, handed_over):
    run = handed_over(3)
    with ledger.writing() as connection:
        connection.execute(update(MESSAGE).where(MESSAGE.c.row_number == 2).values(status="unknown"))
        connection.execute(
            update(MESSAGE).where(MESSAGE.c.row_number == 3).values(claimed_at=utc_now() - 2 * HOUR)
        )
        closed = outstanding.close_without_receipt(
            connection, run.id, run.provider, reason="no_receipt", claimed_before=utc_now() - HOUR
        )
    assert closed == 1
    assert statuses(ledger) == ["unknown", "unconfirmed", "accepted"]


def test_what_the_ledger_knows_of_an_address_over_all_runs(ledger, handed_over):
    handed_over(2, MessageStatus.UNKNOWN, name="a")
    handed_over(1, MessageStatus.UNKNOWN, name="b")
    handed_over(1, ticket="sms_3", name="c")
    handed_over(1, MessageStatus.SENDING, name="d")
    first, second = "+12125550101", "+12125550102"
    with ledger.reading() as connection:
        assert outstanding.count_rivals(connection, "octopush", [first, second]) == {first: 3, second: 1}
        assert outstanding.count_rivals(connection, "bird", [first]) == {}
        assert outstanding.known_ids(connection, "octopush", [first], utc_now() - HOUR) == {"sms_3"}
        assert outstanding.known_ids(connection, "octopush", ["+1"], utc_now() + HOUR) == frozenset()
        assert outstanding.count_open_requests(connection, "octopush") == {None: 3}


def keep(ledger, *keys):
    with ledger.writing() as connection:
        add_events(
            connection,
            [
                EventToKeep(provider="octopush", kind="delivery", dedupe_key=key, payload={"k": key})
                for key in keys
            ],
        )


def test_an_event_is_kept_once_and_taken_until_it_is_closed(ledger):
    keep(ledger, "a", "b", "a")
    keep(ledger, "b", "c")
    with ledger.writing() as connection:
        assert [event.payload["k"] for event in take_events(connection, 10)] == ["a", "b", "c"]
        first, second, third = take_events(connection, 10)
        close_events(connection, {first.id: None, second.id: "it said\0 nothing"})
        put_off_events(connection, {third.id: utc_now() + HOUR})
        assert take_events(connection, 10) == []
        try_all_again(connection)
        assert [event.id for event in take_events(connection, 10)] == [third.id]
        kept = connection.execute(select(EVENT.c.error).order_by(EVENT.c.id)).scalars().all()
    assert kept == [None, "it said nothing", None]


def test_an_event_of_which_nothing_can_be_made_is_kept_for_a_person_and_not_read_again(ledger):
    with ledger.writing() as connection:
        add_events(
            connection,
            [EventToKeep(provider="octopush", kind="unknown", dedupe_key="x", payload={"raw": "?"}, error="why")],
        )
        assert take_events(connection, 10) == []
        assert connection.execute(select(EVENT.c.error)).scalar_one() == "why"
