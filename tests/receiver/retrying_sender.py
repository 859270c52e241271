"""A provider that calls back until it is answered with 2xx, as cheaply as Python can."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_RECONNECT_SECONDS = 0.05
_ANSWER_SECONDS = 30.0


@dataclass
class Sent:
    """What came of it.

    Attributes:
        answered: How often each request was answered with 2xx, by its place in the list.
        statuses: How often each status was answered; 0: none was, the connection broke.
        latencies_seconds: From when a request was due, else from its first byte, to its answer.
        wall_seconds: The whole time.
    """

    answered: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_seconds: list[float] = field(default_factory=list)
    wall_seconds: float = 0.0

    def latency_ms(self, share: float) -> float:
        """A percentile: `latency_ms(0.99)`."""
        ordered = sorted(self.latencies_seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def post(url: str, body: bytes, headers: str = "") -> bytes:
    """A request's bytes."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def send_until_taken(
    url: str,
    requests: Sequence[bytes],
    order: Sequence[int],
    *,
    connections: int,
    sent: Sent,
    per_second: float | None = None,
) -> None:
    """Send requests, each in its turn; what is not answered with 2xx goes to the end of the queue.

    Args:
        url: Whom to connect to.
        requests: The bytes of each.
        order: In which they go, by their place in `requests`; a place that is there twice is sent twice.
        connections: How many at a time.
        sent: Filled while it runs.
        per_second: At most so many are begun a second; None: each as soon as there is a connection for it.
    """
    parts = urlsplit(url)
    waiting = deque(order)
    started = time.perf_counter()
    begun = 0

    async def work() -> None:
        nonlocal begun
        writer = None
        while waiting:
            number = waiting.popleft()
            due = None
            if per_second is not None:
                due = started + begun / per_second
                begun += 1
                await asyncio.sleep(due - time.perf_counter())
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                status = await _exchange(reader, writer, requests[number], sent, due)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                status = 0
                if writer is not None:
                    writer.transport.abort()
                    writer = None
                await asyncio.sleep(_RECONNECT_SECONDS)
            sent.statuses[status] += 1
            if 200 <= status < 300:
                sent.answered[number] += 1
            else:
                waiting.append(number)
        if writer is not None:
            writer.close()

    # A worker may leave while another still has a request that comes back to the queue: the other sends it.
    await asyncio.gather(*(work() for _ in range(connections)))
    sent.wall_seconds = time.perf_counter() - started


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    sent: Sent,
    due: float | None,
) -> int:
    # From when it was due: otherwise an answer that is long in coming would spare the next ones their wait.
    began = time.perf_counter() if due is None else due
    writer.write(request)
    async with asyncio.timeout(_ANSWER_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
    sent.latencies_seconds.append(time.perf_counter() - began)
    return int(head[9:12])
