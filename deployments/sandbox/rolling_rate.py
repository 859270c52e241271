"""How many requests a provider takes per second."""

from collections import deque

WINDOW_SECONDS = 1.0


class RollingRate:
    """Counts the requests of the last second; those it refuses do not count."""

    def __init__(self) -> None:
        self._taken_at: deque[float] = deque()

    def take(self, now_seconds: float, limit_per_second: int) -> bool:
        """Whether one more request fits in the second that ends now; if so, it is counted."""
        taken_at = self._taken_at
        oldest = now_seconds - WINDOW_SECONDS
        while taken_at and taken_at[0] <= oldest:
            taken_at.popleft()
        if len(taken_at) >= limit_per_second:
            return False
        taken_at.append(now_seconds)
        return True
