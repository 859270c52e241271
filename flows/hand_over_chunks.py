"""Help to send a campaign that another process is sending: take chunks from the ledger and hand them over.

`python -m flows.hand_over_chunks NAME` on any machine that reaches the ledger; as a Prefect deployment
`flows.hand_over_chunks.hand_over_chunks`. `send_campaign(workers=4)` starts three of them by itself.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import cast

from prefect import flow, get_client, get_run_logger
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed

from flows.named_runs import find_run
from tasks.dispatch import hand_over_free_chunks
from tasks.ownership import RunNotLed, joined_run
from tasks.stopping import stopping_on_sigterm
from tasks.store.runs import RunRecord

DEPLOYMENT = "hand-over-chunks/hand-over-chunks"
"""Flow and deployment that a deployed `send_campaign` runs on its work pool, once for each further worker."""


_LONGEST_WAIT_SECONDS = 120.0


@flow(name="hand-over-chunks", flow_run_name="help with {campaign} {run_key}", persist_result=False)
def hand_over_chunks(campaign: str, run_key: str | None = None) -> str | None:
    """Help to send a run: take chunks that nobody works on, until none is left.

    Any number of these may run, on any machine, and each may die at any time: what it had taken is settled and
    taken up by the others. They send only while the run has a process that leads it (`send_campaign`), and stop
    when that one stops.

    Args:
        campaign: The campaign's name.
        run_key: Which run of it; may be left out when there is only one.

    Returns:
        Why it stopped, or why there was nothing to help with; None when nothing was left to take.

    Raises:
        CampaignError: There is no such run.
    """
    run = find_run(campaign, run_key)
    try:
        with joined_run(run.id) as owner, stopping_on_sigterm():
            stopped = hand_over_free_chunks(run.id, owner)
    except RunNotLed as not_needed:  # it came too late, or nobody sends
        stopped = str(not_needed)
    get_run_logger().info(stopped or "no chunk is left to take")
    final: State[str | None] = Completed(
        name="Stopped" if stopped else "Completed", message=stopped or "no chunk is left to take", data=stopped
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("str | None", final)


@contextmanager
def helpers(run: RunRecord, count: int) -> Iterator[None]:
    """Let so many further processes help while the block runs; they end by themselves when the run is given back.

    From a deployment they are runs of the deployment `hand-over-chunks`, if there is one: on its work pool, on
    whichever machines have workers. Else they are processes of this machine.
    """
    parameters = {"campaign": run.name, "run_key": run.run_key}
    if count and deployment.id and _start_on_work_pool(parameters, count):
        yield
        return
    processes = []
    with _out_of_reach_of_ctrl_c(), _environment_of_helpers():
        for _ in range(count):
            process = multiprocessing.get_context("spawn").Process(target=_help, args=(run.name, run.run_key))
            process.start()
            processes.append(process)
    try:
        yield
    finally:
        for (
            process
        ) in processes:  # they stop when the run is given back, after the requests that they have in flight
            process.join(_LONGEST_WAIT_SECONDS)
            if process.is_alive():
                process.terminate()


def _start_on_work_pool(parameters: dict[str, str], count: int) -> bool:
    try:
        for _ in range(count):
            run_deployment(DEPLOYMENT, parameters=parameters, timeout=0)
    except ObjectNotFound:
        return False
    return True


def _help(campaign: str, run_key: str) -> None:
    with suppress(Exception):  # Prefect has it; the terminal belongs to the process that leads
        hand_over_chunks(campaign, run_key)


@contextmanager
def _environment_of_helpers() -> Iterator[None]:
    """Let processes that are started in the block use our Prefect server, and leave the terminal to us.

    Through our own environment, because Prefect reads it when it is imported there. The server may be one that
    Prefect started for this process alone.
    """
    changes = {
        "PREFECT_API_URL": PREFECT_API_URL.value() or str(get_client(sync_client=True).api_url),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _out_of_reach_of_ctrl_c() -> Iterator[None]:
    """A terminal sends Ctrl-C to everybody. Who helps stops when the leader does, and needs no second word.

    A signal that is blocked in the thread that starts a process stays blocked in that process.
    """
    resource_tracker.ensure_running()  # else the first process that is started starts it, and unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


if __name__ == "__main__":
    from flows.control_command import main_hand_over_chunks

    sys.exit(main_hand_over_chunks())
