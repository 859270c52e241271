"""In how many parts an SMS goes, which is what it costs.

One SMS carries 140 octets of user data (3GPP TS 23.040, 9.2.3.24): 160 septets of GSM-7 or 70 UTF-16 code units
of UCS-2. A longer text is cut into parts, and each gives up 6 octets for the concatenation header. A national
language shift table needs 4 octets of header in a single SMS and 3 more in each part of several; septets then
start on a septet boundary after the header:

    encoding       one SMS   each of several   a character costs
    GSM-7          160       153               1, or 2 from the extension table
    GSM-7 Spanish  155       149               1, or 2 from the Spanish single shift table
    UCS-2          70        67                1, or 2 outside the Basic Multilingual Plane (most emoji)

No two-unit character is cut: a part ends one unit early rather than inside an escape pair or a surrogate pair.
"""

import codecs
import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tasks.messaging import gsm7


class Charset(StrEnum):
    """Which alphabets may be used. The choice is the provider's or, where it can be asked for, the campaign's."""

    AUTO = "auto"
    """GSM-7 where every character is in it, else UCS-2."""
    SPANISH = "spanish"
    """The same, and the Spanish single shift table before UCS-2. Only where the provider is told to use it."""


class Encoding(StrEnum):
    """How a text goes over the air."""

    GSM7 = "gsm7"
    """GSM 7-bit default alphabet and its extension table."""
    GSM7_SPANISH = "gsm7_spanish"
    """GSM 7-bit default alphabet and the Spanish single shift table."""
    UCS2 = "ucs2"
    """Two octets a character; four outside the Basic Multilingual Plane, as handsets read UTF-16."""


class PartCount(NamedTuple):
    """The size of a text as an SMS.

    Attributes:
        parts: How many SMS the text needs; an empty text is still one.
        encoding: How it goes over the air.
        units: Septets (GSM-7) or UTF-16 code units (UCS-2) of the text, without headers.
        units_left_in_last_part: How many more units fit before another part is needed.
    """

    parts: int
    encoding: Encoding
    units: int
    units_left_in_last_part: int


@dataclass(frozen=True, slots=True)
class Ucs2Cause:
    """A character that keeps a text out of GSM-7.

    Attributes:
        char: The character.
        name: Its Unicode name, or its code point where it has none.
        count: How often the text has it.
        suggestion: What to write instead; empty means leave it out, None means that nothing stands for it.
    """

    char: str
    name: str
    count: int
    suggestion: str | None


class _Capacity(NamedTuple):
    single: int
    multipart: int


CAPACITY = {
    Encoding.GSM7: _Capacity(160, 153),
    Encoding.GSM7_SPANISH: _Capacity(155, 149),
    Encoding.UCS2: _Capacity(70, 67),
}
"""Septets, or UTF-16 code units, of a single SMS and of each of several."""

# One octet for each character of the GSM-7 tables, so that C loops encode and count: 0.5 us for a text of 75
# characters, where a loop over them costs 10. An EncodingMap needs U+0000 in the first place; it is not GSM-7.
_TABLE = "\0" + "".join(sorted(gsm7.BASIC)) + "".join(sorted(gsm7.EXTENSION))
_SPANISH_TABLE = _TABLE + "".join(sorted(gsm7.SPANISH_EXTENSION - gsm7.EXTENSION))
_OCTETS = codecs.charmap_build(_TABLE.ljust(256, "\ufffe"))
_SPANISH_OCTETS = codecs.charmap_build(_SPANISH_TABLE.ljust(256, "\ufffe"))
_TWO_SEPTETS = bytes(range(1 + len(gsm7.BASIC), len(_SPANISH_TABLE)))

_ESCAPE = b"\0"
_ESCAPED_OCTET = re.compile(b"([%s])" % re.escape(_TWO_SEPTETS))


def count_parts(text: str, *, charset: Charset = Charset.AUTO) -> PartCount:
    """How many SMS a text needs, and in which encoding.

    Args:
        text: As the recipient will read it.
        charset: Which alphabets may be used.
    """
    encoding, octets = _encode(text, charset)
    if encoding is Encoding.UCS2:
        units = len(octets) // 2
    else:
        units = 2 * len(octets) - len(octets.translate(None, _TWO_SEPTETS))
    single, multipart = CAPACITY[encoding]
    if units <= single:
        return PartCount(1, encoding, units, single - units)
    ends = _part_ends(encoding, _units_of(encoding, octets))
    last_part_units = units - ends[-2]
    return PartCount(len(ends), encoding, units, multipart - last_part_units)


def split_parts(text: str, *, charset: Charset = Charset.AUTO) -> list[str]:
    """The text of each SMS; joined, they are the text again. An empty text is one empty part."""
    encoding, octets = _encode(text, charset)
    units = _units_of(encoding, octets)
    ends = _part_ends(encoding, units)
    return [_decode(encoding, units[start:end]) for start, end in pairwise([0, *ends])]


def explain_ucs2(text: str, *, charset: Charset = Charset.AUTO) -> list[Ucs2Cause]:
    """Each character that forces UCS-2, in order of appearance. Empty when the text goes as GSM-7."""
    allowed = gsm7.BASIC | (gsm7.SPANISH_EXTENSION if charset is Charset.SPANISH else gsm7.EXTENSION)
    outside = Counter(char for char in text if char not in allowed)
    return [
        Ucs2Cause(char, unicodedata.name(char, f"U+{ord(char):04X}"), count, _suggestion(char, allowed))
        for char, count in outside.items()
    ]


def _encode(text: str, charset: Charset) -> tuple[Encoding, bytes]:
    """The cheapest allowed encoding, and the text in it: one octet a character, or UTF-16.

    Plain GSM-7 comes before Spanish, because the Spanish table costs a header.
    """
    if "\0" not in text:
        try:
            return Encoding.GSM7, codecs.charmap_encode(text, "strict", _OCTETS)[0]
        except UnicodeEncodeError:
            pass
        if charset is Charset.SPANISH:
            try:
                return Encoding.GSM7_SPANISH, codecs.charmap_encode(text, "strict", _SPANISH_OCTETS)[0]
            except UnicodeEncodeError:
                pass
    return Encoding.UCS2, text.encode("utf-16-be", "surrogatepass")


def _decode(encoding: Encoding, units: Sequence[int]) -> str:
    if encoding is Encoding.UCS2:
        return struct.pack(f">{len(units)}H", *units).decode("utf-16-be", "surrogatepass")
    return codecs.charmap_decode(bytes(units).replace(_ESCAPE, b""), "strict", _SPANISH_TABLE)[0]


def _units_of(encoding: Encoding, octets: bytes) -> Sequence[int]:
    """One number per septet or UTF-16 code unit; an escape stands before each octet that needs one."""
    if encoding is Encoding.UCS2:
        return struct.unpack(f">{len(octets) // 2}H", octets)
    return _ESCAPED_OCTET.sub(_ESCAPE + rb"\1", octets)


def _part_ends(encoding: Encoding, units: Sequence[int]) -> list[int]:
    """The unit at which each part ends."""
    single, multipart = CAPACITY[encoding]
    if len(units) <= single:
        return [len(units)]
    opens_a_pair = range(0xD800, 0xDC00) if encoding is Encoding.UCS2 else _ESCAPE
    ends = []
    end = 0
    while end < len(units):
        end = min(end + multipart, len(units))
        if end < len(units) and units[end - 1] in opens_a_pair:
            end -= 1
        ends.append(end)
    return ends


# What people paste from word processors, and letters that Unicode does not decompose.
_REPLACEMENTS = {
    **dict.fromkeys("‘’‚‛′´`ʹʻʼˈ", "'"),  # noqa: RUF001 - the look-alikes are the point
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),  # noqa: RUF001 - the same
    **dict.fromkeys("‹", "<"),  # noqa: RUF001 - the same
    **dict.fromkeys("›", ">"),  # noqa: RUF001 - the same
    **dict.fromkeys("•‣◦▪", "-"),
    "·": ".",
    "⁄": "/",  # noqa: RUF001 - the same
    "→": "->",
    "←": "<-",
    "×": "x",  # noqa: RUF001 - the same
    "÷": "/",
    "©": "(c)",
    "®": "(R)",
    "\t": " ",
    "\u2028": "\n",
    "\u2029": "\n",
    "\x85": "\n",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ħ": "h",
    "Ħ": "H",
    "ı": "i",  # noqa: RUF001 - the same
    "œ": "oe",
    "Œ": "OE",
    "ẞ": "ß",
}
# Pictures, joiners, accents that stand alone, control characters: the text can be read without them.
_LEAVE_OUT = frozenset({"So", "Sk", "Mn", "Me", "Cf", "Cc", "Cs", "Cn", "Co"})


@lru_cache(maxsize=4096)
def _suggestion(char: str, allowed: frozenset[str]) -> str | None:
    """What to write instead of a character: a known replacement, else its compatibility decomposition."""
    if char in _REPLACEMENTS:
        return _REPLACEMENTS[char]
    pieces = list(_pieces(char))
    if pieces and all(piece in allowed for piece in pieces):
        return "".join(pieces)
    return "" if unicodedata.category(char) in _LEAVE_OUT else None


def _pieces(char: str) -> Iterator[str]:
    for piece in unicodedata.normalize("NFKD", char):
        if not unicodedata.combining(piece):
            yield from _REPLACEMENTS.get(piece, piece)
