"""The receiver behind real HTTP."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from deployments.listening import open_socket, url_of
from deployments.receiver.app import create_app
from deployments.receiver.header_limit import protocol_with
from deployments.receiver.intake import Intake, load_intakes
from deployments.receiver.settings import ReceiverSettings
from tasks.store.session import Ledger

_GRACE_SECONDS = 2


def build_server(app: FastAPI, settings: ReceiverSettings) -> uvicorn.Server:
    """A uvicorn server for a receiver, to be run on a socket of `open_socket`."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol_with(settings.header_seconds),
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,  # paths have the secret in them
            proxy_headers=False,
            server_header=False,
            # Providers keep their connections open between bursts; opening one costs them a round trip or two.
            timeout_keep_alive=30,
            # Whoever waits for a commit is answered by then.
            timeout_graceful_shutdown=round(settings.commit_seconds) + _GRACE_SECONDS,
        )
    )


@dataclass(frozen=True, slots=True)
class RunningReceiver:
    """A receiver that answers.

    Attributes:
        url: Where it listens, without a slash at the end.
        callback_urls: What to tell each provider to call, the secret included.
    """

    url: str
    callback_urls: dict[str, str]


@contextlib.contextmanager
def running_receiver(
    settings: ReceiverSettings | None = None,
    *,
    database_url: str | None = None,
    intakes: Sequence[Intake] | None = None,
    port: int = 0,
) -> Iterator[RunningReceiver]:
    """Serve a receiver from a background thread of this process, on 127.0.0.1, for as long as the block runs.

    At the end everything that was taken is in the database.

    Args:
        settings: None: as the environment says.
        database_url: None: as the environment says.
        intakes: Who calls; None: every provider that does.
        port: 0 takes any free port.

    Raises:
        SettingsError: The secret is missing or unusable.
        LedgerError: The database cannot be opened.
        OSError: The port is taken.
    """
    settings = settings or ReceiverSettings.from_environment()
    served = load_intakes() if intakes is None else intakes
    with Ledger(database_url) as ledger, open_socket("127.0.0.1", port) as listening:
        server = build_server(create_app(settings, ledger, served), settings)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), name="receiver", daemon=True
        )
        thread.start()
        url = url_of(listening)
        try:
            # Nothing to wait for: the socket listens already, and holds whoever connects before the loop runs.
            yield RunningReceiver(
                url, {intake.provider: url + intake.callback_path(settings.secret) for intake in served}
            )
        finally:
            server.should_exit = True
            thread.join()
