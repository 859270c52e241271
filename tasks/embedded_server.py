"""The Prefect server that Prefect starts by itself where none is configured."""

import signal
from concurrent.futures import ThreadPoolExecutor

from prefect import get_client


def start_out_of_reach_of_ctrl_c() -> None:
    """Start the embedded server, if one is needed, so that Ctrl-C in a terminal does not end it.

    A terminal sends SIGINT to everything that runs in the foreground. The server ended at once, and the flow, which
    still had to wait for its answers and to report how it ended, tried to reach it for minutes and printed
    tracebacks meanwhile. A signal that is blocked where a process is started stays blocked in that process. It is
    blocked in a thread of its own, so that Ctrl-C works while the server starts.

    Raises:
        RuntimeError: The server did not start.
    """

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        get_client(sync_client=True)  # starts the server; it is the process's own, so later clients find it

    with ThreadPoolExecutor(1, thread_name_prefix="prefect server") as thread:
        thread.submit(start).result()
