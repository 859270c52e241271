"""How many requests a provider takes in a stretch of time that moves along with the clock."""

from collections import deque


class RollingRate:
    """Counts the requests of the last seconds; those it refuses do not count."""

    def __init__(self, window_seconds: float = 1.0) -> None:
        self._window_seconds = window_seconds
        self._taken_at: deque[float] = deque()

    def take(self, now_seconds: float, limit: int) -> bool:
        """Whether one more request fits in the window that ends now; if so, it is counted."""
        taken_at = self._taken_at
        oldest = now_seconds - self._window_seconds
        while taken_at and taken_at[0] <= oldest:
            taken_at.popleft()
        if len(taken_at) >= limit:
            return False
        taken_at.append(now_seconds)
        return True

    def seconds_until_free(self, now_seconds: float) -> float:
        """How long until the oldest request leaves the window."""
        return self._taken_at[0] + self._window_seconds - now_seconds if self._taken_at else 0.0
