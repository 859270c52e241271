"""Recipients a second of handing over, against a bare loop over the same HTTP client.

The loop has its bodies ready, keeps no account, and is paced as the adapter is where the provider has a limit. The
limit hides what a message costs, so the CPU it takes is measured as well.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from flows.parameters import parse_campaign
from tasks.dispatch import hand_over_chunk
from tasks.ownership import owned_run
from tasks.plan import DEFAULT_CHUNK_SIZE, plan_run
from tasks.prepare import prepare_audience
from tasks.providers.capabilities import Capabilities
from tasks.providers.http import HttpClient
from tasks.providers.registry import load_provider
from tasks.store import runs
from tasks.store.session import Ledger
from tests.bench.measurement import Measurement, Spent, median_of_turns, spent_on
from tests.bench.people import fictional_numbers, write_people
from tests.bench.places import environment, rollcall_variables, sandbox_process
from tests.claims import free_chunks

LATENCY_SECONDS = 0.05
"""Of every answer of the sandbox."""

_TEXT = "Hello {{ first_name }}, your parcel arrives today."
_BIRD_PATH = (
    "/workspaces/00000000-0000-4000-8000-0000000000a1/channels/00000000-0000-4000-8000-0000000000c1/messages"
)

_run_keys = count(1)


def measure_bird(directory: Path, *, people: int, times: int) -> list[Measurement]:
    """One recipient a request, at most 500 requests a second."""
    bodies = [
        {
            "receiver": {"contacts": [{"identifierValue": number}]},
            "body": {"type": "text", "text": {"text": f"Hello Person{n}, your parcel arrives today."}},
        }
        for n, number in enumerate(fictional_numbers(people))
    ]
    return _measure(
        "bird", _BIRD_PATH, {"Authorization": "AccessKey sandbox-bird-key"}, bodies, directory, people, times
    )


def measure_octopush(directory: Path, *, people: int, times: int) -> list[Measurement]:
    """Hundreds of recipients a request, no limit."""
    numbers = enumerate(fictional_numbers(people))
    most = load_provider("octopush").capabilities.recommended_recipients_per_request[1]
    bodies = []
    while some := list(islice(numbers, most)):
        recipients = [{"phone_number": number, "first_name": f"Person{n}"} for n, number in some]
        text = "Hello {first_name}, your parcel arrives today."
        bodies.append({"text": text, "recipients": recipients, "type": "sms_premium", "purpose": "alert"})
    headers = {"api-login": "sandbox@example.com", "api-key": "sandbox-octopush-key"}
    return _measure("octopush", "/sms-campaign/send", headers, bodies, directory, people, times)


def _measure(
    provider: str,
    path: str,
    headers: Mapping[str, str],
    bodies: Sequence[Any],
    directory: Path,
    people: int,
    times: int,
) -> list[Measurement]:
    with sandbox_process() as url, environment(rollcall_variables(url, directory / f"{provider}.db")) as variables:
        latency = {provider: {"faults": {"latency_seconds": LATENCY_SECONDS}}}
        httpx.patch(f"{url}/settings", json=latency).raise_for_status()
        loop = _BareLoop(
            variables[f"ROLLCALL_{provider.upper()}_BASE_URL"], path, headers, load_provider(provider).capabilities
        )
        rollcall, floor = median_of_turns(
            times,
            partial(_hand_over, provider, people, directory),
            lambda: spent_on(lambda: asyncio.run(loop.send(bodies))),
        )
    return [
        Measurement(
            f"hand over to {provider}, {people:,} people",
            people / rollcall.wall_seconds,
            people / floor.wall_seconds,
            "people/s",
            f"a bare loop over the same HttpClient; answers take {LATENCY_SECONDS * 1000:.0f} ms",
        ),
        Measurement(
            f"CPU for 1,000 people, {provider}",
            rollcall.cpu_seconds / people * 1000,
            floor.cpu_seconds / people * 1000,
            "CPU s",
            "the same loop",
        ),
    ]


class _BareLoop:
    """Sends ready bodies, and does nothing else."""

    def __init__(self, base_url: str, path: str, headers: Mapping[str, str], capabilities: Capabilities) -> None:
        self._base_url = base_url
        self._path = path
        self._headers = headers
        self._capabilities = capabilities

    async def send(self, bodies: Sequence[Any]) -> None:
        """Post them all."""
        capabilities = self._capabilities
        client = HttpClient(
            self._base_url,
            headers=self._headers,
            max_requests_in_flight=capabilities.max_requests_in_flight,
            max_requests_per_second=capabilities.max_requests_per_second,
        )
        async with client:
            await asyncio.gather(*(client.request_json("POST", self._path, json=body) for body in bodies))


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
        return plan_run.fn(campaign.identity, prepared, DEFAULT_CHUNK_SIZE)


def _hand_over(provider: str, people: int, directory: Path) -> Spent:
    """A new run of so many people; only the handing over is counted."""
    run_id = plan_people(provider, people, directory)
    with owned_run(run_id) as ownership:
        spent = spent_on(partial(_hand_over_chunks, run_id, ownership.owner))
    with Ledger() as ledger, ledger.reading() as connection:
        statuses = runs.count_statuses(connection, run_id)
    if statuses != {"accepted": people}:
        raise RuntimeError(f"not everybody was handed over: {statuses}")
    return spent


def _hand_over_chunks(run_id: int, owner: str) -> None:
    with Ledger() as ledger, ledger.reading() as connection:
        chunk_ids = free_chunks(connection, run_id)
    for chunk_id in chunk_ids:
        hand_over_chunk.fn(run_id, chunk_id, owner)
