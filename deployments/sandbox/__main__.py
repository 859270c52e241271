"""`python -m deployments.sandbox --port N`."""

import argparse
import asyncio
import errno
import ipaddress
import signal
import sys
from pathlib import Path

from deployments.listening import open_socket, url_of
from deployments.sandbox.app import create_app
from deployments.sandbox.server import build_server
from deployments.sandbox.settings import SandboxSettings, SettingsError

MAX_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Serve the sandbox until SIGINT or SIGTERM.

    Returns:
        0 after a stop that was asked for, 2 when it could not start.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = SandboxSettings.from_file(options.settings) if options.settings else SandboxSettings()
        listening = open_socket(options.host, options.port)
    except (SettingsError, OSError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        hint = f"port {options.port} is taken, perhaps by another sandbox; --port 0 takes a free one"
        sys.stderr.write(f"sandbox: {hint if taken else error}\n")
        return 2
    server = build_server(create_app(settings), keep_alive_seconds=options.keep_alive_seconds)
    if not options.quiet:
        # The socket listens already: whoever reads this line can connect.
        sys.stdout.write(f"sandbox listening on {url_of(listening)}\n")
        sys.stdout.flush()
    # uvicorn stops in order and then raises the signal once more, for the handlers that were there before its own:
    # with Python's default ones the process would be reported as killed.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda _signal, _frame: setattr(server, "should_exit", True))
    with listening:
        asyncio.run(server.serve(sockets=[listening]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.sandbox", description=__doc__)
    parser.add_argument("--port", type=_port, default=8765, help="0 takes any free port (default: %(default)s)")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address")
    parser.add_argument("--settings", type=Path, metavar="FILE.json", help="switches, in the form of /settings")
    parser.add_argument(
        "--keep-alive-seconds", type=float, default=5.0, help="close idle connections after (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a number from 0 to {MAX_PORT}")
    return int(text)


def _loopback(host: str) -> str:
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise argparse.ArgumentTypeError("the sandbox checks only made-up credentials: loopback addresses only")
    return host


if __name__ == "__main__":
    sys.exit(main())
