"""The database goes away: before a transaction, within it, or while its COMMIT is under way.

An error at COMMIT says nothing: it may have been done. So every writer is repeated here after both kinds of cut,
and what is in the ledger afterwards is what one undisturbed transaction leaves.
"""

import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import Pool

from tasks.closing import UnknownChoice, _decide
from tasks.messaging.reports import ConsentReport, ReplyReport, StatusReport
from tasks.messaging.statuses import Channel, EventKind, MessageStatus
from tasks.store import consent, inbox, outstanding, runs, sync_points
from tasks.store.chunks import claim_chunk, release_chunk
from tasks.store.columns import UtcDateTime
from tasks.store.delivery import apply_reports
from tasks.store.outbox import (
    RecordedOutcome,
    RequestToOpen,
    claim_messages,
    planned_messages,
    record_outcomes,
    undo_claim,
)
from tasks.store.registry import add_contacts
from tasks.store.session import Ledger, LedgerError, database_url
from tasks.store.tables import Chunk, Message, SQLModel
from tests.rows import columns_of
from tests.store.conftest import planning
from tests.store.cutting_proxy import cutting_proxy

MESSAGE, CHUNK = Message.__table__, Chunk.__table__
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

SENDER = "host:1:aa"
NOT_COMPARED = {
    "chunk": {"handled"},  # what the progress bar shows; counted anew when the chunk is given back
    "campaign_run": {"token"},
}


def contents(ledger) -> dict[str, list[dict[str, object]]]:
    """All rows, without keys that the database gives and without instants."""
    found = {}
    with ledger.reading() as connection:
        for table in SQLModel.metadata.sorted_tables:
            columns = [
                column
                for column in table.c
                if column.name != "id"
                and not isinstance(column.type, UtcDateTime)
                and column.name not in NOT_COMPARED.get(table.name, ())
            ]
            rows = connection.execute(select(*columns)).mappings()
            found[table.name] = sorted((dict(row) for row in rows), key=repr)
    return found


class Prepared:
    """A run of six messages in two chunks, some of them under way or lost."""

    def __init__(self, ledger) -> None:
        self.run, self.chunks = planning(ledger)(3, 3)
        with ledger.writing() as connection:
            self.ids = list(connection.execute(select(MESSAGE.c.id).order_by(MESSAGE.c.id)).scalars())
            for ids, status in ((self.ids[:3], MessageStatus.SENDING), (self.ids[3:], MessageStatus.UNKNOWN)):
                connection.execute(
                    update(MESSAGE).where(MESSAGE.c.id.in_(ids)).values(status=status, attempts=1, claimed_at=NOON)
                )
            for place, message_id in enumerate(self.ids):
                connection.execute(
                    update(MESSAGE).where(MESSAGE.c.id == message_id).values(reference=f"m-{place}")
                )
            inbox.add_events(
                connection,
                [
                    inbox.EventToKeep(
                        provider="octopush", kind=EventKind.DELIVERY, dedupe_key="first", payload={}
                    ),
                ],
            )
            self.event_id = connection.execute(text("SELECT id FROM provider_event")).scalar_one()


def record_answers(connection, it):
    outcomes = [
        RecordedOutcome(it.ids[0], 1, MessageStatus.ACCEPTED, "p-1", cost=Decimal("0.05")),
        RecordedOutcome(it.ids[1], 1, MessageStatus.PLANNED),
        RecordedOutcome(it.ids[2], 1, MessageStatus.REJECTED, reason="opted_out"),
    ]
    record_outcomes(connection, it.chunks[0], outcomes)


def apply_receipts(connection, it):
    reports = [
        StatusReport(status=MessageStatus.DELIVERED, raw_status="D", reference=f"m-{n}", cost=Decimal("0.05"))
        for n in range(6)
    ]
    apply_reports(connection, "octopush", reports, [NOON] * 6)


def hear_consent(connection, it):
    reports = [
        ConsentReport(channel=Channel.SMS, address=f"+121255501{n:02d}", is_opt_in=n > 3, at=NOON, source="STOP")
        for n in range(6)
    ]
    consent.record_consent(connection, "octopush", reports, [NOON] * 6)


def hear_replies(connection, it):
    replies = [ReplyReport(channel=Channel.SMS, address="+12125550102", text="Yes", dedupe_key="r", at=NOON)]
    consent.record_replies(connection, "octopush", replies, [NOON])


def import_suppressions(connection, it):
    consent.add_suppressions(connection, Channel.SMS, ["+12125550107", "+12125550108"], reason="x", source="file")


def keep_events(connection, it):
    events = [
        inbox.EventToKeep(provider="octopush", kind=EventKind.REPLY, dedupe_key=f"e-{n}", payload={"n": n})
        for n in range(3)
    ]
    inbox.add_events(connection, events)


def close_event(connection, it):
    inbox.close_events(connection, {it.event_id: "no JSON"})


def put_off_event(connection, it):
    inbox.put_off_events(connection, {it.event_id: NOON + timedelta(days=9)})


def search_again(connection, it):
    outstanding.plan_again(connection, it.run.id, {it.ids[3]: 1, it.ids[4]: 1}, reason="absent")


def close_lost(connection, it):
    outstanding.close_without_receipt(
        connection, it.run.id, it.run.provider, reason="x", claimed_before=NOON, statuses=(MessageStatus.UNKNOWN,)
    )


def note_how_far(connection, it):
    sync_points.advance(connection, "octopush opt-outs", NOON)


WRITERS = [
    record_answers,
    apply_receipts,
    hear_consent,
    hear_replies,
    import_suppressions,
    keep_events,
    close_event,
    put_off_event,
    search_again,
    close_lost,
    note_how_far,
]


def write(ledger, writer, it):
    with ledger.writing() as connection:
        writer(connection, it)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What one transaction of each writer leaves behind, one after another."""
    with Ledger(f"sqlite:///{tmp_path_factory.mktemp('undisturbed') / 'ledger.db'}") as ledger:
        it = Prepared(ledger)
        left = []
        for writer in WRITERS:
            write(ledger, writer, it)
            left.append(contents(ledger))
        return left


@pytest.fixture
def wire(request, postgresql_ledger):
    """A ledger whose connection can be cut."""
    with cutting_proxy(database_url()) as proxy:
        ledger = Ledger(proxy.url)
        yield ledger, proxy
        ledger.close()


@pytest.mark.parametrize(
    ("word", "arrives"),
    [("COMMIT", True), ("COMMIT", False), ("UPDATE", False), ("INSERT", False), ("BEGIN", False)],
)
def test_every_writer_may_be_repeated_after_a_cut_wherever_it_was(wire, undisturbed, word, arrives):
    ledger, proxy = wire
    it = Prepared(ledger)
    cuts = 0
    for writer, expected in zip(WRITERS, undisturbed, strict=True):
        proxy.cut_at(word, arrives=arrives)
        try:
            write(ledger, writer, it)
        except OperationalError:
            cuts += 1
            write(ledger, writer, it)  # by a new connection, of the same ledger
        assert contents(ledger) == expected, writer.__name__
    assert cuts >= (len(WRITERS) if word == "COMMIT" else 3)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_claim_of_which_nobody_knows_whether_it_was_committed_is_taken_back_and_made_once(wire, arrives):
    ledger, proxy = wire
    run, (chunk,) = planning(ledger)(3)
    with ledger.writing() as connection:
        assert claim_chunk(connection, chunk, SENDER)
        messages = planned_messages(connection, chunk)
    ids = [message.id for message in messages]

    def claim(connection):
        return claim_messages(
            connection,
            chunk,
            run.id,
            ids,
            [RequestToOpen("r-1", ids)],
            owner=SENDER,
            channel=run.channel,
            purpose=run.purpose,
        )

    proxy.cut_at("COMMIT", arrives=arrives)
    with pytest.raises(OperationalError), ledger.writing() as connection:
        claim(connection)
    with ledger.writing() as connection:
        undo_claim(connection, chunk, SENDER, {message.id: message.attempts for message in messages}, ["r-1"])
        claimed = claim(connection)
    assert claimed.message_ids == set(ids)
    with ledger.reading() as connection:
        found = connection.execute(select(MESSAGE.c.status, MESSAGE.c.attempts, MESSAGE.c.request_id)).all()
        assert set(found) == {(MessageStatus.SENDING, 1, claimed.request_ids["r-1"])}
        assert connection.execute(text("SELECT count(*) FROM provider_request")).scalar_one() == 1


def test_outcomes_that_were_recorded_twice_count_once_when_the_chunk_is_given_back(ledger):
    run, (chunk, _) = planning(ledger)(3, 3)
    with ledger.writing() as connection:
        claim_chunk(connection, chunk, SENDER)
        ids = [message.id for message in planned_messages(connection, chunk)]
        claim_messages(connection, chunk, run.id, ids, [], owner=SENDER, channel=run.channel, purpose=run.purpose)
    for _ in range(2):
        with ledger.writing() as connection:
            outcomes = [RecordedOutcome(message_id, 1, MessageStatus.ACCEPTED) for message_id in ids]
            record_outcomes(connection, chunk, outcomes)
    with ledger.writing() as connection:
        release_chunk(connection, chunk, SENDER)
        assert runs.count_handled(connection, run.id) == (3, 6)


def test_whoever_plans_a_run_again_after_an_answer_was_lost_finds_it_whole(wire):
    ledger, proxy = wire
    proxy.cut_at("COMMIT", arrives=True)
    with pytest.raises(OperationalError):
        planning(ledger)(2, 2)
    with pytest.raises(runs.RunExists):
        planning(ledger)(2, 2)
    with ledger.reading() as connection:
        run = runs.find_run(connection, "spring/1")
        runs.check_balance(connection, run)
        assert runs.count_statuses(connection, run.id) == {MessageStatus.PLANNED: 4}


@pytest.mark.parametrize("arrives", [True, False])
def test_a_decision_of_which_nobody_knows_whether_it_was_committed_is_not_called_refused(wire, arrives):
    ledger, proxy = wire
    it = Prepared(ledger)
    proxy.cut_at("COMMIT", arrives=arrives)
    assert _decide(ledger, it.run.id, UnknownChoice.CLOSE, expected=3, before=0) == 3
    with ledger.reading() as connection:
        assert runs.count_statuses(connection, it.run.id)[MessageStatus.UNCONFIRMED] == 3


def test_a_plan_that_did_not_arrive_left_nothing_and_is_made_again(wire):
    ledger, proxy = wire
    proxy.cut_at("COMMIT")
    with pytest.raises(OperationalError):
        planning(ledger)(2, 2)
    run, _ = planning(ledger)(2, 2)
    with ledger.reading() as connection:
        runs.check_balance(connection, run)


def test_a_copy_that_is_cut_leaves_nothing(wire):
    ledger, proxy = wire
    proxy.cut_at("+12125550142")
    with pytest.raises(OperationalError), ledger.writing() as connection:
        add_contacts(connection, columns_of([{"phone": f"+121255501{n:02d}", "fields": {}} for n in range(60)]))
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar_one() == 0


def test_what_the_url_says_of_a_connection_counts(postgresql_ledger):
    url = f"{database_url()}&options=-c%20search_path%3Dpublic%2Celsewhere"
    with Ledger(url) as ledger, ledger.reading() as connection:
        shown = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in ("search_path", "timezone")]
    assert shown == ["public,elsewhere", "UTC"]


def test_connections_that_the_server_closed_while_nobody_used_them_are_replaced(postgresql_ledger):
    with postgresql_ledger.reading() as connection:
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with Ledger(database_url()) as other, other.writing() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:own, 10000)"), {"own": own})
    with postgresql_ledger.writing() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != own


@contextmanager
def every_connection(*statements):
    """Connections that are opened meanwhile begin with these."""

    def prepare(connection, _record):
        for statement in statements:
            connection.execute(statement)

    event.listen(Pool, "connect", prepare)
    try:
        yield
    finally:
        event.remove(Pool, "connect", prepare)


@contextmanager
def full_disk(path):
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    with every_connection(f"PRAGMA max_page_count = {pages}"):
        yield


@contextmanager
def read_only_file(path):
    with every_connection("PRAGMA query_only = ON"):
        yield


@contextmanager
def long_lock(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with every_connection("PRAGMA busy_timeout = 20"):  # else a minute
            yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("trouble", "said"), [(full_disk, "full"), (read_only_file, "readonly"), (long_lock, "locked")]
)
def test_what_sqlite_cannot_write_is_an_error_that_may_be_retried_and_leaves_nothing(tmp_path, trouble, said):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(url) as ledger:
        it = Prepared(ledger)
        before = contents(ledger)
    people = [{"phone": f"+1212{n:07d}", "fields": {}} for n in range(5_000)]

    def load(ledger):
        with ledger.writing() as connection:
            record_answers(connection, it)
            add_contacts(connection, columns_of(people))

    with trouble(tmp_path / "ledger.db"), Ledger(url) as ledger:  # it can be opened, and read
        with pytest.raises(OperationalError, match=said):
            load(ledger)
        assert contents(ledger) == before
    with Ledger(url) as ledger:
        load(ledger)
        assert len(contents(ledger)["contact"]) == len(people)


WRITE_UNTIL_IT_IS_FULL = """
import resource, sys
from pathlib import Path
from sqlalchemy.exc import OperationalError
from tasks.store.registry import add_contacts
from tasks.store.session import Ledger

with Ledger(sys.argv[1]) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    for batch in range(100):
        try:
            with ledger.writing() as connection:
                add_contacts(connection, {"first_name": ["x" * 500] * 200, "fields": ["{}"] * 200})
        except OperationalError as error:
            print(batch)
            break
"""


def test_a_disk_that_is_full_at_commit_keeps_what_was_committed_and_nothing_else(tmp_path):
    """A real limit on the size of files: it is met when the journal is written, not when pages are asked for."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    writer = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_IT_IS_FULL, url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert writer.returncode == 0, writer.stderr
    with Ledger(url) as ledger, ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar_one() == 200 * int(writer.stdout)
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_a_ledger_of_another_version_on_a_full_disk_says_so(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with (
        every_connection("PRAGMA max_page_count = 2"),
        pytest.raises(LedgerError, match=r"cannot be opened.*full"),
    ):
        Ledger(url)
