"""Callbacks a second that the receiver keeps, how long each waits for its answer, and what `kill -9` costs.

The floor is a server of the same kind that reads the body, answers, and keeps nothing. Both are processes of their
own; the sender is this one, and repeats what is not answered with 2xx.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import select

from tasks.store.session import Ledger
from tasks.store.tables import ProviderEvent
from tests.bench.measurement import Measurement
from tests.receiver.octopush_deliveries import deliveries, shuffled_with_repeats
from tests.receiver.receiver_process import Started, receiver_process
from tests.receiver.retrying_sender import Sent, send_until_taken

CONNECTIONS = 64
STEADY_PER_SECOND = 1_000
STEADY_SECONDS = 20
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

_FLOOR = "a server of the same kind that keeps nothing"
_databases = count(1)


def measure(directory: Path, *, events: int, steady_seconds: int = STEADY_SECONDS) -> list[Measurement]:
    """As many events, a tenth of them twice, shuffled: as fast as it goes, and the same with a kill in the middle.

    The latencies are measured at a steady pace: at full speed they would only say how many connections there are.

    Raises:
        RuntimeError: An event that was answered with 2xx is not in the table once.
    """
    with _floor() as floor:
        floor_sent = _burst(floor.url, events)
        floor_steady = _steady(floor.url, steady_seconds)
    with _receiver(directory) as (receiver, database_url):
        sent = _burst(receiver.url, events)
        _check(database_url, sent, events)
        steady = _steady(receiver.url, steady_seconds, first=events)
    killed = _burst_with_kill(directory, events)
    return [
        Measurement(
            f"keep {sent.answered.total():,} callbacks",
            _per_second(sent),
            _per_second(floor_sent),
            "calls/s",
            _FLOOR,
        ),
        Measurement(
            "the same, kill -9 midway, 0 missing",
            _per_second(killed),
            _per_second(floor_sent),
            "calls/s",
            _FLOOR,
        ),
        *(
            Measurement(
                f"answer to a callback, {STEADY_PER_SECOND:,}/s, {name}",
                steady.latency_ms(share),
                floor_steady.latency_ms(share),
                "ms",
                _FLOOR,
            )
            for name, share in PERCENTILES.items()
        ),
    ]


@contextmanager
def _receiver(directory: Path) -> Iterator[tuple[Started, str]]:
    database_url = f"sqlite:///{directory / f'callbacks_{next(_databases)}.db'}"
    with receiver_process(database_url) as started:
        yield started, database_url


@contextmanager
def _floor() -> Iterator[Started]:
    with receiver_process("", module="tests.bench.empty_receiver") as started:
        yield started


def _burst(url: str, events: int) -> Sent:
    sent = Sent()
    order = shuffled_with_repeats(events)
    asyncio.run(send_until_taken(url, deliveries(url, events), order, connections=CONNECTIONS, sent=sent))
    return sent


def _steady(url: str, seconds: int, *, first: int = 0) -> Sent:
    sent = Sent()
    events = STEADY_PER_SECOND * seconds
    requests = deliveries(url, first + events)[first:]
    asyncio.run(
        send_until_taken(
            url, requests, range(events), connections=CONNECTIONS, sent=sent, per_second=STEADY_PER_SECOND
        )
    )
    return sent


def _burst_with_kill(directory: Path, events: int) -> Sent:
    """The whole time counts, that of starting again included."""
    sent = Sent()
    with ExitStack() as processes:
        first, database_url = processes.enter_context(_receiver(directory))
        requests, order = deliveries(first.url, events), shuffled_with_repeats(events)
        burst = threading.Thread(
            target=lambda: asyncio.run(
                send_until_taken(first.url, requests, order, connections=CONNECTIONS, sent=sent)
            )
        )
        burst.start()
        while len(sent.answered) < events / 2 and burst.is_alive():
            time.sleep(0.005)
        first.process.kill()
        first.process.wait()
        processes.enter_context(receiver_process(database_url, port=first.port))
        burst.join()
    if not sent.statuses[0]:
        raise RuntimeError("the burst was over before the kill")
    _check(database_url, sent, events)
    return sent


def _check(database_url: str, sent: Sent, events: int) -> None:
    table = ProviderEvent.__table__
    with Ledger(database_url) as ledger, ledger.reading() as connection:
        kept = [payload["message_id"] for payload in connection.scalars(select(table.c.payload))]
    everything = {f"sms_{n:08d}" for n in range(events)}
    if len(sent.answered) != events or len(kept) != events or set(kept) != everything:
        raise RuntimeError(f"{events:,} events, {len(sent.answered):,} confirmed, {len(kept):,} kept")


def _per_second(sent: Sent) -> float:
    return sent.answered.total() / sent.wall_seconds
