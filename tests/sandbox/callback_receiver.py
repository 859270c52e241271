"""Somebody who is called: a small HTTP server that writes down what comes, and answers as a test says."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class CallbackReceiver:
    """What came, in the order in which it came.

    Attributes:
        answer: Status of each answer, by the number of the call from 0; 0 hangs up without one.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    answer: Callable[[int], int] = lambda _: 200
    answer_after_seconds: float = 0.0

    def wait_for(self, calls: int, seconds: float = 60.0) -> list[Call]:
        wait_until(lambda: len(self.calls) >= calls, seconds)
        return self.calls


def wait_until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.005)


@contextlib.contextmanager
def receiving_callbacks() -> Iterator[CallbackReceiver]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with lock:
                receiver.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                number = len(receiver.calls)
                receiver.calls.append(Call(self.command, self.path, headers, body))
            time.sleep(receiver.answer_after_seconds)
            status = receiver.answer(number)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hung up is no error here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = CallbackReceiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
