"""Addresses as keyed hashes: who has the key can tell whether an address is meant, and nobody else can.

HMAC-SHA256 (RFC 2104), and not a plain hash: there are so few phone numbers that a plain one is undone by trying
them all.
"""

import hmac
from collections.abc import Collection

HASH_PREFIX = "hmac:"
"""Begins every hash: it cannot be mistaken for an address."""

LEAST_KEY_CHARS = 32

# What is hashed begins with what it is for, so that no address has the hash by which the key is recognised.
_ADDRESS = b"address\0"
_CHECK = b"rollcall erasure key"


def key_of(text: str) -> bytes:
    """The key that somebody wrote down.

    Raises:
        ValueError: It is too short to be secret.
    """
    kept = text.strip()
    if len(kept) < LEAST_KEY_CHARS:
        raise ValueError(f"it has {len(kept)} characters, and needs at least {LEAST_KEY_CHARS}")
    return kept.encode()


def keyed_hash(key: bytes, address: str) -> str:
    """What is kept instead of an address.

    Args:
        key: Of `key_of`.
        address: In the form of the ledger: E.164, or an e-mail address in lower case.
    """
    return HASH_PREFIX + _digest(key, address).hex()


def hashes_of(key: bytes, addresses: Collection[str], among: Collection[str] | None = None) -> dict[str, str]:
    """Addresses by their hash.

    Args:
        key: Of `key_of`.
        addresses: In the form of the ledger; perhaps a million.
        among: Only those with one of these hashes; all when not given.
    """
    if among is None:
        return {keyed_hash(key, address): address for address in addresses}
    wanted = {bytes.fromhex(known.removeprefix(HASH_PREFIX)) for known in among}
    return {
        HASH_PREFIX + digest.hex(): address for address in addresses if (digest := _digest(key, address)) in wanted
    }


def _digest(key: bytes, address: str) -> bytes:
    return hmac.digest(key, _ADDRESS + address.encode("utf-8", "surrogatepass"), "sha256")


def check_value(key: bytes) -> str:
    """By which a ledger recognises the key that its hashes were made with. It does not tell the key."""
    return hmac.digest(key, _CHECK, "sha256").hex()
