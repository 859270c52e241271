"""Rows a second of preparing an audience, against reading the same file and inserting its rows."""

import csv
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from flows.parameters import Campaign, read_campaign
from tasks.prepare import prepare_audience
from tests.bench.measurement import Measurement, median_of_turns, spent_on
from tests.bench.people import fictional_area_codes
from tests.bench.places import REPOSITORY, environment

CAMPAIGN = REPOSITORY / "data/campaigns/octopush-spring-sale.yaml"
SAMPLE = REPOSITORY / "data/samples/contacts.csv"

_FICTION = re.compile(r"(\d{3})(?=\D{0,2}555\D?01\d\d)")
"""The area code before a North American number of the range reserved for fiction."""

_databases = count(1)


def measure(directory: Path, *, copies: int, times: int) -> Measurement:
    """The sample so many times over, each time with other area codes."""
    path = directory / "contacts.csv"
    rows = write_audience(path, copies)
    campaign = read_campaign(CAMPAIGN)
    with environment({"ROLLCALL_DATABASE_URL": f"sqlite:///{directory / 'audience.db'}"}):
        _prepare(campaign_with(campaign, SAMPLE))  # the first one imports and compiles, in every process anew
        prepared, floor = median_of_turns(
            times,
            partial(spent_on, partial(_prepare, campaign_with(campaign, path))),
            partial(spent_on, partial(_read_and_insert, path, directory)),
        )
    return Measurement(
        f"prepare {rows:,} rows",
        rows / prepared.wall_seconds,
        rows / floor.wall_seconds,
        "rows/s",
        "pandas reads the same CSV as text, executemany into SQLite",
    )


def write_audience(path: Path, copies: int) -> int:
    """Write the sample over and over, with distinct numbers as far as there are area codes; returns the rows."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        header, *sample = csv.reader(file)
    phone = header.index("Mobile")
    area_codes = fictional_area_codes()
    used = sorted({found[1] for row in sample if (found := _FICTION.search(row[phone]))})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for shift in range(copies):
            others = dict(zip(used, _from(area_codes, shift * len(used)), strict=False))
            for row in sample:
                number = _FICTION.sub(lambda found, others=others: others[found[1]], row[phone])  # type: ignore[misc]  # mypy does not infer the default
                writer.writerow([*row[:phone], number, *row[phone + 1 :]])
    return copies * len(sample)


def _from(area_codes: list[str], start: int) -> Iterator[str]:
    for offset in range(len(area_codes)):
        yield area_codes[(start + offset) % len(area_codes)]


def campaign_with(campaign: Campaign, contacts: Path) -> Campaign:
    """The same campaign for other people."""
    files = {"path": str(contacts), "suppressions": str(REPOSITORY / "data/samples/suppressions.csv")}
    return campaign.model_copy(update={"audience": campaign.audience.model_copy(update=files)})


def _prepare(campaign: Campaign) -> None:
    with TemporaryDirectory() as spool:
        prepare_audience.fn(campaign.identity, campaign.audience, spool)


def _read_and_insert(path: Path, directory: Path) -> None:
    # The sample has a few torn rows, which pandas refuses and Rollcall accounts for.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, on_bad_lines="skip")
    columns = ", ".join(f'"{name}" TEXT' for name in frame.columns)
    places = ", ".join("?" * len(frame.columns))
    with closing(sqlite3.connect(directory / f"floor_{next(_databases)}.db")) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"CREATE TABLE contact (id INTEGER PRIMARY KEY, {columns})")
        database.executemany(
            f"INSERT INTO contact VALUES (NULL, {places})",  # noqa: S608  # no value is in it
            frame.itertuples(index=False, name=None),
        )
