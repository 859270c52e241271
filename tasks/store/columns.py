"""Column types that behave the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Float, Numeric, String
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Naive values are refused; what is read back is always in UTC.

    SQLite has no time zones: it gets the UTC wall clock.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An amount in the account's currency, to eight decimal places, as large as a provider says.

    SQLite has no decimal type and SQLAlchemy warns about it: it gets a REAL, exact to 15 digits.
    """

    impl = Numeric()
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        stored_as: TypeEngine[Any] = Float() if dialect.name == "sqlite" else Numeric()
        return dialect.type_descriptor(stored_as)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | float | None:
        if value is None:
            return None
        return float(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Decimal | float | None, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else round(Decimal(repr(value) if isinstance(value, float) else value), 8)


class Word(TypeDecorator[StrEnum]):
    """A member of one of our vocabularies, stored as its value and checked in both directions."""

    impl = String(32)
    cache_ok = True

    def __init__(self, vocabulary: type[StrEnum]) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self._members = {member.value: member for member in vocabulary}

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else self.vocabulary(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        del dialect
        # The look-up first: a class that is called for each of a million rows takes six times as long.
        return None if value is None else self._members.get(value) or self.vocabulary(value)
