"""Callbacks a second from the inbox into the statuses of messages.

A tenth of the callbacks comes twice, all of them in a random order, and 2 % before the answer of the request that
they are about was recorded. They go through the receiver, over HTTP; reading them is what is measured. The floor
updates the same rows by their primary key, in transactions of the same size, and reads nothing.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from sqlalchemy import bindparam, select, update

from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.reconcile import drain_inbox
from tasks.store import outbox, runs
from tasks.store.outbox import RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.session import Ledger
from tasks.store.tables import Message, RequestState
from tests.bench.measurement import Measurement
from tests.bench.people import fictional_numbers
from tests.claims import claim
from tests.receiver.octopush_deliveries import shuffled_with_repeats
from tests.receiver.receiver_process import SECRET, receiver_process
from tests.receiver.retrying_sender import Sent, post, send_until_taken
from tests.rows import columns_of

_MESSAGE = Message.__table__
_RECIPIENTS_A_REQUEST = 500
_RUN_SIZE = 25_000
_EARLY_SHARE = 0.02
_FLOOR_TRANSACTION = 2_000
_CONNECTIONS = 64


def measure(directory: Path, *, messages: int) -> Measurement:
    """Hand over so many messages, be called about each, and read it.

    Raises:
        RuntimeError: A message has another status than its callback told.
    """
    database_url = f"sqlite:///{directory / f'receipts_{messages}.db'}"
    with Ledger(database_url) as ledger:
        answered, early = _hand_over(ledger, messages)
        with receiver_process(database_url) as receiver:
            requests = [_callback(receiver.url, *told) for told in (*answered, *early)]
            asyncio.run(
                send_until_taken(
                    receiver.url, requests, shuffled_with_repeats(messages), connections=_CONNECTIONS, sent=Sent()
                )
            )
        with _as_the_ledger(database_url):
            started = time.perf_counter()
            read = drain_inbox.fn(most=10 * messages)
            seconds = time.perf_counter() - started
        with ledger.reading() as connection:
            wrong = set(connection.execute(select(_MESSAGE.c.status)).scalars()) - {MessageStatus.DELIVERED}
        if wrong or read.taken != messages:
            raise RuntimeError(
                f"{read.taken:,} of {messages:,} callbacks were read; statuses besides delivered: {wrong}"
            )
        floor_seconds = _update_by_id(ledger)
    return Measurement(
        f"read {messages:,} callbacks into statuses",
        messages / seconds,
        messages / floor_seconds,
        "calls/s",
        "the same rows updated by primary key, nothing read",
    )


def _hand_over(ledger: Ledger, messages: int) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """Runs of so many messages.

    Returns:
        (ticket, name of the list, number) of messages whose answer is recorded, and of those whose is not.
    """
    dice = random.Random(5)  # noqa: S311  # which request is slow is no secret
    answered: list[tuple[str, str, str]] = []
    early: list[tuple[str, str, str]] = []
    for number, first in enumerate(range(0, messages, _RUN_SIZE)):
        size = min(_RUN_SIZE, messages - first)
        with ledger.writing() as connection:
            run, [chunk_id] = runs.create_run(
                connection,
                name=f"bench-{number}",
                run_key="1",
                channel=Channel.SMS,
                provider="octopush",
                purpose=Purpose.TRANSACTIONAL,
                rows_read=size,
                digest="",
                campaign={},
                content={},
                options={},
                source_sha256="",
                chunk_sizes=[size],
            )
            people = [
                {"row_number": row, "address": address, "country": "US", "parts": 1, "chunk_id": chunk_id}
                | {"external_code": None, "variables": None}
                for row, address in enumerate(fictional_numbers(size), 2)
            ]
            runs.add_messages(connection, run, columns_of(people))
            planned = iter(outbox.planned_messages(connection, chunk_id))
        while batch := list(islice(planned, _RECIPIENTS_A_REQUEST)):
            reference = f"{run.token}-{batch[0].row_number}-1"
            ticket = f"sms_{reference}"
            ids = [message.id for message in batch]
            with ledger.writing() as connection:
                claimed = claim(connection, run, chunk_id, ids, [RequestToOpen(reference, ids)])
            told = [(ticket, reference, message.address) for message in batch]
            if dice.random() < _EARLY_SHARE:
                early += told
                continue
            answered += told
            with ledger.writing() as connection:
                outbox.record_outcomes(
                    connection,
                    chunk_id,
                    [RecordedOutcome(message_id, 1, MessageStatus.ACCEPTED, ticket) for message_id in ids],
                    [RecordedRequest(claimed.request_ids[reference], RequestState.ACCEPTED, ticket=ticket)],
                )
    return answered, early


def _callback(url: str, ticket: str, reference: str, number: str) -> bytes:
    body = {
        "channel": "sms",
        "message_id": ticket,
        "list_name": reference,
        "number": number,
        "status": "DELIVERED",
        "unit_price": 0.05,
        "delivery_date": "2026-01-05 11:46:06",
        "meta_data": {},
    }
    return post(
        f"{url}/callbacks/octopush/{SECRET}",
        json.dumps(body).encode(),
        "content-type: application/json\r\naccept: */*\r\nuser-agent: octopush\r\n",
    )


@contextmanager
def _as_the_ledger(database_url: str) -> Iterator[None]:
    before = os.environ.get("ROLLCALL_DATABASE_URL")
    os.environ["ROLLCALL_DATABASE_URL"] = database_url
    try:
        yield
    finally:
        if before is None:
            del os.environ["ROLLCALL_DATABASE_URL"]
        else:
            os.environ["ROLLCALL_DATABASE_URL"] = before


def _update_by_id(ledger: Ledger) -> float:
    with ledger.reading() as connection:
        ids: Sequence[int] = connection.execute(select(_MESSAGE.c.id)).scalars().all()
    statement = update(_MESSAGE).where(_MESSAGE.c.id == bindparam("message_id")).values(reason=bindparam("why"))
    started = time.perf_counter()
    for first in range(0, len(ids), _FLOOR_TRANSACTION):
        with ledger.writing() as connection:
            rows = [{"message_id": each, "why": "x"} for each in ids[first : first + _FLOOR_TRANSACTION]]
            connection.execute(statement, rows)
    return time.perf_counter() - started
