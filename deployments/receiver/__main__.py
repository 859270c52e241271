"""`python -m deployments.receiver --port N`: takes the providers' callbacks until it is told to stop."""

import argparse
import asyncio
import errno
import gc
import logging
import signal
import sys

from deployments.listening import open_socket, url_of
from deployments.receiver.app import create_app
from deployments.receiver.intake import load_intakes
from deployments.receiver.server import build_server
from deployments.receiver.settings import ReceiverSettings, SettingsError
from tasks.store.session import Ledger, LedgerError

MAX_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; then take no more, keep what was taken, answer, and end.

    Returns:
        0 after a stop that was asked for, 2 when it could not start.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        settings = ReceiverSettings.from_environment()
        intakes = load_intakes()
        ledger = Ledger()
    except (SettingsError, LedgerError) as error:
        sys.stderr.write(f"receiver: {error}\n")
        return 2
    with ledger:
        try:
            listening = open_socket(options.host, options.port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            sys.stderr.write(f"receiver: {f'port {options.port} is taken' if taken else error}\n")
            return 2
        server = build_server(create_app(settings, ledger, intakes), settings)
        # What is imported by now stays. Left to the collector, it was walked through in the middle of bursts:
        # 130 to 180 ms without an answer, each time.
        gc.freeze()
        # uvicorn stops in order and then raises the signal once more, for the handlers that were there before its
        # own: with Python's default ones the process would be reported as killed.
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda _signal, _frame: setattr(server, "should_exit", True))
        # The socket listens already: whoever reads this line can connect.
        sys.stdout.write(f"receiver listening on {url_of(listening)}\n")
        sys.stdout.flush()
        with listening:
            asyncio.run(server.serve(sockets=[listening]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.receiver", description=__doc__)
    parser.add_argument("--port", type=_port, default=8770, help="0 takes any free port (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a number from 0 to {MAX_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
