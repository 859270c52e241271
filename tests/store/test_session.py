from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from tasks.messaging.statuses import Channel, Purpose
from tasks.store import consent
from tasks.store.inbox import take_events
from tasks.store.migrations.upgrade import migration_config
from tasks.store.outstanding import AWAITING_RECEIPT, claim_questions
from tasks.store.registry import find_suppressions
from tasks.store.session import Ledger, LedgerError, make_engine
from tasks.store.tables import Message

TABLES = {
    "campaign_run",
    "message",
    "exclusion",
    "chunk",
    "contact",
    "suppression",
    "provider_event",
    "reply",
    "provider_request",
    "sync_point",
}


def test_the_migrations_make_exactly_the_tables_of_the_models(ledger):
    with ledger.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []
    assert set(SQLModel.metadata.tables) >= TABLES


def test_opening_a_ledger_again_changes_nothing(ledger, database_url):
    with Ledger(database_url) as again, again.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_failed_transaction_leaves_nothing_behind(ledger):
    def fail_halfway():
        with ledger.writing() as connection:
            consent.add_suppressions(connection, Channel.SMS, ["+12125550101"], reason="x", source="y")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppression")).scalar_one() == 0


def test_foreign_keys_are_enforced(ledger):
    with pytest.raises(IntegrityError), ledger.writing() as connection:
        connection.execute(
            text("INSERT INTO exclusion (run_id, row_number, reason, detail) VALUES (99, 2, 'disabled', '')")
        )


def test_a_database_from_a_newer_version_is_refused(ledger, database_url):
    with ledger.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer"):
        Ledger(database_url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "sqlite:///data/rollcall.db"),
        ("mysql://localhost/x", "SQLite and PostgreSQL"),
        ("postgresql://user:hunter2@127.0.0.1:1/x", "cannot be opened"),
        ("sqlite:////proc/nowhere/ledger.db", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_with_its_remedy_and_without_its_password(url, said):
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger(url)
    assert "hunter2" not in str(caught.value)


def test_a_ledger_of_the_first_version_is_upgraded_with_everything_in_it(database_url):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(migration_config(connection), "0001")
    with engine.begin() as connection:
        for statement in (Path(__file__).parent / "rows_of_revision_0001.sql").read_text().split(";\n"):
            connection.exec_driver_sql(statement)
    engine.dispose()
    with Ledger(database_url) as ledger, ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
        assert connection.execute(select(Message.status, Message.claimed_at)).all() == [
            ("accepted", datetime(2026, 1, 5, 12, tzinfo=UTC))
        ]
        assert find_suppressions(connection, Channel.SMS, Purpose.MARKETING, ["+12125550101"])
        assert connection.execute(text("SELECT text, dedupe_key FROM reply")).all() == [("Thanks", None)]
        assert [event.payload for event in take_events(connection, 10)] == [{"a": 1}]
        [open_message] = claim_questions(
            connection,
            1,
            statuses=AWAITING_RECEIPT,
            at_least_old=timedelta(0),
            longest_pause=timedelta(hours=1),
            limit=10,
        )
        assert open_message.asked.claimed_at.year == 2026
