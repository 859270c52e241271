"""A ledger of every earlier version is upgraded when it is opened, with everything in it, and goes on in use."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, inspect, select, text
from sqlmodel import SQLModel

from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.ownership import owned_run
from tasks.store import outbox, runs
from tasks.store.delivery import apply_reports
from tasks.store.inbox import take_events, try_all_again
from tasks.store.migrations.upgrade import changing_schema, migration_config, upgrade_schema
from tasks.store.outstanding import AWAITING_RECEIPT, ask_again, claim_questions
from tasks.store.registry import find_contacts, find_suppressions
from tasks.store.session import Ledger, LedgerError, make_engine
from tasks.store.sync_points import read_until
from tasks.store.tables import Chunk, Message
from tests.conftest import make_database

MESSAGE, CHUNK = Message.__table__, Chunk.__table__
REVISIONS = [script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()][::-1]
HEAD = REVISIONS[-1]
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

TABLES = {
    "campaign_run",
    "message",
    "exclusion",
    "chunk",
    "contact",
    "suppression",
    "provider_event",
    "reply",
    "sending_window",
    "provider_request",
    "sync_point",
    "erasure",
    "rerouting",
}


def rows_of(revision: str) -> Path:
    return Path(__file__).parent / f"rows_of_revision_{revision}.sql"


@contextmanager
def engine_of(url: str):
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def make_old_ledger(url: str, revision: str) -> None:
    """A database as a version of that revision left it."""
    with engine_of(url) as engine, engine.begin() as connection:
        command.upgrade(migration_config(connection), revision)
        for statement in rows_of(revision).read_text(encoding="utf-8").split(";\n"):
            connection.exec_driver_sql(statement)
        if connection.dialect.name == "postgresql":
            # The rows bring their own keys; the next ones come after them, as if the database had given those.
            for table in inspect(connection).get_table_names():
                if "id" in {column["name"] for column in inspect(connection).get_columns(table)}:
                    connection.exec_driver_sql(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608  # our tables
                    )


def count_rows(connection) -> dict[str, int]:
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar_one() for t in sorted(tables)}  # noqa: S608  # our tables


def revision_of(connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """With nothing in it: every ledger here is made by migrations."""
    return make_database(request.param, request, has_tables=False)


@pytest.fixture(
    params=[REVISIONS[0], *(pytest.param(one, marks=pytest.mark.long) for one in REVISIONS[1:-2]), REVISIONS[-2]]
)
def old_ledger(request, database_url):
    """An old ledger, opened by this version."""
    make_old_ledger(database_url, request.param)
    with Ledger(database_url) as ledger:
        yield ledger


def test_the_migrations_make_exactly_the_tables_of_the_models(ledger):
    with ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    assert set(SQLModel.metadata.tables) >= TABLES


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_has_a_ledger_to_upgrade_from(revision, tmp_path):
    """A new revision needs a file of rows, as its version writes them: copy the last one and add what is new."""
    assert rows_of(revision).exists(), f"{rows_of(revision).name} is missing"
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    make_old_ledger(url, revision)
    with engine_of(url) as engine, engine.begin() as connection:
        assert [table for table, rows in count_rows(connection).items() if not rows] == []


def test_an_old_ledger_is_upgraded_with_everything_in_it(old_ledger):
    with old_ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
        assert [message.status for message in connection.execute(select(MESSAGE).order_by(MESSAGE.c.id))] == [
            "accepted",
            "rejected",
            "sending",
            "unknown",
            "planned",
            "unconfirmed",
        ]
        first = connection.execute(select(MESSAGE).where(MESSAGE.c.id == 1)).one()
        assert (first.provider_message_id, first.cost, first.variables) == (
            "sms_1",
            Decimal("0.0525"),
            '{"first_name": "Zoë"}',
        )
        claimed = connection.execute(select(MESSAGE.c.status, MESSAGE.c.claimed_at)).all()
        assert {status for status, at in claimed if at is None} == {MessageStatus.PLANNED}
        assert runs.get_run(connection, 1).campaign == {"name": "spring"}
        assert runs.count_handled(connection, 1) == (3, 5)
        assert find_contacts(connection, Channel.SMS, ["+12125550109"])["+12125550109"].enabled is False
        for channel, address in ((Channel.SMS, "+12125550101"), (Channel.EMAIL, "bo@example.com")):
            assert find_suppressions(connection, channel, Purpose.MARKETING, [address]) == {
                address: "file" if channel is Channel.SMS else "a person"
            }
        assert not find_suppressions(connection, Channel.EMAIL, Purpose.TRANSACTIONAL, ["bo@example.com"])
        assert not find_suppressions(connection, Channel.SMS, Purpose.MARKETING, ["+12125550108"])
        assert connection.execute(text("SELECT text, message_id FROM reply")).all() == [("Thanks", 1)]
        assert connection.execute(text("SELECT count(*) FROM exclusion")).scalar_one() == 2
        assert connection.execute(text("SELECT next_at FROM rate_limit")).scalar_one() == 1767614400.25
        assert read_until(connection, "octopush 5d41402a opt-outs") in {None, NOON - timedelta(hours=2)}


def test_an_old_ledger_goes_on_being_sent(old_ledger):
    with owned_run(1) as ownership:
        assert ownership.abandoned == 1
        assert ownership.handed_over_before == 1
        with old_ledger.reading() as connection:
            planned = select(CHUNK.c.id).where(CHUNK.c.run_id == 1, CHUNK.c.state == "planned")
            chunks = list(connection.execute(planned.order_by(CHUNK.c.id)).scalars())
            left = [message for chunk in chunks for message in outbox.planned_messages(connection, chunk)]
    assert chunks == [2, 3]  # the dead sender's is free again
    assert [(message.reference, dict(message.variables)) for message in left] == [
        ("tokentok-6", {"first_name": "Bo"})
    ]
    with old_ledger.reading() as connection:
        assert runs.get_run(connection, 1).state == "stopped"
        assert runs.count_statuses(connection, 1) == {"accepted": 1, "rejected": 1, "unknown": 2, "planned": 1}
        assert connection.execute(text("SELECT state FROM provider_request ORDER BY id")).scalars().all() == [
            "accepted",
            "unknown",
        ]


def test_an_old_ledger_goes_on_being_reconciled(old_ledger):
    with old_ledger.writing() as connection:
        try_all_again(connection)
        ask_again(connection, 1)
        assert [event.payload for event in take_events(connection, 10)] == [{"a": 1}]
        [question] = claim_questions(
            connection,
            1,
            "octopush",
            statuses=AWAITING_RECEIPT,
            at_least_old=timedelta(0),
            longest_pause=timedelta(hours=1),
            limit=10,
        )
        assert (question.asked.ticket, question.asked.claimed_at.date()) == ("sms_1", NOON.date())
        reports = [
            StatusReport(status=MessageStatus.DELIVERED, raw_status="D", ticket="sms_1", address="+12125550101"),
            StatusReport(status=MessageStatus.DELIVERED, raw_status="D", reference="tokentok-5"),
        ]
        apply_reports(connection, "octopush", reports, [NOON, NOON])
        assert runs.count_statuses(connection, 1)[MessageStatus.DELIVERED] == 2


def test_opening_a_ledger_again_changes_nothing(ledger, database_url):
    with Ledger(database_url) as again, again.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(ledger, database_url):
    with ledger.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"9999.*made by a newer one. Upgrade Rollcall"):
        Ledger(database_url)
    with ledger.reading() as connection:
        assert revision_of(connection) == "9999"


OPEN = """
import sys
from tasks.store.session import Ledger
print("opening", flush=True)
with Ledger(sys.argv[1]) as ledger, ledger.reading() as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM message").scalar_one())
"""


def test_of_two_processes_that_open_an_old_ledger_one_upgrades_it_and_the_other_waits(database_url):
    make_old_ledger(database_url, REVISIONS[0])
    with (
        engine_of(database_url) as engine,
        engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as in_the_way,
    ):
        if in_the_way.dialect.name == "postgresql":
            in_the_way.exec_driver_sql("LOCK TABLE alembic_version")
        processes = [
            subprocess.Popen([sys.executable, "-c", OPEN, database_url], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in processes:  # both are on their way before either can begin
            assert process.stdout.readline() == "opening\n"
    assert [process.communicate(timeout=60)[0] for process in processes] == ["6\n", "6\n"]
    assert [process.returncode for process in processes] == [0, 0]
    with engine_of(database_url) as engine, engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [HEAD]


class PowerCut(Exception):
    pass


class Cut:
    """Interrupts the work on an engine before its nth statement; None lets all pass."""

    def __init__(self, engine) -> None:
        self.left: int | None = None
        event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise PowerCut


def test_an_upgrade_that_is_interrupted_anywhere_leaves_the_old_version(database_url):
    make_old_ledger(database_url, REVISIONS[0])

    def look(engine):
        with engine.begin() as connection:
            columns = {t: len(inspect(connection).get_columns(t)) for t in inspect(connection).get_table_names()}
            return revision_of(connection), columns, count_rows(connection)

    with engine_of(database_url) as engine:
        before = look(engine)
        cut = Cut(engine)

        def upgrade_until(statement: int) -> bool:
            cut.left = statement
            try:
                with changing_schema(engine) as connection:
                    upgrade_schema(connection)
            except PowerCut:
                return False
            finally:
                cut.left = None
            return True

        cuts = 0
        while not upgrade_until(3 + 12 * cuts):
            cuts += 1
            assert look(engine) == before
        assert cuts >= 3
        revision, _, rows = look(engine)
    assert revision == HEAD
    assert rows == before[2] | {table: 0 for table in rows if table not in before[2]}


def test_a_downgrade_keeps_the_rows_and_can_be_upgraded_again(database_url):
    """By the operator's hand: `alembic downgrade`. What only the newer version knows is lost."""
    make_old_ledger(database_url, HEAD)
    with engine_of(database_url) as engine:
        for revision in reversed(REVISIONS[:-1]):
            with changing_schema(engine) as connection:
                command.downgrade(migration_config(connection), revision)
        with engine.begin() as connection:
            rows = count_rows(connection)
            assert (rows["message"], rows["suppression"]) == (6, 3)
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1  # on again
    with Ledger(database_url) as ledger, ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
        assert connection.execute(select(func.count()).select_from(MESSAGE)).scalar_one() == 6
