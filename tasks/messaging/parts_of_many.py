"""SMS parts of many texts at once, by the rules of `parts`, for those that go as GSM-7 and leave no doubt."""

import codecs
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.messaging import gsm7, parts

_BETWEEN, _NOT_GSM7 = "\0", b"\xff"
_TABLE = _BETWEEN + "".join(sorted(gsm7.BASIC)) + "".join(sorted(gsm7.EXTENSION))
_OCTETS = codecs.charmap_build(_TABLE.ljust(256, "\ufffe"))
_FIRST_OF_TWO_SEPTETS = 1 + len(gsm7.BASIC)
_MARKED = "rollcall-not-gsm7"


def _mark(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  # for mypy: nothing is decoded under this name
    return _NOT_GSM7, error.end


codecs.register_error(_MARKED, _mark)


def count_gsm7_parts(texts: Sequence[str]) -> NDArray[np.int16]:
    """How many SMS each text needs, as `count_parts` says; 0 where that has to be asked.

    That is the case when a character is not in GSM-7, and when a text of several parts has characters of two
    septets, which no part may cut.

    Args:
        texts: As their recipients will read them.
    """
    if not texts:
        return np.zeros(0, dtype=np.int16)
    octets = np.frombuffer(codecs.charmap_encode(_BETWEEN.join(texts) + _BETWEEN, _MARKED, _OCTETS)[0], np.uint8)
    ends = np.flatnonzero(octets == 0)
    if len(ends) != len(texts):  # a text has U+0000 in it
        return np.zeros(len(texts), dtype=np.int16)
    starts = np.concatenate(([0], ends[:-1] + 1))
    has_two_septets = np.concatenate(([0], np.cumsum(octets >= _FIRST_OF_TWO_SEPTETS)))
    is_odd = np.concatenate(([0], np.cumsum(octets == _NOT_GSM7[0])))
    two_septets = has_two_septets[ends] - has_two_septets[starts]
    septets = ends - starts + two_septets
    single, each = parts.CAPACITY[parts.Encoding.GSM7]
    counted = np.where(septets <= single, 1, -(-septets // each))
    counted[((septets > single) & (two_septets > 0)) | (is_odd[ends] > is_odd[starts])] = 0
    return counted.astype(np.int16)
