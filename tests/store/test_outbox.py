import threading
from decimal import Decimal

from sqlalchemy import text

from tasks.contacts.addresses import external_address, suppressed_code
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.store import chunks, consent, leadership, leases, outbox, registry
from tasks.store.outbox import RecordedOutcome, RecordedRequest, RequestToOpen
from tasks.store.session import Ledger
from tasks.store.tables import ChunkState, RequestState, SuppressionScope
from tests import claims
from tests.rows import columns_of


def claim(connection, run, chunk, messages, requests=(), **changes):
    return claims.claim(connection, run, chunk, [message.id for message in messages], requests, **changes)


def rows(ledger, sql):
    with ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_a_chunk_is_claimed_by_one_worker_only(ledger, plan):
    _, (chunk,) = plan(3)
    with ledger.writing() as connection:
        assert chunks.claim_chunk(connection, chunk, "a")
        assert not chunks.claim_chunk(connection, chunk, "b")


def test_a_message_is_claimed_once_however_many_try_at_the_same_time(ledger, plan, database_url):
    run, (chunk,) = plan(200)
    with ledger.reading() as connection:
        messages = outbox.planned_messages(connection, chunk)
    claimed: list[frozenset[int]] = []

    def work() -> None:
        with Ledger(database_url) as own:
            for start in range(0, 200, 20):
                with own.writing() as connection:
                    claimed.append(claim(connection, run, chunk, messages[start : start + 20]).message_ids)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(map(len, claimed)) == len(frozenset().union(*claimed)) == 200


def test_an_opt_out_that_came_after_planning_withdraws_the_message(ledger, plan):
    run, (chunk,) = plan(3)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        consent.add_suppressions(connection, Channel.SMS, [messages[1].address], reason="stop", source="test")
        got = claim(connection, run, chunk, messages)
    assert got.withdrawn == 1
    assert got.message_ids == {messages[0].id, messages[2].id}
    assert rows(ledger, "SELECT status, reason FROM message WHERE status = 'cancelled'") == [
        ("cancelled", "opted_out")
    ]


def test_an_opt_out_by_the_lists_own_key_withdraws_messages_that_have_a_number_too(ledger, plan):
    code, other = "0b9c1f6e-7a1d-4a53-9c55-3e0c2f6a1D0E", "K-7"
    run, (chunk,) = plan(4)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        for message, key in zip(messages, (code.upper(), other, other.lower()), strict=False):
            set_code = text("UPDATE message SET external_code = :key WHERE id = :id")
            connection.execute(set_code, {"key": key, "id": message.id})
        addresses = [suppressed_code(code), suppressed_code(other)]
        consent.add_suppressions(connection, Channel.SMS, addresses, reason="stop", source="test")
        got = claim(connection, run, chunk, messages)
    assert got.withdrawn == 2
    assert got.message_ids == {messages[2].id, messages[3].id}
    assert rows(ledger, "SELECT DISTINCT status, reason FROM message WHERE status = 'cancelled'") == [
        ("cancelled", "opted_out")
    ]


def test_who_is_known_by_code_alone_and_was_switched_off_since_planning_gets_nothing(ledger, plan):
    run, (chunk,) = plan(3)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        by_code = text("UPDATE message SET external_code = :code, address = :address WHERE id = :id")
        for message, code, address in (
            (messages[0], "X", external_address("X")),
            (messages[1], "Y", external_address("Y")),
            (messages[2], "X", messages[2].address),  # another device of the household
        ):
            connection.execute(by_code, {"code": code, "address": address, "id": message.id})
        contacts = [{"external_code": code, "enabled": code != "X", "fields": {}} for code in ("X", "Y")]
        registry.add_contacts(connection, columns_of(contacts))
        got = claim(connection, run, chunk, messages)
    assert (got.withdrawn, got.message_ids) == (1, {messages[1].id, messages[2].id})
    assert rows(ledger, "SELECT status, reason FROM message WHERE status = 'cancelled'") == [
        ("cancelled", "disabled")
    ]


def test_a_marketing_opt_out_does_not_stop_a_transactional_message(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
        consent.add_suppressions(
            connection,
            Channel.SMS,
            [message.address],
            reason="stop",
            source="test",
            scope=SuppressionScope.MARKETING,
        )
        transactional = claim(connection, run, chunk, [message], purpose="transactional")
    assert transactional.message_ids == {message.id}


def test_a_request_is_in_the_ledger_before_it_leaves_and_its_ticket_after_it_returned(ledger, plan):
    run, (chunk,) = plan(3)
    with ledger.writing() as connection:
        chunks.claim_chunk(connection, chunk, "me")
        messages = outbox.planned_messages(connection, chunk)
        got = claim(connection, run, chunk, messages, [RequestToOpen("abc-2-1", [m.id for m in messages])])
    request_id = got.request_ids["abc-2-1"]
    assert rows(ledger, "SELECT state, size, ticket FROM provider_request") == [("open", 3, None)]
    assert rows(ledger, "SELECT DISTINCT status, request_id FROM message") == [("sending", request_id)]
    with ledger.writing() as connection:
        outbox.record_outcomes(
            connection,
            chunk,
            [
                RecordedOutcome(m.id, m.attempts + 1, MessageStatus.ACCEPTED, "sms_1", cost=Decimal("0.0525"))
                for m in messages
            ],
            [RecordedRequest(request_id, RequestState.ACCEPTED, "sms_1", 3, Decimal("0.1575"), Decimal(10))],
        )
        assert chunks.release_chunk(connection, chunk, "me") is ChunkState.DONE
    assert rows(ledger, "SELECT state, ticket, accepted_count FROM provider_request") == [("accepted", "sms_1", 3)]
    assert rows(ledger, "SELECT DISTINCT status, provider_message_id FROM message") == [("accepted", "sms_1")]
    assert rows(ledger, "SELECT state, provider_ticket FROM chunk") == [("done", "sms_1")]
    with ledger.reading() as connection:
        (cost,) = {m.cost for m in connection.execute(text("SELECT cost FROM message"))}
        assert Decimal(str(cost)).quantize(Decimal("0.0001")) == Decimal("0.0525")


def test_a_request_is_as_large_as_what_was_claimed_for_it_and_not_opened_for_nobody(ledger, plan):
    run, (chunk,) = plan(4)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        opted_out = [message.address for message in messages[1:]]
        consent.add_suppressions(connection, Channel.SMS, opted_out, reason="stop", source="test")
        requests = [
            RequestToOpen("abc-2-1", [message.id for message in messages[:2]]),
            RequestToOpen("abc-4-1", [message.id for message in messages[2:]]),
        ]
        got = claim(connection, run, chunk, messages, requests)
    assert got.message_ids == {messages[0].id}
    assert got.withdrawn == 3
    assert rows(ledger, "SELECT id, reference, size FROM provider_request") == [
        (got.request_ids["abc-2-1"], "abc-2-1", 1)
    ]


def test_each_message_of_a_window_gets_its_own_outcome_whatever_the_others_got(ledger, plan):
    run, (chunk,) = plan(6)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, messages)
        outcomes = [
            (MessageStatus.ACCEPTED, "id-1", None, Decimal("0.05")),
            (MessageStatus.ACCEPTED, 'id "2" {é}', None, Decimal("0.05")),
            (MessageStatus.ACCEPTED, "id-3", None, None),
            (MessageStatus.REJECTED, None, "bad_request", None),
            (MessageStatus.UNKNOWN, None, "answer_timeout", None),
            (MessageStatus.PLANNED, None, None, None),
        ]
        outbox.record_outcomes(
            connection,
            chunk,
            [
                RecordedOutcome(message.id, 1, status, told_id, reason=reason, cost=cost)
                for message, (status, told_id, reason, cost) in zip(reversed(messages), outcomes, strict=True)
            ],
        )
    found = rows(ledger, "SELECT status, provider_message_id, reason, cost FROM message ORDER BY id DESC")
    assert [(status, told_id, reason) for status, told_id, reason, _ in found] == [
        (status.value, told_id, reason) for status, told_id, reason, _ in outcomes
    ]
    assert [cost is None for *_, cost in found] == [cost is None for *_, cost in outcomes]
    assert rows(ledger, "SELECT handled FROM chunk") == [(5,)]


def test_an_answer_does_not_undo_a_receipt_that_came_before_it(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message])
        connection.execute(text("UPDATE message SET status = 'delivered'"))
        outbox.record_outcomes(
            connection, chunk, [RecordedOutcome(message.id, message.attempts + 1, MessageStatus.ACCEPTED)]
        )
    assert rows(ledger, "SELECT status FROM message") == [("delivered",)]


def test_a_message_that_surely_was_not_sent_can_be_claimed_again(ledger, plan):
    run, (chunk,) = plan(1)
    for attempt in (1, 2):
        with ledger.writing() as connection:
            (message,) = outbox.planned_messages(connection, chunk)
            assert claim(connection, run, chunk, [message]).message_ids == {message.id}
            outbox.record_outcomes(
                connection, chunk, [RecordedOutcome(message.id, message.attempts + 1, MessageStatus.PLANNED)]
            )
        assert rows(ledger, "SELECT attempts FROM message") == [(attempt,)]


def test_a_message_that_is_held_until_later_is_not_offered(ledger, plan):
    _, (chunk,) = plan(2)
    with ledger.writing() as connection:
        connection.execute(
            text("UPDATE message SET not_before = '2999-01-01 00:00:00+00:00' WHERE row_number = 2")
        )
        assert [m.row_number for m in outbox.planned_messages(connection, chunk)] == [3]


def test_values_of_the_row_come_back_as_they_were_planned(ledger, plan):
    _, (chunk,) = plan(1)
    with ledger.reading() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
    assert message.variables == {"first_name": "Ann"}
    assert message.country == "US"


def test_an_abandoned_request_is_never_claimed_again(ledger, plan):
    run, (chunk,) = plan(5)
    with ledger.writing() as connection:
        claim(connection, run, chunk, outbox.planned_messages(connection, chunk), owner=claims.DEAD)
    with ledger.writing() as connection:
        chunks.settle_abandoned(connection, run.id)
        assert chunks.claim_chunk(connection, chunk, "other")
        assert outbox.planned_messages(connection, chunk) == []
        assert chunks.release_chunk(connection, chunk, "other") is ChunkState.DONE


def test_a_stalled_senders_not_sent_does_not_free_a_message_that_another_is_sending(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (first,) = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [first])
        connection.execute(text("UPDATE message SET status = 'planned'"))  # the operator says: send it again
        (second,) = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [second])
        outbox.record_outcomes(
            connection, chunk, [RecordedOutcome(first.id, first.attempts + 1, MessageStatus.PLANNED)]
        )
    assert rows(ledger, "SELECT status, attempts FROM message") == [("sending", 2)]


def test_a_contact_that_was_disabled_after_planning_gets_nothing(ledger, plan):
    run, (chunk,) = plan(2)
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk)
        registry.add_contacts(
            connection, columns_of([{"phone": messages[0].address, "enabled": False, "fields": {}}])
        )
        got = claim(connection, run, chunk, messages)
    assert got.message_ids == {messages[1].id}
    assert rows(ledger, "SELECT status, reason FROM message WHERE status = 'cancelled'") == [
        ("cancelled", "disabled")
    ]


def test_a_chunk_that_another_took_over_stays_his(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        chunks.claim_chunk(connection, chunk, claims.DEAD)
        chunks.settle_abandoned(connection, run.id)
        chunks.claim_chunk(connection, chunk, "alive")
        chunks.release_chunk(connection, chunk, claims.DEAD)
    assert rows(ledger, "SELECT state, claimed_by FROM chunk") == [("claimed", "alive")]


def test_whatever_a_provider_says_can_be_recorded(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
        got = claim(connection, run, chunk, [message], [RequestToOpen("abc-2-1", [message.id])])
        outbox.record_outcomes(
            connection,
            chunk,
            [
                RecordedOutcome(
                    message.id, 1, MessageStatus.REJECTED, "i" * 5_000, "w\0" * 500, "r" * 500, Decimal("1e12")
                )
            ],
            [
                RecordedRequest(
                    got.request_ids["abc-2-1"], RequestState.ACCEPTED, "t\0", 10**12, Decimal("1e13"), Decimal(-1)
                )
            ],
        )
    assert rows(ledger, "SELECT status FROM message") == [("rejected",)]


def test_what_a_dead_process_left_open_is_unknown_for_its_request_too(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message], [RequestToOpen("abc-2-1", [message.id])], owner=claims.DEAD)
        chunks.settle_abandoned(connection, run.id)
    assert rows(ledger, "SELECT state FROM provider_request") == [("unknown",)]


def test_what_a_stalled_sender_surely_did_not_send_is_handed_over_by_the_next_command(ledger, plan):
    """Another process took the run over meanwhile, and was done with the chunk."""
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        (message,) = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [message], owner=claims.DEAD)
        chunks.settle_abandoned(connection, run.id)
        chunks.claim_chunk(connection, chunk, "other")
        assert chunks.release_chunk(connection, chunk, "other") is ChunkState.DONE
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(message.id, 1, MessageStatus.PLANNED)])
        assert claims.free_chunks(connection, run.id) == [chunk]


def test_a_chunk_that_counts_as_done_and_is_not_is_found_when_its_run_is_taken_up(ledger, plan):
    run, (chunk,) = plan(1)
    with ledger.writing() as connection:
        connection.execute(text("UPDATE chunk SET state = 'done'"))
        owner = leases.process_name()
        leadership.acquire_run(connection, run.id, owner)
        assert claims.free_chunks(connection, run.id) == [chunk]


def test_who_is_refused_as_opted_out_gets_nothing_from_anybody_any_more(ledger, plan):
    run, (chunk,) = plan(2)
    with ledger.writing() as connection:
        first, second = outbox.planned_messages(connection, chunk)
        claim(connection, run, chunk, [first, second])
        outbox.record_outcomes(
            connection,
            chunk,
            [
                RecordedOutcome(first.id, 1, MessageStatus.REJECTED, reason="opted_out"),
                RecordedOutcome(second.id, 1, MessageStatus.REJECTED, reason="bad_destination"),
            ],
        )
    assert rows(ledger, "SELECT address FROM suppression") == [(first.address,)]
