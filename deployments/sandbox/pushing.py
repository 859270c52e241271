"""What a provider sends by itself: callbacks at their time, and again when they were not taken."""

import asyncio
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from deployments.sandbox.clock import Clock
from deployments.sandbox.push_connection import Destination, PushConnection, destination_of

LANES = 64
"""Callbacks under way at once. A receiver that answers after 10 ms, because it writes to disk first, then still
gets some thousands a second."""

_IDLE_SECONDS = 0.05
_KEEP_SECONDS = 2.0
"""Servers close idle connections after 5 s (uvicorn, Node.js); a callback that crosses such a close is lost."""

_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Push:
    """One callback.

    Attributes:
        url: Whom to call; http only.
        body: What to send.
        headers: Of the request; a retry carries the same ones.
        attempts: How often it is tried until somebody answers 2xx.
        retry_seconds: The pause before the first retry; doubled after each.
        timeout_seconds: No answer by then is no answer.
        method: HTTP method.

    Raises:
        ValueError: The address cannot be called.
    """

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 1
    retry_seconds: float = 1.0
    timeout_seconds: float = 10.0
    method: str = "POST"

    def __post_init__(self) -> None:
        destination_of(self.url)


@dataclass(slots=True)
class _Round:
    """Callbacks that are due together.

    Attributes:
        pushes: Asked for one by one, so that they may be made only when they leave.
        attempt: 1 at first, then the number of the retry.
        following: Rounds that come after this one.
        pause_seconds: Between this one's last answer and the next one.
        whole: Done when no round is left.
    """

    pushes: Sequence[Push]
    attempt: int = 1
    following: Sequence[Sequence[Push]] = ()
    pause_seconds: float = 0.0
    whole: asyncio.Future[None] | None = None
    left_count: int = 0
    answered_count: int = 0


class Pusher:
    """Makes callbacks when they are due. Belongs to one event loop: that of the sandbox's server.

    Attributes:
        counts: `waiting` (due later, or being tried), `taken` (answered 2xx), `given_up`, `attempts`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, _Round]] = []
        self._order = count()
        self._worker: asyncio.Task[None] | None = None
        self._lanes: set[asyncio.Task[None]] = set()
        self._idle: defaultdict[tuple[str, int], list[PushConnection]] = defaultdict(list)
        self._awaited: set[asyncio.Future[None]] = set()
        self.counts: Counter[str] = Counter()

    def push(self, push: Push, after_seconds: float = 0.0) -> None:
        """Make a callback after some time; call it from a request handler.

        Of callbacks that are due at the same instant, the one that was pushed first leaves first.
        """
        self.push_in_rounds([[push]], after_seconds)

    def push_in_rounds(
        self, rounds: Sequence[Sequence[Push]], after_seconds: float = 0.0, pause_seconds: float = 0.0
    ) -> None:
        """Make many callbacks, some of them only after others; call it from a request handler.

        Args:
            rounds: The callbacks of a round leave in this order, many at once. A sequence may make each one
                when it is asked for it: a million bodies need not wait in memory.
            after_seconds: When the first round begins.
            pause_seconds: The next round begins so long after each callback of the one before was answered, or
                its first attempt failed.
        """
        self._begin(rounds, self._clock.monotonic() + after_seconds, pause_seconds)

    async def push_now(self, push: Push) -> None:
        """Make a callback before all others, and wait for its answer: before the provider's own answer leaves."""
        await self.push_in_rounds_now([[push]])

    async def push_in_rounds_now(self, rounds: Sequence[Sequence[Push]]) -> None:
        """Make many callbacks before all others, round after round, and wait for each one's first answer."""
        if any(rounds):
            whole = asyncio.get_running_loop().create_future()
            self._begin(rounds, -math.inf, 0.0, whole)
            self._awaited.add(whole)
            try:
                await whole
            finally:
                self._awaited.discard(whole)

    def stop(self) -> None:
        """Make no further callback, forget those that wait, and let go whoever waits for them; not used again."""
        for task in (*self._lanes, *filter(None, [self._worker])):
            task.cancel()
        for whole in self._awaited:
            if not whole.done():
                whole.set_result(None)
        self._due.clear()
        self.counts["waiting"] = 0

    def _begin(
        self,
        rounds: Sequence[Sequence[Push]],
        due_at: float,
        pause_seconds: float,
        whole: asyncio.Future[None] | None = None,
    ) -> None:
        rounds = [pushes for pushes in rounds if pushes]
        if rounds:
            self.counts["waiting"] += sum(map(len, rounds))
            self._enqueue(due_at, _Round(rounds[0], 1, rounds[1:], pause_seconds, whole))
            if self._worker is None or self._worker.done():
                self._worker = asyncio.get_running_loop().create_task(self._work())
            self._start_lane()

    def _enqueue(self, due_at: float, pushes: _Round) -> None:
        heapq.heappush(self._due, (due_at, next(self._order), pushes))

    async def _work(self) -> None:
        try:
            while self._due or self._lanes:
                self._start_lane()
                # Looks again soon instead of sleeping until then: tests replace the clock.
                await asyncio.sleep(_IDLE_SECONDS)
        finally:
            for lane in self._lanes:
                lane.cancel()
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def _start_lane(self) -> None:
        """Let one more callback be under way. The lane that takes one starts the next lane, while any is due."""
        if len(self._lanes) < LANES and self._due and self._due[0][0] <= self._clock.monotonic():
            lane = asyncio.get_running_loop().create_task(self._drain())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _drain(self) -> None:
        while (taken := self._take()) is not None:
            pushes, push = taken
            self._start_lane()
            self.counts["attempts"] += 1
            self._settle(pushes, push, was_taken=await self._attempt(push))

    def _take(self) -> tuple[_Round, Push] | None:
        if not self._due or self._due[0][0] > self._clock.monotonic():
            return None
        pushes = self._due[0][2]
        position = pushes.left_count
        pushes.left_count += 1
        if pushes.left_count == len(pushes.pushes):
            heapq.heappop(self._due)
        return pushes, pushes.pushes[position]

    def _settle(self, pushes: _Round, push: Push, *, was_taken: bool) -> None:
        if not was_taken and pushes.attempt < push.attempts:
            pause_seconds = push.retry_seconds * 2.0 ** (pushes.attempt - 1)
            self._enqueue(self._clock.monotonic() + pause_seconds, _Round([push], pushes.attempt + 1))
        else:
            self.counts["waiting"] -= 1
            self.counts["taken" if was_taken else "given_up"] += 1
        pushes.answered_count += 1
        if pushes.answered_count == len(pushes.pushes):
            self._follow(pushes)

    def _follow(self, pushes: _Round) -> None:
        if pushes.following:
            due_at = -math.inf if pushes.whole else self._clock.monotonic() + pushes.pause_seconds
            following, *later = pushes.following
            self._enqueue(due_at, _Round(following, 1, later, pushes.pause_seconds, pushes.whole))
        elif pushes.whole is not None and not pushes.whole.done():
            pushes.whole.set_result(None)

    async def _attempt(self, push: Push) -> bool:
        """Whether the callback was taken."""
        try:
            return await self._exchange(push) in _SUCCESS
        except OSError:  # a timeout is one too
            return False

    async def _exchange(self, push: Push) -> int:
        destination = destination_of(push.url)
        connection = self._take_idle(destination) or await PushConnection.open(destination)
        try:
            return await connection.exchange(
                push.method, destination, push.headers.items(), push.body, push.timeout_seconds
            )
        finally:
            if connection.is_reusable:
                connection.idle_since = asyncio.get_running_loop().time()
                self._idle[destination.host, destination.port].append(connection)
            else:
                connection.close()

    def _take_idle(self, destination: Destination) -> PushConnection | None:
        """The connection that was used last, if that is not too long ago."""
        idle = self._idle[destination.host, destination.port]
        while idle:
            connection = idle.pop()
            age_seconds = asyncio.get_running_loop().time() - connection.idle_since
            if connection.is_reusable and age_seconds < _KEEP_SECONDS:
                return connection
            connection.close()
        return None
