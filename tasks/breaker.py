"""Stopping a run whose recent requests mostly fail: what is wrong with them is wrong with what follows."""

from collections import deque

_RECENT = 100
_LEAST_SINGLE = 25
_LEAST_BULK = 5
_TOO_MANY = 0.8


class Breaker:
    """Watches the outcomes of one chunk's requests.

    Args:
        is_bulk: Requests with many recipients are few, and each failure costs hundreds of messages: fewer are
            enough to judge.
    """

    def __init__(self, *, is_bulk: bool) -> None:
        self._least = _LEAST_BULK if is_bulk else _LEAST_SINGLE
        self._failures: deque[bool] = deque(maxlen=_RECENT)

    def note(self, *, failed: bool) -> bool:
        """Add one request; whether the run must stop.

        A request fails when the provider refuses it as a whole, or when nobody knows what became of it.
        """
        self._failures.append(failed)
        return len(self._failures) >= self._least and sum(self._failures) >= _TOO_MANY * len(self._failures)
