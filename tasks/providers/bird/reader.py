"""Asking Bird: the message list first, which tells a hundred messages a request, then single look-ups."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import httpx

from tasks.providers.base import ProviderCredentials
from tasks.providers.bird.listing import MAX_WINDOW, MessageList, Query, windows
from tasks.providers.bird.messages import INCOMING, direction_of, read_incoming, read_status
from tasks.providers.bird.options import BirdCredentials
from tasks.providers.bird.search import Candidates
from tasks.providers.errors import OutcomeUnknown, RequestRejected
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.reader import ProviderReader
from tasks.providers.reports import (
    ConsentReport,
    Finding,
    HandedOver,
    ReplyReport,
    StatusReport,
    UnreadableEvent,
    Verdict,
)

_REQUESTS_IN_FLIGHT = 16
"""Enough for 50 a second at 300 ms an answer."""
_GROUP = 50
"""Look-ups whose results are handed on together: about a second of them."""

_FEW = 4
"""So many messages are looked up singly: a list might need as many pages, and then tell of others."""
_SPARE_PAGES = 4
_MESSAGES_PER_PAGE = 25
"""A call asks for at most `_SPARE_PAGES` pages and one more per so many messages: a list that is full of other
people's messages costs at most 4 % more than looking up each one."""

_BURST_GAP = timedelta(minutes=10)
"""Messages that are further apart are listed by windows of their own."""
_EARLIER = timedelta(minutes=1)
"""A message was not made before its request left; this much its clock may be behind ours."""
_FIRST_STEP = timedelta(seconds=4)
_LATER = timedelta(hours=1)
"""Messages are made later than they were claimed, how much depends on how fast they are sent. The window grows by
doubled steps, up to this, so it takes in about as many other messages as it has to at any speed."""

_SEARCH_EARLIER = timedelta(hours=1)
"""Wider than `_EARLIER`: a search that misses a message because of a clock ends in sending it again."""
_ABSENCE_MAX_AGE = timedelta(days=7)
"""How long Bird keeps messages is not documented: an older one that is not listed may have been once."""
_SEARCH_MAX_PAGES = 10
"""Of messages to one number within 7 days."""
_SEARCH_SPARE_PAGES = 40
"""Of all messages, where they cannot be listed by number."""

_T = TypeVar("_T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BirdReader(ProviderReader):
    """Reads the messages of one channel. See `ProviderReader` for the interface.

    Args:
        credentials: An instance of `Bird.Credentials`.
        transport: Replaces the network, for tests.
        retry: Bounds of the retries inside one request.
        now: The time, with its zone.
    """

    can_poll_status: ClassVar[bool] = True
    can_look_up: ClassVar[bool] = True
    lookup_grace: ClassVar[timedelta] = timedelta(seconds=60)
    can_list_opt_outs: ClassVar[bool] = True
    # Replies stand among all messages of the channel, and are there as soon as they come: a day's overlap would
    # list a day's campaign again each time.
    opt_out_overlap: ClassVar[timedelta] = timedelta(minutes=10)
    max_requests_per_second: ClassVar[float | None] = 50  # per workspace, counted apart from sending
    shares_sending_rate: ClassVar[bool] = False

    def __init__(
        self,
        credentials: ProviderCredentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        if not isinstance(credentials, BirdCredentials):
            raise TypeError("credentials must be Bird.Credentials")
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"AccessKey {credentials.access_key.get_secret_value()}"},
            max_requests_in_flight=_REQUESTS_IN_FLIGHT,
            max_requests_per_second=self.max_requests_per_second,
            transport=transport,
            retry=retry,
        )
        self._list = MessageList(
            self._client, f"/workspaces/{credentials.workspace_id}/channels/{credentials.channel_id}"
        )
        self._now = now

    async def fetch_statuses(self, messages: Sequence[HandedOver]) -> AsyncIterator[Sequence[StatusReport]]:
        unseen = {message.reference: message for message in messages}
        if len(messages) > _FEW:
            async for reports in self._list_statuses(unseen):
                yield reports
        # Bird's own id leads to exactly one message; without one, the number's few messages are listed.
        async for found in self._in_groups(list(unseen.values()), self._look_up):
            if reports := [report for report in found if report is not None]:
                yield reports

    async def _list_statuses(self, unseen: dict[str, HandedOver]) -> AsyncIterator[Sequence[StatusReport]]:
        """List what was made about when these messages were handed over; those that are seen leave `unseen`."""
        pages_left = _SPARE_PAGES + len(unseen) // _MESSAGES_PER_PAGE
        id_of = {message.reference: message.provider_message_id for message in unseen.values()}
        reference_of = {message_id: reference for reference, message_id in id_of.items()}
        for burst in _bursts(unseen.values()):
            references = {message.reference for message in burst}
            for start_at, end_at in _growing_windows(burst[0].claimed_at, burst[-1].claimed_at):
                async for page in self._list.pages(Query(start_at=start_at, end_at=end_at)):
                    reports = [
                        report
                        for report in _statuses(page)
                        # Another copy of a message whose id we know is not the one that we keep account of.
                        if id_of.get(report.reference or "") in {None, report.provider_message_id}
                    ]
                    for report in reports:
                        unseen.pop(report.reference or reference_of.get(report.provider_message_id) or "", None)
                    if reports:
                        yield reports
                    pages_left -= 1
                    if pages_left == 0 or not unseen:
                        return
                    if references.isdisjoint(unseen):
                        break
                if references.isdisjoint(unseen):
                    break

    async def _look_up(self, message: HandedOver) -> StatusReport | None:
        if message.provider_message_id is None:
            return (await self._search(message, frozenset())).report
        try:
            found = await self._list.read(message.provider_message_id)
        except RequestRejected:  # of this id alone; the others are asked about all the same
            return None
        return next(_statuses([found]), None) if found else None

    async def find(
        self, messages: Sequence[HandedOver], known_ids: frozenset[str]
    ) -> AsyncIterator[Sequence[Finding]]:
        with_number = [message for message in messages if _has_number(message)]
        async for found in self._in_groups(with_number, lambda message: self._search(message, known_ids)):
            yield found
        if others := [message for message in messages if not _has_number(message)]:
            yield await self._search_all(others, known_ids)

    async def _search(self, message: HandedOver, known_ids: frozenset[str]) -> Finding:
        """Look for one message among those to its number in the 7 days from when it was handed over."""
        if not _has_number(message):
            return Finding(reference=message.reference, verdict=Verdict.UNDECIDED)
        start_at = message.claimed_at - _SEARCH_EARLIER
        query = Query(start_at=start_at, end_at=self._end_of(start_at), phone_number=message.address)
        candidates = Candidates([message.reference], known_ids)
        await self._read_into(candidates, [query], _SEARCH_MAX_PAGES)
        return candidates.finding(message.reference, may_be_absent=self._is_recent(message))

    async def _search_all(self, messages: Sequence[HandedOver], known_ids: frozenset[str]) -> list[Finding]:
        """Look for messages to contacts whose number only Bird knows: among all messages of their time."""
        start_at = min(message.claimed_at for message in messages) - _SEARCH_EARLIER
        end_at = self._end_of(max(message.claimed_at for message in messages))
        candidates = Candidates((message.reference for message in messages), known_ids)
        queries = [Query(start_at=start, end_at=end) for start, end in windows(start_at, end_at)]
        await self._read_into(candidates, queries, _SEARCH_SPARE_PAGES + len(messages))
        return [
            candidates.finding(message.reference, may_be_absent=self._is_recent(message)) for message in messages
        ]

    def _is_recent(self, message: HandedOver) -> bool:
        return self._now() - message.claimed_at <= _ABSENCE_MAX_AGE

    def _end_of(self, start_at: datetime) -> datetime:
        """How far a search reaches: everything since, if that is not more than a list gives."""
        return min(start_at + MAX_WINDOW, max(self._now(), start_at) + _SEARCH_EARLIER)

    async def _read_into(self, candidates: Candidates, queries: Iterable[Query], max_pages: int) -> None:
        """Show pages to the candidates; a list that is refused, or cannot be read, leaves them undecided."""
        pages = 0
        try:
            for query in queries:
                async for page in self._list.pages(query):
                    candidates.take(page)
                    pages += 1
                    if pages == max_pages or candidates.are_all_found:
                        return
        except (RequestRejected, OutcomeUnknown):
            return
        candidates.is_complete = True

    async def fetch_opt_outs(self, since: datetime) -> AsyncIterator[Sequence[ConsentReport | ReplyReport]]:
        """See `ProviderReader.fetch_opt_outs`; these are the replies, and what the keywords among them mean.

        The channel's whole list is read, a hundred messages a request: that it can be asked for incoming messages
        alone is not documented.
        """
        for start_at, end_at in windows(since, self._now() + _EARLIER):
            async for page in self._list.pages(Query(start_at=start_at, end_at=end_at)):
                if reports := list(_replies(page)):
                    yield reports

    @staticmethod
    async def _in_groups(
        messages: Sequence[HandedOver], ask: Callable[[HandedOver], Awaitable[_T]]
    ) -> AsyncIterator[list[_T]]:
        """Ask about each message, many at a time; what was learnt before an error is given before it is raised."""
        for first in range(0, len(messages), _GROUP):
            asked = [ask(message) for message in messages[first : first + _GROUP]]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            yield [answer for answer in answers if not isinstance(answer, BaseException)]
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer


def _has_number(message: HandedOver) -> bool:
    return message.address.startswith("+")


def _bursts(messages: Iterable[HandedOver]) -> Iterator[list[HandedOver]]:
    """Messages in the order in which they were handed over, parted where nothing was for some time.

    Small bursts are left out: single look-ups are cheaper.
    """
    in_order = sorted(messages, key=lambda message: message.claimed_at)
    starts = [
        place + 1
        for place, (one, next_one) in enumerate(pairwise(in_order))
        if next_one.claimed_at - one.claimed_at > _BURST_GAP
    ]
    for start, end in pairwise([0, *starts, len(in_order)]):
        if end - start > _FEW:
            yield in_order[start:end]


def _growing_windows(first_at: datetime, last_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    step = _FIRST_STEP
    yield from windows(first_at - _EARLIER, last_at + step)
    while step < _LATER:
        yield last_at + step, last_at + 2 * step
        step *= 2


def _statuses(page: Iterable[Mapping[str, Any]]) -> Iterator[StatusReport]:
    for message in page:
        if direction_of(message) != INCOMING:
            try:
                yield read_status(message)
            except UnreadableEvent:
                continue


def _replies(page: Iterable[Mapping[str, Any]]) -> Iterator[ConsentReport | ReplyReport]:
    for message in page:
        if direction_of(message) == INCOMING:
            try:
                yield from read_incoming(message)
            except UnreadableEvent:
                continue
