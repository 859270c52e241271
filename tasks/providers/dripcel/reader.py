"""Asking Dripcel: what became of SMS, whether it has one, who replied.

All of it draws on the fifty requests a minute that sending lives on, and one request tells of one SMS.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from tasks.messaging.statuses import Channel
from tasks.providers.base import ProviderCredentials
from tasks.providers.callbacks import digest_of
from tasks.providers.dripcel.answers import (
    IncompleteAnswer,
    classify_list,
    incomplete,
    is_not_found,
    next_cursor_of,
    records_of,
)
from tasks.providers.dripcel.deliveries import Delivery, read_delivery, settle, undecided
from tasks.providers.dripcel.options import DripcelCredentials
from tasks.providers.dripcel.replies import Reply, clean_text, name_of, read_number, read_time
from tasks.providers.dripcel.statuses import meanings_with
from tasks.providers.errors import RequestRejected
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.reader import ProviderReader
from tasks.providers.reports import ConsentReport, Finding, HandedOver, ReplyReport, StatusReport

log = logging.getLogger(__name__)

_DELIVERIES_PATH = "/deliveries"
_REPLIES_PATH = "/replies/search"
_CURSOR = "cursor"
"""How a next page is asked for is not documented; no answer that names one has been seen either."""
_REQUESTS_PER_MINUTE = 50


class DripcelReader(ProviderReader):
    """Reader of Dripcel's deliveries and replies. See `ProviderReader` for the interface.

    Of e-mails Dripcel says nothing: they yield no report, and a lost one stays undecided.
    """

    can_poll_status: ClassVar[bool] = True
    can_look_up: ClassVar[bool] = True
    # There is no reference of ours and no key: an id is told from others by whose it is not.
    finds_by_elimination: ClassVar[bool] = True
    lookup_grace: ClassVar[timedelta] = timedelta(seconds=120)
    can_list_opt_outs: ClassVar[bool] = True
    # Replies may be put into another class later, and are searched by the time at which they came.
    opt_out_overlap: ClassVar[timedelta] = timedelta(days=7)
    # Two minutes of questions: what is asked about next is chosen anew after that, by whose turn it is then.
    questions_at_once: ClassVar[int] = 100
    max_requests_per_second: ClassVar[float | None] = _REQUESTS_PER_MINUTE / 60
    rate_window_seconds: ClassVar[float] = 60.0
    shares_sending_rate: ClassVar[bool] = True

    def __init__(
        self,
        credentials: ProviderCredentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, DripcelCredentials):
            raise TypeError("credentials must be Dripcel.Credentials")
        self._meanings = meanings_with(credentials.status_words)
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"Bearer {credentials.api_key.get_secret_value()}"},
            # One question at a time is as fast as the limit, unless an answer takes longer than 1.2 s; and it
            # leaves the turns in between to a send that runs at the same time.
            max_requests_in_flight=1,
            max_requests_per_second=self.max_requests_per_second,
            transport=transport,
            retry=retry,
        )

    async def fetch_statuses(self, messages: Sequence[HandedOver]) -> AsyncIterator[Sequence[StatusReport]]:
        """Ask what became of SMS: one request for each; several to one cell share one.

        A message of several parts may have several records, each of which is a report.

        Args:
            messages: Those that are e-mails, or of which Dripcel never told an id, yield nothing.

        Yields:
            The reports of one answer, as soon as it is there.

        Raises:
            ProviderError: Asking failed.
        """
        for cell, asked in _by_cell(message for message in messages if message.provider_message_id).items():
            unseen = {message.provider_message_id or "": message for message in asked}
            if len(unseen) > 1:
                by_id = dict(unseen)
                try:
                    async for page in self._deliveries(cell=cell):
                        for delivery in page:
                            unseen.pop(delivery.customer_id or "", None)
                        yield self._reports(page, by_id)
                except (RequestRejected, IncompleteAnswer) as error:
                    # Digits are asked for without their country, and a page may not lead to the next one; an id
                    # always says which send is meant.
                    log.info("%s; asking for each message", error)
                    unseen = by_id
            for customer_id, message in unseen.items():
                try:
                    async for page in self._deliveries(customer_id=customer_id):
                        # A record without an id is an answer to this question too.
                        yield self._reports(page, {customer_id: message, "": message})
                except RequestRejected as error:
                    if not is_not_found(error):
                        raise

    async def find(
        self, messages: Sequence[HandedOver], known_ids: frozenset[str]
    ) -> AsyncIterator[Sequence[Finding]]:
        """Search for SMS whose answer was lost, by the cell they went to: one request a cell.

        Conclusive only as long as every SMS of the organisation goes through this ledger. Another program's send
        to the same cell would be taken for the lost one, which would then not be sent again.

        Args:
            messages: Those that are not SMS are undecided.
            known_ids: Every `customerId` that the ledger has for these cells.

        Yields:
            The findings of one cell.

        Raises:
            ProviderError: Asking failed.
        """
        cells = _by_cell(messages)
        of_no_cell = [message for message in messages if _cell_of(message) is None]
        if of_no_cell:
            yield undecided(of_no_cell)
        for cell, lost in cells.items():
            try:
                deliveries = [delivery async for page in self._deliveries(cell=cell) for delivery in page]
            except (RequestRejected, IncompleteAnswer) as error:
                log.info("%s; nothing can be said of %d messages", error, len(lost))
                yield undecided(lost)
            else:
                yield settle(lost, deliveries, known_ids, self._meanings)

    async def fetch_opt_outs(self, since: datetime) -> AsyncIterator[Sequence[ConsentReport | ReplyReport]]:
        """Ask for all replies since then: one request. "All matches", the documentation says; there are no pages.

        A reply that was put into another class comes again under the same `dedupe_key`. If it opts out now, that
        holds; if it no longer does, that takes nothing back: for that the person has to reply once more.

        Yields:
            The replies, each followed by what it says about consent.

        Raises:
            ProviderError: Asking failed, or there are more replies than Dripcel shows.
        """
        asked_from = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        answer = await self._client.request_json(
            "POST",
            _REPLIES_PATH,
            json={"Received": {"$gte": asked_from}},
            classify=classify_list,
            repeatable=True,
        )
        replies = [_read_reply(record) for record in records_of(answer)]
        if left_out := replies.count(None):
            log.warning("%d of %d replies name no phone number", left_out, len(replies))
        yield [report for reply in replies if reply is not None for report in reply.reports("replies/search")]
        if next_cursor_of(answer) is not None:
            raise incomplete(answer)

    async def _deliveries(
        self, *, cell: str | None = None, customer_id: str | None = None
    ) -> AsyncIterator[list[Delivery]]:
        """The delivery records of a cell or a send, page by page.

        Raises:
            IncompleteAnswer: There are more, and the pages do not lead there.
            ProviderError: Asking failed.
        """
        asked = {"cell": cell, "customerId": customer_id}
        params = {name: value for name, value in asked.items() if value is not None}
        seen: set[str] = set()
        while True:
            answer = await self._client.request_json(
                "GET", _DELIVERIES_PATH, params=params, classify=classify_list, repeatable=True
            )
            yield [read_delivery(record) for record in records_of(answer)]
            cursor = next_cursor_of(answer)
            if cursor is None:
                return
            if cursor in seen:  # the parameter is not understood: it is the same page again
                raise incomplete(answer)
            seen.add(cursor)
            params[_CURSOR] = cursor

    def _reports(self, page: Sequence[Delivery], by_id: Mapping[str, HandedOver]) -> list[StatusReport]:
        """What the records say of the messages that were asked about, which are all that the ledger may know."""
        return [
            report
            for delivery in page
            if (message := by_id.get(delivery.customer_id or "")) is not None
            and (report := delivery.report(message, self._meanings)) is not None
        ]


def _by_cell(messages: Iterable[HandedOver]) -> dict[str, list[HandedOver]]:
    """The SMS among the messages, in their order, by the digits they went to."""
    cells: dict[str, list[HandedOver]] = {}
    for message in messages:
        cell = _cell_of(message)
        if cell is not None:
            cells.setdefault(cell, []).append(message)
    return cells


def _cell_of(message: HandedOver) -> str | None:
    """Dripcel's form of a number, its digits; None where the message is no SMS."""
    if message.channel is not Channel.SMS or not message.address.startswith("+"):
        return None
    return message.address.removeprefix("+")


def _read_reply(record: Mapping[str, Any]) -> Reply | None:
    """A reply as it comes; None where it tells of no phone number."""
    address = read_number(str(record.get("Msisdn") or ""))
    if address is None:
        return None
    text, kind, received = (_text_of(record.get(member)) for member in ("Message", "kind", "Received"))
    reply_id = _text_of(record.get("_id"))
    return Reply(
        address=address,
        text=text or "",
        kind=kind,
        at=read_time(received),
        dedupe_key=name_of("reply", reply_id)
        if reply_id
        else f"reply-digest:{digest_of(address, text, received)}",
    )


def _text_of(value: object) -> str | None:
    return None if value is None else clean_text(str(value))
