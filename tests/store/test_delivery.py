import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store import leadership, leases, outbox, runs
from tasks.store.delivery import apply_reports
from tasks.store.outbox import RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.tables import Message, ProviderRequest, RequestState
from tests.claims import DEAD, claim

MESSAGE = Message.__table__
REQUEST = ProviderRequest.__table__
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def said(status: MessageStatus | None, raw: str = "", **where) -> StatusReport:
    return StatusReport(status=status, raw_status=raw or str(status).upper(), **where)


def apply(ledger, *reports, provider="octopush", at=NOON):
    with ledger.writing() as connection:
        return apply_reports(connection, provider, reports, [at] * len(reports))


def rows(ledger, run):
    with ledger.reading() as connection:
        return connection.execute(select(MESSAGE).where(MESSAGE.c.run_id == run.id).order_by(MESSAGE.c.id)).all()


@pytest.fixture
def handed_over(ledger, plan):
    """A run of which every message went out in one request, whose answer was recorded, or was lost."""

    def hand_over(size, *, ticket="sms_1", name="spring", status=MessageStatus.ACCEPTED):
        run, [chunk_id] = plan(size, name=name)
        with ledger.writing() as connection:
            messages = outbox.planned_messages(connection, chunk_id)
            ids = [message.id for message in messages]
            request = RequestToOpen(f"{run.token}-2-1", ids)
            [request_id] = claim(connection, run, chunk_id, ids, [request], owner=DEAD).request_ids.values()
        if status is not MessageStatus.SENDING:
            state = RequestState.ACCEPTED if ticket else RequestState.UNKNOWN
            with ledger.writing() as connection:
                outbox.record_outcomes(
                    connection,
                    chunk_id,
                    [RecordedOutcome(message_id, 1, status, provider_message_id=ticket) for message_id in ids],
                    [RecordedRequest(request_id, state, ticket=ticket)],
                )
        return run, chunk_id, request_id

    return hand_over


def test_each_way_leads_from_a_report_to_its_message(ledger, handed_over) -> None:
    run, _, _ = handed_over(4)
    first, second, third, fourth = rows(ledger, run)
    applied = apply(
        ledger,
        said(MessageStatus.DELIVERED, reference=first.reference),
        said(MessageStatus.UNDELIVERED, ticket="sms_1", address=second.address),
        said(MessageStatus.SENT, request_reference=f"{run.token}-2-1", address=third.address),
        said(
            MessageStatus.DELIVERED,
            ticket="sms_unheard",
            request_reference=f"{run.token}-2-1",
            address=fourth.address,
        ),
    )
    assert applied.unmatched == []
    assert [row.status for row in rows(ledger, run)] == ["delivered", "undelivered", "sent", "delivered"]
    assert applied.changed == {MessageStatus.DELIVERED: 2, MessageStatus.UNDELIVERED: 1, MessageStatus.SENT: 1}


def test_a_message_is_found_by_the_providers_id_of_it(ledger, handed_over) -> None:
    run, _, _ = handed_over(2)
    with ledger.writing() as connection:
        connection.execute(update(MESSAGE).where(MESSAGE.c.row_number == 3).values(provider_message_id="c-3"))
    apply(ledger, said(MessageStatus.DELIVERED, provider_message_id="c-3"))
    assert [row.status for row in rows(ledger, run)] == ["accepted", "delivered"]


def test_a_ticket_alone_is_about_every_message_of_its_request(ledger, handed_over) -> None:
    run, _, _ = handed_over(3)
    other, _, _ = handed_over(2, ticket="sms_2", name="summer")
    apply(ledger, said(MessageStatus.SENT, ticket="sms_1"))
    assert {row.status for row in rows(ledger, run)} == {"sent"}
    assert {row.status for row in rows(ledger, other)} == {"accepted"}


def test_what_fits_no_message_is_told_and_changes_nothing(ledger, handed_over) -> None:
    run, _, _ = handed_over(2)
    applied = apply(
        ledger,
        said(MessageStatus.DELIVERED, ticket="sms_9", address="+12125550142"),
        said(MessageStatus.DELIVERED, reference="nobody-1"),
        said(MessageStatus.DELIVERED, provider_message_id="nobody"),
        said(MessageStatus.DELIVERED, ticket="sms_9"),
        said(MessageStatus.DELIVERED),
    )
    assert applied.unmatched == [0, 1, 2, 3, 4]
    assert {row.status for row in rows(ledger, run)} == {"accepted"}


def test_reports_touch_no_other_providers_messages(ledger, handed_over) -> None:
    run, _, _ = handed_over(1)
    [message] = rows(ledger, run)
    applied = apply(ledger, said(MessageStatus.DELIVERED, reference=message.reference), provider="bird")
    assert applied.unmatched == [0]
    assert rows(ledger, run)[0].status == "accepted"


def test_an_unknown_word_is_kept_and_changes_nothing(ledger, handed_over) -> None:
    run, _, _ = handed_over(1)
    [before] = rows(ledger, run)
    applied = apply(ledger, said(None, "TELEPORTED", reference=before.reference))
    [after] = rows(ledger, run)
    assert applied.changed == {}
    assert (after.status, after.raw_status, after.unknown_word) == (before.status, before.raw_status, "TELEPORTED")


def test_cost_and_id_are_learnt_once_and_then_kept(ledger, handed_over) -> None:
    run, _, _ = handed_over(1, ticket=None, status=MessageStatus.UNKNOWN)
    reference = rows(ledger, run)[0].reference
    apply(ledger, said(MessageStatus.SENT, reference=reference, provider_message_id="m-1", cost=Decimal("0.05")))
    apply(ledger, said(MessageStatus.DELIVERED, reference=reference, provider_message_id="m-2", cost=Decimal(9)))
    [message] = rows(ledger, run)
    assert (message.provider_message_id, message.cost) == ("m-1", Decimal("0.05"))


def test_who_was_refused_as_opted_out_is_named(ledger, handed_over) -> None:
    run, _, _ = handed_over(2)
    first, second = rows(ledger, run)
    applied = apply(
        ledger,
        said(MessageStatus.REJECTED, reason="opted_out", reference=first.reference),
        said(MessageStatus.REJECTED, reason="not_allowed", reference=second.reference),
    )
    assert applied.opted_out == {(Channel.SMS, first.address): NOON}


@pytest.mark.parametrize("answer_knows", [MessageStatus.ACCEPTED, MessageStatus.UNKNOWN])
def test_a_receipt_that_comes_before_the_answer_keeps_its_status_and_gets_the_answers_id(
    ledger, handed_over, answer_knows
) -> None:
    run, chunk_id, request_id = handed_over(1, status=MessageStatus.SENDING)
    [message] = rows(ledger, run)
    apply(
        ledger,
        said(
            MessageStatus.DELIVERED,
            ticket="sms_1",
            request_reference=f"{run.token}-2-1",
            address=message.address,
        ),
    )
    ticket = "sms_1" if answer_knows is MessageStatus.ACCEPTED else None
    with ledger.writing() as connection:
        outbox.record_outcomes(
            connection,
            chunk_id,
            [RecordedOutcome(message.id, 1, answer_knows, provider_message_id=ticket, cost=Decimal("0.05"))],
            [
                RecordedRequest(
                    request_id, RequestState.ACCEPTED if ticket else RequestState.UNKNOWN, ticket=ticket
                )
            ],
        )
        assert connection.execute(select(REQUEST.c.ticket)).scalar_one() == "sms_1"
    [message] = rows(ledger, run)
    assert (message.status, message.provider_message_id) == ("delivered", "sms_1")
    assert message.cost == Decimal("0.05")


def test_surely_not_sent_does_not_undo_a_receipt(ledger, handed_over) -> None:
    run, chunk_id, _ = handed_over(1, status=MessageStatus.SENDING)
    [message] = rows(ledger, run)
    apply(ledger, said(MessageStatus.SENT, reference=message.reference))
    with ledger.writing() as connection:
        outbox.record_outcomes(connection, chunk_id, [RecordedOutcome(message.id, 1, MessageStatus.PLANNED)])
    assert rows(ledger, run)[0].status == "sent"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        st.sampled_from(
            [
                (MessageStatus.ACCEPTED, "PROCESSED"),
                (MessageStatus.SENT, "ACK"),
                (MessageStatus.DELIVERED, "DELIVERED"),
                (MessageStatus.DELIVERED, "READ"),
                (MessageStatus.UNDELIVERED, "NOT_DELIVERED"),
                (MessageStatus.UNCONFIRMED, "UNDEFINED"),
                (None, "TELEPORTED"),
            ]
        ),
        min_size=1,
        max_size=4,
    ),
    cut=st.integers(0, 4),
)
def test_every_order_and_every_cut_into_batches_ends_in_the_same_row(ledger, handed_over, words, cut) -> None:
    orders = list(dict.fromkeys(permutations(words)))
    ends = set()
    for order in orders:
        ticket = f"sms_{uuid4()}"  # the ledger is that of all examples
        run, _, _ = handed_over(1, name=ticket, ticket=ticket)
        address = rows(ledger, run)[0].address
        reports = [
            said(status, raw, ticket=ticket, address=address, at=NOON + timedelta(minutes=len(raw)))
            for status, raw in order
        ]
        for batch in (reports[:cut], reports[cut:], reports[:1]):
            apply(ledger, *batch)
        [row] = rows(ledger, run)
        at = row.status_at if row.status != "accepted" else None
        ends.add((row.status, row.raw_status, row.reason, row.unknown_word, at))
    assert len(ends) == 1


def test_ten_thousand_reports_are_a_handful_of_statements(ledger, handed_over) -> None:
    run, _, _ = handed_over(5000)
    addresses = [row.address for row in rows(ledger, run)]
    reports = [said(MessageStatus.SENT, ticket="sms_1", address=address) for address in addresses]
    reports += [said(MessageStatus.DELIVERED, ticket="sms_1", address=address) for address in reversed(addresses)]
    statements = []
    with ledger.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *a: statements.append(a[2]))
        apply_reports(connection, "octopush", reports, [NOON] * len(reports))
    assert {row.status for row in rows(ledger, run)} == {"delivered"}
    assert len(statements) < 10


def test_columns_that_do_not_change_are_not_written(ledger, handed_over) -> None:
    run, _, _ = handed_over(3)
    first, second, third = rows(ledger, run)
    statements = []
    with ledger.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *a: statements.append(a[2]))
        reports = [
            said(MessageStatus.DELIVERED, reference=first.reference),
            said(MessageStatus.SENT, reference=second.reference, cost=Decimal("0.05")),
            said(MessageStatus.PLANNED, reference=third.reference),
        ]
        apply_reports(connection, "octopush", reports, [NOON] * 3)
    written = [statement for statement in statements if statement.startswith("UPDATE")]
    assert len(written) == 2
    assert sum("cost" in statement for statement in written) == 1
    assert not any("provider_message_id" in statement or "unknown_word" in statement for statement in written)


def test_a_run_that_nobody_sends_comes_into_the_state_of_its_messages(ledger, handed_over) -> None:
    run, _, _ = handed_over(2)
    owner = leases.process_name()
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, owner)
        assert leadership.settle_run(connection, run.id) == "sending"  # its sender, this process, is alive
        leadership.release_run(connection, run.id, owner, error=None)
    apply(ledger, said(MessageStatus.DELIVERED, ticket="sms_1"))
    with ledger.writing() as connection:
        assert leadership.settle_run(connection, run.id) == "finished"
        finished_at = runs.get_run(connection, run.id).finished_at
        assert leadership.settle_run(connection, run.id) == "finished"
        assert runs.get_run(connection, run.id).finished_at == finished_at is not None


def test_what_a_dead_sender_left_on_the_wire_becomes_unknown(ledger, handed_over) -> None:
    run, _, _ = handed_over(2, status=MessageStatus.SENDING)
    host, _, nonce = leases.process_name().split(":")
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with ledger.writing() as connection:
        leadership.acquire_run(connection, run.id, f"{host}:{ended.pid}:{nonce}")
    with ledger.writing() as connection:
        assert leadership.settle_run(connection, run.id) == "handed_over"
    assert {row.status for row in rows(ledger, run)} == {"unknown"}


def test_what_failed_with_another_copy_says_nothing_about_this_one(ledger, handed_over) -> None:
    run, _, _ = handed_over(1, ticket="id-2")
    reference = rows(ledger, run)[0].reference
    apply(ledger, said(MessageStatus.UNDELIVERED, reference=reference, provider_message_id="id-1"))
    assert rows(ledger, run)[0].status == "accepted"
    apply(ledger, said(MessageStatus.DELIVERED, reference=reference, provider_message_id="id-1"))
    assert rows(ledger, run)[0].status == "delivered"


def test_an_id_that_no_index_takes_is_left_out(ledger, handed_over) -> None:
    run, _, _ = handed_over(1, ticket=None, status=MessageStatus.UNKNOWN)
    reference = rows(ledger, run)[0].reference
    apply(ledger, said(MessageStatus.DELIVERED, reference=reference, provider_message_id="9\ud83d" * 9000))
    assert [(row.status, row.provider_message_id) for row in rows(ledger, run)] == [("delivered", None)]
