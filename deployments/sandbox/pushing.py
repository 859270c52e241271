"""What a provider sends by itself: callbacks at their time, and again when they were not taken."""

import asyncio
import contextlib
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

import httpx

from deployments.sandbox.clock import Clock

_AT_ONCE = 16
_IDLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Push:
    """One callback.

    Attributes:
        url: Whom to call.
        body: What to send.
        headers: Of the request; a retry carries the same ones.
        attempts: How often it is tried until somebody answers 2xx.
        retry_seconds: The pause before the first retry; doubled after each.
        timeout_seconds: No answer by then is no answer.
        method: HTTP method.
    """

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 1
    retry_seconds: float = 1.0
    timeout_seconds: float = 10.0
    method: str = "POST"


class Pusher:
    """Makes callbacks when they are due. Belongs to one event loop: that of the sandbox's server.

    Attributes:
        counts: `waiting` (due later, or being tried), `taken` (answered 2xx), `given_up`, `attempts`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Push, int]] = []
        self._order = count()
        self._worker: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()

    def push(self, push: Push, after_seconds: float = 0.0) -> None:
        """Make a callback after some time; call it from a request handler.

        Of callbacks that are due at the same instant, the one that was pushed first leaves first.
        """
        self.counts["waiting"] += 1
        self._enqueue(push, after_seconds, attempt=1)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def push_now(self, push: Push) -> None:
        """Make a callback and wait for its answer: before the provider's own answer leaves, for example."""
        self.counts["waiting"] += 1
        async with self._client() as client:
            await self._attempt(client, push, attempt=1)

    @staticmethod
    def _client() -> httpx.AsyncClient:
        # Not the environment's proxies: callbacks stay on this machine.
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
        return httpx.AsyncClient(trust_env=False, limits=limits)

    def _enqueue(self, push: Push, after_seconds: float, *, attempt: int) -> None:
        heapq.heappush(self._due, (self._clock.monotonic() + after_seconds, next(self._order), push, attempt))

    async def _work(self) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        under_way: set[asyncio.Task[None]] = set()
        async with self._client() as client:
            while self._due or under_way:
                if not self._due or self._due[0][0] > self._clock.monotonic():
                    # Looks again soon instead of sleeping until then: tests replace the clock.
                    await asyncio.sleep(_IDLE_SECONDS)
                    continue
                await slots.acquire()
                _, _, push, attempt = heapq.heappop(self._due)
                task = asyncio.create_task(self._attempt(client, push, attempt=attempt))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                task.add_done_callback(lambda _: slots.release())

    async def _attempt(self, client: httpx.AsyncClient, push: Push, *, attempt: int) -> None:
        self.counts["attempts"] += 1
        taken = False
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.request(
                push.method,
                push.url,
                content=push.body,
                headers=dict(push.headers),
                timeout=push.timeout_seconds,
            )
            taken = answer.is_success
        if not taken and attempt < push.attempts:
            self._enqueue(push, push.retry_seconds * 2.0 ** (attempt - 1), attempt=attempt + 1)
            return
        self.counts["waiting"] -= 1
        self.counts["taken" if taken else "given_up"] += 1
