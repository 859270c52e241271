import pytest

from tasks.messaging.statuses import Channel, Purpose
from tasks.store import runs
from tasks.store.session import Ledger
from tests.conftest import make_database
from tests.rows import columns_of


@pytest.fixture
def plan(ledger: Ledger):
    """Plan a run of some messages, in chunks of the given sizes; returns the run and its chunks' ids."""
    return planning(ledger)


@pytest.fixture
def plan_on_postgresql(postgresql_ledger: Ledger):
    """The same in the ledger of `postgresql_ledger`."""
    return planning(postgresql_ledger)


def planning(ledger: Ledger):
    def plan_run(*sizes: int, name: str = "spring", run_key: str = "1", routes=None):
        with ledger.writing() as connection:
            run, chunk_ids = runs.create_run(
                connection,
                name=name,
                run_key=run_key,
                channel=Channel.SMS,
                provider="octopush",
                purpose=Purpose.MARKETING,
                rows_read=sum(sizes),
                digest="d",
                campaign={"name": name},
                content={},
                options={},
                source_sha256="s",
                chunk_sizes=sizes,
                chunk_routes=routes,
            )
            row = 1
            for size, chunk_id in zip(sizes, chunk_ids, strict=True):
                rows = [
                    {
                        "row_number": row + n + 1,
                        "address": f"+1{212 + (row + n) // 100}55501{(row + n) % 100:02d}",
                        "country": "US",
                        "parts": 1,
                        "variables": '{"first_name": "Ann"}',
                        "chunk_id": chunk_id,
                    }
                    | ({} if routes is None else {"provider": routes[chunk_ids.index(chunk_id)][0]})
                    for n in range(size)
                ]
                row += size
                runs.add_messages(connection, run, columns_of(rows))
        return run, chunk_ids

    return plan_run


@pytest.fixture
def postgresql_ledger(request):
    """An empty ledger on PostgreSQL, for what only that has: connections that can be cut, COPY, row locks."""
    with Ledger(make_database("postgresql", request)) as opened:
        yield opened
