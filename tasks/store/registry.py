"""Looking a batch of addresses up: who is known, who must not be contacted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, text

from tasks.contacts.addresses import external_address, external_code
from tasks.contacts.keyed_hash import hashes_of
from tasks.messaging.statuses import Channel, Purpose
from tasks.store.bulk import insert_columns
from tasks.store.erasure_key import required_key
from tasks.store.row_sets import as_table
from tasks.store.tables import Contact, Suppression, SuppressionScope, utc_now

_CONTACT = Contact.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same


@dataclass(frozen=True, slots=True)
class KnownContact:
    """What the registry says of one address.

    Attributes:
        enabled: Whether it may be written to at all.
        timezone: As it was imported; "" where none is known, or several are.
    """

    enabled: bool
    timezone: str = ""


def find_contacts(connection: Connection, channel: Channel, addresses: Collection[str]) -> dict[str, KnownContact]:
    """The registry's contacts with one of these addresses, or of these codes where a code stands for the address.

    One disabled entry disables the address.
    """
    codes = {address: code for address in addresses if (code := external_code(address))}
    key = _CONTACT.c.email if channel is Channel.EMAIL else _CONTACT.c.phone
    found = _find_by(connection, key, [address for address in addresses if address not in codes])
    if codes:
        by_code = _find_by(connection, _CONTACT.c.external_code, codes.values())
        found |= {address: by_code[code] for address, code in codes.items() if code in by_code}
    return found


def _find_by(connection: Connection, key: ColumnElement[Any], values: Collection[str]) -> dict[str, KnownContact]:
    wanted = as_table(connection, value=list(values))
    found: dict[str, KnownContact] = {}
    for value, enabled, timezone in connection.execute(
        select(key, _CONTACT.c.enabled, _CONTACT.c.timezone).join_from(wanted, _CONTACT, key == wanted.c.value)
    ):
        contact = KnownContact(enabled, timezone or "")
        earlier = found.get(value, contact)
        found[value] = KnownContact(
            enabled and earlier.enabled, contact.timezone if contact.timezone == earlier.timezone else ""
        )
    return found


def add_contacts(connection: Connection, columns: Mapping[str, Sequence[Any]]) -> None:
    """Add contacts to the registry: columns of `contact`, equally long, `fields` among them as JSON text."""
    now = utc_now()
    defaults = {"enabled": True, "created_at": now, "updated_at": now}
    constants = {name: value for name, value in defaults.items() if name not in columns}
    insert_columns(connection, _CONTACT, columns, constants)


def suppressed_channels(channel: Channel) -> tuple[Channel, ...]:
    """The channels whose suppressions also forbid this one: SMS and MMS reach the same number."""
    return (Channel.EMAIL,) if channel is Channel.EMAIL else (Channel.SMS, Channel.MMS)


IS_IN_FORCE = or_(_SUPPRESSION.c.lifted_at.is_(None), _SUPPRESSION.c.lifted_at <= _SUPPRESSION.c.effective_at)
"""The SQL condition under which a row of `suppression` forbids anything. On a tie, the opt-out counts."""


def suppression_applies(channel: Channel, purpose: Purpose) -> Any:
    """The SQL condition under which a row of `suppression` forbids such a message.

    One that was lifted forbids again once the person has opted out later than that.
    """
    scopes = [SuppressionScope.ALL]
    if purpose is Purpose.MARKETING:
        scopes.append(SuppressionScope.MARKETING)
    return and_(
        _SUPPRESSION.c.channel.in_(suppressed_channels(channel)),
        or_(*(_SUPPRESSION.c.scope == scope for scope in scopes)),
        IS_IN_FORCE,
    )


_IS_HASHED = text("suppression.address LIKE 'hmac:%'")  # written as the index has it, or it is not used
_WORTH_LOADING = 2_000
_MOST_LOADED = 20_000


def find_hashes(connection: Connection, addresses: Collection[str]) -> dict[str, str]:
    """Those of these addresses that may be suppressed as a keyed hash, by their hash; {} while nobody was erased.

    Of many addresses, only those that the ledger has a hash of: while few people were erased, their hashes are
    loaded once, which takes a fraction of the time of asking the database about a million hashes.

    Raises:
        ErasureKeyError: People were erased from this ledger, and nobody can tell who they are.
    """
    key = required_key(connection)
    if key is None:
        return {}
    if len(addresses) < _WORTH_LOADING:
        return hashes_of(key, addresses)
    known = (
        connection.execute(select(_SUPPRESSION.c.address).where(_IS_HASHED).limit(_MOST_LOADED)).scalars().all()
    )
    return hashes_of(key, addresses, known if len(known) < _MOST_LOADED else None)


def has_suppressed_codes(connection: Connection) -> bool:
    """Whether anybody at all is suppressed by the list's own key alone."""
    is_code = _SUPPRESSION.c.address.startswith(external_address(""))
    return connection.execute(select(exists().where(is_code))).scalar_one()


def find_suppressions(
    connection: Connection,
    channel: Channel,
    purpose: Purpose,
    addresses: Collection[str],
    hashes: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For each of these addresses that must not be contacted: where its suppression came from.

    Args:
        connection: A transaction.
        channel: Of the message.
        purpose: Of the message.
        addresses: In the form of the ledger.
        hashes: What `find_hashes` found for them, where that is known already.

    Raises:
        ErasureKeyError: People were erased from this ledger, and nobody can tell who they are.
    """
    found = _find_suppressions(connection, channel, purpose, addresses)
    if by_hash := find_hashes(connection, addresses) if hashes is None else hashes:
        hashed = _find_suppressions(connection, channel, purpose, by_hash)
        found |= {by_hash[its_hash]: source for its_hash, source in hashed.items()}
    return found


def _find_suppressions(
    connection: Connection, channel: Channel, purpose: Purpose, addresses: Collection[str]
) -> dict[str, str]:
    wanted = as_table(connection, address=list(addresses))
    found = connection.execute(
        select(_SUPPRESSION.c.address, _SUPPRESSION.c.source)
        .join_from(wanted, _SUPPRESSION, _SUPPRESSION.c.address == wanted.c.address)
        .where(suppression_applies(channel, purpose))
        .order_by(_SUPPRESSION.c.id.desc())
    )
    return {address: source for address, source in found}  # noqa: C416  # rows are not pairs to dict()
