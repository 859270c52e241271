"""Being one of the processes that send a run: the one that leads it, or one that helps."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from tasks.stopping import is_stop_requested
from tasks.store import chunks, leadership, leases, runs
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import RunState

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_HEARTBEAT_SECONDS = leases.LEASE.total_seconds() / 4
_LEAST_LEASE_LEFT_SECONDS = 15.0
_LONGEST_WAIT_FOR_HELPERS_SECONDS = 30.0


class RunNotLed(Exception):
    """Nobody leads the sending of this run, so there is nothing to help with."""


@dataclass(slots=True)
class Ownership:
    """A run in our hands.

    Attributes:
        owner: This process, as the ledger names it.
        handed_over_before: Messages that were handed over already.
        abandoned: Messages that an earlier process left in `sending`; they are `unknown` now.
        error: Set it to why the run stops, before giving it back.
        waits_until: Set it to when the run may go on by itself, if that is all it stops for.
    """

    owner: str
    handed_over_before: int = 0
    abandoned: int = 0
    error: str | None = None
    waits_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing more may be sent: a word, and the same for people."""

    reason: str
    message: str


_STALLED = Stop("stalled", "this process stood still for so long that the run may have been taken over")


@dataclass(slots=True)
class _Tenure:
    """What this process knows of its right to send.

    Attributes:
        renewed_at: When its lease was last renewed, on the clock of `_uptime`.
        told: Why the ledger wants it to stop.
        asked: Why somebody in this process does.
    """

    run_id: int
    owner: str
    judge: Callable[[leadership.Standing, str], Stop | None]
    renewed_at: float
    told: Stop | None = None
    asked: Stop | None = None


_tenures: dict[str, _Tenure] = {}
"""By owner. Task runs get the owner's name, and look here."""


@contextmanager
def owned_run(run_id: int, *, alone: bool = False) -> Iterator[Ownership]:
    """Lead the sending of a run while the block runs, and give it back in the state that its messages are in.

    Args:
        run_id: The run.
        alone: Nobody may help: who helps takes all there is, and only a part of it is to be sent now.

    Raises:
        RunBusy: Another process leads it.
        RunHeldBack: It is paused or cancelled.
    """
    ownership = Ownership(leases.process_name())
    with Ledger() as ledger:
        before = _uptime()
        _acquire(ledger, run_id, ownership, alone=alone)
        try:
            if alone:
                _wait_for_helpers(ledger, run_id, ownership.owner)
            with _kept(ledger, _Tenure(run_id, ownership.owner, _stops_leader, before)):
                yield ownership
        except BaseException as error:
            ownership.error = ownership.error or type(error).__name__
            ownership.waits_until = None
            raise
        finally:
            _wait_for_helpers(ledger, run_id, ownership.owner)
            _release(ledger, run_id, ownership)


@again_while_busy
def _acquire(ledger: Ledger, run_id: int, ownership: Ownership, *, alone: bool) -> None:
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run_id, ownership.owner, in_part=alone)
        ownership.abandoned = chunks.settle_abandoned(connection, run_id)
        counts = runs.count_statuses(connection, run_id)
        ownership.handed_over_before = sum(n for status, n in counts.items() if status.is_handed_over)
        if alone:
            leadership.stop_run(connection, run_id, ownership.owner)


@again_while_busy
def _release(ledger: Ledger, run_id: int, ownership: Ownership) -> None:
    with ledger.writing() as connection:
        chunks.settle_abandoned(connection, run_id)
        leadership.release_run(
            connection, run_id, ownership.owner, error=ownership.error, waits_until=ownership.waits_until
        )


def _wait_for_helpers(ledger: Ledger, run_id: int, owner: str) -> None:
    """Let the processes that help stop, and give them time to record what they have in flight."""
    _stop(ledger, run_id, owner)
    give_up_at = time.monotonic() + _LONGEST_WAIT_FOR_HELPERS_SECONDS
    while time.monotonic() < give_up_at and _has_helpers(ledger, run_id, owner):
        time.sleep(_LOOK_SECONDS / 4)


@again_while_busy
def _stop(ledger: Ledger, run_id: int, owner: str) -> None:
    with ledger.writing() as connection:
        leadership.stop_run(connection, run_id, owner)


@again_while_busy
def _has_helpers(ledger: Ledger, run_id: int, owner: str) -> bool:
    with ledger.reading() as connection:
        return bool(set(chunks.chunks_at_work(connection, run_id).values()) - {owner})


@contextmanager
def joined_run(run_id: int) -> Iterator[str]:
    """Help to send a run that another process leads, while the block runs; yields our name in the ledger.

    Raises:
        RunNotLed: Nobody leads it.
    """
    owner = leases.process_name()
    with Ledger() as ledger:
        before = _uptime()
        with ledger.reading() as connection:
            stop = _stops_helper(leadership.read_standing(connection, run_id), owner)
            key = runs.get_run(connection, run_id).key
        if stop is not None:
            raise RunNotLed(f"{key} is not being sent: {stop.message}")
        with _kept(ledger, _Tenure(run_id, owner, _stops_helper, before)):
            yield owner


@contextmanager
def _kept(ledger: Ledger, tenure: _Tenure) -> Iterator[None]:
    _tenures[tenure.owner] = tenure
    given_back = threading.Event()
    heartbeat = threading.Thread(target=_keep, args=(ledger, tenure, given_back), name="run lease", daemon=True)
    heartbeat.start()
    try:
        yield
    finally:
        given_back.set()
        heartbeat.join()
        del _tenures[tenure.owner]


def _keep(ledger: Ledger, tenure: _Tenure, given_back: threading.Event) -> None:
    while not given_back.wait(_LOOK_SECONDS):
        before = _uptime()  # not afterwards: the lease begins when the database is asked, not when it answers
        if _has_stalled(tenure):
            return
        try:
            with ledger.reading() as connection:
                standing = leadership.read_standing(connection, tenure.run_id)
            tenure.told = tenure.judge(standing, tenure.owner)
            if is_stop_requested() and standing.state is RunState.SENDING:
                with ledger.writing() as connection:  # only a leader's word counts; who helps stops now, too
                    leadership.stop_run(connection, tenure.run_id, tenure.owner)
            if before - tenure.renewed_at >= _HEARTBEAT_SECONDS:
                with ledger.writing() as connection:
                    leases.renew(connection, tenure.run_id, tenure.owner)
                if not _has_stalled(tenure):  # else what was renewed may have been somebody else's in between
                    tenure.renewed_at = before
        except SQLAlchemyError as error:  # the next beat may get through; each claim looks again by itself
            log.warning("no sign of life could be given for run %s: %s", tenure.run_id, type(error).__name__)


def _has_stalled(tenure: _Tenure) -> bool:
    """Whether the lease may have run out; then it has for good, whatever is renewed afterwards."""
    if _uptime() - tenure.renewed_at >= leases.LEASE.total_seconds() - _LEAST_LEASE_LEFT_SECONDS:
        tenure.asked = _STALLED
    return tenure.asked is _STALLED


def _stops_leader(standing: leadership.Standing, owner: str) -> Stop | None:
    if standing.held_back is not None:
        return Stop("held_back", standing.held_back)
    if standing.leader != owner:
        return Stop("taken_over", "another process took this run over, because this one seemed dead")
    return None


def _stops_helper(standing: leadership.Standing, _owner: str) -> Stop | None:
    if standing.held_back is not None:
        return Stop("held_back", standing.held_back)
    if standing.leader is None:
        return Stop("not_led", "no living process leads it")
    if standing.state is not RunState.SENDING:
        return Stop("not_led", "the process that leads it is stopping")
    return None


def ask_to_stop(owner: str, stop: Stop) -> None:
    """Let one of the senders of this process stop before its next request. What is in flight is waited for."""
    if tenure := _tenures.get(owner):
        tenure.asked = stop


def why_stop(owner: str) -> Stop | None:
    """Why this process must send nothing more of the run; None while it may. Asked before every request.

    A process that was stalled (stopped, swapped out, asleep) may have been taken for dead meanwhile: its messages
    are `unknown` then, a provider that was asked may have said that it does not have them, and they may be on
    their way through another process. So it must not send what it had claimed before.
    """
    tenure = _tenures.get(owner)
    if tenure is None:
        return None  # its chunk's lease is watched by nobody here; each claim looks again by itself
    if _has_stalled(tenure):
        return _STALLED
    return tenure.asked or tenure.told


def _uptime() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
