"""The inbox: what providers told us by themselves, kept as it came until reconciliation has read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tasks.messaging.statuses import EventKind
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


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that waits to be read."""

    id: int
    provider: str
    payload: Mapping[str, Any]
    received_at: datetime


def take_events(connection: Connection, limit: int) -> list[KeptEvent]:
    """The oldest events that are due, kept from others until the transaction ends."""
    rows = connection.execute(
        select(_EVENT.c.id, _EVENT.c.provider, _EVENT.c.payload, _EVENT.c.received_at)
        .where(
            _EVENT.c.processed_at.is_(None),
            or_(_EVENT.c.next_try_at.is_(None), _EVENT.c.next_try_at <= utc_now()),
        )
        .order_by(_EVENT.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [KeptEvent(*row) for row in rows]


def close_events(connection: Connection, errors: Mapping[int, str | None]) -> None:
    """These events are done with: None where they were read, else why nothing came of them."""
    now = utc_now()
    if errors:
        connection.execute(
            update(_EVENT)
            .where(_EVENT.c.id == bindparam("event_id"))
            .values(processed_at=now, error=bindparam("its_error")),
            [{"event_id": event_id, "its_error": storable(error)} for event_id, error in errors.items()],
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
