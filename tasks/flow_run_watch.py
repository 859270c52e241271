"""Obeying the Prefect UI: pausing, resuming and cancelling the flow run that sends.

Prefect ends the process of a cancelled run only where it started it, and a paused run goes on until its next task.
So whoever sends asks for the state of its own flow run, and stops before the next request.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from sqlalchemy.exc import SQLAlchemyError

from tasks.flow_run_page import ProgressBar
from tasks.ownership import Stop, ask_to_stop, why_stop
from tasks.stopping import is_stop_requested
from tasks.store import control, leadership
from tasks.store.session import Ledger

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0


class Verdict(StrEnum):
    """What the Prefect server wants of the flow run that this process is in."""

    GO_ON = "go_on"
    PAUSED = "paused"
    """Wait until it is resumed."""
    SUSPENDED = "suspended"
    """End now; it begins again when it is resumed."""
    CANCELLED = "cancelled"
    """End now."""


class FlowRunWatch:
    """The state of the flow run that this process is in, as last heard, and what follows from it.

    Args:
        name: The flow run's.
        run_id: The run that this process leads.
        owner: This process, as the ledger names it.
    """

    def __init__(self, name: str, run_id: int, owner: str) -> None:
        self._verdict = Verdict.GO_ON
        self._decided_by = f"{control.FLOW_RUN}{name}"
        self._run_id = run_id
        self._owner = owner

    @property
    def is_cancelled(self) -> bool:
        """Whether the flow run is to end as cancelled."""
        return self._verdict is Verdict.CANCELLED

    def wait_while_paused(self) -> bool:
        """Wait until the flow run is resumed.

        Returns:
            Whether to send on; False when it was not paused, or is to end.
        """
        if self._verdict is not Verdict.PAUSED:
            return False
        while self._is(Verdict.PAUSED) and not is_stop_requested():
            time.sleep(_LOOK_SECONDS / 4)
        # What this process was told by the ledger is up to a second old.
        give_up_at = time.monotonic() + 2 * _LOOK_SECONDS
        while why_stop(self._owner) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS / 8)
        return self._is(Verdict.GO_ON) and not is_stop_requested()

    def _is(self, verdict: Verdict) -> bool:
        return self._verdict is verdict  # asked again each time: another thread changes it

    def obey(self, verdict: Verdict) -> None:
        """Carry out what the Prefect server wants, if that is something new."""
        if verdict is self._verdict:
            return
        if verdict in {Verdict.CANCELLED, Verdict.SUSPENDED}:
            ask_to_stop(self._owner, Stop(verdict.value, f"the flow run was {verdict} in Prefect"))
            with Ledger() as ledger, ledger.writing() as connection:  # who helps stops now, too
                leadership.stop_run(connection, self._run_id, self._owner)
        if self._is(Verdict.PAUSED):  # first in the ledger: whoever waits for the verdict sends on at once
            self.take_back_pause()
        before, self._verdict = self._verdict, verdict
        if verdict is Verdict.PAUSED:
            try:
                with Ledger() as ledger, ledger.writing() as connection:
                    control.pause_run(connection, self._run_id, by=self._decided_by)
            except Exception:
                self._verdict = before  # the ledger was busy: to be obeyed at the next look
                raise

    def take_back_pause(self) -> None:
        """Let the run go on, if it was this flow run that paused it."""
        with Ledger() as ledger, ledger.writing() as connection:
            control.resume_run(connection, self._run_id, by=self._decided_by)


def verdict_of(state: State) -> Verdict:
    """What a state of the own flow run means for it."""
    if state.is_cancelling() or state.is_cancelled():
        return Verdict.CANCELLED
    if state.is_paused():
        return Verdict.SUSPENDED if state.state_details.pause_reschedule else Verdict.PAUSED
    return Verdict.GO_ON


@contextmanager
def watching_flow_run(run_id: int, owner: str) -> Iterator[FlowRunWatch]:
    """Let a Pause or a Cancel in the Prefect UI stop the sending of a run while the block runs.

    A pause is written into the ledger, so that it reaches those who help to send, and taken back by Resume. A
    cancelled flow run only ends this sending: the same command, or the same deployment, goes on with it.
    Cancelling the campaign for good is a decision about the run: `flows.control_campaign`.

    Args:
        run_id: The run that this process leads.
        owner: This process, as the ledger names it.
    """
    watch = FlowRunWatch(str(flow_run.name), run_id, owner)
    if not flow_run.id:  # called as a plain function
        yield watch
        return
    watch.take_back_pause()  # of an earlier attempt of this flow run, which was suspended and resumed
    ended = threading.Event()
    bar = ProgressBar(run_id)
    watcher = threading.Thread(
        target=_follow, args=(watch, UUID(str(flow_run.id)), bar, ended), name="flow run watch", daemon=True
    )
    watcher.start()
    try:
        yield watch
    finally:
        ended.set()
        watcher.join()
        bar.update()
        watch.take_back_pause()  # ended by Ctrl-C while it was paused: the same command goes on


def _follow(watch: FlowRunWatch, flow_run_id: UUID, bar: ProgressBar, ended: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        while not ended.wait(_LOOK_SECONDS):
            try:
                state = client.read_flow_run(flow_run_id).state
                if state is not None:
                    watch.obey(verdict_of(state))
                bar.update()
            except (SQLAlchemyError, control.ControlRefused) as error:
                log.warning("what the Prefect server wants could not be done: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001  # sending goes on without a Prefect server, too
                log.debug("the flow run's state could not be read: %s", type(error).__name__)
