"""The SQL of the outbox, built once: to write a statement down costs SQLAlchemy more than the database to run it.

Messages are named by one parameter, however many they are. Hundreds of parameters cost the client more than all
else in a claim.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Text,
    Update,
    any_,
    bindparam,
    case,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from tasks.contacts.addresses import external_address
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.registry import suppression_applies
from tasks.store.tables import Contact, Message, SendingWindow, Suppression
from tasks.store.windows import is_within_hours
from tasks.store.withdrawals import RESEND_DECIDED, withdrawn_status

_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CONTACT = Contact.__table__  # type: ignore[attr-defined]  # the same
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same
_WINDOW = SendingWindow.__table__  # type: ignore[attr-defined]  # the same

Told = tuple[int, int, str | None]
"""Of one message: its id, which claim of it was answered, and the provider's id for it."""


def ids_parameter(connection: Connection, message_ids: Sequence[int]) -> dict[str, Any]:
    """The parameter of the statements about messages by their ids."""
    is_array = connection.dialect.name == "postgresql"
    return {"ids": list(message_ids) if is_array else json.dumps(list(message_ids))}


def told_parameters(connection: Connection, told: Sequence[Told]) -> dict[str, Any]:
    """The parameters of `record_statement` that differ from message to message."""
    if connection.dialect.name != "postgresql":
        return {"told": json.dumps(told)}
    columns = zip(*told, strict=True)
    names = ("told_message_ids", "told_attempts", "told_provider_message_ids")
    return {name: list(values) for name, values in zip(names, columns, strict=True)}


@cache
def _are_these(dialect: str) -> ColumnElement[bool]:
    is_this: ColumnElement[bool]
    if dialect == "postgresql":
        is_this = _MESSAGE.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
    else:
        listed = func.json_each(bindparam("ids", type_=Text)).table_valued("value")
        is_this = _MESSAGE.c.id.in_(select(listed.c.value))
    return is_this


@cache
def _are_ours(dialect: str) -> ColumnElement[bool]:
    is_planned: ColumnElement[bool] = _MESSAGE.c.status == MessageStatus.PLANNED
    return _are_these(dialect) & is_planned


@cache
def lock_statement(dialect: str) -> Select[Any]:
    """Lock these messages, by their ids: an UPDATE takes rows in whatever order it finds them in."""
    return select(_MESSAGE.c.id).where(_are_these(dialect)).order_by(_MESSAGE.c.id).with_for_update(key_share=True)


@cache
def withdraw_statements(
    dialect: str, channel: Channel, purpose: Purpose, *, has_codes: bool
) -> tuple[Update, ...]:
    """Cancel those of these planned messages that go to somebody suppressed, or disabled, by now.

    Several, not one with an OR: for that, PostgreSQL reads the tables as a whole for every window of messages.
    """
    applies = suppression_applies(channel, purpose)
    is_suppressed = exists().where(_SUPPRESSION.c.address == _MESSAGE.c.address, applies)
    has_suppressed_code = exists().where(_SUPPRESSION.c.address == _suppressed_code(), applies)
    key = _CONTACT.c.email if channel is Channel.EMAIL else _CONTACT.c.phone
    is_disabled = exists().where(key == _MESSAGE.c.address, _CONTACT.c.enabled.is_(False))
    by_address = (_withdraw(dialect, is_suppressed, "opted_out"), _withdraw(dialect, is_disabled, "disabled"))
    if not has_codes:
        return by_address
    # A number of the code may be another device's; only where the code stands for the address, it means this one.
    is_known_by_code = _MESSAGE.c.address == literal(external_address("")) + _MESSAGE.c.external_code
    has_disabled_code = is_known_by_code & exists().where(
        _CONTACT.c.external_code == _MESSAGE.c.external_code, _CONTACT.c.enabled.is_(False)
    )
    by_code = (
        _withdraw(dialect, has_suppressed_code, "opted_out"),
        _withdraw(dialect, has_disabled_code, "disabled"),
    )
    return (*by_address, *by_code)


def _suppressed_code() -> ColumnElement[str]:
    """`tasks.contacts.addresses.suppressed_code`, of a message."""
    code = _MESSAGE.c.external_code
    is_uuid = code.like("-".join("_" * length for length in (8, 4, 4, 4, 12)))
    return literal(external_address("")) + case((is_uuid, func.lower(code)), else_=code)


def _withdraw(dialect: str, is_unwanted: ColumnElement[bool], reason: str) -> Update:
    now = bindparam("now", type_=_MESSAGE.c.status_at.type)
    return (
        update(_MESSAGE)
        .where(_are_ours(dialect), is_unwanted)
        .values(status=withdrawn_status(), reason=reason, status_at=now)
    )


@cache
def claim_statement(dialect: str) -> Any:
    """Make those of these messages that are planned `sending`, in a request (or none); returns their ids.

    Not those whose window has closed since they were read: a chunk may take hours.
    A message's provider is whom it was handed over to last: it is asked there, and only its callbacks count.
    """
    now = bindparam("now", type_=_MESSAGE.c.status_at.type)
    return (
        update(_MESSAGE)
        .where(_are_ours(dialect), is_within_hours(now))
        .values(
            status=MessageStatus.SENDING,
            reason=case((_MESSAGE.c.reason == RESEND_DECIDED, _MESSAGE.c.reason)),
            attempts=_MESSAGE.c.attempts + 1,
            status_at=now,
            claimed_at=now,
            next_poll_at=None,
            provider=bindparam("through", type_=_MESSAGE.c.provider.type),
            request_id=func.coalesce(bindparam("request_id", type_=BigInteger), _MESSAGE.c.request_id),
        )
        .returning(_MESSAGE.c.id)
    )


@cache
def closing_statement(dialect: str) -> Select[Any]:
    """When the first of the windows of these messages closes; None where none of them does."""
    windows = select(func.min(_WINDOW.c.not_after)).join_from(
        _MESSAGE, _WINDOW, _WINDOW.c.id == _MESSAGE.c.window_id
    )
    return windows.where(_are_these(dialect))


# A receipt may have come before the answer. It must not be undone by it, so the status of what is not open any
# more stays; but the answer alone tells the id and the cost, so these are added.
_IS_OPEN = or_(_MESSAGE.c.status == MessageStatus.SENDING, _MESSAGE.c.status == MessageStatus.UNKNOWN)


def _new(name: str) -> ColumnElement[Any]:
    return bindparam(f"new_{name}", type_=_MESSAGE.c[name].type)


def _if_open(name: str) -> ColumnElement[Any]:
    return case((_IS_OPEN, _new(name)), else_=_MESSAGE.c[name])


def _if_missing(name: str, value: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((_MESSAGE.c[name].is_(None) & condition, value), else_=_MESSAGE.c[name])


@cache
def record_statement(dialect: str, *, is_handed_over: bool) -> Update:
    """Record one outcome of many messages.

    Args:
        dialect: Of the database.
        is_handed_over: Whether the provider has them. That is true of the message. All else is true of one
            attempt: if somebody has claimed it since, his request is under way, and it must neither become
            claimable once more nor be closed. Nor do an id and a cost say anything when that was at another
            provider: this one is asked about its own.
    """
    told = _told(dialect)
    through = bindparam("told_through", type_=_MESSAGE.c.provider.type)
    is_its_own = or_(through.is_(None), _MESSAGE.c.provider == through)
    stays_decided = _IS_OPEN & (_new("status") == MessageStatus.PLANNED) & (_MESSAGE.c.reason == RESEND_DECIDED)
    statement = (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == told.c.message_id)
        .values(
            status=_if_open("status"),
            raw_status=_if_open("raw_status"),
            reason=case((stays_decided, _MESSAGE.c.reason), else_=_if_open("reason")),
            status_at=_if_open("status_at"),
            provider_message_id=_if_missing("provider_message_id", told.c.provider_message_id, is_its_own),
            cost=_if_missing("cost", _new("cost"), is_its_own),
        )
    )
    return statement if is_handed_over else statement.where(_MESSAGE.c.attempts == told.c.attempt)


def _told(dialect: str) -> FromClause:
    types: dict[str, TypeEngine[Any]] = {
        "message_id": BigInteger(),
        "attempt": BigInteger(),
        "provider_message_id": String(),
    }
    if dialect == "postgresql":
        arrays = [bindparam(f"told_{name}s", type_=ARRAY(type_)) for name, type_ in types.items()]
        columns = [column(name, type_) for name, type_ in types.items()]
        return func.unnest(*arrays).table_valued(*columns).render_derived(name="told")
    rows = func.json_each(bindparam("told", type_=Text)).table_valued("value")
    return select(
        *(
            func.json_extract(rows.c.value, f"$[{place}]", type_=type_).label(name)
            for place, (name, type_) in enumerate(types.items())
        )
    ).subquery("told")
