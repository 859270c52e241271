"""All messages of the Bird sandbox, those that were sent and those that came in, as its lists go through them."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from deployments.sandbox.bird.listing import ListQuery
from deployments.sandbox.bird.messages import BirdMessage, MessageIds, Places
from deployments.sandbox.bird.replies import STATUS, Reply
from deployments.sandbox.ledger import Ledger


class Path(NamedTuple):
    """Where messages are looked for."""

    workspace: str
    channel: str


class Cursor(NamedTuple):
    """The last message of either kind that a page has gone past."""

    place: int
    reply_place: int


class Archive:
    """Finds messages again.

    Args:
        ledger: Holds those that were sent; this notes where they are.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._replies: list[Reply] = []
        self._ids = MessageIds()
        self._reply_ids = MessageIds()
        self._by_address = Places()
        self._by_reference = Places()

    @property
    def _messages(self) -> list[BirdMessage]:
        return cast("list[BirdMessage]", self._ledger.recipients)  # this ledger holds no others

    def next_id(self) -> str:
        """The id of the message that is added next."""
        return self._ids.at(len(self._messages))

    def next_reply_id(self) -> str:
        """The id of the reply that is added next."""
        return self._reply_ids.at(len(self._replies))

    def has_reference(self, reference: str) -> bool:
        """Whether there is a message with this reference."""
        return reference in self._by_reference

    def add(self, message: BirdMessage) -> None:
        """Keep a message that was taken."""
        place = len(self._messages)
        self._ledger.record(message, reaches_person=message.fate.reaches_person)
        self._by_address.add(message.address, place)
        if message.reference is not None:
            self._by_reference.add(message.reference, place)

    def add_reply(self, reply: Reply) -> None:
        """Keep a message that came in."""
        self._replies.append(reply)

    def last_to(self, address: str) -> BirdMessage | None:
        """The last message to a number."""
        place = next(self._by_address.newest_first(address), None)
        return None if place is None else self._messages[place]

    def get(self, message_id: str, path: Path) -> BirdMessage | Reply | None:
        """The message with this id; None where there is none such on this path."""
        found: BirdMessage | Reply | None = None
        place, reply_place = self._ids.place(message_id), self._reply_ids.place(message_id)
        if place is not None and place < len(self._messages):
            found = self._messages[place]
        elif reply_place is not None and reply_place < len(self._replies):
            found = self._replies[reply_place]
        return found if found is not None and _is_at(path, found) else None

    def select(
        self, query: ListQuery, path: Path, newest_at: float, status_of: Callable[[BirdMessage], str]
    ) -> Iterator[tuple[Cursor, BirdMessage | Reply]]:
        """The messages that a query asks for, newest first, each with the cursor of a page that ends with it."""
        sent = self._select_sent(query, path, newest_at, status_of)
        came_in = self._select_replies(query, path, newest_at)
        cursor = Cursor(len(self._messages), len(self._replies)) if query.before is None else Cursor(*query.before)
        # At the same instant a reply is the newer one.
        both = heapq.merge(came_in, sent, key=lambda found: -found[1].received_at)
        for place, message in both:
            if isinstance(message, Reply):
                cursor = cursor._replace(reply_place=place)
            else:
                cursor = cursor._replace(place=place)
            yield cursor, message

    def _select_sent(
        self, query: ListQuery, path: Path, newest_at: float, status_of: Callable[[BirdMessage], str]
    ) -> Iterator[tuple[int, BirdMessage | Reply]]:
        messages = self._messages
        if query.address is not None:
            places: Iterable[int] = self._by_address.newest_first(query.address)
        elif query.reference is not None:
            places = self._by_reference.newest_first(query.reference)
        else:
            places = range(len(messages) - 1 if query.before is None else query.before[0] - 1, -1, -1)
        for place in places:
            message = messages[place]
            if message.received_at < query.start_at:
                return
            if (
                (query.before is None or place < query.before[0])
                and message.received_at <= newest_at
                and _is_at(path, message)
                and query.reference in {None, message.reference}
                and query.status in {None, status_of(message)}
            ):
                yield place, message

    def _select_replies(
        self, query: ListQuery, path: Path, newest_at: float
    ) -> Iterator[tuple[int, BirdMessage | Reply]]:
        if query.reference is not None or query.status not in {None, STATUS}:
            return
        for place in range(len(self._replies) - 1 if query.before is None else query.before[1] - 1, -1, -1):
            reply = self._replies[place]
            if reply.received_at < query.start_at:
                return
            if reply.received_at <= newest_at and _is_at(path, reply) and query.address in {None, reply.address}:
                yield place, reply


def _is_at(path: Path, message: BirdMessage | Reply) -> bool:
    return (message.workspace, message.channel) == path
