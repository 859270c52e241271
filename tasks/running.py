"""Running the asynchronous part of a task to its end."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine and return what it returns, from any thread.

    In a notebook or an asynchronous program a loop is running in this thread already; then another thread does it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(max_workers=1) as other_thread:
        return other_thread.submit(lambda: asyncio.run(work())).result()
