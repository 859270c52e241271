"""A limit in time for the head of a request, which uvicorn does not have.

Whoever sends a byte of a header now and then would hold a connection for ever, and a few thousand such connections
are all that a process may have. The body has a limit of its own, in `app`.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class HeaderLimitedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; a connection whose request's head is not complete in time is closed."""

    header_seconds: ClassVar[float]
    _closes_at: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop()
        elif self._closes_at is None and (self.cycle is None or self.cycle.response_complete):
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._closes_at = self.loop.call_later(self.header_seconds, self._close)

    def _stop(self) -> None:
        if self._closes_at is not None:
            self._closes_at.cancel()
            self._closes_at = None

    def _close(self) -> None:
        self._closes_at = None
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.abort()


def protocol_with(header_seconds: float) -> type[H11Protocol]:
    """What uvicorn takes for `http`.

    Args:
        header_seconds: From the connection, or from the first byte of a later request, to the end of its headers.
    """
    return type("LimitedProtocol", (HeaderLimitedProtocol,), {"header_seconds": header_seconds})
