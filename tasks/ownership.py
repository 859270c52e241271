"""Being the one process that sends a run, from taking it to giving it back."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from tasks.store import runs
from tasks.store.session import Ledger

log = logging.getLogger(__name__)

_LEAST_LEASE_LEFT_SECONDS = 15.0
_renewed_at: dict[str, float] = {}
"""When the lease of each run that this process owns was last renewed, by owner, on the clock of `_uptime`."""

_HEARTBEAT_SECONDS = runs.LEASE.total_seconds() / 4


@dataclass(slots=True)
class Ownership:
    """A run in our hands.

    Attributes:
        owner: This process, as the ledger names it.
        handed_over_before: Messages that were handed over already.
        abandoned: Messages that an earlier process left in `sending`; they are `unknown` now.
        error: Set it to why the run stops, before giving it back.
    """

    owner: str
    handed_over_before: int = 0
    abandoned: int = 0
    error: str | None = None


@contextmanager
def owned_run(run_id: int) -> Iterator[Ownership]:
    """Take a run, keep it while the block runs, and give it back in the state that its messages are in.

    Raises:
        RunBusy: Another process is sending it.
    """
    ownership = Ownership(runs.process_name())
    with Ledger() as ledger:
        with ledger.writing() as connection:
            _renewed_at[ownership.owner] = _uptime()
            runs.acquire_run(connection, run_id, ownership.owner)
            ownership.abandoned = runs.settle_abandoned(connection, run_id)
            counts = runs.count_statuses(connection, run_id)
            ownership.handed_over_before = sum(n for status, n in counts.items() if status.is_handed_over)
        given_back = threading.Event()
        heartbeat = threading.Thread(
            target=_keep_lease, args=(ledger, run_id, ownership.owner, given_back), name="run lease", daemon=True
        )
        heartbeat.start()
        try:
            yield ownership
        except BaseException as error:
            ownership.error = ownership.error or type(error).__name__
            raise
        finally:
            given_back.set()
            heartbeat.join()
            _renewed_at.pop(ownership.owner, None)
            with ledger.writing() as connection:
                runs.release_run(connection, run_id, ownership.owner, error=ownership.error)


def _keep_lease(ledger: Ledger, run_id: int, owner: str, given_back: threading.Event) -> None:
    while not given_back.wait(_HEARTBEAT_SECONDS):
        before = _uptime()  # not afterwards: the lease begins when the database is asked, not when it answers
        try:
            with ledger.writing() as connection:
                if runs.renew_lease(connection, run_id, owner):
                    _renewed_at[owner] = before
        except SQLAlchemyError as error:  # the next beat may get through; whoever records notices a lost run
            log.warning("no sign of life could be given for run %s: %s", run_id, type(error).__name__)


def may_still_send(owner: str) -> bool:
    """Whether the lease of a run that this process owns surely has not run out.

    Asked before every request. A process that was stalled (stopped, swapped out, asleep) may have been taken for
    dead meanwhile: its messages are `unknown` then, a provider that was asked may have said that it does not have
    them, and they may be on their way through another process. So it must not send what it had claimed before.
    """
    renewed_at = _renewed_at.get(owner)
    if renewed_at is None:
        return True  # owned by another process, which started this one and watches the lease
    return _uptime() - renewed_at < runs.LEASE.total_seconds() - _LEAST_LEASE_LEFT_SECONDS


def _uptime() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
