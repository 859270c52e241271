from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tasks.messaging.reports import ConsentReport, ReplyReport
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store import outbox
from tasks.store.consent import add_suppressions, record_consent, record_replies
from tasks.store.outbox import RecordedOutcome
from tasks.store.registry import find_suppressions
from tasks.store.tables import Message, Reply, Suppression
from tests.claims import claim

SUPPRESSION, REPLY, MESSAGE = Suppression.__table__, Reply.__table__, Message.__table__
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ANN = "+12125550101"


def said(minute: float, *, is_opt_in: bool = False, address: str = ANN, channel: Channel = Channel.SMS):
    at = NOON + timedelta(minutes=minute)
    return ConsentReport(channel=channel, address=address, is_opt_in=is_opt_in, at=at, source="callback")


def record(ledger, *reports):
    with ledger.writing() as connection:
        record_consent(connection, "octopush", reports, [NOON + timedelta(hours=1)] * len(reports))


def is_forbidden(ledger, address=ANN, channel=Channel.SMS) -> bool:
    with ledger.reading() as connection:
        return bool(find_suppressions(connection, channel, Purpose.TRANSACTIONAL, [address]))


def test_an_opt_out_forbids_every_message_to_the_number(ledger) -> None:
    record(ledger, said(0))
    assert is_forbidden(ledger)
    assert is_forbidden(ledger, channel=Channel.MMS)
    assert not is_forbidden(ledger, channel=Channel.EMAIL)
    with ledger.reading() as connection:
        [row] = connection.execute(select(SUPPRESSION)).all()
    assert (row.source, row.effective_at, row.lifted_at) == ("octopush: callback", NOON, None)


def test_an_opt_in_lifts_it_and_is_recorded(ledger) -> None:
    record(ledger, said(0), said(1, is_opt_in=True))
    assert not is_forbidden(ledger)
    with ledger.reading() as connection:
        [row] = connection.execute(select(SUPPRESSION)).all()
    assert (row.lifted_at, row.lifted_source) == (NOON + timedelta(minutes=1), "octopush: callback")


def test_who_opts_out_again_is_forbidden_again(ledger) -> None:
    record(ledger, said(0), said(1, is_opt_in=True))
    record(ledger, said(2))
    assert is_forbidden(ledger)


def test_an_opt_in_on_mms_lifts_the_suppression_of_the_number_for_sms(ledger) -> None:
    record(ledger, said(0), said(1, is_opt_in=True, channel=Channel.MMS))
    assert not is_forbidden(ledger)


def test_an_imported_list_holds_whenever_it_is_read_and_clears_nothing(ledger) -> None:
    record(ledger, said(0))
    with ledger.writing() as connection:
        add_suppressions(connection, Channel.SMS, [ANN], reason="opted_out", source="file")
    with ledger.reading() as connection:
        [row] = connection.execute(select(SUPPRESSION)).all()
    assert (row.source, row.effective_at) == ("octopush: callback", NOON)
    record(ledger, said(1, is_opt_in=True))
    assert not is_forbidden(ledger)
    with ledger.writing() as connection:
        add_suppressions(connection, Channel.SMS, [ANN], reason="opted_out", source="file")
    assert is_forbidden(ledger)


def test_of_the_same_instant_the_opt_out_counts(ledger):
    record(ledger, said(0), said(0, is_opt_in=True))
    assert is_forbidden(ledger)


def test_an_opt_in_from_the_future_does_not_outlive_the_next_word(ledger):
    record(ledger, said(60 * 24 * 365 * 70, is_opt_in=True))
    assert not is_forbidden(ledger)
    with ledger.writing() as connection:
        stop = ConsentReport(channel=Channel.SMS, address=ANN, source="STOP")
        record_consent(connection, "octopush", [stop], [NOON + timedelta(hours=2)])
    assert is_forbidden(ledger)


@pytest.mark.parametrize("spelled", ["+1 212-555-0101", "0012125550101", "12125550101", "+1 (212) 555.0101"])
def test_an_opt_out_holds_however_the_provider_spells_the_number(ledger, spelled):
    record(ledger, said(0, address=spelled))
    assert is_forbidden(ledger)


def test_an_opt_out_holds_however_the_provider_spells_the_mailbox(ledger):
    record(ledger, said(0, address="Ann <Ann@Example.COM>", channel=Channel.EMAIL))
    assert is_forbidden(ledger, "ann@example.com", Channel.EMAIL)


@pytest.mark.parametrize("nobody", ["", "INFO", "36111", "+" * 5000, "9" * 5000, "\ud83d"])
def test_who_is_nobody_is_left_out_and_keeps_nobody_else_from_being_heard(ledger, nobody):
    record(ledger, said(0, address=nobody), said(0))
    assert is_forbidden(ledger)
    with ledger.reading() as connection:
        assert len(connection.execute(select(SUPPRESSION)).all()) == 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    statements=st.lists(
        st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=4, unique_by=lambda pair: pair[0]
    )
)
def test_the_newest_statement_counts_in_whatever_order_they_are_learnt(ledger, statements) -> None:
    _, is_opt_in = max(statements)
    for number, order in enumerate(permutations(statements)):
        address = f"{uuid4()}.{number}@example.com"  # the ledger is that of all examples
        for minute, opt_in in (*order, order[0]):
            record(ledger, said(minute, is_opt_in=opt_in, address=address, channel=Channel.EMAIL))
        assert is_forbidden(ledger, address, Channel.EMAIL) is not is_opt_in


@pytest.fixture
def sent(ledger, plan):
    """A run of which two messages were accepted; returns their rows."""
    run, [chunk_id] = plan(2)
    with ledger.writing() as connection:
        ids = [message.id for message in outbox.planned_messages(connection, chunk_id)]
        claim(connection, run, chunk_id, ids)
        outbox.record_outcomes(
            connection,
            chunk_id,
            [RecordedOutcome(n, 1, MessageStatus.ACCEPTED, provider_message_id=f"m-{n}") for n in ids],
        )
        return connection.execute(select(MESSAGE).order_by(MESSAGE.c.id)).all()


def test_replies_are_kept_once_and_linked_to_what_they_answer(ledger, sent) -> None:
    first, second = sent
    replies = [
        ReplyReport(
            channel=Channel.SMS,
            address=second.address,
            text="Yes",
            dedupe_key="r1",
            provider_message_id=first.provider_message_id,
        ),
        ReplyReport(channel=Channel.SMS, address=second.address, text="Who are you?", dedupe_key="r2"),
        ReplyReport(channel=Channel.SMS, address="+12125550188", text="Wrong\0number \ud83d", dedupe_key="r3"),
    ]
    for _ in range(2):
        with ledger.writing() as connection:
            record_replies(connection, "octopush", replies, [NOON] * 3)
    with ledger.reading() as connection:
        kept = connection.execute(select(REPLY.c.text, REPLY.c.message_id).order_by(REPLY.c.id)).all()
    assert kept == [("Yes", first.id), ("Who are you?", second.id), ("Wrongnumber \ufffd", None)]
