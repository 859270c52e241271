"""What a list of Bird's messages says about one whose answer was lost."""

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.messaging.statuses import MessageStatus
from tasks.providers.bird.messages import INCOMING, direction_of, read_status
from tasks.providers.reports import Finding, StatusReport, UnreadableEvent, Verdict

_FURTHEST_FIRST = (
    MessageStatus.DELIVERED,
    MessageStatus.SENT,
    MessageStatus.SCHEDULED,
    MessageStatus.ACCEPTED,
    MessageStatus.UNDELIVERED,
    MessageStatus.FAILED,
    MessageStatus.REJECTED,
    MessageStatus.CANCELLED,
    None,
)
"""Of several copies of one message the person has the one that came furthest; a copy that was refused says nothing
about the other."""


class Candidates:
    """The messages of a list that may be those that are searched for.

    Args:
        references: Of the messages that are searched for.
        known_ids: Bird's ids of other messages of the ledger.
    """

    def __init__(self, references: Iterable[str], known_ids: frozenset[str]) -> None:
        self._copies: dict[str, list[StatusReport]] = {reference: [] for reference in references}
        self._unreadable: set[str] = set()
        self._known_ids = known_ids
        self._is_any_nameless = False
        self.is_complete = False
        """The list was read to its end. Without that, a message that is not in it may be further down."""

    def take(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Look at one page."""
        for message in messages:
            if direction_of(message) == INCOMING:
                continue
            reference = message.get("reference")
            if not reference:
                # Whose it is cannot be told, unless it is another one's that we know: nothing is absent then.
                self._is_any_nameless |= message.get("id") not in self._known_ids
            elif reference in self._copies:
                try:
                    self._copies[reference].append(read_status(message))
                except UnreadableEvent:
                    self._unreadable.add(reference)

    @property
    def are_all_found(self) -> bool:
        """Whether there is a copy of each."""
        return all(self._copies.values())

    def finding(self, reference: str, *, may_be_absent: bool) -> Finding:
        """The verdict on one of them; `may_be_absent` says that a list goes back so far for sure."""
        if copies := self._copies[reference]:
            report = min(copies, key=lambda copy: _FURTHEST_FIRST.index(copy.status))
            return Finding(reference=reference, verdict=Verdict.FOUND, report=report)
        would_be_seen = self.is_complete and not self._is_any_nameless and reference not in self._unreadable
        verdict = Verdict.ABSENT if would_be_seen and may_be_absent else Verdict.UNDECIDED
        return Finding(reference=reference, verdict=verdict)
