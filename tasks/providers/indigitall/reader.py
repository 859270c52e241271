"""Asking indigitall: what became of sendings, which sending a lost request became, who is disabled."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from tasks.messaging.statuses import Channel
from tasks.providers.answers import Answer
from tasks.providers.base import ProviderCredentials
from tasks.providers.errors import ConfigurationError, OutcomeUnknown, RequestRejected
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.indigitall.answers import NOT_FOUND, PatientClassifier
from tasks.providers.indigitall.lost_requests import CLOCK_MARGIN, find_lost_requests, match_sendings
from tasks.providers.indigitall.moments import read_moment
from tasks.providers.indigitall.names import Name, ReadName
from tasks.providers.indigitall.options import IndigitallCredentials
from tasks.providers.indigitall.phones import e164_of
from tasks.providers.indigitall.report import read_console_report
from tasks.providers.indigitall.sendings import Sending, read_sending
from tasks.providers.reader import ProviderReader
from tasks.providers.reports import ConsentReport, Finding, HandedOver, ReplyReport, StatusReport, Verdict

_SENDINGS_PATH = "/v2/sms/send"
_CONTACTS_PATH = "/v2/sms/contact"

_SENDINGS_PER_PAGE = 200
_CONTACTS_PER_PAGE = 1000
_MOST_CANDIDATES = 100
"""With more sendings that nobody knows, others use the campaign, and reading each is not worth the requests."""


class IndigitallReader(ProviderReader):
    """Reader of indigitall. See `ProviderReader` for the interface.

    A sending says only of all its messages whether it went out; what became of each is in the report that a person
    exports from the console. The calls that read are not documented, and known from clients; for e-mail there are
    none, so of e-mails nothing is told. All of them need the application id.
    """

    can_poll_status: ClassVar[bool] = True
    can_look_up: ClassVar[bool] = True
    finds_by_elimination: ClassVar[bool] = True
    lookup_grace: ClassVar[timedelta] = timedelta(seconds=90)
    can_list_opt_outs: ClassVar[bool] = True
    imports_report: ClassVar[bool] = True
    # Hundreds of messages are one sending, and a page tells of 200 sendings.
    questions_at_once: ClassVar[int] = 10_000

    def __init__(
        self,
        credentials: ProviderCredentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, IndigitallCredentials):
            raise TypeError("credentials must be Indigitall.Credentials")
        self._application_id = credentials.application_id
        self._details_name_contacts = True
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"ServerKey {credentials.server_key.get_secret_value()}"},
            max_requests_in_flight=1,
            transport=transport,
            retry=retry,
        )
        self._classify = PatientClassifier()

    async def fetch_statuses(self, messages: Sequence[HandedOver]) -> AsyncIterator[Sequence[StatusReport]]:
        """Ask which sendings went out, or were cancelled.

        The list first, a page of which tells of many sendings; alone are read those that are too far down in it,
        and, for as long as that says something of single contacts, those that went out.

        Raises:
            ConfigurationError: There is no application id.
            ProviderError: Asking failed.
        """
        claims = [
            (ticket, message.claimed_at)
            for message in messages
            if message.channel is Channel.SMS and (ticket := message.ticket or message.provider_message_id)
        ]
        if not claims:
            return
        now = datetime.now(UTC)
        unseen = dict.fromkeys(ticket for ticket, _ in claims)
        due: list[str] = []
        async for listed in self._find_listed(unseen, since=min(at for _, at in claims) - CLOCK_MARGIN):
            due += [sending.id for sending in listed if sending.is_due(now)]
            if reports := [report for sending in listed for report in sending.news_of_all(now)]:
                yield reports
        for sending_id in unseen:
            detail = await self._read_sending(sending_id)
            if detail is not None and (reports := detail.news_of_all(now) + detail.news_of_contacts(now)):
                yield reports
        for sending_id in due:
            if not self._details_name_contacts:
                break
            detail = await self._read_sending(sending_id)
            self._details_name_contacts = detail is not None and detail.contacts is not None
            if detail is not None and (reports := detail.news_of_contacts(now)):
                yield reports

    async def find(
        self, messages: Sequence[HandedOver], known_ids: frozenset[str]
    ) -> AsyncIterator[Sequence[Finding]]:
        """Search for the sendings of requests whose answer was lost, by campaign and time.

        Nothing is found absent, see `lost_requests`. A sending that names its contacts settles its messages at
        once; else six and a half minutes pass after the claim before anything is concluded.

        Args:
            messages: With `open_requests`. Of a campaign of which more requests are open than are asked for here,
                only sendings that name their contacts are told apart.
            known_ids: See `ProviderReader.find`.

        Raises:
            ConfigurationError: There is no application id.
            ProviderError: Asking failed.
        """
        lost = find_lost_requests(messages)
        found: Mapping[str, Sending] = {}
        now = datetime.now(UTC)
        if lost:
            campaigns = {request.campaign_id for request in lost}
            candidates = await self._find_candidates(lost[0].claimed_at - CLOCK_MARGIN, campaigns, known_ids)
            found = match_sendings(lost, candidates, asked_at=now, grace=self.lookup_grace)
        yield [_finding(message, found.get(message.reference), now) for message in messages]

    async def fetch_opt_outs(self, since: datetime) -> AsyncIterator[Sequence[ConsentReport | ReplyReport]]:
        """Ask which contacts are disabled: indigitall sends them nothing any more.

        That a contact is enabled says nothing: they all are, until somebody disables them. The call cannot be
        asked for a part of the contacts, so this reads all of them; contacts without a number are left out.

        Raises:
            ConfigurationError: There is no application id.
            ProviderError: Asking failed.
        """
        async for rows in self._pages(_CONTACTS_PATH, ReadName.CONTACTS, _CONTACTS_PER_PAGE):
            disabled = [row for row in rows if row.get(ReadName.ENABLED) is False]
            reports = [report for row in disabled if (report := _read_opt_out(row, since)) is not None]
            if reports:
                yield reports

    @classmethod
    def read_report(
        cls, rows: Iterable[Mapping[str, str]], columns: Mapping[str, str] | None = None
    ) -> Iterable[StatusReport]:
        return read_console_report(rows, columns)

    async def _find_listed(self, unseen: dict[str, None], since: datetime) -> AsyncGenerator[list[Sending], None]:
        """Those of some sendings that are listed, page by page; what is left of `unseen` is to be read alone."""
        pages_read = 0
        async with aclosing(self._list_sendings(since)) as pages:
            async for page in pages:
                pages_read += 1
                listed = [sending for sending in page if sending.id in unseen]
                for sending in listed:
                    unseen.pop(sending.id, None)
                yield listed
                if len(unseen) <= pages_read:
                    return  # to go on would cost more than to read the rest one by one

    async def _find_candidates(
        self, since: datetime, campaigns: set[str], known_ids: frozenset[str]
    ) -> list[Sending]:
        """Sendings of these campaigns that belong to no message of the ledger, in all detail."""
        listed: dict[str, Sending] = {}
        async with aclosing(self._list_sendings(since)) as pages:
            async for page in pages:
                listed |= {
                    sending.id: sending
                    for sending in page
                    if sending.campaign_id in campaigns and sending.id not in known_ids
                }
        if len(listed) > _MOST_CANDIDATES:
            return list(listed.values())
        return [await self._read_sending(sending.id) or sending for sending in listed.values()]

    async def _list_sendings(self, since: datetime) -> AsyncGenerator[list[Sending], None]:
        """Pages of sendings, newest first, until one of them has one that went out before."""
        async with aclosing(self._pages(_SENDINGS_PATH, ReadName.SENDINGS, _SENDINGS_PER_PAGE)) as pages:
            async for rows in pages:
                page = [read_sending(row) for row in rows]
                yield page
                # None is sent before it is made, so this holds whichever of the two the list is sorted by.
                if any(sending.sent_at is not None and sending.sent_at < since for sending in page):
                    return

    async def _read_sending(self, sending_id: str) -> Sending | None:
        """The detail of a sending; None where there is none, or none yet."""
        try:
            answer = await self._read(f"{_SENDINGS_PATH}/{sending_id}")
        except RequestRejected as error:
            if error.reason != NOT_FOUND:
                raise
            return None
        data = answer.get("data")
        sending = read_sending(data) if isinstance(data, dict) else None
        if sending is None or sending.id != sending_id:
            raise _unreadable("the detail of a sending", answer)
        return sending

    async def _pages(self, path: str, member: str, limit: int) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The pages of a list, of which each has at least one row."""
        rows: list[dict[str, Any]] = []
        page = rows_read = 0
        while True:
            page += 1
            answer = await self._read(path, {ReadName.LIMIT: str(limit), ReadName.PAGE: str(page)})
            before, rows = rows, _rows(answer, member)
            if not rows or rows == before:  # the end; or every page is the first one
                return
            yield rows
            rows_read += len(rows)
            count = answer.get(ReadName.COUNT)
            if isinstance(count, int) and rows_read >= count:
                return

    async def _read(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        if self._application_id is None:
            raise ConfigurationError(
                "indigitall can only be asked with the project's application id: set "
                "ROLLCALL_INDIGITALL_APPLICATION_ID (in a block, application_id)"
            )
        params = {ReadName.APPLICATION_ID: str(self._application_id), **(query or {})}
        return await self._client.request_json(
            "GET", path, params=params, classify=self._classify, repeatable=True
        )


def _rows(answer: Answer, member: str) -> list[dict[str, Any]]:
    """The rows of a page of a list."""
    data = answer.get("data")
    rows = [] if data is None else data.get(member) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unreadable(f"`data.{member}`", answer)  # to take it for an empty list would miss opt-outs
    return rows


def _unreadable(what: str, answer: Answer) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"indigitall answered {answer.status} without {what}",
        reason="unreadable_answer",
        raw_status=str(answer.status),
    )


def _finding(message: HandedOver, sending: Sending | None, now: datetime) -> Finding:
    if sending is None:
        return Finding(reference=message.reference, verdict=Verdict.UNDECIDED)
    report = replace(
        sending.report_of_all(now), reference=message.reference, request_reference=message.request_reference
    )
    return Finding(reference=message.reference, verdict=Verdict.FOUND, report=report)


def _read_opt_out(contact: Mapping[str, Any], since: datetime) -> ConsentReport | None:
    """Of a disabled contact; None where it was disabled earlier, or has no number."""
    updated_at = read_moment(contact.get(ReadName.UPDATED_AT))
    address = e164_of(contact.get(ReadName.PHONE), contact.get(Name.COUNTRY_CODE))
    if address is None or (updated_at is not None and updated_at < since):
        return None
    return ConsentReport(
        channel=Channel.SMS, address=address, at=updated_at, source="contact disabled at the provider"
    )
