"""Asking providers: what became of messages, and whether they have those whose answer was lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection

from tasks.absorb import Absorbed, absorb
from tasks.concealment import concealed_errors
from tasks.connection import connect_reader
from tasks.messaging.reports import StatusReport
from tasks.messaging.statuses import MessageStatus
from tasks.providers.errors import ConfigurationError, ProviderError
from tasks.providers.reader import ProviderReader
from tasks.providers.registry import load_reader
from tasks.providers.reports import Finding, Verdict
from tasks.reconcile import Findings
from tasks.running import run_to_end
from tasks.store import outstanding, runs
from tasks.store.outstanding import OpenMessage
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

_TICKETS_KNOWN_FOR = timedelta(days=8)


@task(
    name="ask about messages",
    task_run_name="ask {provider} about messages of run {run_id}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@concealed_errors()
def ask_about_messages(run_id: int, provider: str, *, also_young: bool = False) -> Findings:
    """Ask a provider about one batch of messages of a run that it has, and that wait for their receipt.

    No transaction is open during a request; every page is committed before the next one is asked for.

    Args:
        run_id: The run.
        provider: Whom the messages were handed over to.
        also_young: Also about messages so young that there is hardly anything to tell.
    """
    with Ledger() as ledger:
        run, reader, findings = _connect(ledger, run_id, provider, lambda reader: reader.can_poll_status)
        if reader is not None:
            RunQuestions(ledger, run, provider, reader, findings).ask_about(also_young=also_young)
    return findings


@task(
    name="search for messages",
    task_run_name="search for messages of run {run_id} at {provider}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@concealed_errors()
def search_for_messages(run_id: int, provider: str) -> Findings:
    """Search a provider for one batch of messages of a run whose answer was lost.

    Found: it was accepted. Provably absent: it is planned again, for whoever the rest of its chunk is for by now.
    Else it stays `unknown`.
    """
    with Ledger() as ledger:
        run, reader, findings = _connect(ledger, run_id, provider, lambda reader: reader.can_look_up)
        if reader is not None:
            RunQuestions(ledger, run, provider, reader, findings).search_for()
    return findings


def _connect(
    ledger: Ledger, run_id: int, provider: str, can_answer: Callable[[type[ProviderReader]], bool]
) -> tuple[runs.RunRecord, ProviderReader | None, Findings]:
    """What asks a provider; None where it has no answer, or cannot be reached for want of credentials."""
    with ledger.reading() as connection:
        run = runs.get_run(connection, run_id)
    reader_class = load_reader(provider)
    if reader_class is None or not can_answer(reader_class):
        return run, None, Findings()
    try:
        return run, connect_reader(ledger, provider), Findings()
    except ConfigurationError as error:
        return run, None, Findings(trouble=str(error))


class RunQuestions:
    """One batch of questions to a provider about the messages of a run."""

    def __init__(
        self, ledger: Ledger, run: runs.RunRecord, provider: str, reader: ProviderReader, findings: Findings
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._provider = provider
        self._reader = reader
        self._findings = findings

    def ask_about(self, *, also_young: bool) -> None:
        """Ask about messages that wait for their receipt."""
        at_least_old = timedelta(0) if also_young else self._reader.poll_after
        messages = self._claim(outstanding.AWAITING_RECEIPT, at_least_old)
        self._to_end(messages, self._ask)

    def search_for(self) -> None:
        """Search for messages whose answer was lost."""
        messages = self._claim((MessageStatus.UNKNOWN,), self._reader.lookup_grace)
        self._to_end(messages, self._search)

    def _to_end(
        self, messages: Sequence[OpenMessage], ask: Callable[[Sequence[OpenMessage]], Awaitable[None]]
    ) -> None:
        self._findings.taken = len(messages)

        async def connected() -> None:
            async with self._reader:
                await ask(messages)

        if not messages:
            return
        try:
            run_to_end(connected)
        except (ProviderError, ConfigurationError) as error:
            self._findings.trouble = f"{self._provider} could not be asked: {error}"

    @again_while_busy
    def _claim(self, statuses: Sequence[MessageStatus], at_least_old: timedelta) -> list[OpenMessage]:
        with self._ledger.writing() as connection:
            return outstanding.claim_questions(
                connection,
                self._run.id,
                self._provider,
                statuses=statuses,
                at_least_old=at_least_old,
                longest_pause=self._reader.poll_pause,
                limit=self._reader.questions_at_once,
            )

    async def _ask(self, messages: Sequence[OpenMessage]) -> None:
        async for page in self._reader.fetch_statuses([message.asked for message in messages]):
            self._findings.note(await asyncio.to_thread(self._keep, page))

    @again_while_busy
    def _keep(self, reports: Sequence[StatusReport]) -> Absorbed:
        now = utc_now()
        with self._ledger.writing() as connection:
            return absorb(connection, self._provider, [(report, now) for report in reports])

    async def _search(self, messages: Sequence[OpenMessage]) -> None:
        addresses = [message.asked.address for message in messages]
        with self._ledger.reading() as connection:
            rivals = outstanding.count_rivals(connection, self._provider, addresses)
            open_requests = outstanding.count_open_requests(connection, self._provider)
            known = self._known_ids(connection, addresses)
        asked = [
            replace(
                message.asked,
                rivals=rivals.get(message.asked.address, 1),
                open_requests=open_requests.get(message.asked.template_id),
            )
            for message in messages
        ]
        by_reference = {message.asked.reference: message for message in messages}
        async for page in self._reader.find(asked, known):
            absorbed, planned = await asyncio.to_thread(self._settle, by_reference, rivals, page)
            self._findings.note(absorbed)
            self._findings.planned_again += planned
            self._findings.undecided += len(page) - planned - absorbed.changed.total()

    @again_while_busy
    def _settle(
        self, by_reference: Mapping[str, OpenMessage], rivals: Mapping[str, int], page: Sequence[Finding]
    ) -> tuple[Absorbed, int]:
        now = utc_now()
        found = [
            _named(finding.report, by_reference[finding.reference])
            for finding in page
            if finding.verdict is Verdict.FOUND and finding.report is not None
        ]
        absent = [by_reference[finding.reference] for finding in page if finding.verdict is Verdict.ABSENT]
        with self._ledger.writing() as connection:
            if self._reader.finds_by_elimination:
                # What was nobody's when it was asked for must not have become another message's meanwhile, and
                # nobody else may have come to be looking for it.
                addresses = [by_reference[finding.reference].asked.address for finding in page]
                taken = self._known_ids(connection, addresses)
                rivals_now = outstanding.count_rivals(connection, self._provider, addresses)
                moved = {address for address in addresses if rivals_now.get(address) != rivals.get(address)}
                found = [
                    report
                    for report in found
                    if (report.provider_message_id or report.ticket) not in taken and report.address not in moved
                ]
                absent = [message for message in absent if message.asked.address not in moved]
            absorbed = absorb(connection, self._provider, [(report, now) for report in found])
            planned = outstanding.plan_again(
                connection,
                self._run.id,
                {message.id: message.attempts for message in absent},
                reason="never_arrived",
            )
        return absorbed, planned

    def _known_ids(self, connection: Connection, addresses: Sequence[str]) -> frozenset[str]:
        return outstanding.known_ids(
            connection, self._provider, addresses, requests_since=utc_now() - _TICKETS_KNOWN_FOR
        )


def _named(report: StatusReport, message: OpenMessage) -> StatusReport:
    """The report as one of this very message; and of its request, which gets its ticket in this way."""
    asked = message.asked
    request_reference = asked.request_reference if report.ticket else None
    return replace(report, reference=asked.reference, request_reference=request_reference, address=asked.address)
