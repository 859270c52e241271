"""A receiver of two made-up providers over real HTTP, on both databases."""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import httpx
import pytest
from sqlalchemy import select, text

from deployments.receiver.intake import Intake
from deployments.receiver.server import running_receiver
from deployments.receiver.settings import ReceiverSettings
from tasks.store.tables import ProviderEvent
from tests.receiver.readers import Keyed, Plain, Signing
from tests.receiver.receiver_process import SECRET

SETTINGS = ReceiverSettings(secret=SECRET)

INTAKES = [
    Intake("plain", Plain()),
    Intake("signing", Signing(), Keyed(key="key")),
    Intake("unset", Signing()),
    Intake("keyless", Signing(), Keyed()),
]


class Wire:
    """A client of a receiver."""

    def __init__(self, url) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self):
        self._client.close()

    def request(self, method, path, **arguments):
        return self._client.request(method, path, **arguments)

    def plain(self, body=b"", *, secret=SECRET, **arguments):
        return self.request("POST", f"/callbacks/plain/{secret}", content=body, **arguments)

    def health(self):
        return self.request("GET", "/health").json()


@contextmanager
def serving(database_url, **changes):
    """A receiver of the made-up providers, and a client of it."""
    with running_receiver(replace(SETTINGS, **changes), database_url=database_url, intakes=INTAKES) as receiver:
        wire = Wire(receiver.url)
        try:
            yield wire
        finally:
            wire.close()


@pytest.fixture
def start(ledger, database_url):
    """`with start(commit_seconds=1) as wire`: a receiver that writes into `ledger`'s database."""
    return partial(serving, database_url)


@pytest.fixture
def wire(start):
    with start() as started:
        yield started


@pytest.fixture
def kept(ledger):
    """What is in the table now, in the order in which it was written."""
    table = ProviderEvent.__table__

    def read():
        with ledger.reading() as connection:
            return connection.execute(select(table).order_by(table.c.id)).all()

    return read


@pytest.fixture
def locked(ledger):
    """`with locked(): ...`: nobody else can write events meanwhile."""

    @contextmanager
    def locking():
        with ledger.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE provider_event IN EXCLUSIVE MODE"))
            yield

    return locking
