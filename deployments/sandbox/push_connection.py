"""One HTTP connection that carries callbacks, one after another."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import h11

_HTTP_PORT = 80
_CONNECT_SECONDS = 10.0


class Destination(NamedTuple):
    """Where an address of the form `http://127.0.0.1:8080/callbacks?x=1` leads.

    Attributes:
        authority: What the `Host` header says.
        target: Path and query.
    """

    host: str
    port: int
    authority: str
    target: str


@lru_cache(maxsize=64)
def destination_of(url: str) -> Destination:
    """Take an address apart.

    Raises:
        ValueError: It is not an http address, or has what a request cannot carry.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must look like http://127.0.0.1:8080/callbacks, without user and password")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("holds what an address cannot carry: a space, a line break, a non-ASCII letter")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.hostname, parts.port or _HTTP_PORT, parts.netloc, target)


class PushConnection(asyncio.Protocol):
    """A connection to whoever is called. Use `open`; only one `exchange` may be under way.

    h11 alone, instead of an HTTP client: a callback costs 100 us of processor time, through an httpx.AsyncClient
    with 16 connections 1,900 us, which makes 8,000 and 300 callbacks a second.

    Attributes:
        idle_since: By the loop's clock; whoever keeps the connection for later sets it.
    """

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._status: int = 0
        self._answer: asyncio.Future[int] | None = None
        self.idle_since = 0.0

    @classmethod
    async def open(cls, destination: Destination) -> Self:
        """Connect.

        Raises:
            OSError: Nobody listens there.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, connection = await loop.create_connection(cls, destination.host, destination.port)
        return connection

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow."""
        return (
            self._transport is not None and self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        )

    async def exchange(
        self,
        method: str,
        destination: Destination,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        timeout_seconds: float,
    ) -> int:
        """Make one request, and wait for the whole answer.

        Returns:
            Its HTTP status.

        Raises:
            OSError: The connection broke, what came is not HTTP, or it came too late.
        """
        if self._transport is None:
            raise ConnectionError("closed before the request")
        request = h11.Request(
            method=method,
            target=destination.target,
            headers=[("host", destination.authority), ("content-length", str(len(body))), *headers],
        )
        http = self._http
        # In one write: two small ones would wait for each other's acknowledgement.
        pieces = (http.send(request), http.send(h11.Data(body)), http.send(h11.EndOfMessage()))
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._transport.write(b"".join(piece for piece in pieces if piece))
        # Not asyncio.timeout: after a pause of this very loop (a page of a million recipients takes seconds) it
        # cancels even where the answer lies in the socket already. A timer of our own runs after what was read.
        timer = loop.call_later(timeout_seconds, self._fail, TimeoutError("too late"))
        try:
            return await self._answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # create_connection makes no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read(data)

    def eof_received(self) -> None:
        self._read(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(exc)

    def _read(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self._status = event.status_code
                elif isinstance(event, h11.EndOfMessage):
                    self._finish()
                    return
                elif isinstance(event, h11.ConnectionClosed):
                    self.close()
                    return
        except h11.RemoteProtocolError as error:
            self._fail(error)
            self.close()

    def _finish(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._status)

    def _fail(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"no whole answer: {error}"))
