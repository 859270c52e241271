"""Erased people in the everyday life of the ledger: still forbidden, and never written down again.

Whoever was erased stays suppressed as a keyed hash. What comes later (a STOP, a START, a reply, a callback, a
list) is put under that hash, and the address that it names is not kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, String, cast, exists, literal, or_, select, text, update

from tasks.contacts.addresses import ERASED_PREFIX, PRUNED_PREFIX, tidy_address
from tasks.contacts.keyed_hash import hashes_of
from tasks.contacts.spellings import Spellings
from tasks.messaging.reports import Report
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.erasure_key import usable_key
from tasks.store.registry import IS_IN_FORCE, find_hashes, find_suppressions
from tasks.store.row_sets import as_table
from tasks.store.tables import Erasure, Message, ProviderEvent, Suppression, utc_now
from tasks.store.withdrawals import withdrawn_status

_ERASURE = Erasure.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_EVENT = ProviderEvent.__table__  # type: ignore[attr-defined]  # the same
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same

ERASED = "erased"
"""The reason of a message that was withdrawn because its person was erased."""

_ANYBODY_WAS_ERASED = select(exists().select_from(_ERASURE))

_ERASURE_LOCK = 0x45726173  # "Eras"; any constant that all Rollcall processes share

IS_ERASED = _MESSAGE.c.address.startswith(ERASED_PREFIX)
"""The SQL condition for a message whose person was erased."""

NAMES_NOBODY = or_(IS_ERASED, _MESSAGE.c.address.startswith(PRUNED_PREFIX))
"""The SQL condition for a message whose address was removed."""


def erased_address() -> ColumnElement[str]:
    """What replaces a message's address: unique in its run, and nobody's."""
    return literal(ERASED_PREFIX) + cast(_MESSAGE.c.id, String)


def hold_back_others(connection: Connection) -> None:
    """Let nobody put an opt-out, a reply or a list into the ledger until this transaction ends.

    Without it, one who had looked before the erasure whether an address is erased would write it down after it.
    On SQLite there is only one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ERASURE_LOCK})


def stored_addresses(connection: Connection, addresses: Iterable[str]) -> dict[str, str]:
    """How the ledger writes each of these addresses: an erased one as its hash, any other as it is.

    Where the key is missing, as they are: an opt-out must be kept.
    """
    distinct = sorted(set(addresses))
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _ERASURE_LOCK})
    written = {address: address for address in distinct}
    if distinct and (key := usable_key(connection)) is not None:
        by_hash = hashes_of(key, distinct)
        wanted = as_table(connection, hash=list(by_hash))
        known = connection.execute(
            select(wanted.c.hash).where(exists().where(_SUPPRESSION.c.address == wanted.c.hash))
        ).scalars()
        written |= {by_hash[found]: found for found in known}
    return written


def withdraw_erased(
    connection: Connection, message_ids: Sequence[int], *, channel: Channel, purpose: Purpose
) -> int:
    """Cancel those of these planned messages that would go to somebody who was erased.

    Costs one look at an empty table while nobody was. A message that was planned while its person was being erased
    loses its address here.

    Returns:
        How many.

    Raises:
        ErasureKeyError: Nobody can tell, so nothing may be sent.
    """
    if not message_ids or not _anybody_was_erased(connection):
        return 0
    ours = _MESSAGE.c.id.in_(message_ids) & (_MESSAGE.c.status == MessageStatus.PLANNED)
    withdrawn = cancel_erased(connection, ours)
    found = {
        address: id_ for id_, address in connection.execute(select(_MESSAGE.c.id, _MESSAGE.c.address).where(ours))
    }
    hashes = find_hashes(connection, found)
    hashed = find_erased(connection, hashes).intersection(
        find_suppressions(connection, channel, purpose, found, hashes)
    )
    if hashed:
        connection.execute(
            update(_MESSAGE)
            .where(_MESSAGE.c.id.in_([found[address] for address in hashed]))
            .values(
                status=withdrawn_status(),
                reason="opted_out",
                status_at=utc_now(),
                address=erased_address(),
                variables=None,
                external_code=None,
            )
        )
    return withdrawn + len(hashed)


def cancel_erased(connection: Connection, which: ColumnElement[bool]) -> int:
    """Cancel planned messages whose person was erased: there is nobody left that they could go to.

    They become `planned` when a request that was on the wire during the erasure surely did not arrive.

    Returns:
        How many.
    """
    cancelled = connection.execute(
        update(_MESSAGE)
        .where(which, _MESSAGE.c.status == MessageStatus.PLANNED, IS_ERASED)
        .values(status=withdrawn_status(), reason=ERASED, status_at=utc_now())
    )
    return int(cancelled.rowcount)


def find_erased(connection: Connection, hashes: Mapping[str, str]) -> set[str]:
    """Those addresses that are suppressed as a hash now, on whichever channel.

    Args:
        connection: A transaction.
        hashes: Addresses by their hash, of `find_hashes`.
    """
    return {hashes[found] for found in _in_force(connection, list(hashes))} if hashes else set()


def _in_force(connection: Connection, hashes: list[str]) -> Iterable[str]:
    wanted = as_table(connection, hash=hashes)
    return connection.execute(
        select(wanted.c.hash).where(exists().where(_SUPPRESSION.c.address == wanted.c.hash, IS_IN_FORCE))
    ).scalars()


def _anybody_was_erased(connection: Connection) -> bool:
    return connection.execute(_ANYBODY_WAS_ERASED).scalar_one()


def empty_late_events(
    connection: Connection,
    said: Sequence[tuple[int, Report]],
    of_erased_messages: Collection[int],
    *,
    waiting: Collection[int],
) -> None:
    """Take out of events, once they are read, what they say of people who were erased.

    The events stay with their keys, so that the same callback is not taken for a new one.

    Args:
        connection: The transaction that read them.
        said: Id of each event, and what it says.
        of_erased_messages: Those of them that are about messages of erased people.
        waiting: Those of them that are read again later: they lose only the address.
    """
    if not said or not _anybody_was_erased(connection):
        return
    addresses = {place: _address_in(report) for place, (_, report) in enumerate(said)}
    written = stored_addresses(connection, filter(None, addresses.values()))
    erased = {
        said[place][0]: address for place, address in addresses.items() if address and written[address] != address
    }
    if closed := (erased.keys() | set(of_erased_messages)).difference(waiting):
        connection.execute(update(_EVENT).where(_EVENT.c.id.in_(closed)).values(payload={}))
    for event_id, payload in connection.execute(
        select(_EVENT.c.id, _EVENT.c.payload).where(_EVENT.c.id.in_(set(erased).intersection(waiting)))
    ).all():
        bare = Spellings([erased[event_id]]).redact_document(payload)
        connection.execute(update(_EVENT).where(_EVENT.c.id == event_id).values(payload=bare))


def _address_in(report: Report) -> str | None:
    if not report.address:
        return None
    return tidy_address(report.address, is_email="@" in report.address)
