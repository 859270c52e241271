from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import StatementError

from tasks.messaging.statuses import MessageStatus
from tasks.store.bulk_updates import update_columns
from tasks.store.tables import Message

MESSAGE = Message.__table__
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def rows(connection):
    return connection.execute(select(MESSAGE).order_by(MESSAGE.c.id)).mappings().all()


def test_each_row_gets_its_own_values_and_keeps_all_others(ledger, plan):
    plan(4)
    with ledger.writing() as connection:
        before = rows(connection)
        new = {
            "status": [MessageStatus.DELIVERED, MessageStatus.SENT, MessageStatus.DELIVERED],
            "status_at": [NOON, NOON + timedelta(microseconds=1), NOON],
            "raw_status": ["DELIVERED", None, 'it\'s \\ "so", {NULL} \u2028'],
            "cost": [Decimal("0.05"), None, Decimal("0.1")],
            "row_number": [2**40, 7, 8],
        }
        update_columns(connection, MESSAGE, [row["id"] for row in before[1:]], new)
        after = rows(connection)
    assert after[0] == before[0]
    for place in range(3):
        told = {name: values[place] for name, values in new.items()}
        assert dict(after[place + 1]) == dict(before[place + 1]) | told


def test_no_rows_are_no_statement(ledger):
    with ledger.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *_: pytest.fail("a statement"))
        update_columns(connection, MESSAGE, [], {"raw_status": []})


def test_a_value_that_is_none_of_the_vocabulary_changes_nothing(ledger, plan):
    plan(2)
    with ledger.reading() as connection:
        before = rows(connection)
    with pytest.raises((ValueError, StatementError)), ledger.writing() as connection:
        update_columns(connection, MESSAGE, [row["id"] for row in before], {"status": ["sent", "teleported"]})
    with ledger.reading() as connection:
        assert rows(connection) == before
