"""What a compressed file may unpack to: a bomb of a few kilobytes holds gigabytes of nothing."""

_ALWAYS_BYTES = 64 << 20
_MOST_RATIO = 200
"""Lists of contacts shrink to a fifth, Excel's XML of repetitive columns to a fiftieth; a bomb to a thousandth."""


def most_unpacked_bytes(packed_bytes: int) -> int:
    """The bytes that may come out of so many packed ones."""
    return max(_ALWAYS_BYTES, _MOST_RATIO * packed_bytes)
