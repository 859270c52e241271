"""The outbox: messages are claimed before a request leaves, and their outcome is recorded after it returns.

Claiming is one UPDATE that only takes messages which are still `planned`, of a chunk that is still the sender's,
so no two senders ever get the same message. Between claiming and recording no transaction is open.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, or_, select, update

from tasks.messaging.reports import ConsentReport
from tasks.messaging.statuses import HANDED_OVER_STATUSES, Channel, MessageStatus, Purpose
from tasks.store.chunks import count_handled, hold_chunk, is_due, may_claim, reopen_chunks
from tasks.store.consent import record_consent
from tasks.store.hashed_suppressions import cancel_erased, withdraw_erased
from tasks.store.leases import now_of
from tasks.store.registry import suppression_applies
from tasks.store.tables import (
    CampaignRun,
    Chunk,
    Contact,
    Message,
    ProviderRequest,
    RequestState,
    Suppression,
    utc_now,
)
from tasks.store.texts import storable
from tasks.store.withdrawals import RESEND_DECIDED, withdraw_cancelled, withdrawn_status

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same
_STATUS = _MESSAGE.c.status.type
_CONTACT = Contact.__table__  # type: ignore[attr-defined]  # the same
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """A message that is to be handed over."""

    id: int
    reference: str
    row_number: int
    address: str
    country: str | None
    external_code: str | None
    attempts: int
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RequestToOpen:
    """A request with many recipients, before it leaves."""

    reference: str
    message_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim got.

    Attributes:
        is_ours: Whether the chunk is still the sender's; else nothing was claimed.
        is_held_back: The run was paused or cancelled; nothing was claimed.
        message_ids: Now `sending`, and ours.
        request_ids: Id in the ledger of each opened request, by reference.
        withdrawn: How many were cancelled because their address was suppressed or disabled since planning.
    """

    message_ids: frozenset[int] = frozenset()
    request_ids: Mapping[str, int] = field(default_factory=dict)
    withdrawn: int = 0
    is_ours: bool = True
    is_held_back: bool = False


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What became of one claimed message. `planned` means that it surely was not sent.

    Attributes:
        attempt: Which claim of the message this is about, from 1.
    """

    message_id: int
    attempt: int
    status: MessageStatus
    provider_message_id: str | None = None
    raw_status: str | None = None
    reason: str | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What became of one opened request."""

    request_id: int
    state: RequestState
    ticket: str | None = None
    accepted_count: int | None = None
    total_cost: Decimal | None = None
    residual_credit: Decimal | None = None
    parts: int | None = None
    note: str | None = None
    error: str | None = None


def planned_messages(
    connection: Connection, chunk_id: int, *, addresses: Collection[str] | None = None, limit: int | None = None
) -> list[PlannedMessage]:
    """The messages of a chunk that may be handed over now, in the order of the file.

    Args:
        connection: A transaction.
        chunk_id: The chunk.
        addresses: Only to these; None means everybody.
        limit: The first so many.
    """
    rows = connection.execute(
        select(
            _MESSAGE.c.id,
            _MESSAGE.c.reference,
            _MESSAGE.c.row_number,
            _MESSAGE.c.address,
            _MESSAGE.c.country,
            _MESSAGE.c.external_code,
            _MESSAGE.c.attempts,
            _MESSAGE.c.variables,
        )
        .where(_MESSAGE.c.chunk_id == chunk_id, is_due(addresses))
        .order_by(_MESSAGE.c.id)
        .limit(limit)
    ).all()
    return [
        PlannedMessage(
            id=row.id,
            reference=row.reference,
            row_number=row.row_number,
            address=row.address,
            country=row.country,
            external_code=row.external_code,
            attempts=row.attempts,
            variables=json.loads(row.variables) if row.variables else {},
        )
        for row in rows
    ]


def claim_messages(
    connection: Connection,
    chunk_id: int,
    run_id: int,
    message_ids: Sequence[int],
    requests: Sequence[RequestToOpen],
    *,
    owner: str,
    channel: Channel,
    purpose: Purpose,
) -> Claim:
    """Commit the intent to send, just before it is sent.

    Consent is checked once more: an address suppressed, or a contact disabled, since planning gets nothing. Nor
    does anybody in a run that was paused or cancelled meanwhile.

    Args:
        connection: A writing transaction, committed by the caller before any request leaves.
        chunk_id: The chunk that is being worked on.
        run_id: Its run.
        message_ids: Messages to claim.
        requests: The requests with many recipients that they will go in; empty for one recipient a request.
        owner: The chunk's sender; nothing is claimed if it is somebody else's by now.
        channel: The run's channel.
        purpose: The run's purpose.
    """
    if not hold_chunk(connection, chunk_id, owner):
        return Claim(is_ours=False)
    if not may_claim(connection, chunk_id):
        return Claim(is_held_back=True)
    # The database's clock: a look-up elsewhere must not take a request that has just left for an old one.
    now = now_of(connection)
    ours = _MESSAGE.c.id.in_(message_ids) & (_MESSAGE.c.status == MessageStatus.PLANNED)
    connection.execute(select(_MESSAGE.c.id).where(ours).order_by(_MESSAGE.c.id).with_for_update(key_share=True))
    withdrawn = withdraw_erased(connection, message_ids, channel=channel, purpose=purpose)
    withdrawn += connection.execute(
        update(_MESSAGE)
        .where(
            ours,
            exists().where(_SUPPRESSION.c.address == _MESSAGE.c.address, suppression_applies(channel, purpose)),
        )
        .values(status=withdrawn_status(), reason="opted_out", status_at=now)
    ).rowcount
    key = _CONTACT.c.email if channel is Channel.EMAIL else _CONTACT.c.phone
    withdrawn += connection.execute(
        update(_MESSAGE)
        .where(ours, exists().where(key == _MESSAGE.c.address, _CONTACT.c.enabled.is_(False)))
        .values(status=withdrawn_status(), reason="disabled", status_at=now)
    ).rowcount
    claimed = frozenset(
        connection.execute(
            update(_MESSAGE)
            .where(ours)
            .values(
                status=MessageStatus.SENDING,
                reason=case((_MESSAGE.c.reason == RESEND_DECIDED, _MESSAGE.c.reason)),
                attempts=_MESSAGE.c.attempts + 1,
                status_at=now,
                claimed_at=now,
                next_poll_at=None,
            )
            .returning(_MESSAGE.c.id)
        ).scalars()
    )
    request_ids: dict[str, int] = {}
    for request in requests:
        if not (in_request := [message_id for message_id in request.message_ids if message_id in claimed]):
            continue
        request_ids[request.reference] = connection.execute(
            insert(_REQUEST)
            .values(
                run_id=run_id,
                chunk_id=chunk_id,
                reference=request.reference,
                state=RequestState.OPEN,
                size=len(in_request),
                started_at=now,
            )
            .returning(_REQUEST.c.id)
        ).scalar_one()
        connection.execute(
            update(_MESSAGE).where(_MESSAGE.c.id.in_(in_request)).values(request_id=request_ids[request.reference])
        )
    if withdrawn:
        count_handled(connection, chunk_id, withdrawn)
    return Claim(message_ids=claimed, request_ids=request_ids, withdrawn=withdrawn)


def undo_claim(
    connection: Connection, chunk_id: int, owner: str, attempts: Mapping[int, int], references: Sequence[str]
) -> None:
    """Take back a claim of which it is not known whether it was committed, because the connection broke.

    Nothing of it was sent: that waits for the commit's answer. Call it before the same is claimed once more.

    Args:
        connection: A writing transaction.
        chunk_id: The chunk.
        owner: Its sender.
        attempts: For each message, how often it had been claimed before.
        references: Of the requests with many recipients that it opened.
    """
    if not hold_chunk(connection, chunk_id, owner):
        return
    opened = select(_REQUEST.c.id).where(
        _REQUEST.c.chunk_id == chunk_id,
        _REQUEST.c.reference.in_(references),
        _REQUEST.c.state == RequestState.OPEN,
    )
    request_ids = list(connection.execute(opened).scalars())
    connection.execute(
        update(_MESSAGE)
        .where(
            _MESSAGE.c.id == bindparam("message_id"),
            _MESSAGE.c.status == MessageStatus.SENDING,
            _MESSAGE.c.attempts == bindparam("before") + 1,
        )
        .values(
            status=MessageStatus.PLANNED,
            attempts=bindparam("before"),
            request_id=None,
            claimed_at=case((bindparam("before") > 0, _MESSAGE.c.claimed_at)),
        ),
        [{"message_id": message_id, "before": before} for message_id, before in sorted(attempts.items())],
    )
    cancel_erased(connection, _MESSAGE.c.id.in_(list(attempts)))
    connection.execute(delete(_REQUEST).where(_REQUEST.c.id.in_(request_ids)))


# A receipt may have come before the answer. It must not be undone by it, so the status of what is not open any
# more stays; but the answer alone tells the id and the cost, so these are added.
_IS_OPEN = or_(_MESSAGE.c.status == MessageStatus.SENDING, _MESSAGE.c.status == MessageStatus.UNKNOWN)


def _if_open(column: str) -> Any:
    return case((_IS_OPEN, bindparam(f"new_{column}", type_=_MESSAGE.c[column].type)), else_=_MESSAGE.c[column])


_RECORD_OUTCOME = (
    update(_MESSAGE)
    .where(
        _MESSAGE.c.id == bindparam("message_id"),
        # That it was handed over is true of the message. All else is true of one attempt: if somebody has claimed
        # it since, his request is under way, and it must neither become claimable once more nor be closed.
        or_(
            *(bindparam("new_status", type_=_STATUS) == status for status in sorted(HANDED_OVER_STATUSES)),
            _MESSAGE.c.attempts == bindparam("attempt"),
        ),
    )
    .values(
        status=_if_open("status"),
        raw_status=_if_open("raw_status"),
        reason=case(
            (
                _IS_OPEN
                & (bindparam("new_status", type_=_STATUS) == MessageStatus.PLANNED)
                & (_MESSAGE.c.reason == RESEND_DECIDED),
                _MESSAGE.c.reason,
            ),
            else_=_if_open("reason"),
        ),
        status_at=_if_open("status_at"),
        provider_message_id=func.coalesce(_MESSAGE.c.provider_message_id, bindparam("new_provider_message_id")),
        cost=func.coalesce(_MESSAGE.c.cost, bindparam("new_cost", type_=_MESSAGE.c.cost.type)),
    )
)


def record_outcomes(
    connection: Connection,
    chunk_id: int,
    outcomes: Iterable[RecordedOutcome],
    requests: Iterable[RecordedRequest] = (),
) -> None:
    """Record what became of claimed messages and of the requests they went in."""
    connection.execute(select(_CHUNK.c.id).where(_CHUNK.c.id == chunk_id).with_for_update(key_share=True))
    now = utc_now()
    # Requests before messages, and each by its id: who reads callbacks locks them in this order.
    for request in sorted(requests, key=attrgetter("request_id")):
        _record_request(connection, request, now)
    recorded = sorted(outcomes, key=attrgetter("message_id"))
    rows = [
        {
            "message_id": outcome.message_id,
            "attempt": outcome.attempt,
            "new_status": outcome.status,
            "new_provider_message_id": storable(outcome.provider_message_id),
            "new_raw_status": storable(outcome.raw_status),
            "new_reason": storable(outcome.reason),
            "new_cost": outcome.cost,
            "new_status_at": now,
        }
        for outcome in recorded
    ]
    if rows:
        connection.execute(_RECORD_OUTCOME, rows)
        handled = sum(row["new_status"] is not MessageStatus.PLANNED for row in rows)
        count_handled(connection, chunk_id, handled)
        if handled < len(rows):
            # Who was erased while his request was on the wire: there is nobody left to try again with.
            erased = cancel_erased(connection, _MESSAGE.c.id.in_([row["message_id"] for row in rows]))
            # The run may have been cancelled and given back meanwhile.
            cancelled = withdraw_cancelled(connection, _MESSAGE.c.id.in_([row["message_id"] for row in rows]))
            count_handled(connection, chunk_id, erased + cancelled)
            # Its chunk may be done by now, if somebody took the run over while this sender stood still.
            reopen_chunks(connection, _CHUNK.c.id == chunk_id)
        refused = [outcome.message_id for outcome in recorded if outcome.reason == "opted_out"]
        _keep_opt_outs(connection, refused, now)


def _record_request(connection: Connection, request: RecordedRequest, now: datetime) -> None:
    connection.execute(
        update(_REQUEST)
        .where(_REQUEST.c.id == request.request_id)
        .values(
            state=request.state,
            # A callback may have told the ticket already; a lost answer must not take it away.
            ticket=func.coalesce(storable(request.ticket), _REQUEST.c.ticket),
            accepted_count=request.accepted_count,
            total_cost=request.total_cost,
            residual_credit=request.residual_credit,
            parts=request.parts,
            note=storable(request.note),
            error=storable(request.error),
            finished_at=now,
        )
    )


def _keep_opt_outs(connection: Connection, message_ids: Sequence[int], now: datetime) -> None:
    """Who is refused because he opted out at the provider is written to no more, by anybody."""
    if not message_ids:
        return
    refused = connection.execute(
        select(_MESSAGE.c.provider, _RUN.c.channel, _MESSAGE.c.address)
        .join_from(_MESSAGE, _RUN, _RUN.c.id == _MESSAGE.c.run_id)
        .where(_MESSAGE.c.id.in_(message_ids))
    ).all()
    for provider, channel, address in refused:
        report = ConsentReport(channel=channel, address=address, at=now, source="refused as opted out")
        record_consent(connection, provider, [report], [now])
