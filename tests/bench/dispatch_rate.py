"""Recipients a second of handing over, against a bare loop over the same HTTP client.

The loop has its bodies ready, keeps no account, and is paced as the adapter is where the provider has a limit. The
limit hides what a message costs, so the CPU it takes is measured as well.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from flows.parameters import parse_campaign
from tasks.dispatch import hand_over_chunk
from tasks.ownership import owned_run
from tasks.plan import BULK_CHUNK_SIZE, plan_run, usual_chunk_size
from tasks.prepare import prepare_audience
from tasks.providers.http import HttpClient
from tasks.providers.registry import load_provider
from tasks.store import runs
from tasks.store.session import Ledger
from tests.bench.measurement import Measurement, Spent, in_turns, spent_on
from tests.bench.people import fictional_numbers, write_people
from tests.bench.places import (
    environment,
    prefect_server,
    prefect_variables,
    rollcall_variables,
    run_module,
    sandbox_process,
)
from tests.claims import free_chunks

LATENCY_SECONDS = 0.05
"""Of every answer of the sandbox."""

_TEXT = "Hello {{ first_name }}, your parcel arrives today."
_BIRD_PATH = (
    "/workspaces/00000000-0000-4000-8000-0000000000a1/channels/00000000-0000-4000-8000-0000000000c1/messages"
)

_Turns = Sequence[Spent]
_LOOP = f"a bare loop over the same HttpClient; answers take {LATENCY_SECONDS * 1000:.0f} ms"

_run_keys = count(1)


@dataclass(frozen=True, slots=True)
class _Sending:
    """What a bare loop sends: ready bodies, to one path."""

    provider: str
    path: str
    headers: Mapping[str, str]
    bodies: Sequence[Any]

    def bare_loop(self) -> Spent:
        """Post them all, and do nothing else."""
        return spent_on(lambda: asyncio.run(self._post_all()))

    async def _post_all(self) -> None:
        capabilities = load_provider(self.provider).capabilities
        client = HttpClient(
            os.environ[f"ROLLCALL_{self.provider.upper()}_BASE_URL"],
            headers=self.headers,
            max_requests_in_flight=capabilities.max_requests_in_flight,
            max_requests_per_second=capabilities.max_requests_per_second,
        )
        async with client:
            await asyncio.gather(*(client.request_json("POST", self.path, json=body) for body in self.bodies))


def measure_bird(directory: Path, *, people: int, times: int) -> list[Measurement]:
    """One recipient a request, at most 500 requests a second."""
    rollcall, floor = _measure(_bird(people), directory, people, times)
    return [
        *_report("bird", people, rollcall, floor),
        Measurement.of_turns(
            "a core's share while bird is sent to at its limit",
            *([spent.cpu_seconds / spent.wall_seconds * 100 for spent in turns] for turns in (rollcall, floor)),
            "%",
            _LOOP,
        ),
    ]


def measure_octopush(directory: Path, *, people: int, times: int) -> list[Measurement]:
    """Hundreds of recipients a request, no limit."""
    return _report("octopush", people, *_measure(_octopush(people), directory, people, times))


def measure_million(directory: Path, *, people: int, times: int) -> list[Measurement]:
    """Many chunks in one process, each a task run of Prefect, against a running server: as the flow does it."""
    prefect = prefect_variables(directory / "one_sender")
    sending = _octopush(people)
    with prefect_server(prefect) as api, _provider(sending.provider, directory) as rollcall_has:
        variables = {**prefect, **rollcall_has, "PREFECT_API_URL": api}
        run_module("tests.bench.empty_flow", variables=variables)
        rollcall, floor = in_turns(
            times, partial(_hand_over_in_a_flow, people, directory, variables), sending.bare_loop
        )
    million = 1_000_000 / people
    return [
        Measurement.of_turns(
            f"hand over 1,000,000 to octopush ({people:,} measured)",
            *([spent.wall_seconds * million for spent in turns] for turns in (rollcall, floor)),
            "s",
            f"{_LOOP}; Rollcall in a flow, {BULK_CHUNK_SIZE:,} a task run",
        )
    ]


def _measure(sending: _Sending, directory: Path, people: int, times: int) -> tuple[_Turns, _Turns]:
    with _provider(sending.provider, directory):
        rollcall, floor = in_turns(
            times, partial(_hand_over, sending.provider, people, directory), sending.bare_loop
        )
    return rollcall, floor


@contextmanager
def _provider(provider: str, directory: Path) -> Iterator[Mapping[str, str]]:
    """A sandbox that takes its time, in the environment of a Rollcall that sends to it, which it yields."""
    with sandbox_process() as url, environment(rollcall_variables(url, directory / f"{provider}.db")) as variables:
        latency = {provider: {"faults": {"latency_seconds": LATENCY_SECONDS}}}
        httpx.patch(f"{url}/settings", json=latency).raise_for_status()
        yield variables


def _report(provider: str, people: int, rollcall: _Turns, floor: _Turns) -> list[Measurement]:
    return [
        Measurement.of_turns(
            f"hand over to {provider}, {people:,} people",
            *([people / spent.wall_seconds for spent in turns] for turns in (rollcall, floor)),
            "people/s",
            _LOOP,
        ),
        Measurement.of_turns(
            f"CPU for 1,000 people, {provider}",
            *([spent.cpu_seconds / people * 1000 for spent in turns] for turns in (rollcall, floor)),
            "CPU s",
            "the same loop",
        ),
    ]


def _bird(people: int) -> _Sending:
    bodies = [
        {
            "receiver": {"contacts": [{"identifierValue": number}]},
            "body": {"type": "text", "text": {"text": f"Hello Person{n}, your parcel arrives today."}},
        }
        for n, number in enumerate(fictional_numbers(people))
    ]
    return _Sending("bird", _BIRD_PATH, {"Authorization": "AccessKey sandbox-bird-key"}, bodies)


def _octopush(people: int) -> _Sending:
    numbers = enumerate(fictional_numbers(people))
    most = load_provider("octopush").capabilities.recommended_recipients_per_request[1]
    bodies = []
    while some := list(islice(numbers, most)):
        recipients = [{"phone_number": number, "first_name": f"Person{n}"} for n, number in some]
        text = "Hello {first_name}, your parcel arrives today."
        bodies.append({"text": text, "recipients": recipients, "type": "sms_premium", "purpose": "alert"})
    headers = {"api-login": "sandbox@example.com", "api-key": "sandbox-octopush-key"}
    return _Sending("octopush", "/sms-campaign/send", headers, bodies)


def plan_people(provider: str, people: int, directory: Path) -> int:
    """A new run of so many people, in chunks as the flow cuts them; returns its id."""
    contacts = directory / f"people_{people}.csv"
    if not contacts.exists():
        write_people(contacts, people)
    campaign = parse_campaign(
        {
            "name": f"bench-{provider}",
            "run_key": str(next(_run_keys)),
            "channel": "sms",
            "provider": provider,
            "purpose": "transactional",
            "text": _TEXT,
            "audience": {"path": str(contacts)},
        }
    )
    with TemporaryDirectory() as spool:
        prepared = prepare_audience.fn(campaign.identity, campaign.audience, spool)
        return plan_run.fn(campaign.identity, prepared, usual_chunk_size(campaign.identity.capabilities))


def _hand_over(provider: str, people: int, directory: Path) -> Spent:
    """A new run of so many people, chunk after chunk; only the handing over is counted."""
    run_id = plan_people(provider, people, directory)
    with owned_run(run_id) as ownership:
        spent = spent_on(partial(_hand_over_chunks, run_id, ownership.owner))
    _check(run_id, people)
    return spent


def _hand_over_in_a_flow(people: int, directory: Path, variables: Mapping[str, str]) -> Spent:
    """The same in a process and a flow of its own; only the handing over is counted."""
    run_id = plan_people("octopush", people, directory)
    printed = run_module("tests.bench.one_sender", str(run_id), variables=variables)
    _check(run_id, people)
    return Spent(*json.loads(printed.splitlines()[-1]))


def _check(run_id: int, people: int) -> None:
    with Ledger() as ledger, ledger.reading() as connection:
        statuses = runs.count_statuses(connection, run_id)
    if statuses != {"accepted": people}:
        raise RuntimeError(f"not everybody was handed over: {statuses}")


def _hand_over_chunks(run_id: int, owner: str) -> None:
    with Ledger() as ledger, ledger.reading() as connection:
        chunk_ids = free_chunks(connection, run_id)
    for chunk_id in chunk_ids:
        hand_over_chunk.fn(run_id, chunk_id, owner)
