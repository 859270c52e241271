"""`kill -9` in the middle of a burst, with a sender that repeats what was not answered: nothing is missing."""

import asyncio
import threading
from contextlib import ExitStack

import pytest

from tests.receiver.octopush_deliveries import deliveries, shuffled_with_repeats
from tests.receiver.receiver_process import receiver_process
from tests.receiver.retrying_sender import Sent, send_until_taken

EVENTS = 2_000
KILLED_AFTER = 500


def tickets(events):
    return [int(event.payload["message_id"].removeprefix("sms_")) for event in events]


@pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"], indirect=True
)
def test_what_was_answered_survives_kill_9_and_the_rest_comes_again(database_url, kept):
    sent = Sent()
    with ExitStack() as processes:
        first = processes.enter_context(receiver_process(database_url))
        requests = deliveries(first.url, EVENTS)
        burst = threading.Thread(
            target=lambda: asyncio.run(
                send_until_taken(first.url, requests, shuffled_with_repeats(EVENTS), connections=32, sent=sent)
            )
        )
        burst.start()
        while len(sent.answered) < KILLED_AFTER:
            assert burst.is_alive()
            threading.Event().wait(0.001)
        first.process.kill()
        first.process.wait()
        answered = set(sent.answered)
        assert KILLED_AFTER <= len(answered) < EVENTS
        assert answered <= set(tickets(kept()))
        processes.enter_context(receiver_process(database_url, port=first.port))
        burst.join()
    assert set(sent.answered) == set(range(EVENTS))
    assert sent.answered.total() == EVENTS * 1.1
    assert sent.statuses[0] > 0
    assert sorted(tickets(kept())) == list(range(EVENTS))
