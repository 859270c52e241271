"""Which events are taken, and how they are found."""

from datetime import timedelta

from sqlalchemy import event

from tasks.messaging.statuses import EventKind
from tasks.store.inbox import EventToKeep, add_events, close_events, put_off_events, take_events
from tasks.store.tables import utc_now


def keep(ledger, *keys, **payload):
    events = [
        EventToKeep(provider="octopush", kind=EventKind.DELIVERY, dedupe_key=key, payload={"key": key, **payload})
        for key in keys
    ]
    with ledger.writing() as connection:
        add_events(connection, events)


def test_new_events_come_before_those_that_were_put_off_and_are_due(ledger):
    keep(ledger, "a", "b", "c", "d", "e")
    with ledger.writing() as connection:
        a, b, c, d, e = take_events(connection, 10)
        then = utc_now() - timedelta(minutes=1)
        put_off_events(
            connection, {a.id: then, b.id: then - timedelta(hours=1), c.id: utc_now() + timedelta(days=1)}
        )
        close_events(connection, {d.id: None})
        assert [one.payload["key"] for one in take_events(connection, 10)] == ["e", "b", "a"]
        assert [one.payload["key"] for one in take_events(connection, 2)] == ["e", "b"]
        assert take_events(connection, 1) == [e]


def test_payloads_come_as_they_were_kept(ledger):
    odd = {
        "text": 'é "quoted" \\ ] , [ \u2028',
        "number": 10**30,
        "share": 0.1,
        "none": None,
        "deep": [{"a": [1]}],
    }
    keep(ledger, "a", **odd)
    keep(ledger, "b")
    with ledger.writing() as connection:
        first, second = take_events(connection, 10)
    assert first.payload == {"key": "a", **odd}
    assert second.payload == {"key": "b"}
    assert first.received_at.tzinfo is not None


def test_unread_events_are_found_by_an_index_and_never_sorted(ledger):
    keep(ledger, *(f"{number:04d}" for number in range(300)))
    with ledger.writing() as connection:
        close_events(connection, dict.fromkeys((one.id for one in take_events(connection, 290)), None))
    asked = []
    with ledger.writing() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # of ten rows it reads all
        event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        assert len(take_events(connection, 20)) == 10
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        for statement, parameters in asked[:2]:
            plan = str(connection.exec_driver_sql(explain + statement, parameters).all())
            assert "ix_provider_event_unprocessed" in plan
            assert "Sort" not in plan
            assert "TEMP B-TREE" not in plan
