"""From a prepared audience to the ledger: all of it, or nothing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pandas as pd
import pytest
from sqlalchemy import text

from tasks.datasets.spool import SpoolWriter
from tasks.identity import RunIdentity
from tasks.messaging.content import Content
from tasks.plan import plan_run
from tasks.prepare import PreparedAudience
from tasks.store import registry
from tasks.store.session import LedgerError
from tests.rows import columns_of


@pytest.fixture
def prepared(tmp_path):
    """A spool of three messages, and the count of rows that it is said to come from."""
    with SpoolWriter(tmp_path) as spool:
        spool.add_messages(
            pd.DataFrame(
                {
                    "row_number": [2, 3, 4],
                    "address": ["+12125550100", "+12125550101", "+12125550102"],
                    "country": "US",
                    "external_code": None,
                    "parts": 1,
                    "variables": None,
                    "text_key": 0,
                    "hours_country": None,
                    "zones": None,
                    "is_new": [False, True, True],
                    "phone": [None, "+12125550101", "+12125550102"],
                    **dict.fromkeys(("email", "first_name", "last_name", "timezone")),
                    "fields": "{}",
                }
            )
        )

    def say(rows_read):
        return PreparedAudience(
            directory=str(tmp_path),
            file="list.csv",
            notes=[],
            columns=[],
            source_sha256="s",
            digest="d",
            new_contacts=2,
            rows_read=rows_read,
            messages=3,
            exclusions=Counter(),
        )

    return say


IDENTITY = RunIdentity(
    name="spring",
    run_key="1",
    provider="bird",
    content=Content(channel="sms", purpose="transactional", text="Hello"),
    options={},
    campaign={},
)


def counts(ledger):
    with ledger.reading() as connection:
        return [
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  # names of ours
            for table in ("campaign_run", "chunk", "message")
        ]


def test_a_prepared_audience_becomes_a_run_with_chunks_and_messages(ledger, prepared):
    plan_run.fn(IDENTITY, prepared(3), 2)
    assert counts(ledger) == [1, 2, 3]


def test_an_audience_that_does_not_account_for_every_row_leaves_nothing_in_the_ledger(ledger, prepared):
    with pytest.raises(LedgerError, match="4 rows were read, but there are 3 messages"):
        plan_run.fn(IDENTITY, prepared(4), 2)
    assert counts(ledger) == [0, 0, 0]


def test_contacts_whom_somebody_else_added_since_the_file_was_read_are_not_added_again(ledger, prepared):
    audience = prepared(3)
    with ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([{"phone": "+12125550102", "fields": {}}]))
    for run_key in ("1", "2"):
        plan_run.fn(replace(IDENTITY, run_key=run_key), audience, 2)
    with ledger.reading() as connection:
        phones = connection.execute(text("SELECT phone FROM contact ORDER BY id")).scalars().all()
    assert phones == ["+12125550102", "+12125550101"]


def test_two_campaigns_planned_at_once_add_a_contact_once(ledger, prepared):
    audiences = [prepared(3), prepared(3)]
    started = Barrier(2)

    def plan(number):
        started.wait()
        plan_run.fn(replace(IDENTITY, run_key=str(number)), audiences[number], 2)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(plan, range(2)))
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar_one() == 2
