"""A database that is locked, or that refuses an event: nothing is confirmed before it is safe, nothing is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from tests.receiver.receiver_process import SECRET

WAIT_SECONDS = 30


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


def test_a_long_lock_makes_the_provider_try_again_and_the_event_is_kept_all_the_same(start, locked, kept):
    with start(commit_seconds=0.2) as wire:
        with locked():
            answer = wire.plain(b'{"id": "e1"}')
            assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "5")
        wait_until(kept)
        assert wire.plain(b'{"id": "e1"}').status_code == 200
    assert [event.dedupe_key for event in kept()] == ["plain:e1"]


@pytest.mark.parametrize("limit", [{"max_waiting_events": 2}, {"max_waiting_bytes": 20}])
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


def test_everything_that_was_taken_is_written_before_it_ends(start, locked, together, kept):
    with start(health_seconds=0.1) as wire, locked():
        answers = together(wire, [b'{"id": "%d"}' % n for n in range(10)])
        wait_until(lambda: wire.health()["waiting"] == 10)
    assert [answer.result().status_code for answer in answers] == [200] * 10
    assert len(kept()) == 10
