"""Many who write at once on PostgreSQL: they wait for each other, and never in a circle.

Locks are taken in one order: the run, its chunks, requests, messages, suppressions; each by key.
"""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import OperationalError

from tasks.messaging.reports import ConsentReport, StatusReport
from tasks.messaging.statuses import Channel, EventKind, MessageStatus
from tasks.store.consent import add_suppressions, record_consent
from tasks.store.delivery import apply_reports
from tasks.store.inbox import EventToKeep, add_events
from tasks.store.outbox import RecordedOutcome, RecordedRequest, record_outcomes
from tasks.store.outstanding import ask_again, close_without_receipt, plan_again, settle_by_ticket
from tasks.store.session import Ledger, database_url
from tasks.store.tables import Message, ProviderRequest, RequestState

MESSAGE, REQUEST = Message.__table__, ProviderRequest.__table__
SIZE = 60
WORKERS = 6
ROUNDS = 12
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Crowd:
    """Workers with a connection each. In every round each of them runs one transaction, all at the same time."""

    def __init__(self, ledger: Ledger, url: str) -> None:
        self.deadlocks: list[str] = []
        with ledger.writing() as connection:
            # PostgreSQL looks for circles only after a wait of a second.
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'"))
        self._url = url

    def work(self, tasks) -> None:
        """Give each worker its own of these functions of a connection and a random generator, over and over."""
        barrier = threading.Barrier(WORKERS)

        def run(number: int) -> None:
            dice = random.Random(number)  # noqa: S311  # no secret
            with Ledger(self._url) as own:
                for turn in range(ROUNDS):
                    task = tasks[(number + turn) % len(tasks)]
                    barrier.wait(timeout=30)
                    try:
                        with own.writing() as connection:
                            task(connection, dice)
                    except OperationalError as error:
                        if not isinstance(error.orig, DeadlockDetected):
                            raise
                        self.deadlocks.append(
                            f"{task.__name__}: {error.orig.diag.message_detail} {error.statement}"
                        )

        with ThreadPoolExecutor(WORKERS) as threads:
            for working in [threads.submit(run, number) for number in range(WORKERS)]:
                working.result()


@pytest.fixture
def crowd(postgresql_ledger):
    return Crowd(postgresql_ledger, database_url())


@pytest.fixture
def lost(postgresql_ledger, plan_on_postgresql):
    """A run whose messages are all lost, in requests that a callback has told the ticket of, or will."""
    run, chunks = plan_on_postgresql(SIZE // 2, SIZE // 2)
    with postgresql_ledger.writing() as connection:
        ids = list(connection.execute(select(MESSAGE.c.id).order_by(MESSAGE.c.id)).scalars())
        requests = []
        for number in range(6):
            requests.append(
                connection.execute(
                    insert(REQUEST)
                    .values(
                        run_id=run.id,
                        chunk_id=chunks[number // 3],
                        provider=run.provider,
                        reference=f"{run.token}-r{number}",
                        state=RequestState.UNKNOWN,
                        size=10,
                    )
                    .returning(REQUEST.c.id)
                ).scalar_one()
            )
            connection.execute(
                update(MESSAGE)
                .where(MESSAGE.c.id.in_(ids[number * 10 : number * 10 + 10]))
                .values(status=MessageStatus.UNKNOWN, request_id=requests[-1], attempts=1, claimed_at=NOW)
            )
        # Rows that were written again lie elsewhere in the table: an UPDATE finds them in another order.
        for message_id in random.Random(1).sample(ids, 20):  # noqa: S311  # no secret
            connection.execute(update(MESSAGE).where(MESSAGE.c.id == message_id).values(country="CA"))
    return run, chunks, ids, requests


def test_whoever_writes_about_the_same_messages_waits_and_never_in_a_circle(crowd, lost):
    run, chunks, ids, requests = lost

    def receipts(connection, dice):
        reports = [
            StatusReport(
                status=None,
                raw_status=f"W{dice.random()}",
                reference=f"{run.token}-{dice.randrange(2, SIZE + 2)}",
            )
            for _ in range(40)
        ]
        reports += [
            StatusReport(
                status=None,
                raw_status="w",
                ticket=f"t{n}",
                request_reference=f"{run.token}-r{n}",
                address=f"+121255501{n:02d}",
            )
            for n in dice.sample(range(6), 6)
        ]
        apply_reports(connection, "octopush", reports, [NOW] * len(reports))

    def late_answers(connection, dice):
        chunk = dice.randrange(2)
        mine = ids[chunk * 30 : chunk * 30 + 30]
        outcomes = [RecordedOutcome(n, 1, MessageStatus.UNKNOWN, raw_status="x") for n in dice.sample(mine, 30)]
        of_chunk = requests[chunk * 3 : chunk * 3 + 3]
        answers = [RecordedRequest(n, RequestState.UNKNOWN, ticket=f"t{n}") for n in dice.sample(of_chunk, 3)]
        record_outcomes(connection, chunks[chunk], outcomes, answers)

    def searching(connection, dice):
        found = dict.fromkeys(dice.sample(ids, 40), 1)
        plan_again(connection, run.id, found, reason="absent")

    def losing(connection, _dice):  # so that there is something to find again
        in_order = select(MESSAGE.c.id).order_by(MESSAGE.c.id).with_for_update()
        connection.execute(
            update(MESSAGE)
            .where(MESSAGE.c.id.in_(in_order))
            .values(status=MessageStatus.UNKNOWN, request_id=requests[0])
        )

    def settling(connection, _dice):
        settle_by_ticket(connection, run.id)

    def closing(connection, _dice):
        ask_again(connection, run.id)
        close_without_receipt(
            connection,
            run.id,
            run.provider,
            reason="x",
            claimed_before=NOW - timedelta(days=1),
            statuses=(MessageStatus.UNKNOWN,),
        )

    crowd.work([receipts, late_answers, searching, losing, settling, closing])
    assert crowd.deadlocks == []


def test_whoever_learns_of_the_same_people_waits_and_never_in_a_circle(crowd):
    people = [f"+121255501{n:02d}" for n in range(40)]

    def importing(connection, dice):
        add_suppressions(connection, Channel.SMS, dice.sample(people, 30), reason="x", source="file")

    def opting_out(connection, dice):
        reports = [ConsentReport(channel=Channel.SMS, address=a, source="STOP") for a in dice.sample(people, 30)]
        record_consent(connection, "octopush", reports, [datetime.now(UTC)] * len(reports))

    def opting_in(connection, dice):
        reports = [
            ConsentReport(channel=Channel.SMS, address=a, source="START", is_opt_in=True)
            for a in dice.sample(people, 30)
        ]
        record_consent(connection, "octopush", reports, [datetime.now(UTC)] * len(reports))

    crowd.work([importing, opting_out, opting_in])
    assert crowd.deadlocks == []


def test_receivers_that_are_told_the_same_wait_and_never_in_a_circle(crowd):
    turn = iter(range(10_000))

    def receiving(connection, dice):
        keys = [f"octopush:{next(turn) // WORKERS // 30}:{n}" for n in range(30)]
        dice.shuffle(keys)
        events = [
            EventToKeep(provider="octopush", kind=EventKind.DELIVERY, dedupe_key=key, payload={}) for key in keys
        ]
        add_events(connection, events)

    crowd.work([receiving])
    assert crowd.deadlocks == []
