"""What a person does to a flow run in the Prefect UI, and things that happen while a flow runs in this thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Let another thread do something while the block runs; its errors are the test's."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if errors:
            raise errors[0]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something has happened; fail after two minutes."""
    give_up_at = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def newest_flow_run(name: str = "test 1") -> Any:
    """The flow run of this name that began last; None when there is none yet."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name={"any_": [name]}), sort="START_TIME_DESC", limit=1
        )
    return found[0] if found else None
