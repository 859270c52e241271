"""Many events, one transaction: a commit waits for the disk, and a thousand events can share the wait."""

import asyncio
import contextlib
import json
import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Connection, false, insert, select
from sqlalchemy.exc import OperationalError

from tasks.messaging.statuses import EventKind
from tasks.providers.callbacks import digest_of
from tasks.store.inbox import EventToKeep, add_events
from tasks.store.session import Ledger
from tasks.store.tables import ProviderEvent

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.25
_ATTEMPTS_ALONE = 3
_RAW_MAX_CHARS = 20_000


class InboxFull(Exception):
    """So many events wait for the database that no more are taken."""


@dataclass(slots=True)
class _Batch:
    """What is committed together.

    Attributes:
        committed: Done when it is; everybody who waits for one of its events waits for this.
    """

    committed: asyncio.Future[None]
    events: list[EventToKeep] = field(default_factory=list)
    size_bytes: int = 0
    is_wanted: bool = False


class GroupCommit:
    """Writes events in the order in which they came, everything that waits in one transaction.

    Belongs to the event loop that it was started in; a thread of its own writes. What was added is tried until it
    is in the table or the receiver stops, even when nobody waits for it any more: not every provider comes again.

    Args:
        ledger: Where to; stays the caller's.
        max_waiting_events: So many may wait.
        max_waiting_bytes: The same in bytes.

    Attributes:
        waiting_events: Not committed yet.
        kept_events: Committed since the start, repetitions included.
    """

    def __init__(self, ledger: Ledger, *, max_waiting_events: int, max_waiting_bytes: int) -> None:
        self.waiting_events = 0
        self.kept_events = 0
        self._waiting_bytes = 0
        self._max_waiting_events = max_waiting_events
        self._max_waiting_bytes = max_waiting_bytes
        self._is_writing = False
        self._to_write: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._writer = _Writer(ledger)

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._open = _Batch(self._loop.create_future())
        # A daemon: a database that hangs must not keep the process from ending.
        threading.Thread(target=self._work, name="group-commit", daemon=True).start()

    async def stop(self, timeout_seconds: float) -> bool:
        """Write what waits, and end; whether everything is written. What is not was never answered with 2xx."""
        if self.waiting_events:
            await asyncio.wait((self.flush(),), timeout=timeout_seconds)
        if self.waiting_events:
            _log.error("%d events could not be kept; none of them was confirmed", self.waiting_events)
        self._writer.is_stopping.set()
        self._to_write.put(None)
        return not self.waiting_events

    def add(self, event: EventToKeep, size_bytes: int) -> asyncio.Future[None]:
        """Have an event written.

        Args:
            event: What to keep.
            size_bytes: About how much memory it takes while it waits.

        Returns:
            Done once it is committed. Others wait for it too: use `asyncio.wait`, which does not cancel it.

        Raises:
            InboxFull: Too many wait; this one was not taken.
        """
        if self.waiting_events >= self._max_waiting_events or self._waiting_bytes >= self._max_waiting_bytes:
            raise InboxFull
        self._open.events.append(event)
        self._open.size_bytes += size_bytes
        self._waiting_bytes += size_bytes
        self.waiting_events += 1
        return self.flush()

    def flush(self) -> asyncio.Future[None]:
        """Done once everything added so far is committed, and the database has thereby shown that it takes it."""
        self._open.is_wanted = True
        if not self._is_writing:
            self._is_writing = True
            # Not at once: what comes in this turn of the loop shares the transaction.
            self._loop.call_soon(self._hand_over)
        return self._open.committed

    def _hand_over(self) -> None:
        batch, self._open = self._open, _Batch(self._loop.create_future())
        self._to_write.put(batch)

    def _work(self) -> None:
        while batch := self._to_write.get():
            are_kept = self._writer.write(batch.events)
            with contextlib.suppress(RuntimeError):  # the loop has ended before the database answered
                self._loop.call_soon_threadsafe(self._take_note, batch, are_kept)

    def _take_note(self, batch: _Batch, are_kept: bool) -> None:
        if are_kept:
            self.waiting_events -= len(batch.events)
            self.kept_events += len(batch.events)
            self._waiting_bytes -= batch.size_bytes
            batch.committed.set_result(None)
        if self._open.is_wanted:
            self._hand_over()
        else:
            self._is_writing = False


class _Writer:
    """What happens in the thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.is_stopping = threading.Event()
        self._ledger = ledger
        self._is_troubled = False

    def write(self, events: Sequence[EventToKeep]) -> bool:
        """Write these, however long it takes; False when the receiver stopped before."""
        for attempt in count(1):
            try:
                with self._ledger.writing() as connection:
                    if events:
                        add_events(connection, events)
                    else:
                        _insert_nothing(connection)
            except Exception as error:  # noqa: BLE001  # whatever it is: while this thread lives, nothing is lost
                self._note_trouble(error)
                if events and self._is_their_fault():
                    if len(events) > 1:
                        return all(self.write([event]) for event in events)
                    if attempt % _ATTEMPTS_ALONE == 0:
                        events = [_refused(events[0], error)]
            else:
                self._note_success()
                return True
            if self.is_stopping.wait(_RETRY_SECONDS):
                return False
        raise AssertionError  # count() does not end

    def _is_their_fault(self) -> bool:
        """Whether the database is well, so that it was the events that it did not take."""
        try:
            with self._ledger.writing() as connection:
                _insert_nothing(connection)
        except Exception:  # noqa: BLE001  # the same as above
            return False
        return True

    def _note_trouble(self, error: Exception) -> None:
        if not self._is_troubled:
            # Only these are sure not to quote what was to be written.
            why = (
                str(error.orig).partition("\n")[0] if isinstance(error, OperationalError) else type(error).__name__
            )
            _log.warning("events wait: the database does not take them: %s", why)
        self._is_troubled = True

    def _note_success(self) -> None:
        if self._is_troubled:
            _log.warning("the database takes events again")
        self._is_troubled = False


def _insert_nothing(connection: Connection) -> None:
    """Does all that an insert needs, rights and a place that can be written among them, and adds no row."""
    table = ProviderEvent.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
    connection.execute(insert(table).from_select(table.columns.keys(), select(table).where(false())))


def _refused(event: EventToKeep, error: Exception) -> EventToKeep:
    """An event that a healthy database did not take, as the plainest one that still says what came."""
    raw = json.dumps(event.payload)
    return EventToKeep(
        provider=event.provider,
        kind=EventKind.UNKNOWN,
        dedupe_key=f"{event.provider}:refused:{digest_of(event.dedupe_key, raw)}",
        payload={"raw": raw[:_RAW_MAX_CHARS]},
        error=f"the database refused it: {type(error).__name__}",
        received_at=event.received_at,
    )
