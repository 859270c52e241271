"""Seeded damage: bytes and JSON bodies that began as good ones."""

import random
from collections.abc import Iterator
from typing import Any

_TOKENS = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b'""', b"'", b";", b",", b"\t", b"\r", b"\n", b"\\"),
    *(b"{", b"}", b"[", b"]", b"{{", b"{%", b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"- ", b": "),
    *(b"1e400", b"-1", b"99999999999999999999", b"0x", b"NaN", b"\\u0000", b"\\ud800", b"=cmd|' /C calc'!A0"),
    *("\u202e".encode(), "\u200b".encode(), "\u2028".encode(), b"\x1b[2J", b"\x85", b"PK\x03\x04", b"PAR1"),
)
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**30, 1e308, -0.0, "", " ", "\0", "\ud800", "a" * 20_000, "9" * 5000),
    *("2026-02-30T25:61:61Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "+" * 40, "{{ 7 * 7 }}"),
    *([], {}, [[]], [{}], [None], {"": ""}, {"a": {"b": {"c": []}}}, [1, "2", None, {"x": "\0"}]),
)
"""What may stand where something else was expected."""


def mutate(content: bytes, dice: random.Random) -> bytes:
    """The content with some of its bytes turned, cut, doubled or mixed with what parsers stumble over."""
    mutated = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        place = dice.randrange(len(mutated) + 1)
        until = min(len(mutated), place + dice.choice((1, 2, 8, 64, 512)))
        match dice.randrange(5):
            case 0:
                mutated[place:until] = dice.randbytes(until - place)
            case 1:
                del mutated[place:until]
            case 2:
                mutated[place:place] = mutated[place:until] * dice.choice((1, 2, 50))
            case 3:
                mutated[place:place] = dice.choice(_TOKENS) * dice.choice((1, 1, 3, 300))
            case _:
                mutated[place : place + 1] = bytes([dice.randrange(256)])
    return bytes(mutated)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value, itself included."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from paths_of(member, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    """The value with something else at a place."""
    if not path:
        return leaf
    key, *rest = path
    if isinstance(value, dict):
        return {**value, key: replaced(value[key], tuple(rest), leaf)}
    return [replaced(member, tuple(rest), leaf) if place == key else member for place, member in enumerate(value)]


def mutate_json(value: Any, dice: random.Random) -> Any:
    """The value with one to three of its places holding something that nobody documented."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        path = dice.choice(list(paths_of(value)))
        value = replaced(value, path, dice.choice(LEAVES))
    return value
