"""`python -m tests.chaos`: kill what sends and what reconciles, anywhere, and see that the account is right.

Lives of small campaigns through the providers' sandboxes: processes die at every commit and every request, and by
other accidents; they are started again until everything is settled; then the ledger is compared with the truth.
Ends with 1 if anybody was reached twice or lost. Works in a temporary directory; keeps what a failed life left.
"""

import argparse
import logging
import multiprocessing
import os
import queue
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.bench.places import prefect_server, prefect_variables
from tests.chaos.combinations import DATABASES, PROVIDERS, WORKERS, Combination, all_combinations
from tests.chaos.lanes import LifeReport, Orders, run_lane
from tests.chaos.results import Results

_LANES = 2
_PROGRESS_SECONDS = 30.0
_END_SECONDS = 240.0
_CLEANING_SECONDS = 30.0

NO_SERVICES = {
    f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false"
    for service in (
        "CANCELLATION_CLEANUP",
        "EVENT_LOGGER",
        "EVENT_PERSISTER",
        "FOREMAN",
        "LATE_RUNS",
        "PAUSE_EXPIRATIONS",
        "REPOSSESSOR",
        "SCHEDULER",
        "TASK_RUN_RECORDER",
        "TRIGGERS",
    )
}
"""Of a Prefect server that has nothing to do but to keep the states of runs."""


def main(arguments: list[str] | None = None) -> int:
    """Let lives be lived until time is up, and print what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (%(default)s)")
    parser.add_argument("--lives", type=int, help="instead of a time: so many lives of each combination")
    parser.add_argument("--started-twice", action="store_true", help="only start each campaign twice at once")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance (%(default)s)")
    parser.add_argument(
        "--only",
        default="",
        metavar="NAMES",
        help=f"of {','.join(PROVIDERS)},{','.join(DATABASES)},{','.join(map(str, WORKERS))}, separated by commas",
    )
    parser.add_argument("--lanes", type=int, default=_LANES, help="lives that are lived at once (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the table as FILE.md and FILE.json too")
    parser.add_argument(
        "--keep", type=Path, default=Path("data/chaos"), metavar="DIRECTORY", help="for failed lives (%(default)s)"
    )
    parser.add_argument("--repeat", type=Path, metavar="PLAN", help="live the plan.json of a failed life again")
    parser.add_argument("--prove", action="store_true", help="show that senders with known faults are found out")
    options = parser.parse_args(arguments)
    logging.getLogger("prefect").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    only = frozenset(filter(None, options.only.split(",")))
    if unknown := only - {*PROVIDERS, *DATABASES, *map(str, WORKERS)}:
        parser.error(f"--only: {', '.join(sorted(unknown))}?")
    combinations = all_combinations(only)
    console = Console(width=200 if not sys.stdout.isatty() else None)
    with TemporaryDirectory(prefix="rollcall-chaos-") as directory:
        home = Path(directory) / "prefect"
        home.mkdir()
        with prefect_server(prefect_variables(home) | NO_SERVICES) as prefect_url:
            orders = Orders(
                prefect_url=prefect_url,
                prefect_home=home,
                directory=Path(directory),
                keep=options.keep,
                seed=options.seed,
                until=time.monotonic() + options.minutes * 60,
                most_lives=options.lives,
                starts_twice=options.started_twice,
                repeat=options.repeat,
                prove=options.prove,
            )
            results = _live(orders, _deal(combinations, 1 if options.repeat else options.lanes), console)
    console.print(results.as_table())
    for sentence in results.sentences():
        console.print(sentence, soft_wrap=True)
    if options.output is not None:
        results.write(options.output)
    return 0 if results.is_good else 1


def _deal(combinations: list[Combination], lanes: int) -> list[list[Combination]]:
    """Each database goes to as few lanes as possible, for each lane starts its own server."""
    in_order = sorted(combinations)
    each = -(-len(in_order) // lanes)
    return [in_order[first : first + each] for first in range(0, len(in_order), each)]


def _live(orders: Orders, hands: list[list[Combination]], console: Console) -> Results:
    results = Results(seed=orders.seed, proves=orders.prove)
    spawning = multiprocessing.get_context("spawn")
    reports: multiprocessing.Queue[LifeReport] = spawning.Queue()
    lanes = [
        spawning.Process(target=run_lane, args=(orders, hand, number, reports), name=f"lane {number}")
        for number, hand in enumerate(hands)
    ]
    began = told = time.monotonic()
    for lane in lanes:
        lane.start()
    try:
        while any(lane.is_alive() for lane in lanes) or not reports.empty():
            try:
                report = reports.get(timeout=0.5)
            except queue.Empty:
                continue
            results.add(report, console)
            if time.monotonic() - told > _PROGRESS_SECONDS:
                told = time.monotonic()
                console.print(results.progress(told - began), soft_wrap=True)
            if told > orders.until + _END_SECONDS:
                break
    except KeyboardInterrupt:
        console.print("Stopped; this is what the lives up to now came to.")
    finally:
        for lane in lanes:
            lane.terminate()
            lane.join(_CLEANING_SECONDS)
            lane.kill()
    results.seconds = time.monotonic() - began
    results.lanes_failed = sum(lane.exitcode != 0 for lane in lanes)
    return results


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "160")
    sys.exit(main())
