"""Asking Bird, against the sandbox, which keeps the truth and counts the requests."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest

from deployments.sandbox import Clock, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.base import OutboundMessage
from tasks.providers.bird.adapter import Bird
from tasks.providers.bird.listing import windows
from tasks.providers.bird.reader import BirdReader
from tasks.providers.bird.statuses import STATUSES
from tasks.providers.errors import CredentialsRejected, OutcomeUnknown, ProviderError, ProviderUnreachable
from tasks.providers.http import RetryPolicy
from tasks.providers.registry import load_reader
from tasks.providers.reports import (
    ConsentReport,
    Finding,
    HandedOver,
    ReplyReport,
    StatusReport,
    Verdict,
)
from tests.providers.test_against_sandbox import CREDENTIALS
from tests.sandbox.in_process import SandboxTransport
from tests.sandbox.wire import BIRD_HEADERS, MESSAGES, bird_message

pytestmark = pytest.mark.anyio

ONCE = RetryPolicy(attempts=1)
CONTACT_ID = "11111111-1111-4111-8111-111111111111"
START = datetime(2026, 1, 5, 11, 20, tzinfo=UTC)
T = TypeVar("T")


class AtOnce:
    """A pace that never waits: the sandbox's limit is tested elsewhere."""

    async def wait_for_turn(self) -> None:
        pass


class Account:
    """A sandbox whose time passes only when a test says so, a reader of it, and what is known of its messages."""

    def __init__(self, **switches: Any) -> None:
        self.now = START
        settings = {"rate_get": 10_000, "rate_post": 10_000, "delivery_step_seconds": 0, **switches}
        self.app = create_app(SandboxSettings(bird=settings), Clock(now=self.unix_seconds))
        self.reader = BirdReader(
            Bird.Credentials(**CREDENTIALS["bird"]),
            transport=SandboxTransport(self.app),
            retry=ONCE,
            now=lambda: self.now,
        )
        self.reader.use_pace(AtOnce())

    def unix_seconds(self) -> float:
        return self.now.timestamp()

    async def post(self, path: str, body: Any) -> Any:
        transport = SandboxTransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            answer = await client.post(path, json=body, headers=BIRD_HEADERS)
            assert answer.is_success, answer.text
            return answer.json()

    async def send(self, reference: str, number: str = "+12025550101", **fields: Any) -> HandedOver:
        """Send one message; what is known of it afterwards."""
        answer = await self.post(f"/bird{MESSAGES}", bird_message(number, reference=reference, **fields))
        return self.handed_over(reference, number, answer["id"])

    async def send_many(self, count: int, name: str = "m", *, knows_ids: bool = False) -> list[HandedOver]:
        """Send that many by batches, to 100 numbers."""
        known = [self.handed_over(f"{name}-{n}", f"+1202555{100 + n % 100:04}") for n in range(count)]
        for first in range(0, count, 100):
            bodies = [bird_message(one.address, reference=one.reference) for one in known[first : first + 100]]
            batch = MESSAGES.replace("/messages", "/batch/messages")
            await self.post(f"/bird{batch}", {"messageRequests": bodies})
        if knows_ids:
            ids = {one.reference: one.id for one in self.ledger.recipients}
            known = [self.handed_over(one.reference, one.address, ids[one.reference]) for one in known]
        return known

    def handed_over(self, reference: str, address: str, message_id: str | None = None) -> HandedOver:
        return HandedOver(
            reference=reference,
            address=address,
            claimed_at=self.now,
            channel=Channel.SMS,
            provider_message_id=message_id,
        )

    async def reply(self, number: str, text: str) -> Any:
        return await self.post("/bird-control/replies", {"from": number, "text": text})

    def switch(self, **switches: Any) -> None:
        self.app.change_settings({"bird": switches})

    @property
    def ledger(self) -> Any:
        return self.app.providers["bird"].ledger

    async def statuses(self, messages: Sequence[HandedOver]) -> dict[str | None, StatusReport]:
        """Ask; the reports by reference."""
        async with self.reader as reader:
            return {report.reference: report for report in await everything(reader.fetch_statuses(messages))}

    async def find(self, *messages: HandedOver, known_ids: Iterable[str] = ()) -> dict[str, Finding]:
        """Search; the findings by reference, one for each."""
        async with self.reader as reader:
            findings = await everything(reader.find(messages, frozenset(known_ids)))
        assert sorted(one.reference for one in findings) == sorted(one.reference for one in messages)
        return {finding.reference: finding for finding in findings}

    async def answers_since(self, since: datetime) -> list[ConsentReport | ReplyReport]:
        async with self.reader as reader:
            return await everything(reader.fetch_opt_outs(since))


async def collect(pages: AsyncIterator[Sequence[T]], seen: list[T]) -> list[T]:
    async for page in pages:
        seen += page
    return seen


async def everything(pages: AsyncIterator[Sequence[T]]) -> list[T]:
    return await collect(pages, [])


def reader_of(*answers: Any) -> BirdReader:
    """A reader of a network that answers like this, the last answer for ever."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

    reader = BirdReader(
        Bird.Credentials(**CREDENTIALS["bird"]),
        transport=httpx.MockTransport(answer),
        retry=ONCE,
        now=lambda: START,
    )
    reader.use_pace(AtOnce())
    return reader


def test_the_registry_knows_it_and_its_limits() -> None:
    reader = load_reader("bird")
    assert reader is BirdReader
    assert reader.can_poll_status
    assert reader.can_look_up
    assert reader.can_list_opt_outs
    assert not reader.imports_report
    assert (reader.max_requests_per_second, reader.shares_sending_rate) == (50, False)
    assert reader.lookup_grace == timedelta(seconds=60)


async def test_every_word_is_told_with_what_it_means() -> None:
    words = [*STATUSES, "buffered"]
    numbers = {word: f"+1202555{100 + n:04}" for n, word in enumerate(words)}
    scripts = {number: ["accepted", word] for word, number in numbers.items()}
    scripts[numbers["buffered"]] = ["accepted", "?buffered"]
    account = Account(delivery_scripts=scripts)
    messages = [await account.send(word, number) for word, number in numbers.items()]
    account.now += timedelta(minutes=1)
    for asked in messages, messages[:2]:
        reports = await account.statuses(asked)
        for message in asked:
            report, word = reports[message.reference], message.reference
            status, reason = STATUSES.get(word, (None, None))
            assert (report.raw_status, report.status) == (word, status)
            assert report.provider_message_id == message.provider_message_id
            assert report.at == messages[0].claimed_at
            assert report.reason == reason or (reason is None and report.reason is not None)
    assert reports.keys() == {"accepted", "processing"}


async def test_a_failure_says_why() -> None:
    account = Account(
        delivery_scripts={"+12025550102": ["accepted", "delivery_failed:15005"]},
        suppressed_numbers=["+12025550103"],
    )
    messages = [await account.send(f"m-{n}", f"+1202555010{n}") for n in (1, 2, 3)]
    reports = await account.statuses(messages)
    assert [reports[one.reference].reason for one in messages] == [None, "bad_destination", "opted_out"]


async def test_a_list_tells_a_hundred_messages_a_request_with_or_without_ids() -> None:
    account = Account()
    messages = await account.send_many(250)
    before = account.ledger.requests
    account.now += timedelta(seconds=30)
    reports = await account.statuses(messages)
    assert len(reports) == 250
    assert {report.status for report in reports.values()} == {MessageStatus.DELIVERED}
    assert account.ledger.requests - before == 3
    assert account.ledger.totals()["warnings"] == []


async def test_the_list_is_left_when_all_were_seen() -> None:
    account = Account()
    await account.send_many(150, "earlier")
    account.now += timedelta(seconds=20)
    messages = await account.send_many(100)
    before = account.ledger.requests
    assert await account.statuses(messages)
    assert account.ledger.requests - before == 1


@pytest.mark.parametrize(("count", "most_requests"), [(250, 14), (40, 5 + 40)])
async def test_messages_that_were_made_long_after_they_were_claimed_are_found(
    count: int, most_requests: int
) -> None:
    account = Account()
    messages = [account.handed_over(f"m-{n}", "") for n in range(count)]
    account.now += timedelta(minutes=7)
    addresses = [message.address for message in await account.send_many(count)]
    messages = [replace(message, address=address) for message, address in zip(messages, addresses, strict=True)]
    before = account.ledger.requests
    assert len(await account.statuses(messages)) == count
    assert account.ledger.requests - before <= most_requests


async def test_few_messages_are_looked_up_singly() -> None:
    account = Account()
    await account.send_many(300, "other")
    messages = [await account.send(f"m-{n}") for n in range(3)]
    before = account.ledger.requests
    assert (await account.statuses(messages)).keys() == {"m-0", "m-1", "m-2"}
    assert account.ledger.requests - before == 3


async def test_a_list_full_of_other_messages_is_given_up_for_single_look_ups() -> None:
    account = Account()
    messages = await account.send_many(30, knows_ids=True)
    await account.send_many(1500, "other")
    before = account.ledger.requests
    reports = await account.statuses(messages)
    assert reports.keys() >= {message.reference for message in messages}
    # 4 pages and one more for 25 messages, then one request for each message.
    assert account.ledger.requests - before == 5 + 30


async def test_a_message_without_an_id_is_looked_up_by_its_number() -> None:
    account = Account()
    messages = await account.send_many(2)
    unlisted = account.handed_over("m-9", "+12025550199")
    elsewhere = account.handed_over("m-8", f"external:{CONTACT_ID}")
    reports = await account.statuses([*messages, unlisted, elsewhere])
    assert reports.keys() == {"m-0", "m-1"}
    assert reports["m-1"].provider_message_id == account.ledger.recipients[1].id


async def test_an_id_that_bird_does_not_know_or_refuses_keeps_nobody_else_from_being_asked_about() -> None:
    account = Account()
    message = await account.send("m-1")
    strangers = [account.handed_over(name, "+12025550102", f"{CONTACT_ID}{name}") for name in ("/../", "m-2")]
    assert (await account.statuses([*strangers, message])).keys() == {"m-1"}
    account.switch(respond=["http:400"])
    assert await account.statuses([message]) == {}


async def test_messages_of_different_weeks_are_asked_about_by_windows_of_their_own() -> None:
    account = Account()
    messages = await account.send_many(60, "first")
    account.now += timedelta(days=20)
    messages += await account.send_many(60, "last")
    before = account.ledger.requests
    assert len(await account.statuses(messages)) == 120
    assert account.ledger.requests - before == 2


async def test_windows_are_at_most_7_days_long_and_leave_no_gap() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = list(windows(start, start + timedelta(days=15)))
    assert [(end - begin).days for begin, end in found] == [7, 7, 1]
    assert [begin for begin, _ in found[1:]] == [end for _, end in found[:-1]]
    assert list(windows(start, start)) == []


async def test_another_copy_of_a_message_whose_id_is_known_tells_nothing() -> None:
    account = Account(delivery_script=["accepted", "delivery_failed"])
    await account.send("m-1")
    account.switch(delivery_script=["accepted", "delivered"])
    messages = [await account.send(f"m-{n}") for n in range(1, 7)]
    async with account.reader as reader:
        reports = await everything(reader.fetch_statuses(messages))
    assert [report.status for report in reports] == [MessageStatus.DELIVERED] * 6


async def test_what_was_read_before_an_error_was_given() -> None:
    account = Account()
    messages = await account.send_many(250)
    account.switch(respond=["normal", "normal", "http:401"])
    seen: list[StatusReport] = []
    async with account.reader as reader:
        with pytest.raises(CredentialsRejected):
            await collect(reader.fetch_statuses(messages), seen)
    assert len(seen) == 200


async def test_what_was_looked_up_before_an_error_was_given() -> None:
    account = Account()
    messages = [await account.send(f"m-{n}") for n in range(3)]
    account.switch(respond=["normal", "http:503"])
    seen: list[StatusReport] = []
    async with account.reader as reader:
        with pytest.raises(OutcomeUnknown):
            await collect(reader.fetch_statuses(messages), seen)
    assert len(seen) == 2


async def test_replies_are_no_receipts() -> None:
    account = Account()
    messages = [await account.send(f"m-{n}") for n in range(6)]
    await account.reply("+12025550101", "Thank you")
    assert (await account.statuses(messages)).keys() == {f"m-{n}" for n in range(6)}


async def send_and_lose(account: Account, respond: str, *, batch: bool = False) -> list[HandedOver]:
    """Hand over three messages through the adapter, and lose the answer."""
    account.switch(respond=[respond])
    content = Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"})
    adapter = Bird(
        Bird.Credentials(**CREDENTIALS["bird"]),
        content,
        Bird.Options(batch=batch),
        transport=SandboxTransport(account.app),
        retry=ONCE,
    )
    messages = [OutboundMessage(f"m-{n}", f"+1202555010{n}", "US", "Hello") for n in range(3 if batch else 1)]
    async with adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.send(messages)
    known = [account.handed_over(message.reference, message.address) for message in messages]
    account.now += timedelta(seconds=61)
    return known


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("respond", ["lose_after", "http_after:500"])
async def test_a_message_whose_answer_was_lost_is_found_with_its_id(respond: str, *, batch: bool) -> None:
    account = Account()
    messages = await send_and_lose(account, respond, batch=batch)
    findings = await account.find(*messages)
    ids = {recipient.reference: recipient.id for recipient in account.ledger.recipients}
    for message in messages:
        finding = findings[message.reference]
        assert finding.verdict is Verdict.FOUND
        assert finding.report
        assert finding.report.provider_message_id == ids[message.reference]
        assert finding.report.status is MessageStatus.DELIVERED


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("respond", ["lose_before", "http:500"])
async def test_a_message_that_never_arrived_is_absent(respond: str, *, batch: bool) -> None:
    account = Account()
    messages = await send_and_lose(account, respond, batch=batch)
    assert {one.verdict for one in (await account.find(*messages)).values()} == {Verdict.ABSENT}


async def test_two_messages_to_one_number_are_told_apart_by_reference() -> None:
    account = Account()
    first, second = await account.send("m-1"), account.handed_over("m-2", "+12025550101")
    findings = await account.find(first, second)
    assert [findings[name].verdict for name in ("m-1", "m-2")] == [Verdict.FOUND, Verdict.ABSENT]


async def test_of_several_copies_the_one_that_came_furthest_counts() -> None:
    account = Account(delivery_script=["accepted", "delivered"])
    message = await account.send("m-1")
    account.switch(delivery_script=["accepted", "delivery_failed"])
    await account.send("m-1")
    report = (await account.find(message))["m-1"].report
    assert report
    assert (report.status, report.provider_message_id) == (MessageStatus.DELIVERED, message.provider_message_id)


async def test_a_message_of_last_month_is_found_but_none_of_then_is_absent() -> None:
    account = Account()
    there, missing = await account.send("m-1"), account.handed_over("m-2", "+12025550102")
    account.now += timedelta(days=7)
    findings = await account.find(there, missing)
    assert [findings[name].verdict for name in ("m-1", "m-2")] == [Verdict.FOUND, Verdict.ABSENT]
    account.now += timedelta(days=23)
    findings = await account.find(there, missing)
    assert [findings[name].verdict for name in ("m-1", "m-2")] == [Verdict.FOUND, Verdict.UNDECIDED]


@pytest.mark.parametrize("respond", ["http:400", "http:422", "http:503", "lose_before"])
async def test_a_search_that_is_refused_or_fails_decides_nothing(respond: str) -> None:
    account = Account()
    messages = [account.handed_over(f"m-{n}", f"+1202555010{n}") for n in range(2)]
    account.switch(respond=[respond])
    findings = await account.find(*messages)
    assert sorted(finding.verdict for finding in findings.values()) == [Verdict.ABSENT, Verdict.UNDECIDED]


@pytest.mark.parametrize("answer", [{}, {"results": {}}, {"results": ["m-1"]}, []])
async def test_an_answer_that_is_no_list_of_messages_decides_nothing(answer: Any) -> None:
    async with reader_of(answer) as reader:
        [finding] = await everything(reader.find([Account().handed_over("m-1", "+12025550101")], frozenset()))
        assert finding.verdict is Verdict.UNDECIDED
        with pytest.raises(OutcomeUnknown):
            await everything(reader.fetch_opt_outs(START))


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ({"id": "x", "status": "sent"}, Verdict.UNDECIDED),
        ({"id": "known", "status": "sent"}, Verdict.ABSENT),
        ({"id": "x", "status": "delivered", "direction": "incoming"}, Verdict.ABSENT),
        ({"id": "x", "reference": "m-2", "status": "sent"}, Verdict.ABSENT),
        ({"id": "x", "reference": "m-1"}, Verdict.UNDECIDED),
        ({"id": "x", "reference": "m-1", "status": "buffered"}, Verdict.FOUND),
    ],
)
async def test_a_message_that_cannot_be_told_to_be_another_ones_leaves_it_undecided(
    message: dict[str, Any], verdict: Verdict
) -> None:
    async with reader_of({"results": [message]}) as reader:
        asked = [Account().handed_over("m-1", "+12025550101")]
        [finding] = await everything(reader.find(asked, frozenset({"known"})))
    assert finding.verdict is verdict


async def test_a_message_to_a_contact_is_found_among_all_messages_of_its_time() -> None:
    account = Account()
    await account.send_many(120, "other")
    lost = account.handed_over("m-1", f"external:{CONTACT_ID}")
    missing = account.handed_over("m-2", "external:22222222-2222-4222-8222-222222222222")
    receiver = {"contacts": [{"id": CONTACT_ID}]}
    await account.post(
        f"/bird{MESSAGES}",
        {"receiver": receiver, "reference": "m-1", "body": {"type": "text", "text": {"text": "Hello"}}},
    )
    account.now += timedelta(minutes=2)
    findings = await account.find(lost, missing)
    assert [findings[name].verdict for name in ("m-1", "m-2")] == [Verdict.FOUND, Verdict.ABSENT]


@pytest.mark.parametrize("address", ["+12025550101", f"external:{CONTACT_ID}"])
async def test_a_list_without_end_decides_nothing(address: str) -> None:
    message = {"id": "x", "reference": "m-2", "status": "sent"}
    pages = [{"results": [message], "nextPageToken": str(n)} for n in range(50)]
    async with reader_of(*pages) as reader:
        [finding] = await everything(reader.find([Account().handed_over("m-1", address)], frozenset()))
    assert finding.verdict is Verdict.UNDECIDED


async def test_pages_that_go_in_circles_end() -> None:
    message = {
        "id": "x",
        "status": "delivered",
        "direction": "incoming",
        "sender": {"contact": {"identifierValue": "+12025550101"}},
    }
    async with reader_of({"results": [message], "nextPageToken": "again"}) as reader:
        assert len(await everything(reader.fetch_opt_outs(START))) == 2


async def test_replies_are_told_and_keywords_among_them_are_wishes() -> None:
    account = Account()
    await account.send_many(120)
    since = account.now
    account.now += timedelta(minutes=5)
    answers = [
        await account.reply(f"+1202555010{n}", text)
        for n, text in enumerate(["Hello?", "Stop.", "START"], start=1)
    ]
    await account.send_many(120, "later")
    reports = await account.answers_since(since)
    replies = [report for report in reports if isinstance(report, ReplyReport)]
    assert {(one.dedupe_key, one.address, one.text, one.at) for one in replies} == {
        (answer["id"], f"+1202555010{n}", text, account.now)
        for n, (answer, text) in enumerate(zip(answers, ["Hello?", "Stop.", "START"], strict=True), start=1)
    }
    wishes = {report.address: report.is_opt_in for report in reports if isinstance(report, ConsentReport)}
    assert wishes == {"+12025550102": False, "+12025550103": True}


async def test_replies_of_several_weeks_are_told_by_windows_of_at_most_7_days() -> None:
    account = Account()
    since = account.now
    for week in range(4):
        await account.reply(f"+1202555010{week}", "Stop")
        account.now += timedelta(days=6)
    reports = await account.answers_since(since)
    assert len({report.address for report in reports}) == 4
    assert await account.answers_since(account.now) == []


async def test_a_wrong_channel_is_an_error_of_the_credentials() -> None:
    account = Account(channel_id=CONTACT_ID)
    async with account.reader as reader:
        for pages in (
            reader.fetch_opt_outs(account.now),
            reader.find([account.handed_over("m-1", "+12025550101")], frozenset()),
        ):
            with pytest.raises(ProviderError) as caught:
                await everything(pages)  # type: ignore[misc]  # of either kind
            assert isinstance(caught.value, CredentialsRejected)


async def test_a_provider_that_is_not_there_is_no_finding() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    reader = BirdReader(Bird.Credentials(**CREDENTIALS["bird"]), transport=httpx.MockTransport(refuse), retry=ONCE)
    async with reader:
        with pytest.raises(ProviderUnreachable):
            await everything(reader.find([Account().handed_over("m-1", "+12025550101")], frozenset()))
