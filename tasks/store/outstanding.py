"""What is still open of a run: messages to ask about, to search for, to hand over again, to close."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, not_, or_, select, update

from tasks.messaging.reports import HandedOver
from tasks.messaging.statuses import MessageStatus
from tasks.store.hashed_suppressions import NAMES_NOBODY, cancel_erased
from tasks.store.leases import now_of
from tasks.store.row_sets import as_table
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    ChunkState,
    Message,
    ProviderRequest,
    RequestState,
    utc_now,
)

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same

AWAITING_RECEIPT = (MessageStatus.ACCEPTED, MessageStatus.SCHEDULED, MessageStatus.SENT)
"""Statuses in which a provider has a message and has not said how it ended."""

LEAST_PAUSE = timedelta(seconds=30)
"""The shortest pause between two questions about one message."""

_CLAIMED_AT = func.coalesce(_MESSAGE.c.claimed_at, _MESSAGE.c.status_at)
"""Ledgers of version 0.1 did not write down when a message was claimed."""


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message that a provider is to be asked about.

    Attributes:
        attempts: How often it had been claimed; what is found out is true of that attempt.
    """

    id: int
    attempts: int
    asked: HandedOver


def claim_questions(
    connection: Connection,
    run_id: int,
    provider: str,
    *,
    statuses: Collection[MessageStatus],
    at_least_old: timedelta,
    longest_pause: timedelta,
    limit: int,
) -> list[OpenMessage]:
    """Take messages that their provider is to be asked about now, oldest first.

    They are put off by half their age before anybody asks, so two who reconcile at once share the work, and old
    messages cost few questions.

    Args:
        connection: A writing transaction, committed before the first question.
        run_id: Their run.
        provider: Whom they were handed over to.
        statuses: In which they are.
        at_least_old: Younger ones are left alone.
        longest_pause: Until the next question about the same message.
        limit: At most so many.
    """
    now = now_of(connection)
    rows = connection.execute(
        select(
            _MESSAGE.c.id,
            _MESSAGE.c.attempts,
            _MESSAGE.c.reference,
            _MESSAGE.c.address,
            _CLAIMED_AT.label("claimed_at"),
            _MESSAGE.c.provider_message_id,
            _REQUEST.c.ticket,
            _REQUEST.c.reference.label("request_reference"),
            _REQUEST.c.size.label("request_size"),
            _RUN.c.channel,
            _RUN.c.content,
        )
        .join_from(_MESSAGE, _RUN, _RUN.c.id == _MESSAGE.c.run_id)
        .outerjoin(_REQUEST, _REQUEST.c.id == _MESSAGE.c.request_id)
        .where(
            _MESSAGE.c.run_id == run_id,
            _MESSAGE.c.provider == provider,
            or_(*(_MESSAGE.c.status == status for status in statuses)),
            _MESSAGE.c.status_at <= now - at_least_old,
            or_(_MESSAGE.c.next_poll_at.is_(None), _MESSAGE.c.next_poll_at <= now),
            # Whose person was erased cannot be searched for: not found under no address is not "never arrived".
            or_(_MESSAGE.c.status != MessageStatus.UNKNOWN, not_(NAMES_NOBODY)),
        )
        .order_by(_MESSAGE.c.id)
        .limit(limit)
        .with_for_update(of=_MESSAGE, skip_locked=True)
    ).all()
    if rows:
        connection.execute(
            update(_MESSAGE)
            .where(_MESSAGE.c.id == bindparam("message_id"))
            .values(next_poll_at=bindparam("when", type_=_MESSAGE.c.next_poll_at.type)),
            [
                {
                    "message_id": row.id,
                    "when": now + max(LEAST_PAUSE, min(longest_pause, (now - row.claimed_at) / 2)),
                }
                for row in rows
            ],
        )
    return [
        OpenMessage(
            id=row.id,
            attempts=row.attempts,
            asked=HandedOver(
                reference=row.reference,
                address=row.address,
                claimed_at=row.claimed_at,
                channel=row.channel,
                provider_message_id=row.provider_message_id,
                ticket=row.ticket,
                request_reference=row.request_reference,
                request_size=row.request_size,
                template_id=_template_id(row.content),
            ),
        )
        for row in rows
    ]


def ask_again(connection: Connection, run_id: int) -> None:
    """Let the next question about every open message of a run be due now."""
    put_off = (_MESSAGE.c.run_id == run_id) & (_MESSAGE.c.next_poll_at > utc_now())
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id.in_(_locked(put_off))).values(next_poll_at=None))


def _locked(which: ColumnElement[bool], limit: int | None = None) -> Select[Any]:
    """The ids of messages, kept from others until the transaction ends.

    An UPDATE takes rows in whatever order it finds them in, and two of them can wait for each other in a circle.
    Whoever takes many messages takes them in the order of their ids.
    """
    return select(_MESSAGE.c.id).where(which).order_by(_MESSAGE.c.id).limit(limit).with_for_update()


def count_rivals(connection: Connection, provider: str, addresses: Iterable[str]) -> dict[str, int]:
    """How many messages to each address are lost or on the wire at one provider, over all runs."""
    wanted = as_table(connection, address=sorted(set(addresses)))
    counted = connection.execute(
        select(_MESSAGE.c.address, func.count())
        .join_from(wanted, _MESSAGE, _MESSAGE.c.address == wanted.c.address)
        .where(
            _MESSAGE.c.provider == provider,
            or_(_MESSAGE.c.status == MessageStatus.UNKNOWN, _MESSAGE.c.status == MessageStatus.SENDING),
        )
        .group_by(_MESSAGE.c.address)
    )
    return {address: count for address, count in counted}  # noqa: C416  # rows are not pairs to dict()


def count_open_requests(connection: Connection, provider: str) -> dict[str | None, int]:
    """How many requests through a provider are on the wire or lost, over all runs, by the content's id there."""
    request = func.coalesce(_MESSAGE.c.request_id, -_MESSAGE.c.id)
    counted = connection.execute(
        select(_MESSAGE.c.run_id, func.count(request.distinct()))
        .where(
            _MESSAGE.c.provider == provider,
            or_(_MESSAGE.c.status == MessageStatus.SENDING, _MESSAGE.c.status == MessageStatus.UNKNOWN),
        )
        .group_by(_MESSAGE.c.run_id)
    ).all()
    contents = connection.execute(
        select(_RUN.c.id, _RUN.c.content).where(_RUN.c.id.in_([run_id for run_id, _ in counted]))
    )
    templates = {run_id: _template_id(content) for run_id, content in contents}
    by_template: dict[str | None, int] = {}
    for run_id, requests in counted:
        by_template[templates[run_id]] = by_template.get(templates[run_id], 0) + requests
    return by_template


def _template_id(content: Mapping[str, Any]) -> str | None:
    return (content.get("template") or {}).get("id")


def known_ids(
    connection: Connection, provider: str, addresses: Iterable[str], requests_since: datetime
) -> frozenset[str]:
    """The provider's ids that belong to messages of the ledger.

    Args:
        connection: A transaction.
        provider: Whose ids.
        addresses: Of messages to these, from all runs, the messages' ids.
        requests_since: Of requests that began since then, from all runs, the tickets.
    """
    wanted = as_table(connection, address=sorted(set(addresses)))
    of_messages = (
        select(_MESSAGE.c.provider_message_id)
        .join_from(wanted, _MESSAGE, _MESSAGE.c.address == wanted.c.address)
        .where(_MESSAGE.c.provider == provider, _MESSAGE.c.provider_message_id.is_not(None))
    )
    of_requests = select(_REQUEST.c.ticket).where(
        _REQUEST.c.provider == provider,
        _REQUEST.c.ticket.is_not(None),
        _REQUEST.c.started_at >= requests_since,
    )
    return frozenset(connection.execute(of_messages.union(of_requests)).scalars())


def settle_by_ticket(connection: Connection, run_id: int) -> int:
    """Messages of lost answers whose request has got a ticket meanwhile, through a callback: they were accepted.

    Returns:
        How many.
    """
    # Requests before messages, and each in one order, as everybody locks them.
    told = (
        select(_REQUEST.c.id)
        .where(
            _REQUEST.c.run_id == run_id,
            _REQUEST.c.ticket.is_not(None),
            or_(_REQUEST.c.state == RequestState.OPEN, _REQUEST.c.state == RequestState.UNKNOWN),
        )
        .order_by(_REQUEST.c.reference)
        .with_for_update(key_share=True)
    )
    requests = list(connection.execute(told).scalars())
    if not requests:
        return 0
    lost = (
        (_MESSAGE.c.run_id == run_id)
        & (_MESSAGE.c.status == MessageStatus.UNKNOWN)
        & _MESSAGE.c.request_id.in_(requests)
    )
    ticket = select(_REQUEST.c.ticket).where(_REQUEST.c.id == _MESSAGE.c.request_id).scalar_subquery()
    settled = connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_(_locked(lost)), _MESSAGE.c.status == MessageStatus.UNKNOWN)
        .values(
            status=MessageStatus.ACCEPTED,
            reason=None,
            provider_message_id=func.coalesce(_MESSAGE.c.provider_message_id, ticket),
            status_at=utc_now(),
        )
    ).rowcount
    # Not those that are still open: their own answer, or the end of their sender, says what they are.
    connection.execute(
        update(_REQUEST)
        .where(_REQUEST.c.id.in_(requests), _REQUEST.c.state == RequestState.UNKNOWN)
        .values(state=RequestState.ACCEPTED, error=None)
    )
    return int(settled)


def plan_again(connection: Connection, run_id: int, messages: Mapping[int, int] | None, *, reason: str) -> int:
    """Let `unknown` messages be handed over once more.

    Args:
        connection: A writing transaction.
        run_id: Their run.
        messages: Their ids, and the attempt that is known not to have arrived; None means all of the run, because
            its operator decided so.
        reason: Why.

    Returns:
        How many; one that moved on meanwhile stays where it is. Those whose person was erased meanwhile are among
        them, but there is nobody left that they could go to: what provably never arrived is cancelled, and what an
        operator gives up searching for is closed.
    """
    planned = {
        "status": MessageStatus.PLANNED,
        "reason": reason,
        "request_id": None,
        # Not always the one that it was handed over to: its chunk may have moved on to another meanwhile.
        "provider": select(_CHUNK.c.provider).where(_CHUNK.c.id == _MESSAGE.c.chunk_id).scalar_subquery(),
        "status_at": utc_now(),
    }
    lost = _MESSAGE.c.status == MessageStatus.UNKNOWN
    if messages is None:
        whose: Sequence[Any] = [_MESSAGE.c.id.in_(_locked((_MESSAGE.c.run_id == run_id) & lost))]
        parameters: Sequence[dict[str, int]] = [{}]
        in_chunks = _CHUNK.c.run_id == run_id
    else:
        whose = [_MESSAGE.c.id == bindparam("message_id"), _MESSAGE.c.attempts == bindparam("attempt")]
        parameters = [{"message_id": message, "attempt": messages[message]} for message in sorted(messages)]
        in_chunks = _CHUNK.c.id.in_(select(_MESSAGE.c.chunk_id).where(_MESSAGE.c.id.in_(list(messages))))
    # Chunks before messages, and each in the order of their ids, as everybody locks them.
    connection.execute(select(_CHUNK.c.id).where(in_chunks).order_by(_CHUNK.c.id).with_for_update(key_share=True))
    closed = 0
    if messages is None:
        nobodys = (_MESSAGE.c.run_id == run_id) & lost & NAMES_NOBODY
        closed = connection.execute(
            update(_MESSAGE)
            .where(_MESSAGE.c.id.in_(_locked(nobodys)), lost)
            .values(status=MessageStatus.UNCONFIRMED, reason="closed_by_operator", status_at=utc_now())
        ).rowcount
    by_chunk: dict[int, int] = {}
    statement = update(_MESSAGE).where(lost, *whose).values(**planned).returning(_MESSAGE.c.chunk_id)
    for parameter in parameters:
        for chunk_id in connection.execute(statement, parameter).scalars():
            by_chunk[chunk_id] = by_chunk.get(chunk_id, 0) + 1
    for chunk_id, count in by_chunk.items():
        left = count - cancel_erased(connection, _MESSAGE.c.chunk_id == chunk_id)
        connection.execute(update(_CHUNK).where(_CHUNK.c.id == chunk_id).values(handled=_CHUNK.c.handled - left))
        # One that is being worked on is looked at again when it is released.
        connection.execute(
            update(_CHUNK)
            .where(_CHUNK.c.id == chunk_id, _CHUNK.c.state == ChunkState.DONE)
            .values(state=ChunkState.PLANNED)
        )
    return closed + sum(by_chunk.values())


def close_without_receipt(
    connection: Connection,
    run_id: int,
    provider: str | None = None,
    *,
    reason: str,
    claimed_before: datetime,
    statuses: Collection[MessageStatus] = AWAITING_RECEIPT,
    limit: int | None = None,
) -> int:
    """Close messages as `unconfirmed`; a late receipt still corrects them.

    Args:
        connection: A writing transaction.
        run_id: Their run.
        provider: Whom they were handed over to; None means whoever it was.
        reason: Why.
        claimed_before: Only those whose request left before this.
        statuses: In which they are.
        limit: At most so many.

    Returns:
        How many.
    """
    is_open = or_(*(_MESSAGE.c.status == status for status in statuses))
    of_run: ColumnElement[bool] = _MESSAGE.c.run_id == run_id
    if provider is not None:
        of_run &= _MESSAGE.c.provider == provider
    chosen = _locked(of_run & is_open & (claimed_before >= _CLAIMED_AT), limit)
    closed = connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_(chosen), is_open)
        .values(status=MessageStatus.UNCONFIRMED, reason=reason, status_at=utc_now())
    )
    return int(closed.rowcount)
