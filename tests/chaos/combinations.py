"""What is tried: every provider with every database and number of workers; and what is sent through it."""

import csv
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

PROVIDERS = ("octopush", "bird", "dripcel", "indigitall")
DATABASES = ("sqlite", "postgresql")
WORKERS = (1, 4)

CAMPAIGN = "chaos"
EXCLUDED = 3
"""Rows of the contact file that get no message."""

_AREA_CODES = (212, 213, 214, 215, 216, 217)


@dataclass(frozen=True, slots=True, order=True)
class Combination:
    """A provider, a database, and how many processes send."""

    database: str
    provider: str
    workers: int

    def __str__(self) -> str:
        return f"{self.provider} {self.database} {self.workers}"

    @property
    def people(self) -> int:
        """Recipients of a campaign: few, so that a life is short; enough for several chunks and requests."""
        return {"dripcel": 6}.get(self.provider, 12 if self.workers == 1 else 16)

    @property
    def chunk_size(self) -> int:
        """Messages in a chunk."""
        return {"dripcel": 2}.get(self.provider, 4 if self.workers == 1 else 2)

    @property
    def can_settle_all(self) -> bool:
        """Whether every `unknown` is settled: by asking, by callbacks, or else with a word of the operator's."""
        return self.provider != "indigitall"


def all_combinations(only: frozenset[str]) -> list[Combination]:
    """Those whose provider, database and workers are wanted; what is not named in `only` is wanted."""
    wanted = [
        [value for value in values if not only & set(map(str, values)) or str(value) in only]
        for values in (PROVIDERS, DATABASES, WORKERS)
    ]
    return [Combination(database, provider, workers) for provider, database, workers in product(*wanted)]  # type: ignore[arg-type]  # they are what they are


def addresses(count: int) -> list[str]:
    """Numbers reserved for fiction."""
    return [f"+1{_AREA_CODES[n // 100]}55501{n % 100:02d}" for n in range(count)]


def write_campaign(directory: Path, combination: Combination) -> Path:
    """Write the campaign and its contacts; returns the campaign file."""
    contacts = directory / "contacts.csv"
    people = addresses(combination.people)
    with contacts.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Mobile", "Unsubscribed"])
        writer.writerows([f"Person{n}", address, ""] for n, address in enumerate(people))
        writer.writerow(["Again", people[0], ""])
        writer.writerow(["Nobody", "12", ""])
        writer.writerow(["Enough", "+12185550100", "yes"])
    content: dict[str, Any] = {"text": "Hello {{ first_name }}"}
    if combination.provider == "indigitall":
        content = {"template": {"id": "102", "fields": {"first_name": "{{ first_name }}", "order": "1"}}}
    document = {
        "name": CAMPAIGN,
        "channel": "sms",
        "provider": combination.provider,
        "purpose": "transactional",
        "audience": {"path": str(contacts)},
        **content,
    }
    path = directory / "campaign.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
