from datetime import timedelta

import pytest
from sqlalchemy import text, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, leadership, leases, outbox, runs
from tasks.store.outbox import RecordedOutcome
from tasks.store.session import LedgerError
from tasks.store.tables import CampaignRun, ChunkState, RunState, utc_now
from tests.claims import DEAD, claim, free_chunks

ELSEWHERE = "another-host:17:aaaaaaaa"


def test_a_run_is_found_by_its_key_and_only_once_per_key(ledger, plan):
    run, _ = plan(3)
    with ledger.reading() as connection:
        assert runs.find_run(connection, "spring/1") == run
        assert runs.find_run(connection, "spring/2") is None
    with pytest.raises(runs.RunExists, match="spring/1"):
        plan(3)


def test_references_are_unique_over_runs(ledger, plan):
    plan(3)
    plan(3, run_key="2")
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(DISTINCT reference) FROM message")).scalar_one() == 6


def test_an_account_that_does_not_close_is_an_error(ledger, plan):
    run, _ = plan(3)
    with ledger.writing() as connection:
        runs.check_balance(connection, run)
        connection.execute(text("DELETE FROM message WHERE row_number = 2"))
        with pytest.raises(LedgerError, match="3 rows were read, but there are 2 messages and 0 exclusions"):
            runs.check_balance(connection, run)


def test_a_run_belongs_to_one_living_process(ledger, plan):
    run, _ = plan(3)
    mine = leases.process_name()
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, ELSEWHERE)
        with pytest.raises(leadership.RunBusy, match="process 17 on another-host"):
            leadership.acquire_run(connection, run.id, mine)


def test_a_run_is_taken_over_when_its_lease_has_passed(ledger, plan):
    run, _ = plan(3)
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, ELSEWHERE)
        connection.execute(update(CampaignRun).values(lease_until=utc_now() - timedelta(seconds=1)))
        leadership.acquire_run(connection, run.id, leases.process_name())


def test_a_run_is_taken_over_at_once_when_its_process_died_on_this_host(ledger, plan):
    run, _ = plan(3)
    with ledger.writing() as connection:
        leadership.acquire_run(
            connection, run.id, f"{leases.process_name().split(':')[0]}:{2**22 + 1}:aaaaaaaa"
        )  # no pid is that high
        leadership.acquire_run(connection, run.id, leases.process_name())


def test_a_lost_lease_cannot_be_renewed(ledger, plan):
    run, _ = plan(3)
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, ELSEWHERE)
        connection.execute(update(CampaignRun).values(lease_until=utc_now() - timedelta(seconds=1)))
        leadership.acquire_run(connection, run.id, leases.process_name())
        leases.renew(connection, run.id, ELSEWHERE)
        owner = connection.execute(text("SELECT owner FROM campaign_run")).scalar_one()
    assert owner != ELSEWHERE


def test_what_a_dead_process_left_in_sending_becomes_unknown_and_its_chunk_is_free(ledger, plan):
    run, (chunk,) = plan(3)
    with ledger.writing() as connection:
        first, *_ = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [first.id], owner=DEAD)
    with ledger.writing() as connection:
        assert chunks.settle_abandoned(connection, run.id) == 1
        assert runs.count_statuses(connection, run.id) == {MessageStatus.PLANNED: 2, MessageStatus.UNKNOWN: 1}
        assert free_chunks(connection, run.id) == [chunk]


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["planned", "accepted", "delivered"], RunState.STOPPED),
        (["accepted", "accepted", "delivered"], RunState.HANDED_OVER),
        (["delivered", "rejected", "cancelled"], RunState.FINISHED),
        (["unknown", "delivered", "delivered"], RunState.HANDED_OVER),
    ],
)
def test_a_run_is_given_back_in_the_state_of_its_messages(ledger, plan, statuses, state):
    run, _ = plan(3)
    with ledger.writing() as connection:
        for row, status in enumerate(statuses, start=2):
            connection.execute(text("UPDATE message SET status=:s WHERE row_number=:r"), {"s": status, "r": row})
        owner = leases.process_name()
        leadership.acquire_run(connection, run.id, owner)
        assert leadership.release_run(connection, run.id, owner, error=None) is state
        found = runs.get_run(connection, run.id)
    assert found.state is state
    assert (found.finished_at is not None) == (state is RunState.FINISHED)


def test_progress_counts_outcomes_but_not_messages_that_went_back_to_planned(ledger, plan):
    run, (chunk,) = plan(3)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [m.id for m in messages])
        outbox.record_outcomes(
            connection,
            chunk,
            [
                RecordedOutcome(messages[0].id, messages[0].attempts + 1, MessageStatus.ACCEPTED),
                RecordedOutcome(messages[1].id, messages[1].attempts + 1, MessageStatus.PLANNED),
                RecordedOutcome(messages[2].id, messages[2].attempts + 1, MessageStatus.UNKNOWN),
            ],
        )
        assert runs.count_handled(connection, run.id) == (2, 3)
        assert chunks.release_chunk(connection, chunk, "me") is ChunkState.PLANNED
