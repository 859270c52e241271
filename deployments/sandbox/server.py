"""The sandbox behind real HTTP on loopback."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from deployments.listening import open_socket, url_of
from deployments.sandbox.app import Sandbox, create_app
from deployments.sandbox.clock import Clock
from deployments.sandbox.faults import ABORT_CONNECTION
from deployments.sandbox.settings import SandboxSettings


class AbortableProtocol(H11Protocol):
    """uvicorn's protocol, with the connection's `abort` in the ASGI `state`.

    ASGI has no message for "hang up without an answer"; returning without one makes uvicorn send a 500.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT_CONNECTION: transport.abort}


def build_server(app: Sandbox, *, keep_alive_seconds: float = 5) -> uvicorn.Server:
    """A uvicorn server for a sandbox, to be run on a socket of `open_socket`.

    Args:
        app: The sandbox.
        keep_alive_seconds: An idle connection is closed after this time.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=AbortableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # uvicorn hands the value to loop.call_later, which takes fractions.
            timeout_keep_alive=cast("int", keep_alive_seconds),
            # Requests that a switch holds back must not keep the process from ending.
            timeout_graceful_shutdown=1,
        )
    )


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that answers.

    Attributes:
        url: Where it listens, without a slash at the end.
        app: The sandbox; its state may be read from any thread while no request is under way.
    """

    url: str
    app: Sandbox


@contextlib.contextmanager
def running_sandbox(
    settings: SandboxSettings | None = None,
    *,
    clock: Clock | None = None,
    port: int = 0,
    keep_alive_seconds: float = 5,
) -> Iterator[RunningSandbox]:
    """Serve a sandbox from a background thread of this process, on 127.0.0.1, for as long as the block runs.

    Args:
        settings: The switches at the start.
        clock: Where the sandbox reads the time.
        port: 0 takes any free port.
        keep_alive_seconds: An idle connection is closed after this time.

    Raises:
        OSError: The port is taken.
    """
    app = create_app(settings, clock)
    server = build_server(app, keep_alive_seconds=keep_alive_seconds)
    listening = open_socket("127.0.0.1", port)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), name="sandbox", daemon=True
    )
    thread.start()
    try:
        # Nothing to wait for: the socket listens already, and holds whoever connects before the loop runs.
        yield RunningSandbox(url_of(listening), app)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
