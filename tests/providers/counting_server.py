"""A server on loopback that counts the requests which it has read to their last byte.

That count is the truth which the client's verdict "surely not sent" is held against.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[["Connection"], Awaitable[None]]


def response(status: int, body: str = "{}", headers: dict[str, str] | None = None) -> bytes:
    content = body.encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection:
    """One connection that was accepted."""

    def __init__(
        self, server: "CountingServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self._reader = reader
        self.writer = writer

    async def read_request(self) -> None:
        """Read one whole request, head and body, and count it."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        lengths = [
            line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        body = await self._reader.readexactly(int(lengths[0])) if lengths else b""
        self.server.requests.append((head, body))

    async def answer(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()


class CountingServer:
    """Serves `behaviour` on each connection; use as an async context manager."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._behaviour(Connection(self, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()
            self._tasks.discard(task)


def answer_always(content: bytes) -> Behaviour:
    """Answer every request alike and keep the connection open."""

    async def behave(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await connection.answer(content)

    return behave


def answer_in_turn(*contents: bytes) -> Behaviour:
    """Answer the first request with the first content, and so on, whatever connection it came over."""
    remaining = list(contents)

    async def behave(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await connection.answer(remaining.pop(0))

    return behave


async def close_at_once(connection: Connection) -> None:
    """Accept, and close without reading."""
    connection.writer.close()


async def read_then_close(connection: Connection) -> None:
    await connection.read_request()


async def read_then_reset(connection: Connection) -> None:
    await connection.read_request()
    connection.reset()


async def read_then_stall(connection: Connection) -> None:
    await connection.read_request()
    await asyncio.sleep(60)


async def answer_by_half(connection: Connection) -> None:
    await connection.read_request()
    await connection.answer(response(200, '{"sms_ticket": "sms_1"}')[:-8])


async def speak_garbage(connection: Connection) -> None:
    await connection.read_request()
    await connection.answer(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


def close_when_idle(idle_seconds: float) -> Behaviour:
    """Answer, and close the connection once no request came for a while, as servers do."""

    async def behave(connection: Connection) -> None:
        while True:
            try:
                await asyncio.wait_for(connection.read_request(), idle_seconds)
            except TimeoutError:
                return
            await connection.answer(response(200, '{"ok": true}'))

    return behave
