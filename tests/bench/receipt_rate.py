"""Callbacks a second from the inbox into the statuses of messages.

Half of the messages went through a provider that tells a request's ticket and the number, the other half through
one that tells the message's id. Callbacks come in a random order, each about half a minute after its sending; a
tenth of them twice, and 2 % of the former before the answer of the request that they are about was recorded. They
are put into the inbox as the receiver does it, only not over HTTP; reading them is what is measured. The floor
updates the same rows by their primary key, in transactions of a fixed size, and reads nothing.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from deployments.receiver.intake import Intake
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.providers.registry import load_callbacks
from tasks.providers.reports import CallbackRequest
from tasks.reconcile import drain_inbox
from tasks.store import outbox, runs
from tasks.store.inbox import add_events
from tasks.store.outbox import PlannedMessage, RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.session import Ledger
from tasks.store.tables import Message, ProviderEvent, RequestState
from tests.bench.measurement import Measurement
from tests.bench.people import fictional_numbers
from tests.bench.places import environment, new_database, postgresql_server
from tests.claims import claim
from tests.rows import columns_of

_MESSAGE, _EVENT = Message.__table__, ProviderEvent.__table__
_CLAIMED_AT_ONCE = 500
_RUN_SIZE = 25_000
_EARLY_SHARE = 0.02
_REPEATED_SHARE = 0.1
_DELAY = 10_000
"""Messages that are sent, on average, from a message to the callback about it: half a minute's."""
_TRANSACTION = 2_000
_FLOOR = "the same rows updated by primary key, nothing read"
_FILES = count(1)


def measure(directory: Path, *, messages: int) -> list[Measurement]:
    """On SQLite and on PostgreSQL."""
    on_sqlite = measure_on("SQLite", f"sqlite:///{directory / f'receipts_{next(_FILES)}.db'}", messages=messages)
    with postgresql_server(directory) as server:
        return [on_sqlite, measure_on("PostgreSQL", new_database(server), messages=messages)]


def measure_on(database: str, database_url: str, *, messages: int) -> Measurement:
    """Hand over so many messages, keep a callback about each, and read all of them.

    Raises:
        RuntimeError: A message has another status than its callback told.
    """
    with Ledger(database_url) as ledger:
        hand_over_and_be_called(ledger, messages)
        with environment({"ROLLCALL_DATABASE_URL": database_url}):
            started = time.perf_counter()
            read = drain_inbox.fn(most=10 * messages)
            seconds = time.perf_counter() - started
        _check(ledger, read.taken, messages)
        floor_seconds = _update_by_id(ledger)
    return Measurement(
        f"read {messages:,} callbacks into statuses, {database}",
        messages / seconds,
        messages / floor_seconds,
        "calls/s",
        _FLOOR,
    )


def hand_over_and_be_called(ledger: Ledger, messages: int) -> None:
    """Runs of two providers with so many messages between them, and a callback about each in the inbox."""
    half = messages // 2
    bodies = [("octopush", body) for body in _hand_over(ledger, "octopush", half, _octopush_bodies)]
    bodies += [("bird", body) for body in _hand_over(ledger, "bird", messages - half, _bird_bodies)]
    intakes = {}
    for provider in {provider for provider, _ in bodies}:
        reader = load_callbacks(provider)
        assert reader is not None
        intakes[provider] = Intake(provider, reader)
    told_in_order = _delayed(bodies, half)
    for first in range(0, len(told_in_order), _TRANSACTION):
        told = told_in_order[first : first + _TRANSACTION]
        events = [
            intakes[provider].event_of(CallbackRequest(url="", headers={}, body=body)) for provider, body in told
        ]
        with ledger.writing() as connection:
            add_events(connection, events)


def _delayed(bodies: Sequence[tuple[str, bytes]], half: int) -> list[tuple[str, bytes]]:
    """The order in which they come: both runs at once, each some time after its sending, a tenth of them twice."""
    dice = random.Random(4)  # noqa: S311  # an order is no secret
    coming = [
        (place % half + dice.expovariate(1 / _DELAY), place)
        for place in (*range(len(bodies)), *dice.sample(range(len(bodies)), round(len(bodies) * _REPEATED_SHARE)))
    ]
    return [bodies[place] for _, place in sorted(coming)]


def _hand_over(
    ledger: Ledger,
    provider: str,
    messages: int,
    bodies_of: Callable[[str, Sequence[PlannedMessage]], list[bytes]],
) -> list[bytes]:
    """Runs of so many messages; returns the body of a callback about each."""
    dice = random.Random(5)  # noqa: S311  # which request is slow is no secret
    bodies = []
    for number, first in enumerate(range(0, messages, _RUN_SIZE)):
        size = min(_RUN_SIZE, messages - first)
        with ledger.writing() as connection:
            run, [chunk_id] = runs.create_run(
                connection,
                name=f"bench-{provider}-{number}",
                run_key="1",
                channel=Channel.SMS,
                provider=provider,
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
            planned = outbox.planned_messages(connection, chunk_id)
        for place in range(0, size, _CLAIMED_AT_ONCE):
            batch = planned[place : place + _CLAIMED_AT_ONCE]
            reference = f"{run.token}-{batch[0].row_number}-1"
            ids = [message.id for message in batch]
            bodies += bodies_of(reference, batch)
            with ledger.writing() as connection:
                requests = [RequestToOpen(reference, ids)] if bodies_of is _octopush_bodies else []
                opened = claim(connection, run, chunk_id, ids, requests).request_ids
            if requests and dice.random() < _EARLY_SHARE:
                continue
            answered = [
                RecordedRequest(id_, RequestState.ACCEPTED, ticket=_ticket(reference)) for id_ in opened.values()
            ]
            with ledger.writing() as connection:
                outcomes = [
                    RecordedOutcome(
                        id_, 1, MessageStatus.ACCEPTED, _ticket(reference) if requests else _message_id(id_)
                    )
                    for id_ in ids
                ]
                outbox.record_outcomes(connection, chunk_id, outcomes, answered)
    return bodies


def _ticket(reference: str) -> str:
    return f"sms_{reference}"


def _message_id(number: int) -> str:
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))


def _octopush_bodies(reference: str, messages: Sequence[PlannedMessage]) -> list[bytes]:
    return [
        json.dumps(
            {
                "channel": "sms",
                "message_id": _ticket(reference),
                "list_name": reference,
                "number": message.address,
                "status": "DELIVERED",
                "unit_price": 0.05,
                "delivery_date": f"2026-01-05 11:{message.id % 60:02d}:{message.id // 60 % 60:02d}",
                "meta_data": {},
            }
        ).encode()
        for message in messages
    ]


def _bird_bodies(_reference: str, messages: Sequence[PlannedMessage]) -> list[bytes]:
    return [
        json.dumps(
            {
                "service": "channels",
                "event": "sms.outbound",
                "payload": {
                    "id": _message_id(message.id),
                    "channelId": "00000000-0000-4000-8000-0000000000c1",
                    "receiver": {
                        "contacts": [{"identifierKey": "phonenumber", "identifierValue": message.address}]
                    },
                    "status": "delivered",
                    "reason": "",
                    "details": "",
                    "direction": "outgoing",
                    "failure": None,
                    "parts": [{"platformReference": f"{_message_id(message.id)}-1"}],
                    "lastStatusAt": _moment(message.id),
                    "createdAt": "2026-01-05T11:45:00.001Z",
                    "updatedAt": _moment(message.id),
                },
            }
        ).encode()
        for message in messages
    ]


def _moment(number: int) -> str:
    return f"2026-01-05T11:{number % 60:02d}:{number // 60 % 60:02d}.{number % 997:03d}Z"


def _check(ledger: Ledger, taken: int, messages: int) -> None:
    with ledger.reading() as connection:
        found = connection.execute(select(_MESSAGE.c.status, func.count()).group_by(_MESSAGE.c.status)).all()
        statuses = {status: number for status, number in found}  # noqa: C416  # rows are not pairs to dict()
        unread = connection.execute(select(func.count()).where(_EVENT.c.processed_at.is_(None))).scalar_one()
    if statuses != {MessageStatus.DELIVERED: messages} or taken != messages or unread:
        raise RuntimeError(f"{taken:,} of {messages:,} callbacks were read, {unread:,} not; statuses: {statuses}")


def _update_by_id(ledger: Ledger) -> float:
    with ledger.reading() as connection:
        ids: Sequence[int] = connection.execute(select(_MESSAGE.c.id)).scalars().all()
    statement = update(_MESSAGE).where(_MESSAGE.c.id == bindparam("message_id")).values(reason=bindparam("why"))
    started = time.perf_counter()
    for first in range(0, len(ids), _TRANSACTION):
        with ledger.writing() as connection:
            rows = [{"message_id": each, "why": "x"} for each in ids[first : first + _TRANSACTION]]
            connection.execute(statement, rows)
    return time.perf_counter() - started
