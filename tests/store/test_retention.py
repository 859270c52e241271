import csv
import os
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from tasks.absorb import absorb
from tasks.messaging.reports import ReplyReport, StatusReport
from tasks.messaging.statuses import Channel, EventKind, ExclusionReason, MessageStatus
from tasks.providers.errors import ConfigurationError
from tasks.report import report_directory, write_report
from tasks.retention import RetentionPeriods, prune
from tasks.store import inbox, retention
from tasks.store.account import read_account, reading_one_instant
from tasks.store.tables import CampaignRun, Exclusion, Message, ProviderEvent, Reply, RunState
from tests.ledger_runs import add_run
from tests.store.every_byte import files_that_mention, rows_that_mention

MESSAGE, EXCLUSION, REPLY, EVENT = Message.__table__, Exclusion.__table__, Reply.__table__, ProviderEvent.__table__
RUN = CampaignRun.__table__
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=400)
ANN, BOB, EVE = "+12135550102", "+12135550103", "+12135550104"


@pytest.fixture
def finished(ledger, tmp_path):
    """A run of three people that was finished more than a year ago, with its report."""
    path = tmp_path / "elsewhere" / "contacts.csv"
    path.parent.mkdir()
    path.write_text(f"Mobile\n{ANN}\n{BOB}\n{EVE}\n", encoding="utf-8")
    return add_finished(ledger, path, "spring", LONG_AGO)


def add_finished(ledger, path, name, finished_at, state=RunState.FINISHED):
    run = add_run(
        ledger,
        path,
        [
            {
                "row_number": 2,
                "address": ANN,
                "status": MessageStatus.UNCONFIRMED,
                "provider_message_id": f"{name}-m",
                "variables": {"first_name": "Ann"},
                "external_code": "k",
            },
            {"row_number": 3, "address": BOB, "status": MessageStatus.UNDELIVERED, "reason": "absent"},
        ],
        [{"row_number": 4, "address": EVE, "reason": ExclusionReason.OPTED_OUT, "detail": f"{EVE[:8]} said no"}],
        name=name,
    )
    with ledger.writing() as connection:
        changes = {"state": state, "finished_at": finished_at, "created_at": LONG_AGO}
        connection.execute(update(RUN).where(RUN.c.id == run.id).values(**changes))
    return run


def addresses(ledger, run):
    with ledger.reading() as connection:
        return [
            address
            for table in (MESSAGE, EXCLUSION)
            for address in connection.execute(
                select(table.c.address).where(table.c.run_id == run.id).order_by(table.c.id)
            ).scalars()
        ]


def account_of(ledger, run):
    with reading_one_instant(ledger) as connection:
        return read_account(connection, run.id)


def test_addresses_of_a_run_that_is_long_finished_are_removed_and_its_account_stays(ledger, finished):
    before = account_of(ledger, finished)
    done = prune.fn()
    assert (done.runs, done.messages, done.exclusions) == (1, 2, 1)
    assert rows_that_mention(ledger, ANN, BOB, EVE) == []
    assert all(address.startswith("pruned:") for address in addresses(ledger, finished))
    after = account_of(ledger, finished)
    assert after.addresses_removed_at is not None
    assert (after.statuses, after.exclusions, after.troubles) == (
        before.statuses,
        before.exclusions,
        before.troubles,
    )
    assert after.is_balanced
    assert prune.fn().runs == 0


def test_a_run_that_is_not_finished_or_not_for_long_keeps_its_addresses(ledger, finished, tmp_path):
    path = tmp_path / "elsewhere" / "contacts.csv"
    kept = [
        add_finished(ledger, path, "young", NOW - timedelta(days=364)),
        add_finished(ledger, path, "open", LONG_AGO, state=RunState.HANDED_OVER),
        add_finished(ledger, path, "stopped", None, state=RunState.STOPPED),
    ]
    assert prune.fn().runs == 1
    for run in kept:
        assert addresses(ledger, run) == [ANN, BOB, EVE]


def test_a_run_that_is_opened_again_meanwhile_is_left_alone(ledger, finished):
    with ledger.writing() as connection:
        connection.execute(update(RUN).values(state=RunState.HANDED_OVER))
        assert retention.prune_messages(connection, finished.id, 0) is None
        retention.note_pruned(connection, finished.id)
    assert addresses(ledger, finished) == [ANN, BOB, EVE]
    assert account_of(ledger, finished).addresses_removed_at is None


def test_a_late_receipt_still_corrects_a_status_by_id_and_brings_nothing_back(ledger, finished):
    prune.fn()
    with ledger.writing() as connection:
        report = StatusReport(
            status=MessageStatus.DELIVERED, raw_status="DELIVERED", provider_message_id="spring-m", address=ANN
        )
        absorb(connection, "octopush", [(report, NOW)])
    assert account_of(ledger, finished).statuses[MessageStatus.DELIVERED] == 1
    assert rows_that_mention(ledger, ANN) == []


def test_who_opts_out_on_a_pruned_message_is_known_by_the_address_that_the_report_tells(ledger, finished):
    prune.fn()
    with ledger.writing() as connection:
        report = StatusReport(
            status=MessageStatus.REJECTED,
            raw_status="BLACKLISTED",
            reason="opted_out",
            provider_message_id="spring-m",
            address=ANN,
        )
        assert absorb(connection, "octopush", [(report, NOW)]).consents == 1
    assert set(rows_that_mention(ledger, ANN)) == {"suppression.address"}


def test_the_report_of_a_pruned_run_says_so_and_has_no_row_of_the_contact_file(ledger, finished, tmp_path):
    files = write_report(finished.id)
    assert files_that_mention(files.html.parent, BOB, EVE) == ["excluded.csv", "not_delivered.csv"]
    prune.fn()
    assert files_that_mention(files.html.parent, ANN[1:], BOB[1:], EVE[1:]) == []
    for path in (files.excluded_csv, files.not_delivered_csv):
        [header, row] = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
        assert "the addresses were removed on" in dict(zip(header, row, strict=True))["rollcall_detail"]
    assert "The addresses of this run were removed on" in files.html.read_text(encoding="utf-8")


def test_files_with_addresses_are_emptied_before_the_ledger_is(ledger, finished, monkeypatch):
    monkeypatch.setenv("ROLLCALL_RETENTION_DAYS_MESSAGES", "0")
    files = write_report(finished.id)
    assert prune.fn().files == 0  # written today
    for path in (files.excluded_csv, files.not_delivered_csv):
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    assert prune.fn(dry_run=True).files == 2
    assert files_that_mention(files.html.parent, BOB, EVE)
    assert prune.fn().files == 2
    assert files_that_mention(report_directory("spring", "1"), BOB[1:], EVE[1:]) == []
    assert addresses(ledger, finished) == [ANN, BOB, EVE]


def test_callbacks_that_were_read_long_ago_are_deleted_and_others_wait(ledger):
    with ledger.writing() as connection:
        inbox.add_events(
            connection,
            [
                inbox.EventToKeep(
                    provider="octopush",
                    kind=EventKind.DELIVERY,
                    dedupe_key=str(n),
                    payload={},
                    received_at=LONG_AGO,
                )
                for n in range(3)
            ],
        )
        old, new, unread = connection.execute(select(EVENT.c.id).order_by(EVENT.c.id)).scalars()
        connection.execute(update(EVENT).where(EVENT.c.id == old).values(processed_at=NOW - timedelta(days=91)))
        connection.execute(update(EVENT).where(EVENT.c.id == new).values(processed_at=NOW - timedelta(days=89)))
    assert prune.fn(dry_run=True).events == 1
    assert prune.fn().events == 1
    with ledger.reading() as connection:
        assert set(connection.execute(select(EVENT.c.id)).scalars()) == {new, unread}


def test_old_replies_lose_address_and_text_and_are_still_counted_and_known(ledger, finished):
    reply = ReplyReport(
        channel=Channel.SMS,
        address=ANN,
        text="I am Ann",
        dedupe_key="r",
        at=LONG_AGO,
        provider_message_id="spring-m",
    )
    with ledger.writing() as connection:
        absorb(connection, "octopush", [(reply, NOW)])
        connection.execute(
            insert(REPLY).values(provider="octopush", address=BOB, text="New", received_at=NOW, dedupe_key="n")
        )
    assert prune.fn().replies == 1
    with ledger.writing() as connection:
        absorb(connection, "octopush", [(reply, NOW)])
        assert connection.execute(select(REPLY.c.text).order_by(REPLY.c.id)).scalars().all() == ["", "New"]
    assert account_of(ledger, finished).replies == 1
    assert rows_that_mention(ledger, ANN) == []


def test_a_dry_run_counts_and_removes_nothing(ledger, finished):
    done = prune.fn(dry_run=True)
    assert (done.runs, done.messages, done.exclusions) == (1, 2, 1)
    assert addresses(ledger, finished) == [ANN, BOB, EVE]
    assert done.sentences()[0].startswith("Would be removed")


def test_more_rows_than_one_transaction_takes(ledger, finished):
    with ledger.writing() as connection:
        chunk_id = connection.execute(select(MESSAGE.c.chunk_id)).scalars().first()
        connection.execute(
            insert(MESSAGE),
            [
                {
                    "run_id": finished.id,
                    "reference": f"more-{n}",
                    "row_number": n,
                    "address": f"{n}@example.com",
                    "status": MessageStatus.DELIVERED,
                    "provider": "octopush",
                    "chunk_id": chunk_id,
                    "attempts": 1,
                    "status_at": LONG_AGO,
                }
                for n in range(retention.ROWS_AT_ONCE)
            ],
        )
    prune.fn()
    with ledger.reading() as connection:
        left = select(func.count()).where(MESSAGE.c.address.contains("@"))
        assert connection.execute(left).scalar_one() == 0


@pytest.mark.parametrize(("text", "days"), [("30", 30), (" 7 ", 7), ("", None), ("0", None), ("00", None)])
def test_a_setting_is_a_number_of_days_and_0_is_for_ever(monkeypatch, text, days):
    monkeypatch.setenv("ROLLCALL_RETENTION_DAYS_EVENTS", text)
    period = RetentionPeriods.from_environment().events
    assert period == (None if days is None else timedelta(days=days))


@pytest.mark.parametrize("text", ["-1", "a year", "1.5", "9" * 5000, "٣"])
def test_another_setting_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("ROLLCALL_RETENTION_DAYS_MESSAGES", text)
    with pytest.raises(ConfigurationError, match="ROLLCALL_RETENTION_DAYS_MESSAGES"):
        RetentionPeriods.from_environment()
