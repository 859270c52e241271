"""The Prefect server that Prefect starts by itself where none is configured."""

import signal
from concurrent.futures import ThreadPoolExecutor

from prefect import get_client


def start_out_of_reach_of_ctrl_c() -> None:
    """Start the embedded server, if one is needed, so that Ctrl-C in a terminal does not end it.

    A terminal sends SIGINT to everything that runs in the foreground. The server ended at once; the flow, which
    had yet to report how it ended, tried to reach it for more than two minutes, and filled the terminal with
    errors. A signal that is blocked in the thread that starts a process stays blocked in that process. It is not
    the main thread, so that Ctrl-C works while the server starts.

    Raises:
        RuntimeError: The server did not start.
    """

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        get_client(sync_client=True)  # starts the server, which every later client of this process uses

    with ThreadPoolExecutor(1, thread_name_prefix="prefect server") as thread:
        thread.submit(start).result()
