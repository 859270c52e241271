"""The inbox: what providers told us by themselves, kept as it came until reconciliation has read it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, bindparam, cast, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tasks.messaging.statuses import EventKind
from tasks.store.row_sets import as_ids
from tasks.store.tables import ProviderEvent, utc_now
from tasks.store.texts import storable

_EVENT = ProviderEvent.__table__  # type: ignore[attr-defined]  # SQLModel does not type it


@dataclass(frozen=True, slots=True, kw_only=True)
class EventToKeep:
    """A callback that is to be kept.

    Attributes:
        dedupe_key: Unique among all providers; an event with a key that is there already is the same event.
        error: Why nothing can be made of it; such an event is kept for a person, and not looked at again.
    """

    provider: str
    kind: EventKind
    dedupe_key: str
    payload: Mapping[str, Any]
    error: str | None = None
    received_at: datetime = field(default_factory=utc_now)


def add_events(connection: Connection, events: Sequence[EventToKeep]) -> None:
    """Keep events; those that are there already are left as they are."""
    rows = [
        {
            "provider": event.provider,
            "kind": event.kind,
            "dedupe_key": event.dedupe_key,
            "payload": dict(event.payload),
            "received_at": event.received_at,
            "processed_at": event.received_at if event.error else None,
            "error": event.error,
        }
        # In one order, or two receivers that are told the same at once wait for each other in a circle.
        for event in sorted(events, key=lambda event: event.dedupe_key)
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(_EVENT).on_conflict_do_nothing(), rows)


class KeptEvent(NamedTuple):
    """An event that waits to be read."""

    id: int
    provider: str
    payload: Mapping[str, Any]
    received_at: datetime


def take_events(connection: Connection, limit: int) -> list[KeptEvent]:
    """Events that are due, kept from others until the transaction ends: new ones in their order, then others."""
    # Two questions, which the index answers in the order in which its rows stand. One with OR reads and sorts
    # everything that is unread, for each of the batches that it is read in.
    taken = _take(connection, _EVENT.c.next_try_at.is_(None), limit)
    if len(taken) < limit:
        taken += _take(connection, _EVENT.c.next_try_at <= utc_now(), limit - len(taken))
    return taken


def _take(connection: Connection, is_due: ColumnElement[bool], limit: int) -> list[KeptEvent]:
    rows = connection.execute(
        select(_EVENT.c.id, _EVENT.c.provider, cast(_EVENT.c.payload, Text), _EVENT.c.received_at)
        .where(_EVENT.c.processed_at.is_(None), is_due)
        .order_by(_EVENT.c.processed_at, _EVENT.c.next_try_at, _EVENT.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    # One document of all: half the time of decoding each by itself.
    payloads = json.loads(f"[{','.join(payload for _, _, payload, _ in rows)}]")
    return [
        KeptEvent(id_, provider, payload, received_at)
        for (id_, provider, _, received_at), payload in zip(rows, payloads, strict=True)
    ]


def close_events(connection: Connection, errors: Mapping[int, str | None]) -> None:
    """These events are done with: None where they were read, else why nothing came of them."""
    now = utc_now()
    if read := [event_id for event_id, error in errors.items() if error is None]:
        connection.execute(
            update(_EVENT).where(_EVENT.c.id.in_(select(as_ids(connection, read).c.id))).values(processed_at=now)
        )
    if unread := [(event_id, error) for event_id, error in errors.items() if error is not None]:
        connection.execute(
            update(_EVENT)
            .where(_EVENT.c.id == bindparam("event_id"))
            .values(processed_at=now, error=bindparam("its_error")),
            [{"event_id": event_id, "its_error": storable(error)} for event_id, error in unread],
        )


def put_off_events(connection: Connection, until: Mapping[int, datetime]) -> None:
    """These events fit no message yet: they are due again then."""
    if until:
        connection.execute(
            update(_EVENT)
            .where(_EVENT.c.id == bindparam("event_id"))
            .values(next_try_at=bindparam("then", type_=_EVENT.c.next_try_at.type)),
            [{"event_id": event_id, "then": then} for event_id, then in until.items()],
        )


def try_all_again(connection: Connection) -> None:
    """Let every event that was put off be due now."""
    connection.execute(
        update(_EVENT)
        .where(_EVENT.c.processed_at.is_(None), _EVENT.c.next_try_at > utc_now())
        .values(next_try_at=None)
    )
