"""What Prefect costs a campaign of many chunks: the time of the flow run that is not within one of its task runs.

Compared with an empty flow of as many empty task runs, by the times that Prefect's server keeps of both.
"""

import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.bench.measurement import Measurement
from tests.bench.people import write_people
from tests.bench.places import (
    prefect_server,
    prefect_variables,
    rollcall_variables,
    run_module,
    sandbox_process,
)

_CHUNK_SIZE = 20
_TASKS_BESIDE_CHUNKS = 4  # prepare, plan, check credit, report
_GIVE_UP_SECONDS = 60.0
_ledgers = count(1)


def measure(directory: Path, *, chunks: int, times: int) -> Measurement:
    """A campaign of so many chunks, and an empty flow of as many task runs, in turns."""
    campaign = _write_campaign(directory, chunks * _CHUNK_SIZE)
    tasks = chunks + _TASKS_BESIDE_CHUNKS
    variables = prefect_variables(directory / "orchestration")
    ours, floors = [], []
    with prefect_server(variables) as url, sandbox_process() as sandbox:
        variables["PREFECT_API_URL"] = url
        for _ in range(times):
            ledger = directory / f"orchestration_{next(_ledgers)}.db"
            sending = {**variables, **rollcall_variables(sandbox, ledger)}
            arguments = (str(campaign), "--chunk-size", str(_CHUNK_SIZE))
            run_module("flows.send_campaign", *arguments, variables=sending)
            ours.append(_seconds_outside_tasks(url, "send-campaign", tasks))
            run_module("tests.bench.empty_flow", str(tasks), variables=variables)
            floors.append(_seconds_outside_tasks(url, "empty-flow", tasks))
    return Measurement.of_turns(
        f"Prefect's share of a campaign of {chunks} chunks",
        ours,
        floors,
        "s",
        f"an empty flow of {tasks} empty task runs; of both the time outside task runs",
    )


def _write_campaign(directory: Path, people: int) -> Path:
    contacts = directory / f"orchestration_{people}.csv"
    write_people(contacts, people)
    campaign = {
        "name": "orchestration",
        "channel": "sms",
        "provider": "octopush",
        "purpose": "transactional",
        "text": "Hello {{ first_name }}",
        "audience": {"path": str(contacts)},
    }
    path = directory / "orchestration.yaml"
    path.write_text(yaml.safe_dump(campaign), encoding="utf-8")
    return path


def _seconds_outside_tasks(url: str, flow: str, tasks: int) -> float:
    """Of the newest run of a flow.

    Raises:
        RuntimeError: It has not as many task runs as expected.
    """
    newest = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC", "limit": 1}
    [flow_run] = _ask(url, "flow_runs", newest)
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while True:  # the server takes its time to read the events of task runs
        task_runs = _tasks_of(url, flow_run["id"])
        if len(task_runs) == tasks and all(one["end_time"] for one in task_runs):
            return float(flow_run["total_run_time"] - sum(one["total_run_time"] for one in task_runs))
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{flow} has {len(task_runs)} task runs, and {tasks} were expected")
        time.sleep(0.5)


def _tasks_of(url: str, flow_run_id: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    while page := _ask(
        url, "task_runs", {"flow_runs": {"id": {"any_": [flow_run_id]}}, "limit": 200, "offset": len(found)}
    ):
        found += page
    return found


def _ask(url: str, what: str, question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    answer = httpx.post(f"{url}/{what}/filter", json=question, timeout=30).raise_for_status()
    found: list[Mapping[str, Any]] = answer.json()
    return found
