import threading
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import func, insert, select, update

from tasks import erasure as erasing
from tasks.absorb import absorb
from tasks.messaging.reports import ConsentReport, ReplyReport, StatusReport
from tasks.messaging.statuses import Channel, EventKind, ExclusionReason, MessageStatus, Purpose
from tasks.reconcile import drain_inbox
from tasks.store import consent, erasure, inbox, outbox, outstanding, registry, runs
from tasks.store.erasure_key import ErasureKeyError
from tasks.store.hashed_suppressions import find_erased
from tasks.store.outbox import RecordedOutcome
from tasks.store.registry import find_hashes, find_suppressions
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import (
    CampaignRun,
    Contact,
    Erasure,
    Exclusion,
    Message,
    ProviderEvent,
    Reply,
    Suppression,
    SuppressionScope,
)
from tests import claims
from tests.rows import columns_of
from tests.store.every_byte import files_that_mention, rows_that_mention

MESSAGE, EXCLUSION, REPLY, EVENT = Message.__table__, Exclusion.__table__, Reply.__table__, ProviderEvent.__table__
SUPPRESSION, CONTACT, RUN, ERASURE = (
    Suppression.__table__,
    Contact.__table__,
    CampaignRun.__table__,
    Erasure.__table__,
)
NOW = datetime.now(UTC)
ANN, BOB, EVE = "+12135550102", "+12135550103", "+12135550104"
ANNS_EMAIL = "ann@example.com"
KEY = "k" * 32


@pytest.fixture(autouse=True)
def _own_key(monkeypatch):
    monkeypatch.setenv("ROLLCALL_ERASURE_KEY", KEY)


def erase(*addresses, keep_suppressed=True):
    return erasing.erase_people.fn([SecretStr(address) for address in addresses], keep_suppressed=keep_suppressed)


@pytest.fixture
def spring(ledger, plan):
    """A run of Ann, Bob and Eve, with everything that a ledger can know of Ann."""
    run, [chunk_id] = plan(3)
    with ledger.writing() as connection:
        for row, address in ((2, ANN), (3, BOB), (4, EVE)):
            connection.execute(
                update(MESSAGE)
                .where(MESSAGE.c.run_id == run.id, MESSAGE.c.row_number == row)
                .values(
                    address=address,
                    external_code=f"k-{row}",
                    variables=f'{{"first_name": "{address} (213) 555-0102"}}',
                )
            )
    return run, chunk_id


def message_to(ledger, row=2):
    with ledger.reading() as connection:
        return connection.execute(select(MESSAGE).where(MESSAGE.c.row_number == row)).one()


def claim(ledger, run, chunk_id):
    with ledger.writing() as connection:
        messages = outbox.planned_messages(connection, chunk_id)
        return claims.claim(connection, run, chunk_id, [message.id for message in messages])


def record(ledger, chunk_id, *outcomes):
    with ledger.writing() as connection:
        outbox.record_outcomes(connection, chunk_id, outcomes)


def absorb_now(ledger, *reports):
    with ledger.writing() as connection:
        return absorb(connection, "octopush", [(report, datetime.now(UTC)) for report in reports])


def is_forbidden(ledger, address=ANN, channel=Channel.SMS, purpose=Purpose.TRANSACTIONAL):
    with ledger.reading() as connection:
        return bool(find_suppressions(connection, channel, purpose, [address]))


def fill_with_ann(ledger, run):
    """Everything that providers, files and people may have said of Ann, in several spellings."""
    with ledger.writing() as connection:
        registry.add_contacts(
            connection,
            columns_of(
                [
                    {
                        "phone": ANN,
                        "email": ANNS_EMAIL,
                        "external_code": "k-2",
                        "first_name": "Ann",
                        "fields": {"tel": ANN},
                    },
                    {"phone": BOB, "first_name": "Bob", "fields": {"sister": "+1 213 555 0102"}},
                ]
            ),
        )
        runs.add_exclusions(
            connection,
            run,
            columns_of(
                [
                    {"row_number": 9, "address": ANN, "reason": ExclusionReason.DUPLICATE, "detail": "as row 2"},
                    {
                        "row_number": 10,
                        "address": "213 555-0102",
                        "reason": ExclusionReason.INVALID_ADDRESS,
                        "detail": "x",
                    },
                    {
                        "row_number": 11,
                        "address": "2135550102",
                        "reason": ExclusionReason.INVALID_ADDRESS,
                        "detail": "x",
                    },
                    {"row_number": 12, "address": BOB, "reason": ExclusionReason.DUPLICATE, "detail": "as row 3"},
                ]
            ),
        )
        connection.execute(
            update(RUN).values(rows_read=7, campaign={"name": "spring", "note": f"not {ANNS_EMAIL}"})
        )
        consent.add_suppressions(
            connection, Channel.EMAIL, [ANNS_EMAIL], reason="opted_out", source=f"file {ANN}.csv"
        )
        connection.execute(
            insert(REPLY),
            [
                {"provider": "octopush", "address": ANN, "text": "I am Ann", "received_at": NOW},
                {"provider": "octopush", "address": BOB, "text": "Ask 001-213-555-0102", "received_at": NOW},
            ],
        )
        payloads = [
            {"number": "+12135550102"},
            {"number": 12135550102},
            {"body": "number=%2B12135550102&text=hi"},
            {"to": {"tel": "0012135550102"}},
            {"text": "call (213) 555-0102"},
            {"mail": "ANN@example.com"},
            {"number": BOB},
        ]
        inbox.add_events(
            connection,
            [
                inbox.EventToKeep(
                    provider="octopush",
                    kind=EventKind.DELIVERY,
                    dedupe_key=f"octopush:{number}",
                    payload=payload,
                    error="unreadable",
                )
                for number, payload in enumerate(payloads)
            ],
        )


def test_nothing_that_the_ledger_keeps_names_an_erased_person(ledger, spring, tmp_path):
    run, _ = spring
    fill_with_ann(ledger, run)
    assert rows_that_mention(ledger, ANN, ANNS_EMAIL)
    done = erase(ANN)
    assert rows_that_mention(ledger, ANN, ANNS_EMAIL, "external:k-2") == []
    assert files_that_mention(tmp_path, "2135550102", "555-0102", "555 0102", ANNS_EMAIL, "I am Ann") == []
    assert done.counts["exclusions"] == 3
    assert done.counts["contacts"] == 1
    assert done.counts["events"] == 6
    assert done.counts["replies"] == 2
    with ledger.reading() as connection:
        runs.check_balance(connection, runs.get_run(connection, run.id))
        assert connection.execute(select(func.count()).select_from(EVENT)).scalar_one() == 7
        [*emptied, of_bob] = connection.execute(select(EVENT.c.payload).order_by(EVENT.c.id)).scalars()
        assert (emptied, of_bob) == ([{}] * 6, {"number": BOB})
        assert connection.execute(select(CONTACT.c.phone)).scalars().all() == [BOB]
    assert message_to(ledger, 3).address == BOB
    if ledger.shown_url.startswith("sqlite"):
        assert done.is_compact


def test_of_many_people_every_text_is_read(ledger, spring):
    fill_with_ann(ledger, spring[0])
    done = erase(ANN, ANNS_EMAIL, *(f"+1213555{n:04d}" for n in range(110, 170)))
    assert (done.people, done.counts["events"]) == (62, 6)
    assert rows_that_mention(ledger, ANN, ANNS_EMAIL) == []


def test_erasing_again_changes_nothing(ledger, spring):
    fill_with_ann(ledger, spring[0])
    erase(ANN)
    before = message_to(ledger)
    done = erase(ANN)
    assert done.counts.total() - done.counts["suppressions"] == 0
    assert message_to(ledger) == before


def test_a_planned_message_is_cancelled_and_counted(ledger, spring):
    run, chunk_id = spring
    done = erase(ANN)
    message = message_to(ledger)
    assert (message.status, message.reason) == (MessageStatus.CANCELLED, "erased")
    assert message.address == f"erased:{message.id}"
    assert (message.variables, message.external_code) == (None, None)
    assert (done.counts["cancelled"], done.counts["under way"]) == (1, 0)
    assert len(claim(ledger, run, chunk_id).message_ids) == 2
    with ledger.reading() as connection:
        assert runs.count_handled(connection, run.id) == (1, 3)


def test_a_message_under_way_stays_in_its_status_and_is_settled_by_the_providers_id(ledger, spring):
    run, chunk_id = spring
    claim(ledger, run, chunk_id)
    ann = message_to(ledger)
    erase(ANN)
    assert message_to(ledger).status is MessageStatus.SENDING
    record(ledger, chunk_id, RecordedOutcome(ann.id, 1, MessageStatus.ACCEPTED, provider_message_id="m-1"))
    absorb_now(
        ledger,
        StatusReport(
            status=MessageStatus.DELIVERED, raw_status="DELIVERED", provider_message_id="m-1", address=ANN
        ),
    )
    assert message_to(ledger).status is MessageStatus.DELIVERED
    assert rows_that_mention(ledger, ANN) == []


def test_what_surely_was_not_sent_is_not_tried_again_with_an_erased_person(ledger, spring):
    run, chunk_id = spring
    claim(ledger, run, chunk_id)
    ann = message_to(ledger)
    erase(ANN, keep_suppressed=False)
    record(ledger, chunk_id, RecordedOutcome(ann.id, 1, MessageStatus.PLANNED))
    message = message_to(ledger)
    assert (message.status, message.reason) == (MessageStatus.CANCELLED, "erased")


def test_a_lost_answer_of_an_erased_person_is_neither_searched_for_nor_sent_again(ledger, spring):
    run, chunk_id = spring
    claim(ledger, run, chunk_id)
    ann, bob = message_to(ledger), message_to(ledger, 3)
    record(ledger, chunk_id, *(RecordedOutcome(row.id, 1, MessageStatus.UNKNOWN) for row in (ann, bob)))
    erase(ANN)
    with ledger.writing() as connection:
        asked = outstanding.claim_questions(
            connection,
            run.id,
            run.provider,
            statuses=[MessageStatus.UNKNOWN],
            at_least_old=timedelta(0),
            longest_pause=timedelta(hours=1),
            limit=10,
        )
        assert [question.id for question in asked] == [bob.id]
        assert outstanding.plan_again(connection, run.id, None, reason="resend_decided") == 2
    assert message_to(ledger).status is MessageStatus.UNCONFIRMED
    assert message_to(ledger, 3).status is MessageStatus.PLANNED


def test_who_never_opted_out_is_kept_suppressed_as_a_hash(ledger, spring):
    erase(ANN)
    assert is_forbidden(ledger)
    assert is_forbidden(ledger, channel=Channel.MMS)
    assert not is_forbidden(ledger, BOB)


def test_who_is_forgotten_entirely_and_never_opted_out_may_be_written_to(ledger, spring, monkeypatch):
    monkeypatch.delenv("ROLLCALL_ERASURE_KEY")
    erase(ANN, keep_suppressed=False)
    assert not is_forbidden(ledger)
    assert rows_that_mention(ledger, ANN) == []


def test_an_opt_out_stays_even_of_who_is_forgotten_entirely(ledger, spring):
    with ledger.writing() as connection:
        consent.add_suppressions(
            connection, Channel.SMS, [ANN], reason="x", source="y", scope=SuppressionScope.MARKETING
        )
    erase(ANN, keep_suppressed=False)
    assert is_forbidden(ledger, purpose=Purpose.MARKETING)
    assert not is_forbidden(ledger)


def test_a_late_stop_and_start_count_by_hash(ledger, spring):
    erase(ANN)
    start = ConsentReport(channel=Channel.SMS, address="+1 213-555-0102", is_opt_in=True, source="START")
    absorb_now(ledger, start)
    assert not is_forbidden(ledger)
    absorb_now(ledger, ConsentReport(channel=Channel.SMS, address=ANN, source="STOP"))
    assert is_forbidden(ledger)
    assert rows_that_mention(ledger, ANN) == []


def test_to_be_erased_is_a_newer_word_than_an_opt_in(ledger, spring):
    absorb_now(
        ledger,
        ConsentReport(channel=Channel.SMS, address=ANN, source="STOP", at=NOW - timedelta(days=2)),
        ConsentReport(
            channel=Channel.SMS, address=ANN, source="START", is_opt_in=True, at=NOW - timedelta(days=1)
        ),
    )
    assert not is_forbidden(ledger)
    erase(ANN)
    assert is_forbidden(ledger)


def test_a_list_and_a_reply_do_not_bring_an_erased_person_back(ledger, spring):
    erase(ANN)
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, [ANN, BOB], reason="opted_out", source="file")
    absorb_now(
        ledger, ReplyReport(channel=Channel.SMS, address=ANN, text="It is me, Ann", dedupe_key="r1", at=NOW)
    )
    assert rows_that_mention(ledger, ANN) == []
    assert is_forbidden(ledger, BOB)
    with ledger.reading() as connection:
        assert connection.execute(select(REPLY.c.address, REPLY.c.text)).all() == [("erased:", "")]


def test_a_late_callback_settles_by_id_and_is_emptied(ledger, spring):
    run, chunk_id = spring
    claim(ledger, run, chunk_id)
    ann = message_to(ledger)
    erase(ANN)
    stop = {"number": ANN, "stop_date": "2026-01-05 12:00:00", "message_id": "t-1"}
    with ledger.writing() as connection:
        event = inbox.EventToKeep(
            provider="octopush", kind=EventKind.OPT_OUT, dedupe_key="octopush:s", payload=stop
        )
        inbox.add_events(connection, [event])
    assert drain_inbox.fn().consents == 1
    assert rows_that_mention(ledger, ANN) == []
    with ledger.writing() as connection:
        inbox.add_events(connection, [event])
    assert drain_inbox.fn().taken == 0
    assert message_to(ledger).id == ann.id


def test_a_late_receipt_that_names_only_the_message_is_read_and_emptied(ledger, spring):
    run, chunk_id = spring
    claim(ledger, run, chunk_id)
    with ledger.writing() as connection:
        for row in (2, 3):
            connection.execute(
                update(MESSAGE)
                .where(MESSAGE.c.row_number == row)
                .values(provider="bird", provider_message_id=f"id-{row}")
            )
    erase(ANN, keep_suppressed=False)
    with ledger.writing() as connection:
        inbox.add_events(
            connection,
            [
                inbox.EventToKeep(
                    provider="bird",
                    kind=EventKind.DELIVERY,
                    dedupe_key=f"bird:{row}",
                    payload={
                        "event": "sms.outbound",
                        "payload": {"id": f"id-{row}", "status": "delivered", "to": to},
                    },
                )
                for row, to in ((2, ANN), (3, BOB))
            ],
        )
    assert drain_inbox.fn().changed == {MessageStatus.DELIVERED: 2}
    assert rows_that_mention(ledger, ANN) == []
    with ledger.reading() as connection:
        payloads = connection.execute(select(EVENT.c.payload).order_by(EVENT.c.id)).scalars().all()
    assert payloads[0] == {}
    assert payloads[1]["payload"]["to"] == BOB


def test_a_message_that_was_planned_meanwhile_is_withdrawn_and_loses_its_address(ledger, spring):
    """Its audience was judged before the erasure, and written into the ledger after it."""
    run, chunk_id = spring
    erase(EVE)
    with ledger.writing() as connection:
        connection.execute(
            update(MESSAGE)
            .where(MESSAGE.c.row_number == 4)
            .values(address=EVE, status=MessageStatus.PLANNED, reason=None, variables="{}")
        )
    claimed = claim(ledger, run, chunk_id)
    assert (len(claimed.message_ids), claimed.withdrawn) == (2, 1)
    message = message_to(ledger, 4)
    assert (message.status, message.reason) == (MessageStatus.CANCELLED, "opted_out")
    assert rows_that_mention(ledger, EVE) == []


@pytest.mark.parametrize("key", [None, "too short", "another key that is long enough, but not the one"])
def test_without_the_key_nothing_is_sent_and_opt_outs_are_kept(ledger, spring, monkeypatch, key):
    run, chunk_id = spring
    erase(ANN)
    monkeypatch.delenv("ROLLCALL_ERASURE_KEY") if key is None else monkeypatch.setenv("ROLLCALL_ERASURE_KEY", key)
    with pytest.raises(ErasureKeyError, match="ROLLCALL_ERASURE_KEY"):
        claim(ledger, run, chunk_id)
    with pytest.raises(ErasureKeyError), ledger.reading() as connection:
        find_suppressions(connection, Channel.SMS, Purpose.MARKETING, [BOB])
    with pytest.raises(ErasureKeyError):
        erase(BOB)
    assert message_to(ledger, 3).address == BOB
    absorb_now(ledger, ConsentReport(channel=Channel.SMS, address=BOB, source="STOP"))
    monkeypatch.setenv("ROLLCALL_ERASURE_KEY", KEY)
    assert is_forbidden(ledger, BOB)


def test_without_a_key_nobody_is_erased_and_the_error_tells_how_to_make_one(ledger, spring, monkeypatch):
    monkeypatch.delenv("ROLLCALL_ERASURE_KEY")
    with pytest.raises(ErasureKeyError, match=r"secrets.token_urlsafe\(32\)"):
        erase(ANN)
    assert message_to(ledger).address == ANN


def test_the_key_is_not_in_the_ledger(ledger, spring, tmp_path):
    erase(ANN)
    assert files_that_mention(tmp_path, KEY) == []
    with ledger.reading() as connection:
        [check] = connection.execute(select(ERASURE.c.key_check)).scalars()
    assert KEY not in check


def test_two_erasures_a_sender_and_a_reconciler_at_once(ledger, database_url, plan):
    run, chunk_ids = plan(8, 8, 8)
    with ledger.reading() as connection:
        rows = connection.execute(select(MESSAGE).order_by(MESSAGE.c.id)).all()
    erased = [row.address for row in rows[::3]]
    faults = []

    def attempt(work):
        try:
            work()
        except Exception as error:  # noqa: BLE001  # reported by the test
            faults.append(error)

    def send():
        with Ledger(database_url) as own:
            for chunk_id in chunk_ids:
                for message_id in claim(own, run, chunk_id).message_ids:
                    outcome = RecordedOutcome(
                        message_id, 1, MessageStatus.ACCEPTED, provider_message_id=f"m-{message_id}"
                    )
                    record(own, chunk_id, outcome)

    def reconcile():
        with Ledger(database_url) as own:
            for row in rows:
                stop = ConsentReport(channel=Channel.SMS, address=row.address, source="STOP")
                status = StatusReport(status=MessageStatus.DELIVERED, raw_status="ok", reference=row.reference)
                again_while_busy(absorb_now)(own, status, stop)

    works = [send, reconcile, lambda: erase(*erased), lambda: erase(*reversed(erased))]
    threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert rows_that_mention(ledger, *erased) == []
    with ledger.reading() as connection:
        assert find_erased(connection, find_hashes(connection, [row.address for row in rows])) == set(erased)
        runs.check_balance(connection, runs.get_run(connection, run.id))
        left = connection.execute(select(func.count()).where(MESSAGE.c.address.startswith("erased:"))).scalar_one()
    assert left == len(erased)


def test_a_mailbox_that_several_people_share_takes_nobody_else_with_it(ledger):
    office = "office@example.org"
    people = [{"phone": f"+121255501{n:02d}", "email": office, "first_name": "P", "fields": {}} for n in range(4)]
    own = {"phone": "+12125550150", "email": "ada@example.org", "fields": {}}
    with ledger.writing() as connection:
        registry.add_contacts(connection, columns_of([*people, own]))
        one = erasure.find_person(connection, "+12125550101")
        assert one.addresses == {"+12125550101"}
        erasure.erase_person(connection, one, keep_suppressed=False)
        mailbox = erasure.find_person(connection, office)
        assert mailbox.is_shared
        counts, _ = erasure.erase_person(connection, mailbox, keep_suppressed=False)
        assert counts["contacts without it"] == 3
        ada = erasure.find_person(connection, "ada@example.org")
        assert ada.addresses == {"ada@example.org", "+12125550150"}
        erasure.erase_person(connection, ada, keep_suppressed=False)
        rows = connection.execute(
            select(CONTACT.c.phone, CONTACT.c.email, CONTACT.c.first_name).order_by(CONTACT.c.phone)
        ).all()
    assert [tuple(row) for row in rows] == [(f"+121255501{n:02d}", None, "P") for n in (0, 2, 3)]
