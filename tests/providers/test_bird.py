"""What only Bird's adapter has: batches, warnings, and limits that its options hold."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deployments.sandbox import SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, BatchReceipt, OutboundMessage
from tasks.providers.bird.adapter import Bird
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tasks.providers.http import RetryPolicy
from tests.providers.cases_bird import CASES
from tests.providers.problems_bird import ID, MMS, PROJECT
from tests.providers.test_against_sandbox import CREDENTIALS, expected, people, received, truth_of

pytestmark = pytest.mark.anyio

HELLO = {"channel": "sms", "purpose": "transactional", "text": "Hello {{ first_name }}"}
MARKETING = {**HELLO, "purpose": "marketing"}
BATCH = Batch("run7-1-1", None)


def build(
    network: httpx.AsyncBaseTransport,
    *,
    content: dict[str, Any] | None = None,
    credentials: dict[str, Any] | None = None,
    **options: Any,
) -> Bird:
    return Bird(
        Bird.Credentials.model_validate(credentials or CREDENTIALS["bird"]),
        Content.model_validate(content or HELLO),
        Bird.Options.model_validate(options),
        transport=network,
        retry=RetryPolicy(attempts=1),
    )


def answering(status: int, body: Any) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, json=body))


def refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request} was sent")


async def test_a_text_message_without_a_text_is_a_mistake_of_the_caller() -> None:
    async with build(httpx.MockTransport(refuse)) as bird:
        with pytest.raises(ValueError, match="no text"):
            await bird.send([OutboundMessage("m-1", "+12025550101")])


@pytest.mark.parametrize("batch_key", ["id", "batchId"])
async def test_a_batch_reaches_everybody_once_with_a_text_of_their_own(batch_key: str) -> None:
    sandbox, messages = create_app(SandboxSettings(bird={"batch_key": batch_key})), people(250)
    async with build(httpx.ASGITransport(sandbox), batch=True) as bird:
        outcomes = [
            outcome
            for first in range(0, 250, 100)
            for outcome in await bird.send(messages[first : first + 100], Batch(f"run7-{first}-1", None))
        ]
    truth = await truth_of(sandbox, "bird")
    assert truth["warnings"] == truth["received_twice"] == []
    assert truth["requests"] == 3
    assert received(truth) == expected(messages)
    assert {recipient["reference"] for recipient in truth["recipients"]} == {one.reference for one in outcomes}
    assert [outcome.reference for outcome in outcomes] == [message.reference for message in messages]
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}
    assert {outcome.provider_message_id for outcome in outcomes} == {None}
    assert len({outcome.batch.ticket for outcome in outcomes if outcome.batch}) == 3


async def test_one_bad_message_of_a_batch_leaves_the_others_well() -> None:
    sandbox = create_app(SandboxSettings(bird={"delivery_step_seconds": 0}))
    messages = [*people(2), OutboundMessage("bad", "12025550101", "US", "Hello")]
    async with build(httpx.ASGITransport(sandbox), batch=True) as bird:
        outcomes = await bird.send(messages, BATCH)
    truth = await truth_of(sandbox, "bird")
    statuses = {recipient["reference"]: recipient["status"] for recipient in truth["recipients"]}
    assert statuses == {"m-0": "delivered", "m-1": "delivered", "bad": "rejected"}
    # Its rejection comes later, by push or look-up: the answer to a batch does not tell.
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}


@pytest.mark.parametrize(("respond", "count"), [("lose_before", 0), ("lose_after", 3), ("http_after:502", 3)])
async def test_a_batch_whose_answer_is_lost_is_unknown_and_was_asked_once(respond: str, count: int) -> None:
    sandbox = create_app(SandboxSettings(bird={"respond": respond}))
    async with build(httpx.ASGITransport(sandbox), batch=True) as bird:
        with pytest.raises(OutcomeUnknown):
            await bird.send(people(3), BATCH)
    truth = await truth_of(sandbox, "bird")
    assert (truth["requests"], truth["recipients_received"]) == (1, count)


@pytest.mark.parametrize(
    ("status", "body", "error_class", "reason"),
    [
        (422, {"code": "InvalidPayload"}, RequestRejected, "bad_request"),
        (401, {}, CredentialsRejected, "auth"),
        (402, {}, CreditExhausted, "no_credit"),
        (404, {}, CredentialsRejected, "wrong_workspace_or_channel"),
        (429, {}, ProviderThrottled, "rate_limited"),
        (500, {}, OutcomeUnknown, "server_error"),
        (202, {}, OutcomeUnknown, "no_batch_id"),
        (202, [], OutcomeUnknown, "no_batch_id"),
    ],
)
async def test_an_error_of_a_batch_has_its_class(
    status: int, body: Any, error_class: type[ProviderError], reason: str
) -> None:
    async with build(answering(status, body), batch=True) as bird:
        with pytest.raises(ProviderError) as caught:
            await bird.send(people(2), BATCH)
    assert (type(caught.value), caught.value.reason) == (error_class, reason)


async def test_a_batch_takes_a_hundred_messages_and_no_text_for_all() -> None:
    async with build(httpx.MockTransport(refuse), batch=True) as bird:
        with pytest.raises(ValueError, match="1 to 100 messages"):
            await bird.send(people(101), BATCH)
        with pytest.raises(ValueError, match="1 to 100 messages"):
            await bird.send([], BATCH)
        with pytest.raises(ValueError, match="own text"):
            await bird.send(people(2), Batch("run7-1-1", "Hello"))


async def test_a_batch_over_200_kb_is_refused_before_it_is_sent() -> None:
    messages = [OutboundMessage(f"m-{n}", "+12025550101", "US", "é" * 1_000) for n in range(100)]
    async with build(httpx.MockTransport(refuse), batch=True) as bird:
        with pytest.raises(RequestRejected, match="not sent") as caught:
            await bird.send(messages, BATCH)
    assert caught.value.reason == "request_too_large"


async def test_a_batch_of_just_200_kb_is_sent_and_measured_as_it_is_on_the_wire() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.content))
        return httpx.Response(202, json={"id": "b-1"})

    async with build(httpx.MockTransport(answer), batch=True) as bird:
        await bird.send([OutboundMessage("m-1", "+12025550101", "US", "é")], BATCH)
        rest = 200_000 - sizes[0]
        await bird.send([OutboundMessage("m-1", "+12025550101", "US", "é" + "x" * rest)], BATCH)
        with pytest.raises(RequestRejected):
            await bird.send([OutboundMessage("m-1", "+12025550101", "US", "é" + "x" * (rest + 1))], BATCH)
    assert sizes[1:] == [200_000]


def test_long_messages_make_smaller_batches() -> None:
    def most(content: dict[str, Any], **options: Any) -> int:
        chosen = Bird.Options.model_validate({"batch": True, **options})
        return Bird.capabilities_for(Content.model_validate(content), chosen).recommended_recipients_per_request[1]

    assert most(HELLO) == 100
    assert most({**HELLO, "text": "é" * 1_500}) == 47
    assert most(HELLO, meta={"extra_information": {"note": "x" * 3_000}}) == 46
    assert most({**MMS, "text": "Look"}, text={"attachments": []}) == 100
    template = {"id": PROJECT, "fields": {"a": "x" * 3_000}}
    assert most({"channel": "sms", "purpose": "transactional", "template": template}) == 46
    assert most({**HELLO, "text": "é" * 150_000}) == 1


def test_what_a_request_takes_depends_on_the_options() -> None:
    content = Content.model_validate(HELLO)
    alone = Bird.capabilities_for(content, Bird.Options())
    assert (alone.max_recipients_per_request, alone.batches_own_texts) == (1, False)
    assert not alone.addresses_external_codes
    options = Bird.Options.model_validate({"batch": True, "receiver": {"identifier_key": "contact_id"}})
    batched = Bird.capabilities_for(content, options)
    assert (batched.max_recipients_per_request, batched.recommended_recipients_per_request) == (100, (1, 100))
    assert batched.batches_own_texts
    assert batched.addresses_external_codes
    assert batched.max_requests_in_flight < alone.max_requests_in_flight


async def test_only_the_contact_whose_id_is_missing_fails() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["messageRequests"])
        return httpx.Response(202, json={"id": "b-1"})

    messages = [
        OutboundMessage("m-1", "", None, "Hello", external_code=ID),
        OutboundMessage("m-2", "+12025550101", "US", "Hello"),
        OutboundMessage("m-3", "", None, "Hello", external_code=ID.upper()),
    ]
    network = httpx.MockTransport(answer)
    async with build(network, batch=True, receiver={"identifier_key": "contact_id"}) as bird:
        outcomes = await bird.send(messages, BATCH)
    assert [outcome.reason for outcome in outcomes] == [None, "missing_contact_id", None]
    assert [outcome.batch for outcome in outcomes] == [BatchReceipt("b-1"), None, BatchReceipt("b-1")]
    assert [one["receiver"]["contacts"] for one in asked[0]] == [[{"id": ID}], [{"id": ID.upper()}]]


async def test_a_wrong_workspace_stops_the_run_instead_of_rejecting_everybody() -> None:
    async with build(answering(404, {"code": "NotFound"}), credentials=CASES.credentials) as bird:
        with pytest.raises(CredentialsRejected, match="workspace_id and channel_id") as caught:
            await bird.send(people(1))
    assert caught.value.stops_run
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("content", "options", "warnings"),
    [
        (HELLO, {}, []),
        ({"send_at": timedelta(minutes=9)}, {}, ["schedule.send_at: "]),
        ({"send_at": timedelta(minutes=-9)}, {}, ["schedule.send_at: "]),
        ({"send_at": timedelta(minutes=11)}, {}, []),
        (HELLO, {"ignore_quiet_hours": True}, []),
        (MARKETING, {"ignore_quiet_hours": False}, []),
        (MARKETING, {"ignore_quiet_hours": True}, ["options.bird.ignore_quiet_hours: "]),
        (MARKETING, {"cap_frequency": True}, ["options.bird.cap_frequency: "]),
        (MARKETING, {"cap_frequency": True, "receiver": {"identifier_key": "contact_id"}}, []),
    ],
)
def test_what_bird_would_do_otherwise_than_expected_is_a_warning_and_no_problem(
    content: dict[str, Any], options: dict[str, Any], warnings: list[str]
) -> None:
    if isinstance(ahead := content.get("send_at"), timedelta):
        content = {**HELLO, "send_at": datetime.now(UTC) + ahead}
    campaign, chosen = Content.model_validate(content), Bird.Options.model_validate(options)
    found = Bird.find_warnings(campaign, chosen)
    assert len(found) == len(warnings)
    assert all(said.startswith(key) for said, key in zip(found, warnings, strict=True))
    assert Bird.find_problems(campaign, chosen) == []


def test_tags_are_lower_cased_and_at_most_ten() -> None:
    tags = [f"Tag{n}" for n in range(10)]
    assert Bird.Options.model_validate({"tags": tags}).model_dump()["tags"] == tuple(tag.lower() for tag in tags)
    with pytest.raises(ValueError, match="at most 10"):
        Bird.Options.model_validate({"tags": [*tags, "one more"]})


@pytest.mark.parametrize("validity", [0, -1])
def test_a_validity_is_positive(validity: int) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Bird.Options.model_validate({"validity": validity})
