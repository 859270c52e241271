"""Reading the inbox without a provider: what one event does to the others."""

from sqlalchemy import select, text

from tasks.messaging.statuses import EventKind
from tasks.reconcile import drain_inbox
from tasks.store.inbox import EventToKeep, add_events
from tasks.store.tables import ProviderEvent, Reply

EVENT, REPLY = ProviderEvent.__table__, Reply.__table__


def keep_replies(ledger, *texts):
    events = [
        EventToKeep(
            provider="octopush",
            kind=EventKind.REPLY,
            dedupe_key=f"octopush:{number:04d}",
            payload={
                "number": f"+121255501{number % 100:02d}",
                "reception_date": "2026-01-05 11:46:06",
                "text": told,
            },
        )
        for number, told in enumerate(texts)
    ]
    with ledger.writing() as connection:
        add_events(connection, events)


def test_one_event_at_fault_is_found_among_a_thousand_and_the_others_are_read(ledger):
    keep_replies(ledger, *(f"Hello {number}" for number in range(1_290)), "Hello 7", "Bye")
    with ledger.writing() as connection:
        # What no reading of ours lets through, and a database refuses.
        connection.execute(text("CREATE UNIQUE INDEX one_text ON reply (text)"))
    findings = drain_inbox.fn()
    assert (findings.taken, findings.unreadable, findings.replies) == (1_292, 1, 1_291)
    with ledger.reading() as connection:
        errors = connection.execute(select(EVENT.c.error).where(EVENT.c.error.is_not(None))).scalars().all()
        assert errors == ["it cannot be put into the ledger: IntegrityError"]
        assert connection.execute(select(EVENT.c.id).where(EVENT.c.processed_at.is_(None))).all() == []
        assert "Bye" in connection.execute(select(REPLY.c.text)).scalars().all()


def test_no_more_is_read_than_was_asked_for_by_much(ledger):
    keep_replies(ledger, *(f"Hello {number}" for number in range(40)))
    assert drain_inbox.fn(most=1).taken == 40  # a transaction is not cut
    assert drain_inbox.fn().taken == 0
