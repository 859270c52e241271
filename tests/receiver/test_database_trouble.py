"""A database that is locked, or that refuses an event: nothing is confirmed before it is safe, nothing is lost."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from deployments.receiver.group_commit import GroupCommit
from tasks.messaging.statuses import EventKind
from tasks.store.inbox import EventToKeep
from tests.receiver.receiver_process import SECRET

WAIT_SECONDS = 30

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What does not depend on the database."""


def wait_until(holds):
    for _ in range(int(WAIT_SECONDS / 0.02)):
        if holds():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to be")


@pytest.fixture
def together():
    """`together(wire, bodies)`: futures of answers to requests that are under way at the same time."""
    with ThreadPoolExecutor(20) as threads:

        def send(wire, bodies):
            url = f"{wire.url}/callbacks/plain/{SECRET}"
            return [threads.submit(httpx.post, url, content=body, timeout=30, trust_env=False) for body in bodies]

        yield send


@on_sqlite
def test_health_says_ok_only_while_events_can_be_written(start, locked):
    with start(health_seconds=0.2) as wire:
        wire.plain(b'{"id": "e1"}')
        unverifiable = ["unset"]
        answer = wire.request("GET", "/health")
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "waiting": 0, "kept": 1, "unverifiable": unverifiable}
        with locked():
            answer = wire.request("GET", "/health")
            assert answer.status_code == 503
            assert answer.json() == {
                "status": "unavailable",
                "waiting": 0,
                "kept": 1,
                "unverifiable": unverifiable,
            }
        wait_until(lambda: wire.health()["status"] == "ok")


def test_a_short_lock_is_waited_for(start, locked, together, kept):
    with start(health_seconds=0.1) as wire:
        with locked():
            answers = together(wire, [b'{"id": "%d"}' % n for n in range(10)])
            wait_until(lambda: wire.health()["waiting"] == 10)
            assert not any(answer.done() for answer in answers)
        assert [answer.result().status_code for answer in answers] == [200] * 10
        assert len(kept()) == 10


@on_sqlite
def test_a_long_lock_makes_the_provider_try_again_and_the_event_is_kept_all_the_same(start, locked, kept):
    with start(commit_seconds=0.2) as wire:
        with locked():
            answer = wire.plain(b'{"id": "e1"}')
            assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "5")
        wait_until(kept)
        assert wire.plain(b'{"id": "e1"}').status_code == 200
    assert [event.dedupe_key for event in kept()] == ["plain:e1"]


@pytest.mark.parametrize("limit", [{"max_waiting_events": 2}, {"max_waiting_bytes": 20}])
@on_sqlite
def test_when_too_many_wait_the_next_are_refused_at_once(start, locked, together, kept, limit):
    with start(health_seconds=0.1, **limit) as wire:
        with locked():
            answers = together(wire, [b'{"id": "e1"}', b'{"id": "e2"}'])
            wait_until(lambda: wire.health()["waiting"] == 2)
            answer = wire.plain(b'{"id": "e3"}')
            assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "5")
            assert not any(answer.done() for answer in answers)
        assert [answer.result().status_code for answer in answers] == [200, 200]
        assert wire.plain(b'{"id": "e3"}').status_code == 200
    assert {event.dedupe_key for event in kept()} == {"plain:e1", "plain:e2", "plain:e3"}


REFUSING = {
    "sqlite": """CREATE TRIGGER picky BEFORE INSERT ON provider_event WHEN NEW.dedupe_key = 'plain:5'
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END""",
    "postgresql": "ALTER TABLE provider_event ADD CONSTRAINT picky CHECK (dedupe_key <> 'plain:5')",
}


def test_an_event_that_the_database_refuses_is_kept_raw_and_does_not_hold_up_the_others(
    start, ledger, locked, together, kept, caplog
):
    with ledger.writing() as connection:
        connection.execute(text(REFUSING[connection.dialect.name]))
    with start(health_seconds=0.1) as wire:
        with locked():
            answers = together(wire, [b'{"id": "%d", "number": "+12025550123"}' % n for n in range(10)])
            wait_until(lambda: wire.health()["waiting"] == 10)
        assert [answer.result().status_code for answer in answers] == [200] * 10
    events = {event.dedupe_key: event for event in kept()}
    assert set(events) >= {f"plain:{n}" for n in range(10) if n != 5}
    [refused] = [event for key, event in events.items() if key.startswith("plain:refused:")]
    assert refused.payload == {"raw": '{"id": "5", "number": "+12025550123"}'}
    assert refused.error == "the database refused it: IntegrityError"
    assert "events wait: the database does not take them: IntegrityError" in caplog.text
    assert "5550123" not in caplog.text


@on_sqlite
def test_everything_that_was_taken_is_written_before_it_ends(start, locked, together, kept):
    with start(health_seconds=0.1) as wire, locked():
        answers = together(wire, [b'{"id": "%d"}' % n for n in range(10)])
        wait_until(lambda: wire.health()["waiting"] == 10)
    assert [answer.result().status_code for answer in answers] == [200] * 10
    assert len(kept()) == 10


def test_a_database_that_fails_for_a_while_is_tried_until_it_does_not(start, ledger, together, kept, caplog):
    def rename(table, name):
        with ledger.writing() as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))

    with start(health_seconds=0.1) as wire:
        rename("provider_event", "away")
        answers = together(wire, [b'{"id": "e1"}', b'{"id": "e2"}'])
        wait_until(lambda: wire.health()["waiting"] == 2)
        wait_until(lambda: "events wait: the database does not take them" in caplog.text)
        rename("away", "provider_event")
        assert [answer.result().status_code for answer in answers] == [200, 200]
    assert len(kept()) == 2
    assert "the database takes events again" in caplog.text


async def stop_while_locked(ledger, locked):
    commits = GroupCommit(ledger, max_waiting_events=10, max_waiting_bytes=1000)
    commits.start()
    event = EventToKeep(provider="plain", kind=EventKind.UNKNOWN, dedupe_key="plain:e1", payload={})
    with locked():
        committed = commits.add(event, 10)
        are_all_kept = await commits.stop(0.1)
        assert not committed.done()
    return are_all_kept


@on_sqlite
def test_a_database_that_stays_away_does_not_keep_it_from_ending(ledger, locked, caplog):
    assert not asyncio.run(stop_while_locked(ledger, locked))
    assert "1 events could not be kept; none of them was confirmed" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "group-commit":
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()
