import traceback
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from tasks.messaging.statuses import Channel, ExclusionReason, MessageStatus
from tasks.store import consent, registry
from tasks.store.bulk import insert_columns
from tasks.store.tables import Contact, Exclusion, Message, SyncPoint
from tests.rows import columns_of

MESSAGE, EXCLUSION, CONTACT, POINT = (
    Message.__table__,
    Exclusion.__table__,
    Contact.__table__,
    SyncPoint.__table__,
)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ANN = "+12125550101"


def message(run, chunk, row_number, **values):
    return {
        "run_id": run.id,
        "chunk_id": chunk,
        "reference": f"x-{row_number}",
        "row_number": row_number,
        "address": ANN[:-2] + f"{row_number:02d}",
        "status": MessageStatus.PLANNED,
        "provider": "octopush",
        "attempts": 0,
        "status_at": NOON,
    } | values


def test_every_kind_of_value_comes_back_as_it_was_given(ledger, plan):
    run, (chunk,) = plan(0)
    told = {
        "variables": '{"a": "tab\\t"}',
        "reason": "a\tb\\N\nc\r\\.",
        "raw_status": "\\N",
        "unknown_word": "",
        "cost": Decimal("0.0525"),
        "claimed_at": NOON,
        "country": None,
    }
    fields = {"first": "Zoë \U0001f600", "quote": '"\\', "none": None, "number": 1.5}
    with ledger.writing() as connection:
        insert_columns(connection, MESSAGE, columns_of([message(run, chunk, 2, **told)]))
        registry.add_contacts(connection, columns_of([{"phone": ANN, "enabled": False, "fields": fields}]))
    with ledger.reading() as connection:
        kept = connection.execute(select(MESSAGE)).mappings().one()
        contact = connection.execute(select(CONTACT)).mappings().one()
    assert {name: kept[name] for name in told} == told
    assert (kept["status"], kept["status_at"], kept["next_poll_at"]) == (MessageStatus.PLANNED, NOON, None)
    assert (contact["fields"], contact["enabled"], contact["email"]) == (fields, False, None)


def test_no_rows_are_no_statement(ledger):
    with ledger.writing() as connection:
        insert_columns(connection, MESSAGE, columns_of([]))


def test_a_default_that_only_python_knows_is_asked_for(ledger, plan):
    run, (chunk,) = plan(0)
    row = message(run, chunk, 2)
    del row["attempts"]
    with pytest.raises(ValueError, match="attempts"), ledger.writing() as connection:
        insert_columns(connection, MESSAGE, columns_of([row]))


def test_columns_of_different_lengths_are_refused(ledger, plan):
    run, (chunk,) = plan(0)
    columns = columns_of([message(run, chunk, 2), message(run, chunk, 3)])
    columns["reason"] = ["x"]
    with pytest.raises(ValueError, match="not equally long"), ledger.writing() as connection:
        insert_columns(connection, MESSAGE, columns)


def test_a_word_that_is_not_in_the_vocabulary_and_an_instant_without_a_zone_are_refused(ledger, plan):
    run, (chunk,) = plan(0)
    for value in ({"status": "lost"}, {"status_at": NOON.replace(tzinfo=None)}):
        # SQLAlchemy wraps on the way into a statement, COPY does not: a ValueError is at the bottom of both.
        with pytest.raises(Exception, match=r"not a valid|time zone") as caught, ledger.writing() as connection:
            insert_columns(connection, MESSAGE, columns_of([message(run, chunk, 2, **value)]))
        assert isinstance(getattr(caught.value, "orig", caught.value), ValueError)


def test_it_is_a_part_of_the_callers_transaction(ledger, plan):
    run, (chunk,) = plan(0)

    def fail_afterwards():
        with ledger.writing() as connection:
            insert_columns(connection, MESSAGE, columns_of([message(run, chunk, 2)]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_afterwards()
    with ledger.writing() as connection:
        with pytest.raises(IntegrityError), connection.begin_nested():
            insert_columns(connection, MESSAGE, columns_of([message(run, chunk, n, address=ANN) for n in (2, 3)]))
        assert connection.execute(select(MESSAGE.c.id)).all() == []
        insert_columns(connection, MESSAGE, columns_of([message(run, chunk, 2)]))
    with ledger.reading() as connection:
        assert len(connection.execute(select(MESSAGE.c.id)).all()) == 1


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def assert_tells_nothing(error: BaseException, *values: str) -> None:
    said = everything_said(error)
    assert not [value for value in values if value in said]


def test_a_repeated_address_is_an_integrity_error_that_does_not_tell_the_address(ledger, plan):
    run, (chunk,) = plan(0)
    rows = [message(run, chunk, n, address=ANN) for n in (2, 3)]
    with pytest.raises(IntegrityError) as caught, ledger.writing() as connection:
        insert_columns(connection, MESSAGE, columns_of(rows))
    assert "message" in str(caught.value)
    assert_tells_nothing(caught.value, ANN)


def test_an_ordinary_insert_does_not_tell_the_address_either(ledger, plan):
    run, (chunk,) = plan(0)
    rows = [message(run, chunk, n, address=ANN) for n in (2, 3)]
    with pytest.raises(IntegrityError) as caught, ledger.writing() as connection:
        connection.execute(insert(MESSAGE), rows)
    assert_tells_nothing(caught.value, ANN)


def test_a_missing_value_is_an_integrity_error_that_does_not_tell_the_row(ledger, plan):
    run, _ = plan(0)
    row = {"run_id": run.id, "row_number": 2, "address": ANN, "reason": ExclusionReason.DUPLICATE, "detail": None}
    with pytest.raises(IntegrityError) as caught, ledger.writing() as connection:
        insert_columns(connection, EXCLUSION, columns_of([row]))
    assert_tells_nothing(caught.value, ANN)


@pytest.mark.parametrize("phone", ["+1212\x00" + "555", "+1" + "2" * 30])
def test_what_postgresql_does_not_take_is_a_data_error_without_the_value(postgresql_ledger, phone):
    name = "Smith" + "ereens"  # not in one piece: a traceback shows this line
    with pytest.raises(DataError) as caught, postgresql_ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([{"phone": phone, "fields": {}, "last_name": name}]))
    assert_tells_nothing(caught.value, phone, name)


def test_a_name_that_no_utf8_can_hold_is_refused_before_it_is_stored(ledger):
    with pytest.raises(UnicodeEncodeError), ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([{"last_name": "\ud83d", "fields": {}}]))
    with ledger.reading() as connection:
        assert connection.execute(select(CONTACT.c.id)).all() == []


def test_a_connection_that_dies_in_a_copy_is_an_operational_error_and_is_not_used_again(postgresql_ledger):
    ledger = postgresql_ledger

    def rows_until_the_connection_dies():
        with ledger.writing() as connection:
            own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with ledger.writing() as other:
                other.execute(text("SELECT pg_terminate_backend(:own, 10000)"), {"own": own})
            insert_columns(
                connection, POINT, columns_of([{"name": f"n{n}", "read_until": NOON} for n in range(20_000)])
            )

    with pytest.raises(OperationalError) as caught:
        rows_until_the_connection_dies()
    assert caught.value.connection_invalidated
    with ledger.writing() as connection:
        assert connection.execute(select(POINT.c.name)).all() == []


def test_a_list_with_repeats_forbids_each_address_once(ledger):
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, [ANN, "+12125550102", ANN], reason="x", source="a file")
        consent.add_suppressions(connection, Channel.SMS, [], reason="x", source="nobody")
        found = connection.execute(text("SELECT address, source FROM suppression ORDER BY address")).all()
    assert found == [(ANN, "a file"), ("+12125550102", "a file")]
