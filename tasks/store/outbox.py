"""The outbox: messages are claimed before a request leaves, and their outcome is recorded after it returns.

Claiming is one UPDATE that only takes messages which are still `planned`, of a chunk that is still the sender's,
so no two senders ever get the same message. Between claiming and recording no transaction is open.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from tasks.messaging.reports import ConsentReport
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.chunks import count_handled, hold_chunk, hold_provider, is_due, may_claim, reopen_chunks
from tasks.store.consent import record_consent
from tasks.store.hashed_suppressions import cancel_erased, withdraw_erased
from tasks.store.leases import now_of
from tasks.store.outbox_statements import (
    Told,
    claim_statement,
    closing_statement,
    ids_parameter,
    lock_statement,
    record_statement,
    told_parameters,
    withdraw_statements,
)
from tasks.store.tables import CampaignRun, Chunk, Message, ProviderRequest, RequestState, utc_now
from tasks.store.texts import storable
from tasks.store.withdrawals import withdraw_cancelled

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same


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
        closes_in: How long the sending hours let all of them out, after the beginning of the claim; None where no
            window of theirs has an end, or nobody asked.
    """

    message_ids: frozenset[int] = frozenset()
    request_ids: Mapping[str, int] = field(default_factory=dict)
    withdrawn: int = 0
    closes_in: timedelta | None = None
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
        .where(_MESSAGE.c.chunk_id == chunk_id, is_due(connection, addresses))
        .order_by(_MESSAGE.c.id)
        .limit(limit)
    ).all()
    return [
        PlannedMessage(id_, reference, row_number, address, country, code, attempts, json.loads(variables or "{}"))
        for id_, reference, row_number, address, country, code, attempts, variables in rows
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
    through: str | None = None,
    has_codes: bool = True,
    has_hours: bool = False,
) -> Claim:
    """Commit the intent to send, just before it is sent.

    Consent is checked once more: an address or external code suppressed, or a contact disabled, since planning
    gets nothing. Nor does anybody in a run that was paused or cancelled meanwhile.

    Args:
        connection: A writing transaction, committed by the caller before any request leaves.
        chunk_id: The chunk that is being worked on.
        run_id: Its run.
        message_ids: Messages to claim.
        requests: The requests with many recipients that all of them will go in; empty for one recipient a request.
        owner: The chunk's sender; nothing is claimed if it is somebody else's by now.
        channel: The run's channel.
        purpose: The run's purpose.
        through: The provider that the sender is connected to; nothing is claimed if the chunk is for another one.
        has_codes: Whether the list's own key is known of any of these people: a suppression may name it alone.
        has_hours: Whether it matters when the windows of the messages close.
    """
    provider = hold_provider(connection, chunk_id, owner)
    if provider is None or through not in {None, provider}:
        return Claim(is_ours=False)
    if not may_claim(connection, chunk_id):
        return Claim(is_held_back=True)
    dialect, ids = connection.dialect.name, ids_parameter(connection, message_ids)
    # The database's clock: a look-up elsewhere must not take a request that has just left for an old one.
    now = now_of(connection)
    _lock(connection, message_ids)
    withdrawn = withdraw_erased(connection, message_ids, channel=channel, purpose=purpose)
    for withdraw in withdraw_statements(dialect, channel, purpose, has_codes=has_codes):
        withdrawn += connection.execute(withdraw, {**ids, "now": now}).rowcount
    claimed: set[int] = set()
    request_ids: dict[str, int] = {}
    for request in requests:
        request_id = _open_request(connection, run_id, chunk_id, request, now)
        in_request = _claim(connection, request.message_ids, request_id, provider, now)
        claimed |= in_request
        if in_request:
            request_ids[request.reference] = request_id
        if len(in_request) < len(request.message_ids):
            _shrink_request(connection, request_id, len(in_request))
    if not requests:
        claimed = _claim(connection, message_ids, None, provider, now)
    if withdrawn:
        count_handled(connection, chunk_id, withdrawn)
    closes_at = None
    if has_hours:
        these = ids_parameter(connection, sorted(claimed))
        closes_at = connection.execute(closing_statement(dialect), these).scalar_one()
    return Claim(
        message_ids=frozenset(claimed),
        request_ids=request_ids,
        withdrawn=withdrawn,
        closes_in=None if closes_at is None else closes_at - now,
    )


def _lock(connection: Connection, message_ids: Sequence[int]) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.execute(lock_statement(connection.dialect.name), ids_parameter(connection, message_ids))


def _claim(
    connection: Connection, message_ids: Sequence[int], request_id: int | None, provider: str, now: datetime
) -> set[int]:
    of_all = {"request_id": request_id, "through": provider, "now": now}
    parameters = {**ids_parameter(connection, message_ids), **of_all}
    return set(connection.execute(claim_statement(connection.dialect.name), parameters).scalars())


_OPEN_REQUEST = (
    insert(_REQUEST)
    .values(provider=select(_CHUNK.c.provider).where(_CHUNK.c.id == bindparam("of_chunk")).scalar_subquery())
    .returning(_REQUEST.c.id)
)


def _open_request(
    connection: Connection, run_id: int, chunk_id: int, request: RequestToOpen, now: datetime
) -> int:
    return int(
        connection.execute(
            _OPEN_REQUEST,
            {
                "run_id": run_id,
                "chunk_id": chunk_id,
                "of_chunk": chunk_id,
                "reference": request.reference,
                "state": RequestState.OPEN,
                "size": len(request.message_ids),
                "started_at": now,
            },
        ).scalar_one()
    )


def _shrink_request(connection: Connection, request_id: int, size: int) -> None:
    """Some of its messages were not claimed: withdrawn, or somebody else's."""
    of_request = _REQUEST.c.id == request_id
    connection.execute(
        update(_REQUEST).where(of_request).values(size=size) if size else delete(_REQUEST).where(of_request)
    )


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


def record_outcomes(
    connection: Connection,
    chunk_id: int,
    outcomes: Sequence[RecordedOutcome],
    requests: Iterable[RecordedRequest] = (),
    *,
    through: str | None = None,
) -> None:
    """Record what became of claimed messages and of the requests they went in.

    Args:
        connection: A writing transaction.
        chunk_id: Their chunk.
        outcomes: Of the messages.
        requests: What became of requests with many recipients.
        through: The provider that answered; None means whoever the messages are with.
    """
    connection.execute(_LOCK_CHUNK, {"chunk_id": chunk_id})
    now = utc_now()
    # Requests before messages, and each by its id: who reads callbacks locks them in this order.
    for request in sorted(requests, key=attrgetter("request_id")):
        _record_request(connection, request, now)
    if outcomes:
        _record_messages(connection, outcomes, through, now)
        handled = sum(outcome.status is not MessageStatus.PLANNED for outcome in outcomes)
        count_handled(connection, chunk_id, handled)
        if handled < len(outcomes):
            these = _MESSAGE.c.id.in_([outcome.message_id for outcome in outcomes])
            # Who was erased while his request was on the wire: there is nobody left to try again with.
            erased = cancel_erased(connection, these)
            # The run may have been cancelled and given back meanwhile.
            cancelled = withdraw_cancelled(connection, these)
            count_handled(connection, chunk_id, erased + cancelled)
            # Its chunk may be done by now, if somebody took the run over while this sender stood still.
            reopen_chunks(connection, _CHUNK.c.id == chunk_id)
        refused = sorted(outcome.message_id for outcome in outcomes if outcome.reason == "opted_out")
        _keep_opt_outs(connection, refused, now)


def _record_messages(
    connection: Connection, outcomes: Sequence[RecordedOutcome], through: str | None, now: datetime
) -> None:
    """One UPDATE for all messages with the same outcome: a request of hundreds usually has one."""
    dialect = connection.dialect.name
    _lock(connection, [outcome.message_id for outcome in outcomes])
    alike: dict[tuple[Any, ...], list[Told]] = {}
    for outcome in outcomes:
        shared = (outcome.status, outcome.raw_status, outcome.reason, outcome.cost)
        told = (outcome.message_id, outcome.attempt, storable(outcome.provider_message_id))
        alike.setdefault(shared, []).append(told)
    for (status, raw_status, reason, cost), messages in alike.items():
        connection.execute(
            record_statement(dialect, is_handed_over=status.is_handed_over),
            {
                **told_parameters(connection, messages),
                "new_status": status,
                "new_raw_status": storable(raw_status),
                "new_reason": storable(reason),
                "new_cost": cost,
                "new_status_at": now,
                "told_through": through,
            },
        )


_LOCK_CHUNK = select(_CHUNK.c.id).where(_CHUNK.c.id == bindparam("chunk_id")).with_for_update(key_share=True)

_RECORD_REQUEST = (
    update(_REQUEST)
    .where(_REQUEST.c.id == bindparam("request_id"))
    # A callback may have told the ticket already; a lost answer must not take it away.
    .values(ticket=func.coalesce(bindparam("told_ticket", type_=_REQUEST.c.ticket.type), _REQUEST.c.ticket))
)


def _record_request(connection: Connection, request: RecordedRequest, now: datetime) -> None:
    connection.execute(
        _RECORD_REQUEST,
        {
            "request_id": request.request_id,
            "state": request.state,
            "told_ticket": storable(request.ticket),
            "accepted_count": request.accepted_count,
            "total_cost": request.total_cost,
            "residual_credit": request.residual_credit,
            "parts": request.parts,
            "note": storable(request.note),
            "error": storable(request.error),
            "finished_at": now,
        },
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
