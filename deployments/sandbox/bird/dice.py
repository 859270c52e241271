"""Draws that fall the same way in every run: by what they are about, not by the order in which they are made."""

from collections.abc import Mapping
from hashlib import blake2b

_DIGEST_BYTES = 8


def roll(seed: int, *about: object) -> float:
    """A number from 0 to 1, always the same one for the same things."""
    about_bytes = "\0".join(map(str, (seed, *about))).encode(errors="surrogatepass")
    digest = blake2b(about_bytes, digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest) / 2.0 ** (8 * _DIGEST_BYTES)


def draw(shares: Mapping[str, float], rolled: float) -> str | None:
    """The word whose share a roll falls into; None where it falls into what the shares leave over."""
    for word, share in shares.items():
        if rolled < share:
            return word
        rolled -= share
    return None
