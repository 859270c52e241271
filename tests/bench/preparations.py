"""`python -m tests.bench.preparations rollcall|floor|plain FILE SUPPRESSED`: prepare a list once, in this process.

`rollcall` is the product, from the CSV to the committed ledger in `ROLLCALL_DATABASE_URL`. `plain` is what a data
team would write in an afternoon with the same libraries. `floor` reads the same CSV and inserts the same rows, and
nothing in between. Each prints its seconds (not those of imports and of the suppression table, which is there
before) and the most memory that the process ever had.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import jinja2
import pandas as pd
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType
from rich.console import Console
from sqlalchemy import Column, MetaData, Table, Text, create_engine, insert
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, select

from flows.parameters import Campaign, read_campaign
from tasks.messaging.statuses import Channel
from tasks.plan import plan_run, usual_chunk_size
from tasks.prepare import prepare_audience
from tasks.store import consent
from tasks.store.session import Ledger
from tests.bench.places import REPOSITORY

TEXT = 'Hi {{ first_name | default("there") }}, 20% off with your code {{ customer_id }}. STOP au XXXXX'
_TEXTABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_BATCH = 50_000


class _PlainTable(SQLModel, registry=registry()):
    """Apart from the ledger's tables."""


class PlainMessage(_PlainTable, table=True):
    """A message of the plain script."""

    id: int | None = Field(default=None, primary_key=True)
    phone: str = Field(unique=True)
    country: str
    text: str
    status: str = "planned"


class PlainSuppression(_PlainTable, table=True):
    """An opted-out number of the plain script."""

    phone: str = Field(primary_key=True)


def rollcall(contacts: Path, suppressed: list[str]) -> float:
    """Prepare and plan, in the ledger that the environment names."""
    with Ledger() as ledger:
        for start in range(0, len(suppressed), _BATCH):
            with ledger.writing() as connection:
                batch = suppressed[start : start + _BATCH]
                consent.add_suppressions(connection, Channel.SMS, batch, reason="opted_out", source="benchmark")
    campaign = _campaign(contacts)
    with TemporaryDirectory() as spool:
        started = time.perf_counter()
        prepared = prepare_audience.fn(campaign.identity, campaign.audience, spool)
        plan_run.fn(campaign.identity, prepared, usual_chunk_size(campaign.identity.capabilities))
        return time.perf_counter() - started


def floor(contacts: Path, suppressed: list[str]) -> float:
    """pandas reads all cells as text, SQLAlchemy Core inserts them."""
    del suppressed
    engine = create_engine(_driver_url())
    started = time.perf_counter()
    frame = pd.read_csv(contacts, dtype=str, keep_default_na=False)
    table = Table("floor", MetaData(), *(Column(name, Text) for name in frame.columns))
    with engine.begin() as connection:
        table.create(connection)
        names = list(frame.columns)
        for start in range(0, len(frame), _BATCH):
            rows = frame.iloc[start : start + _BATCH].itertuples(index=False, name=None)
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
    return time.perf_counter() - started


def plain(contacts: Path, suppressed: list[str]) -> float:
    """pandas, phonenumbers, Jinja and SQLModel, the way their tutorials use them."""
    engine = create_engine(_driver_url())
    _PlainTable.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(PlainSuppression(phone=phone) for phone in suppressed)
        session.commit()
    started = time.perf_counter()
    frame = pd.read_csv(contacts, dtype=str, keep_default_na=False)
    frame["phone"] = [_e164(*row) for row in zip(frame["Mobile"], frame["Country"], strict=True)]
    frame = frame[(frame["phone"] != "") & (frame["Status"] != "inactive")].drop_duplicates("phone")
    template = jinja2.Template(TEXT)
    with Session(engine) as session:
        opted_out = set(session.exec(select(PlainSuppression.phone)))
        frame = frame[~frame["phone"].isin(opted_out)]
        for row in frame.to_dict("records"):
            text = template.render(first_name=row["First name"], customer_id=row["Customer ID"])
            session.add(PlainMessage(phone=row["phone"], country=row["Country"], text=text))
        session.commit()
    return time.perf_counter() - started


def _e164(cell: str, country: str) -> str:
    try:
        number = phonenumbers.parse(cell, country)
    except NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _TEXTABLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _campaign(contacts: Path) -> Campaign:
    campaign = read_campaign(REPOSITORY / "data/campaigns/octopush-spring-sale.yaml")
    files = {"path": str(contacts), "suppressions": None}
    audience = campaign.audience.model_copy(update=files)
    return campaign.model_copy(update={"audience": audience, "text": TEXT})


def _driver_url() -> str:
    return os.environ["ROLLCALL_DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)


WAYS: dict[str, Callable[[Path, list[str]], float]] = {"rollcall": rollcall, "floor": floor, "plain": plain}


def main(arguments: list[str] | None = None) -> int:
    """Prepare, and print a JSON object: `seconds`, `peak_mb`."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preparations", description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("contacts", type=Path)
    parser.add_argument("suppressed", type=Path)
    options = parser.parse_args(arguments)
    seconds = WAYS[options.way](options.contacts, options.suppressed.read_text("ascii").split())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Console(soft_wrap=True).print_json(json.dumps({"seconds": seconds, "peak_mb": peak}), indent=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
