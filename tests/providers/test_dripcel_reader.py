"""Asking Dripcel: statuses, messages whose answer was lost, replies."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deployments.sandbox import SandboxSettings
from deployments.sandbox.server import running_sandbox
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.base import OutboundMessage, ProviderCredentials
from tasks.providers.dripcel.adapter import Dripcel
from tasks.providers.dripcel.options import DripcelCredentials
from tasks.providers.dripcel.reader import DripcelReader
from tasks.providers.errors import OutcomeUnknown, ProviderError, ProviderThrottled, RequestRejected
from tasks.providers.http import RetryPolicy
from tasks.providers.reports import ConsentReport, Finding, HandedOver, ReplyReport, StatusReport, Verdict

pytestmark = pytest.mark.anyio

ADA, ALAN = "+12025550101", "+12025550102"
SALE = "000000000000000000000c01"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ONCE = RetryPolicy(attempts=1)
S = MessageStatus


class AtOnce:
    """Lets every request begin at once: at fifty a minute these tests would take minutes."""

    async def wait_for_turn(self) -> None:
        pass


@dataclass
class Place:
    """A sandbox, and what a campaign and reconciliation do with it."""

    url: str
    client: httpx.Client
    status_words: dict[str, str] | None = None

    @property
    def credentials(self) -> DripcelCredentials:
        return DripcelCredentials(
            base_url=f"{self.url}/dripcel", api_key="sandbox-dripcel-key", status_words=self.status_words
        )

    def reader(self, retry: RetryPolicy = ONCE) -> DripcelReader:
        reader = DripcelReader(self.credentials, retry=retry)
        reader.use_pace(AtOnce())
        return reader

    async def send(self, reference: str, address: str = ADA, **options: Any) -> HandedOver:
        """Send an SMS; without an id where the answer is lost."""
        claimed_at = datetime.now(UTC)
        content = Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"})
        dripcel = Dripcel(self.credentials, content, Dripcel.Options(**options), retry=ONCE)
        dripcel.use_pace(AtOnce())
        message_id = None
        async with dripcel:
            try:
                [outcome] = await dripcel.send([OutboundMessage(reference, address, "US", "Hello")])
                message_id = outcome.provider_message_id
            except OutcomeUnknown:
                pass
        return handed_over(reference, address, message_id, claimed_at=claimed_at)

    def set(self, **switches: Any) -> None:
        self.client.patch("/settings", json={"dripcel": switches}).raise_for_status()

    def reply(self, text: str, address: str = ADA) -> dict[str, Any]:
        answer = self.client.post("/dripcel-control/replies", json={"phone": address, "text": text})
        reply: dict[str, Any] = answer.raise_for_status().json()
        return reply

    def reclassify(self, reply: dict[str, Any], kind: str) -> None:
        path = f"/dripcel-control/replies/{reply['_id']}"
        self.client.patch(path, json={"kind": kind}).raise_for_status()

    @property
    def truth(self) -> dict[str, Any]:
        truth: dict[str, Any] = self.client.get("/truth").json()["dripcel"]
        return truth


@contextmanager
def place(**switches: Any) -> Iterator[Place]:
    settings = SandboxSettings(dripcel={"rate_per_minute": 10_000, **switches})
    with running_sandbox(settings) as sandbox, httpx.Client(base_url=sandbox.url) as client:
        yield Place(sandbox.url, client)


def handed_over(
    reference: str = "m-1", address: str = ADA, message_id: str | None = "s-1", **fields: Any
) -> HandedOver:
    fields = {"claimed_at": NOW, "channel": Channel.SMS, "provider_message_id": message_id, **fields}
    return HandedOver(reference=reference, address=address, **fields)


def reader_of(*answers: Any, asked: list[httpx.Request] | None = None, **credentials: Any) -> DripcelReader:
    """A reader whose network gives these answers, bodies or responses, one after the other."""
    left = list(answers)

    def respond(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        answer = left.pop(0)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, text=json.dumps(answer))

    reader = DripcelReader(
        DripcelCredentials(base_url="https://dripcel.example.com", api_key="sandbox-dripcel-key", **credentials),
        transport=httpx.MockTransport(respond),
        retry=ONCE,
    )
    reader.use_pace(AtOnce())
    return reader


def rows(*pairs: tuple[str | None, str | None], **beside: Any) -> dict[str, Any]:
    """An answer with a delivery record for each `customerId` and status."""
    members = [{"customerId": customer_id, "status": status} for customer_id, status in pairs]
    records = [{name: value for name, value in record.items() if value is not None} for record in members]
    return {"ok": True, "data": records, **beside}


async def all_of(pages: AsyncIterator[Sequence[Any]]) -> list[Any]:
    return [one async for page in pages for one in page]


async def keep(pages: AsyncIterator[Sequence[Any]], kept: list[Any]) -> None:
    async for page in pages:
        kept += page


async def words_of(reader: DripcelReader, *messages: HandedOver) -> list[tuple[Any, ...]]:
    reports = await all_of(reader.fetch_statuses(messages))
    return [(report.reference, report.status, report.reason, report.raw_status) for report in reports]


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("pending", S.ACCEPTED, None),
        ("queued", S.ACCEPTED, None),
        ("scheduled", S.SCHEDULED, None),
        ("sent", S.SENT, None),
        ("submitted", S.SENT, None),
        ("delivered", S.DELIVERED, None),
        ("undelivered", S.UNDELIVERED, "not_delivered"),
        ("undeliverable", S.UNDELIVERED, "not_delivered"),
        ("expired", S.UNDELIVERED, "expired"),
        ("failed", S.FAILED, "provider_error"),
        ("error", S.FAILED, "provider_error"),
        ("rejected", S.REJECTED, "refused"),
        ("opted_out", S.REJECTED, "opted_out"),
        ("optOut", S.REJECTED, "opted_out"),
        ("skipped", S.REJECTED, "not_a_contact"),
        ("cancelled", S.CANCELLED, None),
        ("canceled", S.CANCELLED, None),
        ("Delivered", S.DELIVERED, None),
        ("ENROUTE", None, None),
    ],
)
async def test_a_word_is_read_by_the_table_and_kept_as_it_is(word: str, status: Any, reason: str | None) -> None:
    async with reader_of(rows(("s-1", word))) as reader:
        [report] = await all_of(reader.fetch_statuses([handed_over()]))
    assert report == StatusReport(
        status=status,
        raw_status=word,
        reason=reason,
        reference="m-1",
        provider_message_id="s-1",
        address=ADA,
    )


async def test_words_of_an_organisations_own_add_to_the_table_and_replace_it() -> None:
    own = {"DELIVRD": "delivered", "Sent": "delivered", "skipped": "rejected"}
    answer = rows(*(("s-1", word) for word in ("delivrd", "sent", "SKIPPED", "expired")))
    async with reader_of(answer, status_words=own) as reader:
        assert await words_of(reader, handed_over()) == [
            ("m-1", S.DELIVERED, None, "delivrd"),
            ("m-1", S.DELIVERED, None, "sent"),
            ("m-1", S.REJECTED, "not_a_contact", "SKIPPED"),
            ("m-1", S.UNDELIVERED, "expired", "expired"),
        ]


def test_own_words_come_from_an_environment_variable_as_json() -> None:
    read = DripcelCredentials.model_validate({"api_key": "x", "status_words": '{"DELIVRD": "delivered"}'})
    assert read.status_words == {"delivrd": "delivered"}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("DELIVRD=delivered", "not JSON"),
        ({"DELIVRD": "deliverd"}, "did you mean `delivered`"),
        ({"LOST": "unknown"}, "which no provider reports"),
        ({"LOST": "unconfirmed"}, "which no provider reports"),
        ({" ": "sent"}, "is empty"),
        ({"Sent": "sent", "SENT": "sent"}, "given twice"),
        ('["sent"]', "dictionary"),
    ],
)
def test_own_words_that_cannot_be_used_are_named(words: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        DripcelCredentials.model_validate({"api_key": "x", "status_words": words})


async def test_every_poll_of_the_sandbox_is_followed_to_the_end() -> None:
    with place(status_words={"sent": "ENROUTE"}) as sandbox:
        message = await sandbox.send("m-1")
        async with sandbox.reader() as reader:
            seen = [await words_of(reader, message) for _ in range(3)]
        assert sandbox.truth["warnings"] == []
    assert seen == [
        [("m-1", S.ACCEPTED, None, "pending")],
        [("m-1", None, None, "ENROUTE")],
        [("m-1", S.DELIVERED, None, "delivered")],
    ]


async def test_each_sms_is_asked_for_by_its_id_and_those_to_one_cell_together() -> None:
    asked: list[httpx.Request] = []
    messages = [
        handed_over("m-1", ADA, "s-1"),
        handed_over("m-2", ALAN, "s-2"),
        handed_over("m-3", ADA, "s-3"),
        handed_over("m-4", ADA, None),
        handed_over("m-5", "ada@example.com", None, channel=Channel.EMAIL),
    ]
    shared = rows(("s-1", "sent"), ("s-0", "delivered"), ("s-3", "delivered"))
    async with reader_of(shared, rows(("s-2", "sent")), asked=asked) as reader:
        pages = [page async for page in reader.fetch_statuses(messages)]
    assert [[report.reference for report in page] for page in pages] == [["m-1", "m-3"], ["m-2"]]
    assert [(request.method, request.url.path, dict(request.url.params)) for request in asked] == [
        ("GET", "/deliveries", {"cell": "12025550101"}),
        ("GET", "/deliveries", {"customerId": "s-2"}),
    ]
    assert {request.headers["authorization"] for request in asked} == {"Bearer sandbox-dripcel-key"}


async def test_what_the_answer_about_a_cell_leaves_out_is_asked_for_by_its_id() -> None:
    asked: list[httpx.Request] = []
    messages = [handed_over("m-1", ADA, "s-1"), handed_over("m-2", ADA, "s-2")]
    async with reader_of(rows(("s-2", "sent")), rows(("s-1", "delivered")), asked=asked) as reader:
        assert {reference for reference, *_ in await words_of(reader, *messages)} == {"m-1", "m-2"}
    assert [request.url.query for request in asked] == [b"cell=12025550101", b"customerId=s-1"]


async def test_a_cell_that_is_refused_is_no_reason_not_to_ask_by_id() -> None:
    refusal = httpx.Response(400, json={"ok": False, "error": "Invalid cell number"})
    messages = [handed_over("m-1", ADA, "s-1"), handed_over("m-2", ADA, "s-2")]
    async with reader_of(refusal, rows(("s-1", "sent")), rows(("s-2", "sent"))) as reader:
        assert len(await words_of(reader, *messages)) == 2


async def test_pages_are_followed_in_both_spellings() -> None:
    for spelling in ("camel_case", "snake_case"):
        with place(deliveries_page=2, pagination_keys=spelling) as sandbox:
            messages = [await sandbox.send(f"m-{number}") for number in range(5)]
            async with sandbox.reader() as reader:
                assert len(await words_of(reader, *messages)) == 5
            assert sandbox.truth["requests"] == 5 + 3


@pytest.mark.parametrize("pagination", [{"hasNext": True}, {"hasNext": True, "nextCursor": "2"}])
async def test_pages_that_lead_nowhere_end_in_questions_by_id(pagination: dict[str, Any]) -> None:
    asked: list[httpx.Request] = []
    pages = [rows(("s-1", "sent"), pagination=pagination)] * len(pagination)
    messages = [handed_over("m-1", ADA, "s-1"), handed_over("m-2", ADA, "s-2")]
    async with reader_of(*pages, rows(("s-1", "sent")), rows(("s-2", "sent")), asked=asked) as reader:
        assert {reference for reference, *_ in await words_of(reader, *messages)} == {"m-1", "m-2"}
    cell, again = b"cell=12025550101", b"cell=12025550101&cursor=2"
    by_id = [b"customerId=s-1", b"customerId=s-2"]
    assert [request.url.query for request in asked] == [cell, again][: len(pages)] + by_id


async def test_a_page_that_says_that_it_is_the_last_is_the_last() -> None:
    last = rows(("s-1", "sent"), pagination={"hasNext": False, "nextCursor": "2"})
    async with reader_of(last) as reader:
        assert len(await words_of(reader, handed_over())) == 1


async def test_each_part_of_a_message_is_a_report_and_no_record_is_none() -> None:
    two_parts = rows(("s-1", "delivered"), ("s-1", "expired"))
    async with reader_of(two_parts, rows(), rows(("s-1", None)), rows((None, "sent"))) as reader:
        assert [status for _, status, *_ in await words_of(reader, handed_over())] == [S.DELIVERED, S.UNDELIVERED]
        assert await words_of(reader, handed_over()) == []
        assert await words_of(reader, handed_over()) == []
        assert await words_of(reader, handed_over()) == [("m-1", S.SENT, None, "sent")]


async def test_an_id_that_is_not_found_tells_nothing_and_other_refusals_are_errors() -> None:
    missing = httpx.Response(404, json={"ok": False, "error": {"code": "resource_not_found", "message": "-"}})
    refusal = httpx.Response(400, json={"ok": False, "error": "customerId: not an id"})
    async with reader_of(missing, rows(("s-2", "sent")), refusal) as reader:
        messages = [handed_over("m-1", ADA, "s-1"), handed_over("m-2", ALAN, "s-2")]
        assert [reference for reference, *_ in await words_of(reader, *messages)] == ["m-2"]
        with pytest.raises(RequestRejected):
            await words_of(reader, handed_over())


@pytest.mark.parametrize(
    "answer", [{"ok": True}, {"ok": True, "data": {}}, {"data": None}, {"ok": True, "data": ["s-1"]}, []]
)
async def test_an_answer_without_a_list_is_an_error_and_not_an_empty_list(answer: Any) -> None:
    async with reader_of(answer, answer) as reader:
        with pytest.raises(OutcomeUnknown):
            await words_of(reader, handed_over())
        with pytest.raises(OutcomeUnknown):
            await all_of(reader.find([handed_over(message_id=None)], frozenset()))


async def test_throttling_tells_when_to_go_on_and_what_was_yielded_before_holds() -> None:
    with place(rate_window="sliding") as sandbox:
        messages = [await sandbox.send("m-1"), await sandbox.send("m-2", ALAN)]
        sandbox.set(rate_per_minute=3)
        kept: list[StatusReport] = []
        async with sandbox.reader() as reader:
            with pytest.raises(ProviderThrottled) as caught:
                await keep(reader.fetch_statuses(messages), kept)
    assert caught.value.retry_after_seconds == pytest.approx(60, abs=5)
    assert [report.reference for report in kept] == ["m-1"]


async def test_a_question_whose_answer_is_lost_is_asked_again() -> None:
    with place() as sandbox:
        message = await sandbox.send("m-1")
        sandbox.set(respond=["lose_after", "http:503"])
        async with sandbox.reader(RetryPolicy(first_wait_seconds=0.001)) as reader:
            assert len(await words_of(reader, message)) == 1


def verdicts(findings: Sequence[Finding]) -> dict[str, Verdict]:
    return {finding.reference: finding.verdict for finding in findings}


@pytest.mark.parametrize("fault", ["lose_after", "http_after:500", "lose_before", "http:503"])
async def test_a_lost_answer_is_settled_by_what_dripcel_has_of_the_cell(fault: str) -> None:
    with place() as sandbox:
        known = await sandbox.send("m-0")
        sandbox.set(respond=[fault])
        lost = await sandbox.send("m-1")
        assert lost.provider_message_id is None
        async with sandbox.reader() as reader:
            [finding] = await all_of(reader.find([lost], frozenset({known.provider_message_id or ""})))
        recorded = [row["id"] for row in sandbox.truth["recipients"]]
        if "after" not in fault:
            assert (finding.verdict, finding.report, len(recorded)) == (Verdict.ABSENT, None, 1)
            return
        assert finding == Finding(
            reference="m-1",
            verdict=Verdict.FOUND,
            report=StatusReport(
                status=S.ACCEPTED,
                raw_status="pending",
                reference="m-1",
                provider_message_id=recorded[1],
                address=ADA,
            ),
        )


async def test_lost_messages_to_one_cell_get_an_id_each_in_their_order_by_one_question() -> None:
    asked: list[httpx.Request] = []
    lost = [
        handed_over("m-2", message_id=None, rivals=2, claimed_at=NOW),
        handed_over("m-1", message_id=None, rivals=2, claimed_at=NOW - timedelta(hours=1)),
    ]
    answer = rows(("s-1", "sent"), ("s-2", "delivered"), ("s-3", "sent"), ("s-3", "failed"), ("s-4", "new"))
    async with reader_of(answer, asked=asked) as reader:
        findings = await all_of(reader.find(lost, frozenset({"s-1"})))
    assert len(asked) == 1
    found = {finding.reference: finding.report for finding in findings}
    assert {reference: report.provider_message_id for reference, report in found.items()} == {
        "m-1": "s-3",
        "m-2": "s-4",
    }
    assert (found["m-1"].status, found["m-2"].status, found["m-2"].raw_status) == (S.FAILED, S.ACCEPTED, "new")


@pytest.mark.parametrize(
    ("unknown_ids", "rivals", "verdict"),
    [
        (0, 1, Verdict.ABSENT),
        (0, 3, Verdict.ABSENT),
        (1, 1, Verdict.FOUND),
        (1, 2, Verdict.UNDECIDED),
        (2, 3, Verdict.UNDECIDED),
        (2, 2, Verdict.FOUND),
        (3, 2, Verdict.FOUND),
    ],
)
async def test_with_fewer_ids_than_rivals_nothing_is_said(unknown_ids: int, rivals: int, verdict: Verdict) -> None:
    answer = rows(*((f"s-{number}", "sent") for number in range(unknown_ids)))
    async with reader_of(answer) as reader:
        [finding] = await all_of(reader.find([handed_over(message_id=None, rivals=rivals)], frozenset()))
    assert finding.verdict is verdict


async def test_a_rival_that_is_too_young_to_be_asked_about_leaves_the_older_id() -> None:
    async with reader_of(rows(("s-1", "sent"), ("s-2", "sent"))) as reader:
        [finding] = await all_of(reader.find([handed_over(message_id=None, rivals=2)], frozenset()))
    assert finding.report.provider_message_id == "s-1"


def dated(number: int, at: datetime) -> dict[str, Any]:
    return {"_id": f"{int(at.timestamp()):08x}{number:016x}", "customerId": f"s-{number}", "status": "sent"}


async def test_records_from_before_the_send_are_not_taken_for_it_and_forbid_to_send_again() -> None:
    old = dated(1, NOW - timedelta(days=30))
    lost = handed_over(message_id=None)
    answers = [
        {"ok": True, "data": [old]},
        {"ok": True, "data": [dated(2, NOW + timedelta(seconds=1)), old]},
        {"ok": True, "data": [{**old, "_id": "0" * 24}]},
    ]
    async with reader_of(*answers) as reader:
        findings = [one for _ in answers for one in await all_of(reader.find([lost], frozenset()))]
    assert [finding.verdict for finding in findings] == [Verdict.UNDECIDED, Verdict.FOUND, Verdict.FOUND]
    assert [finding.report.provider_message_id for finding in findings[1:]] == ["s-2", "s-1"]


async def test_the_newest_records_are_taken_whatever_their_order() -> None:
    records = [dated(number, NOW + timedelta(seconds=number)) for number in (3, 1, 2)]
    async with reader_of({"ok": True, "data": records}) as reader:
        [finding] = await all_of(reader.find([handed_over(message_id=None)], frozenset()))
    assert finding.report.provider_message_id == "s-3"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"ok": False, "error": "Contact not found"}),
        httpx.Response(400, json={"ok": False, "error": "Invalid cell number"}),
        rows(pagination={"hasNext": True}),
        rows((None, "sent")),
    ],
)
async def test_a_question_that_is_refused_or_half_answered_proves_no_absence(answer: Any) -> None:
    lost = [handed_over("m-1", message_id=None), handed_over("m-2", ALAN, None)]
    async with reader_of(answer, rows()) as reader:
        findings = await all_of(reader.find(lost, frozenset()))
    assert verdicts(findings) == {"m-1": Verdict.UNDECIDED, "m-2": Verdict.ABSENT}


async def test_a_lost_email_stays_undecided_and_costs_no_request() -> None:
    async with reader_of() as reader:
        lost = handed_over("m-1", "ada@example.com", None, channel=Channel.EMAIL)
        assert verdicts(await all_of(reader.find([lost], frozenset()))) == {"m-1": Verdict.UNDECIDED}
        assert await all_of(reader.fetch_statuses([lost])) == []


async def test_replies_are_told_once_more_under_their_key_when_their_class_has_changed() -> None:
    with place() as sandbox:
        await sandbox.send("m-1", campaign_id=SALE)
        enough = sandbox.reply("That is enough")
        sandbox.reply("Yes please", ALAN)
        since = datetime.now(UTC) - DripcelReader.opt_out_overlap
        async with sandbox.reader() as reader:
            before = await all_of(reader.fetch_opt_outs(since))
            sandbox.reclassify(enough, "optOut")
            after = await all_of(reader.fetch_opt_outs(since))
            assert await all_of(reader.fetch_opt_outs(datetime.now(UTC) + timedelta(minutes=1))) == []
        assert sandbox.truth["warnings"] == []
    at = datetime.fromisoformat(enough["Received"])
    told = ReplyReport(
        channel=Channel.SMS,
        address=ADA,
        text="That is enough",
        at=at,
        dedupe_key=f"reply:{enough['_id']}",
    )
    opts_out = ConsentReport(
        channel=Channel.SMS, address=ADA, at=at + timedelta(microseconds=1), source="replies/search"
    )
    assert before[0] == told
    assert [(type(report).__name__, report.address) for report in before[1:]] == [
        ("ReplyReport", ALAN),
        ("ConsentReport", ALAN),
    ]
    assert before[2].is_opt_in
    assert after == [told, opts_out, *before[1:]]


@pytest.mark.parametrize("kinds", [["optIn", "optOut"], ["optOut", "optIn"]])
async def test_of_two_verdicts_on_one_reply_the_opt_out_is_the_newer(kinds: list[str]) -> None:
    with place() as sandbox:
        reply = sandbox.reply("Yes, stop")
        times: dict[bool, datetime] = {}
        async with sandbox.reader() as reader:
            for kind in kinds:
                sandbox.reclassify(reply, kind)
                _, consent = await all_of(reader.fetch_opt_outs(NOW))
                times[consent.is_opt_in] = consent.at
    assert times == {
        True: datetime.fromisoformat(reply["Received"]),
        False: datetime.fromisoformat(reply["Received"]) + timedelta(microseconds=1),
    }


async def test_the_question_for_replies_is_in_utc() -> None:
    asked: list[httpx.Request] = []
    async with reader_of({"ok": True, "data": []}, asked=asked) as reader:
        assert await all_of(reader.fetch_opt_outs(datetime.fromisoformat("2026-01-05T13:00:00+02:00"))) == []
    [request] = asked
    assert (request.method, request.url.path) == ("POST", "/replies/search")
    assert request.content == b'{"Received":{"$gte":"2026-01-05T11:00:00.000Z"}}'


@pytest.mark.parametrize(
    ("msisdn", "address"),
    [
        ("27711234567", "+27711234567"),
        (27711234568, "+27711234568"),
        ("+27 71 123 4567", "+27711234567"),
        ("0027711234567", "+27711234567"),
        ("0711234567", "+27711234567"),
        ("anonymous", None),
        (None, None),
    ],
)
async def test_an_opt_out_is_not_lost_for_the_spelling_of_its_number(msisdn: Any, address: str | None) -> None:
    record = {"_id": "r-1", "Msisdn": msisdn, "Message": "STOP", "kind": "optOut", "Received": "soon"}
    async with reader_of({"ok": True, "data": [record]}) as reader:
        reports = await all_of(reader.fetch_opt_outs(NOW))
    assert [report.address for report in reports] == ([] if address is None else [address] * 2)
    assert {report.at for report in reports} <= {None}


@pytest.mark.parametrize("pagination", [{"hasNext": True}, {"has_next": True, "next_cursor": "2"}])
async def test_replies_that_dripcel_keeps_to_itself_are_an_error_after_those_it_tells(
    pagination: dict[str, Any],
) -> None:
    record = {"_id": "r-1", "Msisdn": "12025550101", "Message": "STOP \ud83d\0", "kind": "optOut"}
    kept: list[Any] = []
    async with reader_of({"ok": True, "data": [record], "pagination": pagination}) as reader:
        with pytest.raises(ProviderError) as caught:
            await keep(reader.fetch_opt_outs(NOW), kept)
    assert caught.value.reason == "incomplete_answer"
    assert [type(report) for report in kept] == [ReplyReport, ConsentReport]
    assert kept[0].text == "STOP ?\ufffd"


def test_what_it_is_and_is_not() -> None:
    assert DripcelReader.max_requests_per_second == pytest.approx(50 / 60)
    assert DripcelReader.shares_sending_rate
    assert DripcelReader.finds_by_elimination
    sms = Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"})
    email = Content.model_validate(
        {
            "channel": "email",
            "purpose": "transactional",
            "template": {"id": "000000000000000000000e01"},
            "sender": "shop@example.com",
        }
    )
    assert [Dripcel.gives_receipts(content, Dripcel.Options()) for content in (sms, email)] == [True, False]
    with pytest.raises(TypeError):
        DripcelReader(ProviderCredentials())
