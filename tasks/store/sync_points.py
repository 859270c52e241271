"""How far each provider was read, so that the next reading begins where the last one ended."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from tasks.store.tables import SyncPoint

_POINT = SyncPoint.__table__  # type: ignore[attr-defined]  # SQLModel does not type it


def read_until(connection: Connection, name: str) -> datetime | None:
    """How far this was read; None before the first time."""
    return connection.execute(select(_POINT.c.read_until).where(_POINT.c.name == name)).scalar_one_or_none()


def advance(connection: Connection, name: str, until: datetime) -> None:
    """Note how far this was read; never back."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(_POINT).values(name=name, read_until=until)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=[_POINT.c.name],
            set_={"read_until": added.excluded.read_until},
            where=added.excluded.read_until > _POINT.c.read_until,
        )
    )
