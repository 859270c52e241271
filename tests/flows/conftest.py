"""A real Prefect server, and a sandbox over real HTTP, for the flow tests."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL

from deployments.sandbox.server import RunningSandbox, running_sandbox
from flows.parameters import Campaign, parse_campaign
from tasks.stopping import allow_sending
from tasks.store.session import Ledger
from tests.conftest import make_database
from tests.flows.sending_process import SendingProcess, get_ready, sending


@pytest.fixture(scope="session", autouse=True)
def _prefect_server(prefect_server: None) -> None:
    """Every test here runs flows."""


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in production, but with less patience; and nobody's stop request outlives its test."""
    monkeypatch.setenv("ROLLCALL_REQUEST_WAIT_SECONDS", "2")
    monkeypatch.setenv("ROLLCALL_CHUNK_RETRY_SECONDS", "0")
    yield
    allow_sending()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test asks for another: most of what a flow does is the same on both."""
    return make_database(getattr(request, "param", "sqlite"), request)


class Sandbox:
    """The sandbox of one test, and questions to it."""

    def __init__(self, running: RunningSandbox) -> None:
        self.url = running.url

    def switch(self, **settings: dict[str, Any]) -> None:
        httpx.patch(f"{self.url}/settings", json=settings).raise_for_status()

    def get(self, path: str) -> bytes:
        return httpx.get(f"{self.url}{path}").raise_for_status().content

    def post(self, path: str, **body: Any) -> None:
        httpx.post(f"{self.url}{path}", json=body).raise_for_status()

    def received(self, provider: str) -> Counter[str]:
        """How often each address got a message."""
        truth = httpx.get(f"{self.url}/truth").raise_for_status().json()
        return Counter(recipient["address"] for recipient in truth[provider]["recipients"])

    def texts(self, provider: str) -> dict[str, str]:
        truth = httpx.get(f"{self.url}/truth").raise_for_status().json()
        return {recipient["address"]: recipient["text"] for recipient in truth[provider]["recipients"]}

    def warnings(self, provider: str) -> list[Any]:
        warnings: list[Any] = httpx.get(f"{self.url}/truth").raise_for_status().json()[provider]["warnings"]
        return warnings


def set_credentials(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in {
        "OCTOPUSH_BASE_URL": f"{url}/octopush/v1/public",
        "OCTOPUSH_API_LOGIN": "sandbox@example.com",
        "OCTOPUSH_API_KEY": "sandbox-octopush-key",
        "DRIPCEL_BASE_URL": f"{url}/dripcel",
        "DRIPCEL_API_KEY": "sandbox-dripcel-key",
        "INDIGITALL_BASE_URL": f"{url}/indigitall",
        "INDIGITALL_SERVER_KEY": "00000000-0000-4000-8000-0000000000d1",
        "INDIGITALL_APPLICATION_ID": "1001",
        "BIRD_BASE_URL": f"{url}/bird",
        "BIRD_ACCESS_KEY": "sandbox-bird-key",
        "BIRD_WORKSPACE_ID": "00000000-0000-4000-8000-0000000000a1",
        "BIRD_CHANNEL_ID": "00000000-0000-4000-8000-0000000000c1",
    }.items():
        monkeypatch.setenv(f"ROLLCALL_{name}", value)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A fresh sandbox, with credentials for it in the environment."""
    with running_sandbox() as running:
        set_credentials(monkeypatch, running.url)
        yield Sandbox(running)


@pytest.fixture
def start(
    tmp_path: Path, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[SendingProcess]]:
    """Start a command as a process of its own, by its arguments and, if it is not send_campaign, its `module`."""
    get_ready(PREFECT_API_URL.value() or "", tmp_path_factory.mktemp("prefect"))
    numbers = count(1)

    def starting(*arguments: str | Path, **changes: str) -> AbstractContextManager[SendingProcess]:
        return sending(tmp_path / f"printed_{next(numbers)}", *arguments, **changes)

    return starting


@pytest.fixture
def contact_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a contact file of so many people of the range reserved for fiction."""

    def write(people: int, *, name: str = "contacts.csv", extra: list[list[str]] | None = None) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["First name", "Mobile", "City", "Unsubscribed"])
            for n in range(people):
                # 100 numbers in each of many US area codes
                writer.writerow([f"Person{n}", f"+1{AREA_CODES[n // 100]}55501{n % 100:02d}", "Springfield", ""])
            writer.writerows(extra or [])
        return path

    return write


AREA_CODES = (212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253)


@pytest.fixture
def campaign(contact_file: Callable[..., Path], database_url: str) -> Callable[..., Campaign]:
    """A campaign through a provider, with changes."""

    def make(provider: str, people: int = 20, **changes: Any) -> Campaign:
        document: dict[str, Any] = {
            "name": "test",
            "channel": "sms",
            "provider": provider,
            "purpose": "transactional",
            "text": "Hello {{ first_name }}",
            "audience": {"path": str(contact_file(people))},
        }
        return parse_campaign(document | changes)

    return make


@pytest.fixture
def campaign_file(
    tmp_path: Path, contact_file: Callable[..., Path], sandbox: Sandbox, database_url: str
) -> Callable[..., Path]:
    """A campaign file for a provider whose answers take a while."""

    def write(provider: str, *, people: int, latency_seconds: float, name: str = "test") -> Path:
        sandbox.switch(**{provider: {"faults": {"latency_seconds": latency_seconds}}})
        path = tmp_path / "campaign.yaml"
        document = {
            "name": name,
            "channel": "sms",
            "provider": provider,
            "purpose": "transactional",
            "text": "Hello {{ first_name }}",
            "audience": {"path": str(contact_file(people))},
        }
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def statuses(ledger: Ledger) -> Callable[[], dict[str, int]]:
    """How many messages of all runs are in each status."""
    from sqlalchemy import text  # noqa: PLC0415

    def count() -> dict[str, int]:
        with ledger.reading() as connection:
            rows = connection.execute(text("SELECT status, count(*) FROM message GROUP BY status"))
            return {status: number for status, number in rows}  # noqa: C416

    return count
