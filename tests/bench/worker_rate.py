"""One campaign through Bird's sandbox, handed over by several processes and by one, on PostgreSQL.

Every answer takes a second, so that one process does not reach what the provider allows (500 a second, which all
of them keep together). Everything counts from the first request to the last outcome, also the time in which the
further processes start. The ledger is compared with what the sandbox received, each time.
"""

from collections import Counter
from pathlib import Path
from statistics import median

import httpx
import yaml
from sqlalchemy import func, select

from tasks.store.session import Ledger
from tasks.store.tables import Message
from tests.bench.measurement import Measurement
from tests.bench.people import write_people
from tests.bench.places import (
    new_database,
    postgresql_server,
    prefect_server,
    prefect_variables,
    rollcall_variables,
    run_module,
    sandbox_process,
)

LATENCY_SECONDS = 1.0
WORKERS = 4
_CHUNK_SIZE = 250


def measure(directory: Path, *, people: int, times: int) -> Measurement:
    """Messages a second of four workers, against one."""
    variables = prefect_variables(directory / "workers")
    with (
        prefect_server(variables) as prefect_url,
        postgresql_server(directory) as server,
        sandbox_process() as sandbox,
    ):
        variables["PREFECT_API_URL"] = prefect_url
        httpx.patch(
            f"{sandbox}/settings", json={"bird": {"faults": {"latency_seconds": LATENCY_SECONDS}}}
        ).raise_for_status()
        variables |= rollcall_variables(sandbox, directory) | {
            "ROLLCALL_REPORT_DIRECTORY": str(directory / "reports")
        }
        campaign = _campaign(directory, people)
        rates: dict[int, list[float]] = {1: [], WORKERS: []}
        for _ in range(times):
            for workers, of_workers in rates.items():
                variables["ROLLCALL_DATABASE_URL"] = new_database(server)
                arguments = ("--workers", str(workers), "--chunk-size", str(_CHUNK_SIZE))
                run_module("flows.send_campaign", str(campaign), *arguments, variables=variables)
                of_workers.append(_rate(variables["ROLLCALL_DATABASE_URL"], sandbox))
    return Measurement(
        what=f"{WORKERS} workers: Bird, {LATENCY_SECONDS:.0f} s latency, PostgreSQL",
        rollcall=median(rates[WORKERS]),
        floor=median(rates[1]),
        unit="msg/s",
        floor_is="one worker, for the same campaign",
    )


def _campaign(directory: Path, people: int) -> Path:
    contacts = directory / f"workers_{people}.csv"
    write_people(contacts, people)
    path = directory / "workers.yaml"
    document = {
        "name": "workers",
        "channel": "sms",
        "provider": "bird",
        "purpose": "transactional",
        "text": "Hello {{ first_name }}",
        "audience": {"path": str(contacts)},
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _rate(database_url: str, sandbox: str) -> float:
    """Messages a second, from the first claim to the last outcome.

    Raises:
        RuntimeError: The sandbox did not receive each message of the ledger exactly once.
    """
    message = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
    with Ledger(database_url) as ledger, ledger.reading() as connection:
        addresses = set(
            connection.execute(select(message.c.address).where(message.c.status == "accepted")).scalars()
        )
        first, last = connection.execute(
            select(func.min(message.c.claimed_at), func.max(message.c.status_at))
        ).one()
    truth = httpx.get(f"{sandbox}/truth", timeout=60).raise_for_status().json()["bird"]["recipients"]
    received = Counter(recipient["address"] for recipient in truth)
    httpx.post(f"{sandbox}/reset").raise_for_status()
    httpx.patch(
        f"{sandbox}/settings", json={"bird": {"faults": {"latency_seconds": LATENCY_SECONDS}}}
    ).raise_for_status()
    if received != Counter(addresses):
        raise RuntimeError(f"{received.total()} received, {len(addresses)} accepted says the ledger")
    return len(addresses) / (last - first).total_seconds()
