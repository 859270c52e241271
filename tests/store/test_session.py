import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tasks.messaging.statuses import Channel
from tasks.store import consent
from tasks.store.session import Ledger, LedgerError


def test_a_failed_transaction_leaves_nothing_behind(ledger):
    def fail_halfway():
        with ledger.writing() as connection:
            consent.add_suppressions(connection, Channel.SMS, ["+12125550101"], reason="x", source="y")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with ledger.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppression")).scalar_one() == 0


def test_threads_that_share_a_ledger_write_one_after_another_on_sqlite(tmp_path):
    inside = most = 0

    def write() -> None:
        nonlocal inside, most
        for _ in range(20):
            with ledger.writing():
                inside += 1
                most = max(most, inside)
                time.sleep(0.0001)
                inside -= 1

    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_foreign_keys_are_enforced(ledger):
    with pytest.raises(IntegrityError), ledger.writing() as connection:
        connection.execute(
            text("INSERT INTO exclusion (run_id, row_number, reason, detail) VALUES (99, 2, 'disabled', '')")
        )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "sqlite:///data/rollcall.db"),
        ("mysql://localhost/x", "SQLite and PostgreSQL"),
        ("postgresql://user:hunter2@127.0.0.1:1/x", "cannot be opened"),
        ("sqlite:////proc/nowhere/ledger.db", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_with_its_remedy_and_without_its_password(url, said):
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger(url)
    assert "hunter2" not in str(caught.value)
