"""What senders that stop, die, come late or are stopped leave behind, and what others make of it."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, control, erasure, leadership, leases, outbox, outstanding, runs
from tasks.store.consent import add_suppressions
from tasks.store.delivery import apply_reports
from tasks.store.outbox import RecordedOutcome
from tasks.store.tables import Chunk, ChunkState, Message, RunState, utc_now
from tests.claims import DEAD, claim

CHUNK, MESSAGE = Chunk.__table__, Message.__table__
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def statuses(connection):
    return list(connection.execute(text("SELECT status FROM message ORDER BY id")).scalars())


def lose_answer(connection, run, chunk):
    """Claim the chunk's only message, and record that nobody knows what became of it."""
    [message] = outbox.planned_messages(connection, chunk)
    claim(connection, run, chunk, [message.id])
    lost = RecordedOutcome(message.id, 1, MessageStatus.UNKNOWN, reason="answer_timeout")
    outbox.record_outcomes(connection, chunk, [lost])
    chunks.release_chunk(connection, chunk, "me")
    return message


@pytest.mark.parametrize("late", [MessageStatus.REJECTED, MessageStatus.UNKNOWN, MessageStatus.PLANNED])
def test_a_late_outcome_of_an_earlier_attempt_says_nothing_of_this_one(ledger, plan, late):
    run, [chunk] = plan(1)
    with ledger.writing() as connection:
        [message] = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message.id], owner=DEAD)
        chunks.settle_abandoned(connection, run.id)
        assert outstanding.plan_again(connection, run.id, {message.id: 1}, reason="never_arrived") == 1
        assert claim(connection, run, chunk, [message.id], owner="second").message_ids == {message.id}
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(message.id, 1, late, reason="late")])
        assert statuses(connection) == ["sending"]
        accepted = RecordedOutcome(message.id, 2, MessageStatus.ACCEPTED, provider_message_id="second")
        outbox.record_outcomes(connection, chunk, [accepted])
        assert statuses(connection) == ["accepted"]


@pytest.mark.parametrize("withdrawn_by", ["cancellation", "opt-out"])
def test_what_may_have_arrived_is_not_called_cancelled_when_its_second_sending_is_withdrawn(
    ledger, plan, withdrawn_by
):
    run, [chunk] = plan(1)
    with ledger.writing() as connection:
        message = lose_answer(connection, run, chunk)
        outstanding.plan_again(connection, run.id, None, reason="resend_decided")
        if withdrawn_by == "cancellation":
            leadership.settle_run(connection, run.id)
            control.cancel_run(connection, run.id, by="Ada")
        else:
            add_suppressions(connection, run.channel, [message.address], reason="stop", source="test")
            assert claim(connection, run, chunk, [message.id]).withdrawn == 1
        assert statuses(connection) == ["unconfirmed"]
        receipt = StatusReport(status=MessageStatus.DELIVERED, raw_status="DELIVERED", reference=message.reference)
        apply_reports(connection, "octopush", [receipt], [utc_now()])
        assert statuses(connection) == ["delivered"]


def test_the_second_sending_stays_one_when_it_surely_did_not_leave(ledger, plan):
    run, [chunk] = plan(1)
    with ledger.writing() as connection:
        message = lose_answer(connection, run, chunk)
        outstanding.plan_again(connection, run.id, None, reason="resend_decided")
        claim(connection, run, chunk, [message.id])
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(message.id, 2, MessageStatus.PLANNED)])
        chunks.release_chunk(connection, chunk, "me")
        control.cancel_run(connection, run.id, by="Ada")
        assert statuses(connection) == ["unconfirmed"]


def test_nothing_is_claimed_of_a_chunk_that_is_anothers_nor_of_a_run_that_is_paused(ledger, plan):
    run, [chunk] = plan(3)
    of_run = {"channel": run.channel, "purpose": run.purpose}
    with ledger.writing() as connection:
        ids = [message.id for message in outbox.planned_messages(connection, chunk)]
        assert chunks.claim_chunk(connection, chunk, "other")
        mine = outbox.claim_messages(connection, chunk, run.id, ids, [], owner="me", **of_run)
        assert not mine.is_ours
        control.pause_run(connection, run.id, by="Ada")
        others = outbox.claim_messages(connection, chunk, run.id, ids, [], owner="other", **of_run)
        assert others.is_held_back
        assert not mine.message_ids | others.message_ids
        assert runs.count_statuses(connection, run.id) == {MessageStatus.PLANNED: 3}


def test_an_outcome_that_could_not_be_recorded_is_unknown_when_its_chunk_is_given_back(ledger, plan):
    run, [chunk] = plan(2)
    me = leases.process_name()
    with ledger.writing() as connection:
        one, _ = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [one.id], owner=me)
        assert chunks.settle_abandoned(connection, run.id) == 0  # who has it is alive
        assert chunks.release_chunk(connection, chunk, me) is ChunkState.PLANNED
        assert statuses(connection) == ["unknown", "planned"]
        assert runs.count_handled(connection, run.id) == (1, 2)


def test_a_chunk_that_was_taken_by_a_commit_whose_answer_was_lost_is_taken_by_the_next_try(ledger, plan):
    run, [one, two] = plan(3, 3)
    with ledger.writing() as connection:
        assert chunks.take_chunk(connection, run.id, "me") == one
        assert chunks.take_chunk(connection, run.id, "me") == one
        assert chunks.take_chunk(connection, run.id, "other") == two
        assert chunks.take_chunk(connection, run.id, "me", without=[one]) is None


@ON_POSTGRESQL
def test_a_chunk_that_somebody_only_looks_after_is_waited_for(ledger, plan):
    run, [chunk] = plan(3)
    taken: list[int | None] = []

    def take() -> None:
        with ledger.writing() as connection:
            taken.append(chunks.take_chunk(connection, run.id, "me"))

    with ledger.writing() as connection:
        connection.execute(select(CHUNK.c.id).with_for_update(key_share=True))
        taking = threading.Thread(target=take)
        taking.start()
        wait_for_lock(ledger)
    taking.join()
    assert taken == [chunk]


def wait_for_lock(ledger) -> None:
    """Until somebody waits for a row."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        with ledger.reading() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


@ON_POSTGRESQL
def test_cancelling_and_claiming_do_not_wait_in_a_circle(ledger, plan):
    run, [chunk] = plan(40)
    with ledger.writing() as connection:
        ids = [message.id for message in outbox.planned_messages(connection, chunk)]
        claim(connection, run, chunk, ids[:20])
        # Tried once and surely not sent: their rows lie at the end of the heap now.
        not_sent = [RecordedOutcome(message_id, 1, MessageStatus.PLANNED) for message_id in ids[:20]]
        outbox.record_outcomes(connection, chunk, not_sent)
    errors: list[OperationalError] = []

    def cancel() -> None:
        try:
            with ledger.writing() as connection:
                control.cancel_run(connection, run.id, by="Ada")
        except OperationalError as error:
            errors.append(error)

    with ledger.writing() as connection:
        locked = select(MESSAGE.c.id).order_by(MESSAGE.c.id).with_for_update(key_share=True)
        connection.execute(locked.where(MESSAGE.c.id == ids[0]))
        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        wait_for_lock(ledger)
        connection.execute(locked.where(MESSAGE.c.id.in_(ids)))
    cancelling.join()
    assert not errors


def test_what_turns_out_not_to_have_been_sent_of_a_cancelled_run_is_cancelled(ledger, plan):
    run, [chunk] = plan(1)
    leader, helper = leases.process_name(), leases.process_name()
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, leader)
        [message] = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message.id], owner=helper)
        control.cancel_run(connection, run.id, by="Ada")
        leadership.release_run(connection, run.id, leader, error=None)
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(message.id, 1, MessageStatus.PLANNED)])
        chunks.release_chunk(connection, chunk, helper)
        assert statuses(connection) == ["cancelled"]


def test_a_run_of_which_something_is_unknown_can_be_cancelled_and_is_never_sent_again(ledger, plan):
    run, [chunk] = plan(1)
    with ledger.writing() as connection:
        message = lose_answer(connection, run, chunk)
        assert leadership.settle_run(connection, run.id) is RunState.HANDED_OVER
        control.cancel_run(connection, run.id, by="Ada")
        outstanding.plan_again(connection, run.id, {message.id: 1}, reason="never_arrived")
        assert chunks.take_chunk(connection, run.id, "me") is None
        assert leadership.settle_run(connection, run.id) is RunState.FINISHED
        assert statuses(connection) == ["cancelled"]


def test_a_cancelled_run_has_nothing_left_to_do(ledger, plan):
    run, _ = plan(2, 2)
    with ledger.writing() as connection:
        assert control.cancel_run(connection, run.id, by="Ada") == 4
        assert leadership.settle_run(connection, run.id) is RunState.FINISHED
        assert runs.count_handled(connection, run.id) == (4, 4)
        assert not chunks.providers_to_take(connection, run.id)
        with pytest.raises(control.ControlRefused, match="was cancelled"):
            control.pause_run(connection, run.id, by="Ada")


def test_a_run_whose_leader_died_is_left_alone_while_somebody_helps(ledger, plan):
    run, [chunk, _] = plan(1, 1)
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, DEAD)
        [message] = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message.id], owner=leases.process_name())
        assert leadership.settle_run(connection, run.id) is RunState.SENDING
        assert statuses(connection) == ["sending", "planned"]


def test_an_operators_pause_outlives_that_of_a_flow_run(ledger, plan):
    run, _ = plan(1)
    flow_run = f"{control.FLOW_RUN}test"
    with ledger.writing() as connection:
        control.pause_run(connection, run.id, by=flow_run)
        control.pause_run(connection, run.id, by="Ada")
        assert not control.resume_run(connection, run.id, by=flow_run)
        assert "by Ada" in leadership.read_standing(connection, run.id).held_back
        assert control.resume_run(connection, run.id)
        assert leadership.read_standing(connection, run.id).held_back is None


def test_a_run_of_which_nobody_was_written_to_stays_planned_when_somebody_is_erased(ledger, plan):
    run, [chunk] = plan(3)
    with ledger.writing() as connection:
        person = erasure.Person(frozenset({outbox.planned_messages(connection, chunk)[0].address}))
        erasure.erase_person(connection, person, keep_suppressed=False)
        assert leadership.settle_run(connection, run.id) is RunState.PLANNED


@ON_POSTGRESQL
def test_what_has_just_left_is_not_looked_up_whatever_the_clock_of_its_host_says(ledger, plan):
    run, [chunk] = plan(1)
    with ledger.writing() as connection:
        lose_answer(connection, run, chunk)
        claimed_at = connection.execute(select(MESSAGE.c.claimed_at)).scalar_one()
        assert abs(leases.now_of(connection) - claimed_at) < timedelta(seconds=30)
        connection.execute(update(MESSAGE).values(next_poll_at=None))
        asked = outstanding.claim_questions(
            connection,
            run.id,
            run.provider,
            statuses=(MessageStatus.UNKNOWN,),
            at_least_old=timedelta(seconds=60),
            longest_pause=timedelta(hours=1),
            limit=10,
        )
        assert asked == []
