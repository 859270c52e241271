"""Asking this process to stop sending: what is in flight is waited for, and its outcome recorded."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_stop_requested = threading.Event()


def request_stop() -> None:
    """Let every sender of this process stop before its next request. What is in flight is waited for."""
    _stop_requested.set()


def allow_sending() -> None:
    """Take `request_stop` back."""
    _stop_requested.clear()


def is_stop_requested() -> bool:
    """Whether no further request may leave."""
    return _stop_requested.is_set()


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM mean `request_stop` while the block runs; the second one ends the process at once.

    Use inside a flow. When a flow starts, Prefect replaces whatever handler there was by one that raises
    `TerminationSignal` wherever the main thread is: requests in flight would be cut off, and all their messages
    become `unknown`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals, and may handle them
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        request_stop()
        signal.signal(number, signal.SIG_DFL)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
