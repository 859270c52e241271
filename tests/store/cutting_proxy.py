"""A way to PostgreSQL that is cut when it is told to: before a statement arrives, or before its answer does."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

_MOST_BYTES = 1 << 16


class CuttingProxy:
    """Passes on what client and server say to each other, on a Unix socket of its own.

    Attributes:
        url: Of the database, by this way.
        cuts: How many connections were cut.
    """

    def __init__(self, url: str, directory: str) -> None:
        parsed = make_url(url)
        self._server = str(Path(str(parsed.query["host"])) / f".s.PGSQL.{parsed.port or 5432}")
        self._word: bytes | None = None
        self._arrives = False
        self.cuts = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(directory) / ".s.PGSQL.5432"))
        self._listener.listen()
        self.url = parsed.update_query_dict({"host": directory}).render_as_string(hide_password=False)
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def cut_at(self, word: str, *, arrives: bool = False) -> None:
        """Cut the next connection on which the client says this word.

        Args:
            word: A part of a statement.
            arrives: The server hears it and does it, and only its answer is lost.
        """
        self._word, self._arrives = word.encode(), arrives

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            is_cut = threading.Event()
            for target in (self._pass_on, self._pass_back):
                threading.Thread(target=target, args=(client, server, is_cut), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        while said := _read(client):
            if self._word is not None and self._word in said:
                self._word = None
                self.cuts += 1
                is_cut.set()
                if not self._arrives:
                    break
            with suppress(OSError):
                server.sendall(said)
        if not (is_cut.is_set() and self._arrives):
            _end(server)
            _end(client)

    def _pass_back(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        while said := _read(server):
            if is_cut.is_set():  # it has been done
                break
            with suppress(OSError):
                client.sendall(said)
        _end(client)
        _end(server)


@contextmanager
def cutting_proxy(url: str) -> Iterator[CuttingProxy]:
    """A way to the database of this URL, open while the block runs."""
    with tempfile.TemporaryDirectory(prefix="rollcall-proxy-") as directory:
        proxy = CuttingProxy(url, directory)
        try:
            yield proxy
        finally:
            proxy.close()


def _read(peer: socket.socket) -> bytes:
    try:
        return peer.recv(_MOST_BYTES)
    except OSError:
        return b""


def _end(peer: socket.socket) -> None:
    with suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)
    peer.close()
