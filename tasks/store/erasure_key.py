"""The key of the hashed suppressions: where it comes from, and whether it is the one that the ledger needs."""

import os

from sqlalchemy import Connection, select

from tasks.contacts.keyed_hash import check_value, key_of
from tasks.store.session import Ledger, LedgerError
from tasks.store.tables import Erasure

_ERASURE = Erasure.__table__  # type: ignore[attr-defined]  # SQLModel does not type it

VARIABLE = "ROLLCALL_ERASURE_KEY"

_HOW_TO_MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


class ErasureKeyError(LedgerError):
    """Nobody can tell whether somebody is erased: the key is missing, or is another one. Nothing may be sent."""


def key_from_environment() -> bytes:
    """`ROLLCALL_ERASURE_KEY`.

    Raises:
        ErasureKeyError: It is not set, or too short.
    """
    text = os.environ.get("ROLLCALL_ERASURE_KEY", "")
    try:
        if text:
            return key_of(text)
        why = "is not set"
    except ValueError as error:
        why = f"cannot be used: {error}"
    raise ErasureKeyError(
        f"{VARIABLE} {why}. It makes the hashes by which erased people stay suppressed. If one was used before, "
        f"set that one. Else make one with {_HOW_TO_MAKE_ONE}, set it wherever Rollcall runs, and keep it: "
        "without it nothing can be sent any more."
    ) from None


def required_key(connection: Connection) -> bytes | None:
    """The key, where the ledger has suppressions that can only be read with it; None where it has none.

    Raises:
        ErasureKeyError: It has some, and the key is missing or another one.
    """
    known = connection.execute(
        select(_ERASURE.c.key_check).where(_ERASURE.c.key_check.is_not(None)).distinct().limit(2)
    ).scalars()
    checks = set(known)
    if not checks:
        return None
    try:
        key = key_from_environment()
    except ErasureKeyError as error:
        raise ErasureKeyError(f"This ledger holds people who were erased, and {error}") from None
    if checks != {check_value(key)}:
        raise ErasureKeyError(
            f"{VARIABLE} is not the key with which people were erased from this ledger, so nobody can tell who "
            "must not be written to. Set the key that was used then."
        )
    return key


def usable_key(connection: Connection) -> bytes | None:
    """The key, if the ledger needs one and it is there.

    For those who only listen: an opt-out must be kept, if need be with its address, when the key is missing.
    """
    try:
        return required_key(connection)
    except ErasureKeyError:
        return None


def require_key_for_erasure(*, needs_one: bool) -> None:
    """Refuse an erasure before it begins.

    Args:
        needs_one: People shall stay suppressed, so there must be a key even if the ledger has no hash yet.

    Raises:
        ErasureKeyError: The key is missing, or is not the ledger's.
    """
    with Ledger() as ledger, ledger.reading() as connection:
        if required_key(connection) is None and needs_one:
            key_from_environment()
