"""A provider that answers every request with the request itself, in whatever its answers quote."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle


@contextmanager
def echoing_provider(statuses: Sequence[int]) -> Iterator[str]:
    """Serve on 127.0.0.1 for as long as the block runs; yields the URL.

    Args:
        statuses: Of the answers, in turn.
    """
    turns = cycle(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _echo(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            echo = f"{self.command} {self.path} {dict(self.headers)} {body}"
            numbers = body[body.find("+1") :][:12] if "+1" in body else body[:40]
            answer = {
                "code": numbers,
                "message": echo,
                "status": numbers,
                "error": {"code": numbers, "message": echo, "details": [echo]},
                "ok": False,
                "statusCode": 400,
                "data": {"errors": [echo], "customerId": None},
                "id": numbers,
            }
            content = json.dumps(answer).replace("/", "\\/").encode()
            self.send_response(next(turns))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _echo  # noqa: N815  # the names that the server looks for

        def log_message(self, *_: object) -> None:
            """Not on the terminal that is searched."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
