"""When requests arrived, so that a test can prove that a rate was kept and used."""

from collections import deque

MINUTE_SECONDS = 60.0
MAX_TIMES = 10_000


class RequestTimes:
    """The arrival of every request at one provider, refused ones included.

    Attributes:
        highest_per_minute: The most requests in any 60 s, wherever they begin.
        left_out: Requests whose times are no longer kept; only the latest 10,000 are.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._last_minute: deque[float] = deque()
        self._times: deque[float] = deque(maxlen=MAX_TIMES)
        self.highest_per_minute = 0
        self.left_out = 0

    def note(self, now_seconds: float) -> None:
        """Count a request that arrives now, by the same clock as the start."""
        last_minute = self._last_minute
        last_minute.append(now_seconds)
        while last_minute[0] <= now_seconds - MINUTE_SECONDS:
            last_minute.popleft()
        self.highest_per_minute = max(self.highest_per_minute, len(last_minute))
        self.left_out += len(self._times) == MAX_TIMES
        self._times.append(now_seconds - self._started_at)

    def since_start(self) -> list[float]:
        """The latest requests' times, in seconds since the start."""
        return list(self._times)
