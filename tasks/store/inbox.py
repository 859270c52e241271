"""The inbox: what providers told us by themselves, kept as it came until reconciliation has read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from tasks.messaging.statuses import EventKind
from tasks.store.tables import ProviderEvent, utc_now

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
        for event in events
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(_EVENT).on_conflict_do_nothing(), rows)
