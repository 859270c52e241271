"""Reading the inbox: what providers told by themselves becomes statuses, consent and replies in the ledger."""

import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tasks.absorb import Absorbed, absorb
from tasks.concealment import concealed_errors
from tasks.messaging.reports import Report
from tasks.messaging.statuses import MessageStatus
from tasks.providers.registry import load_callbacks
from tasks.providers.reports import UnreadableEvent
from tasks.store import inbox, outstanding
from tasks.store.hashed_suppressions import empty_late_events
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

EVENTS_PER_TASK = 50_000
_EVENTS_PER_TRANSACTION = 10_000
"""Not half a second, and three quarters of the CPU that five times as many small transactions take."""
_EVENTS_SINGLY = 100
"""One of them is at fault, and each has a savepoint."""
_PAUSE_SECONDS = 0.03
"""Between two transactions: on SQLite, who else wants to write gets in only then."""
_SOONEST_RETRY = timedelta(seconds=5)
_LATEST_RETRY = timedelta(hours=1)
EVENT_PATIENCE = timedelta(days=7)
"""How long an event that fits no message is kept waiting for one."""


@dataclass(slots=True)
class Findings:
    """What one task run came to.

    Attributes:
        taken: Events read, or messages asked about or searched for; 0 means that nothing was due.
        changed: Messages by the status that they moved to.
        unreadable: Events of which nothing could be made.
        waiting: Events that fit no message yet.
        undecided: Messages of which the provider could not say whether it has them.
        planned_again: Messages that provably never arrived.
        trouble: Why it stopped early, for a person.
    """

    taken: int = 0
    changed: Counter[MessageStatus] = field(default_factory=Counter)
    consents: int = 0
    replies: int = 0
    unreadable: int = 0
    waiting: int = 0
    undecided: int = 0
    planned_again: int = 0
    trouble: str | None = None

    def note(self, absorbed: Absorbed) -> None:
        """Add what a batch of reports came to."""
        self.changed.update(absorbed.changed)
        self.consents += absorbed.consents
        self.replies += absorbed.replies

    def sentences(self) -> list[str]:
        """What was learnt, for people."""
        changed = ", ".join(f"{count:,} {status}" for status, count in sorted(self.changed.items()))
        counted = (
            (self.consents, "opt-outs or opt-ins."),
            (self.replies, "replies."),
            (self.planned_again, "messages provably never arrived: send_campaign hands them over again."),
            (self.undecided, "messages were searched for, and nothing can be said of them yet."),
            (self.waiting, "events fit no message yet, and are looked at again later."),
            (self.unreadable, "events could not be read; they are kept, with the reason."),
        )
        return [
            f"Learnt: {changed}." if changed else "No message's status changed.",
            *(f"{count:,} {what}" for count, what in counted if count),
        ]

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            taken=self.taken + other.taken,
            changed=self.changed + other.changed,
            consents=self.consents + other.consents,
            replies=self.replies + other.replies,
            unreadable=self.unreadable + other.unreadable,
            waiting=self.waiting + other.waiting,
            undecided=self.undecided + other.undecided,
            planned_again=self.planned_again + other.planned_again,
            trouble=self.trouble or other.trouble,
        )


@task(name="read the inbox", task_run_name="read the inbox", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def drain_inbox(most: int = EVENTS_PER_TASK) -> Findings:
    """Read events that providers sent, new ones first, and put what they say into the ledger.

    Args:
        most: Leave the rest to the next task run.
    """
    findings = Findings()
    limit = _EVENTS_PER_TRANSACTION
    with Ledger() as ledger:
        while findings.taken < most:
            try:
                read = _drain_some(ledger, limit)
            except OperationalError:  # the database is away, or busy for minutes: no event is at fault
                raise
            except Exception:  # noqa: BLE001  # one of them is at fault, and must not keep all the others waiting
                if limit > _EVENTS_SINGLY:
                    limit = max(limit // 10, _EVENTS_SINGLY)
                    continue
                read = _drain_some(ledger, limit, singly=True)
            limit = min(2 * limit, _EVENTS_PER_TRANSACTION)
            findings += read
            if not read.taken:
                break
            time.sleep(_PAUSE_SECONDS)
    return findings


@again_while_busy
def _drain_some(ledger: Ledger, limit: int, *, singly: bool = False) -> Findings:
    """Read one batch; singly, an event that cannot be put into the ledger is closed with its error."""
    with _no_collections(), ledger.writing() as connection:
        events = inbox.take_events(connection, limit)
        findings = Findings(taken=len(events))
        if singly:
            for event in events:
                findings += _read_or_close(connection, event)
            return findings
        # In one order: two who read the inbox at once must not wait for each other in a circle.
        for provider in sorted({event.provider for event in events}):
            findings += _read_events(connection, provider, [e for e in events if e.provider == provider])
    return findings


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without the garbage collector.

    Ten thousand events are a million objects, none of them in a circle. It would walk through all that Prefect
    imports again and again on their account: half of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_or_close(connection: Connection, event: inbox.KeptEvent) -> Findings:
    # In the transaction that holds the event: looked for again after a rollback, it could be another one.
    try:
        with connection.begin_nested():
            return _read_events(connection, event.provider, [event])
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001  # kept with the event
        inbox.close_events(connection, {event.id: f"it cannot be put into the ledger: {type(error).__name__}"})
        return Findings(unreadable=1)


def _read_events(connection: Connection, provider: str, events: Sequence[inbox.KeptEvent]) -> Findings:
    now = utc_now()
    findings = Findings()
    closed: dict[int, str | None] = {}
    reports: list[tuple[Report, datetime]] = []
    sources: list[inbox.KeptEvent] = []
    for event in events:
        try:
            said = _read_event(provider, event)
        except UnreadableEvent as error:
            closed[event.id] = str(error)
            findings.unreadable += 1
            continue
        closed[event.id] = None
        reports += [(report, event.received_at) for report in said]
        sources += [event] * len(said)
    absorbed = absorb(connection, provider, reports)
    findings.note(absorbed)
    put_off: dict[int, datetime] = {}
    for event, fits in zip(sources, absorbed.fits, strict=True):
        if fits or event.id in put_off:
            continue
        age = now - event.received_at
        if age > EVENT_PATIENCE:
            closed[event.id] = "it fits no message of the ledger"
        else:
            closed.pop(event.id, None)
            put_off[event.id] = now + max(_SOONEST_RETRY, min(_LATEST_RETRY, age / 2))
    findings.waiting += len(put_off)
    inbox.close_events(connection, closed)
    inbox.put_off_events(connection, put_off)
    told = [(event.id, report) for event, (report, _) in zip(sources, reports, strict=True)]
    of_erased = {sources[place].id for place in absorbed.about_erased}
    empty_late_events(connection, told, of_erased, waiting=put_off)
    return findings


def _read_event(provider: str, event: inbox.KeptEvent) -> Sequence[Report]:
    callbacks = load_callbacks(provider)
    if callbacks is None:
        raise UnreadableEvent(f"{provider} sends no events")
    try:
        return callbacks.read(event.payload, event.received_at)
    except UnreadableEvent:
        raise
    except Exception as error:
        # A body that no page describes and no test thought of must not keep all the others waiting.
        raise UnreadableEvent(f"reading it failed: {type(error).__name__}") from error


@task(name="make all due", task_run_name="make all due", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def make_all_due(run_ids: Sequence[int]) -> None:
    """Let everything that was put off be due now: questions about these runs, events that fitted no message."""
    with Ledger() as ledger:
        _make_all_due(ledger, run_ids)


@again_while_busy
def _make_all_due(ledger: Ledger, run_ids: Sequence[int]) -> None:
    with ledger.writing() as connection:
        inbox.try_all_again(connection)
        for run_id in run_ids:
            outstanding.ask_again(connection, run_id)
