"""Taking people out of the ledger. Counts stay true: rows that are counted stay, and name nobody.

Each person is one transaction, so that nobody ever sees half of an erasure, and no transaction holds messages of
many people. Within it rows are taken in the order in which senders and reconcilers take them: chunks, messages by
id, consent. Texts that may mention the person are gone through afterwards, in `tasks.store.mentions`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from tasks.contacts.addresses import ERASED_PREFIX, external_address, is_external, suppressed_code
from tasks.contacts.keyed_hash import check_value, keyed_hash
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store.erasure_key import key_from_environment, required_key
from tasks.store.hashed_suppressions import ERASED, erased_address, hold_back_others
from tasks.store.registry import suppressed_channels
from tasks.store.tables import Chunk, Contact, Erasure, Message, Reply, Suppression, SuppressionScope, utc_now
from tasks.store.withdrawals import withdrawn_status

_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # the same
_CONTACT = Contact.__table__  # type: ignore[attr-defined]  # the same
_REPLY = Reply.__table__  # type: ignore[attr-defined]  # the same
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same
_ERASURE = Erasure.__table__  # type: ignore[attr-defined]  # the same


@dataclass(frozen=True, slots=True)
class Person:
    """All addresses of one person that the ledger knows.

    Attributes:
        addresses: E.164 numbers, e-mail addresses, and `external:` with a code.
        is_shared: It is an e-mail address that the registry has with several phone numbers: they lose it, and
            stay.
    """

    addresses: frozenset[str]
    is_shared: bool = False

    def __repr__(self) -> str:  # an address must not get into a log
        return f"Person of {len(self.addresses)} addresses"


def find_person(connection: Connection, address: str) -> Person:
    """A person by one address, with the further ones that the registry has of the same contact.

    Those that others have too, like the mailbox of an office, are not the person's: nobody else must be erased.
    """
    entries = _contacts_with(connection, [address])
    if "@" in address and len({entry.phone for entry in entries if entry.phone}) > 1:
        return Person(frozenset({address}), is_shared=True)
    further = {found for entry in entries for found in _addresses_of(entry)} - {address}
    ours = {entry.id for entry in entries}
    for entry in _contacts_with(connection, further) if further else ():
        if entry.id not in ours:
            further -= _addresses_of(entry)
    return Person(frozenset({address, *further}))


def _contacts_with(connection: Connection, addresses: Collection[str]) -> Sequence[Any]:
    columns = (_CONTACT.c.id, _CONTACT.c.phone, _CONTACT.c.email, _CONTACT.c.external_code)
    return connection.execute(select(*columns).where(_has_address(addresses))).all()


def _addresses_of(entry: Any) -> set[str]:
    key = entry.external_code
    code = {external_address(key), suppressed_code(key)} if key else set()
    return {*filter(None, (entry.phone, entry.email)), *code}


def count_messages(connection: Connection, people: Iterable[Person]) -> Counter[MessageStatus]:
    """Messages to these people, by status."""
    counted: Counter[MessageStatus] = Counter()
    for person in people:
        counted.update(
            connection.execute(select(_MESSAGE.c.status).where(_MESSAGE.c.address.in_(person.addresses))).scalars()
        )
    return counted


def begin_erasure(connection: Connection, people: int, *, keep_suppressed: bool) -> None:
    """Note that people are being erased; from here on nothing is sent without the key of their hashes.

    Raises:
        ErasureKeyError: There is no key, or the ledger holds hashes that were made with another one.
    """
    hold_back_others(connection)
    key = required_key(connection)
    if keep_suppressed and key is None:
        key = key_from_environment()
    check = check_value(key) if key and keep_suppressed else None
    connection.execute(insert(_ERASURE).values(erased_at=utc_now(), people=people, key_check=check))


def erase_person(
    connection: Connection, person: Person, *, keep_suppressed: bool
) -> tuple[Counter[str], set[int]]:
    """Take a person out of the tables that hold addresses.

    A message that was not handed over is cancelled; any other stays in its status, and receipts that name the
    provider's id still reach it. What the person said about being contacted stays, as a keyed hash.

    Args:
        connection: A writing transaction.
        person: Who.
        keep_suppressed: Also who never opted out shall get nothing any more.

    Returns:
        What was done, counted, and the runs that it concerns.

    Raises:
        ErasureKeyError: The person opted out, which must be kept as a hash, and there is no key.
    """
    counts: Counter[str] = Counter()
    message_ids, run_ids = _erase_messages(connection, person, counts)
    counts["replies"] = connection.execute(
        update(_REPLY)
        .where(
            or_(_REPLY.c.address.in_(person.addresses), _REPLY.c.message_id.in_(message_ids)),
            _REPLY.c.address != ERASED_PREFIX,
        )
        .values(address=ERASED_PREFIX, text="")
    ).rowcount
    hold_back_others(connection)
    counts["suppressions"] = _hash_suppressions(connection, person, keep_suppressed=keep_suppressed)
    if person.is_shared:
        counts["contacts without it"] = _take_from_contacts(connection, person)
    else:
        counts["contacts"] = connection.execute(delete(_CONTACT).where(_has_address(person.addresses))).rowcount
    return counts, run_ids


def _erase_messages(
    connection: Connection, person: Person, counts: Counter[str]
) -> tuple[Sequence[int], set[int]]:
    its = _MESSAGE.c.address.in_(person.addresses)
    # Chunks before messages, and each in the order of their ids, as everybody locks them.
    chunk_ids = select(_MESSAGE.c.chunk_id).where(its)
    connection.execute(
        select(_CHUNK.c.id).where(_CHUNK.c.id.in_(chunk_ids)).order_by(_CHUNK.c.id).with_for_update(key_share=True)
    )
    rows = connection.execute(
        select(_MESSAGE.c.id, _MESSAGE.c.run_id, _MESSAGE.c.chunk_id, _MESSAGE.c.status)
        .where(its)
        .order_by(_MESSAGE.c.id)
        .with_for_update(key_share=True)
    ).all()
    ids = [row.id for row in rows]
    connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_(ids))
        .values(address=erased_address(), variables=None, external_code=None)
    )
    planned = [row for row in rows if row.status is MessageStatus.PLANNED]
    connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_([row.id for row in planned]))
        .values(status=withdrawn_status(), reason=ERASED, status_at=utc_now())
    )
    for row in planned:
        connection.execute(update(_CHUNK).where(_CHUNK.c.id == row.chunk_id).values(handled=_CHUNK.c.handled + 1))
    counts["messages"] = len(rows)
    counts["cancelled"] = len(planned)
    counts["under way"] = sum(not row.status.is_final for row in rows) - len(planned)
    return ids, {row.run_id for row in rows}


def _hash_suppressions(connection: Connection, person: Person, *, keep_suppressed: bool) -> int:
    """Put all that forbids or allows a message to the person under hashes; returns how many rows there are."""
    rows = connection.execute(
        select(_SUPPRESSION).where(_SUPPRESSION.c.address.in_(person.addresses)).order_by(_SUPPRESSION.c.id)
    ).all()
    if not rows and not keep_suppressed:
        return 0
    key = required_key(connection)
    if key is None:  # this person is the first one of whom anything is kept
        key = key_from_environment()
        connection.execute(insert(_ERASURE).values(erased_at=utc_now(), people=0, key_check=check_value(key)))
    hashes = {address: keyed_hash(key, address) for address in sorted(person.addresses)}
    for row in rows:
        _move(connection, row, hashes[row.address])
    if keep_suppressed:
        for address, its_hash in hashes.items():
            for channel in _channels_of(address):
                _forbid(connection, its_hash, channel)
    return len(rows)


def _move(connection: Connection, row: Any, its_hash: str) -> None:
    """Put one suppression under its hash. Of two that say something, the newest opt-out and opt-in are kept."""
    twin = connection.execute(
        select(_SUPPRESSION).where(
            _SUPPRESSION.c.address == its_hash,
            _SUPPRESSION.c.channel == row.channel,
            _SUPPRESSION.c.scope == row.scope,
        )
    ).first()
    if twin is None:
        values: dict[str, Any] = {"address": its_hash}
        connection.execute(update(_SUPPRESSION).where(_SUPPRESSION.c.id == row.id).values(**values))
        return
    lifts = [lifted for lifted in (twin.lifted_at, row.lifted_at) if lifted is not None]
    values = {
        "effective_at": max(twin.effective_at, row.effective_at),
        "lifted_at": max(lifts) if lifts else None,
        "lifted_source": row.lifted_source or twin.lifted_source,
    }
    connection.execute(update(_SUPPRESSION).where(_SUPPRESSION.c.id == twin.id).values(**values))
    connection.execute(delete(_SUPPRESSION).where(_SUPPRESSION.c.id == row.id))


def _forbid(connection: Connection, its_hash: str, channel: Channel) -> None:
    """To ask to be erased is the newest word: it also outlives an earlier opt-in."""
    now = utc_now()
    known = connection.execute(
        select(_SUPPRESSION).where(
            _SUPPRESSION.c.address == its_hash,
            _SUPPRESSION.c.channel.in_(suppressed_channels(channel)),
            _SUPPRESSION.c.scope == SuppressionScope.ALL,
        )
    ).all()
    if any(row.lifted_at is None or row.lifted_at <= row.effective_at for row in known):
        return
    values = {"reason": ERASED, "source": "erased on request", "effective_at": now}
    if known:
        connection.execute(update(_SUPPRESSION).where(_SUPPRESSION.c.id == known[0].id).values(**values))
    else:
        connection.execute(
            insert(_SUPPRESSION).values(address=its_hash, channel=channel, scope=SuppressionScope.ALL, **values)
        )


def _channels_of(address: str) -> tuple[Channel, ...]:
    if is_external(address):
        return (Channel.SMS, Channel.EMAIL)
    return (Channel.EMAIL,) if "@" in address else (Channel.SMS,)


def _take_from_contacts(connection: Connection, person: Person) -> int:
    """Take a shared mailbox out of the entries of all who have it."""
    return connection.execute(
        update(_CONTACT).where(_CONTACT.c.email.in_(person.addresses)).values(email=None, updated_at=utc_now())
    ).rowcount


def _has_address(addresses: Collection[str]) -> Any:
    codes = [address.removeprefix(external_address("")) for address in addresses if is_external(address)]
    return or_(
        _CONTACT.c.phone.in_(addresses), _CONTACT.c.email.in_(addresses), _CONTACT.c.external_code.in_(codes)
    )
