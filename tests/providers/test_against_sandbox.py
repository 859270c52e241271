"""The adapters against the sandbox, which reads the providers' pages independently and keeps the truth."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deployments.sandbox import Sandbox, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Balance, Batch, OutboundMessage, Provider
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    RequestRejected,
)
from tasks.providers.http import RetryPolicy
from tasks.providers.registry import load_provider
from tests.providers.cases import RequestCase
from tests.providers.cases_bird import CASES as BIRD_CASES
from tests.providers.cases_dripcel import CASES as DRIPCEL_CASES
from tests.providers.cases_indigitall import CASES as INDIGITALL_CASES
from tests.providers.cases_octopush import CASES as OCTOPUSH_CASES

pytestmark = pytest.mark.anyio

CREDENTIALS: dict[str, dict[str, Any]] = {
    "octopush": {
        "base_url": "http://localhost/octopush/v1/public",
        "api_login": "sandbox@example.com",
        "api_key": "sandbox-octopush-key",
    },
    "bird": {
        "base_url": "http://localhost/bird",
        "access_key": "sandbox-bird-key",
        "workspace_id": "00000000-0000-4000-8000-0000000000a1",
        "channel_id": "00000000-0000-4000-8000-0000000000c1",
    },
    "dripcel": {"base_url": "http://localhost/dripcel", "api_key": "sandbox-dripcel-key"},
    "indigitall": {
        "base_url": "http://localhost/indigitall",
        "server_key": "00000000-0000-4000-8000-0000000000d1",
        "application_id": 1001,
    },
}
SMS = {"channel": "sms", "purpose": "transactional", "text": "Hello {{ first_name }}"}
CONTENT = {"indigitall": {"channel": "sms", "purpose": "transactional", "template": {"id": "101"}}}
"""What is sent where nothing else is said, by providers that do not send texts."""
MARKETING = {"channel": "sms", "purpose": "marketing", "text": "Sale!"}
FRENCH_EXAMPLE_NUMBER = "+33612345678"
QUICK = RetryPolicy(first_wait_seconds=0.001)


def build(
    name: str, sandbox: Sandbox, content: dict[str, Any] | Content | None = None, **changes: Any
) -> Provider:
    adapter: Any = load_provider(name)
    options = changes.pop("options", {})
    built: Provider = adapter(
        adapter.Credentials(**{**CREDENTIALS[name], **changes}),
        Content.model_validate(content or CONTENT.get(name, SMS)),
        adapter.Options(**options),
        transport=httpx.ASGITransport(sandbox),
        retry=QUICK,
    )
    return built


async def truth_of(sandbox: Sandbox, name: str) -> dict[str, Any]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox), base_url="http://localhost") as client:
        truth: dict[str, Any] = (await client.get("/truth")).json()[name]
        return truth


def people(count: int) -> list[OutboundMessage]:
    """Messages to that many numbers reserved for fiction."""
    areas = (201, 202, 203, 205, 206, 207, 208)
    numbers = [f"+1{area}55501{last:02}" for area in areas for last in range(100)]
    return [
        OutboundMessage(f"m-{n}", number, "US", f"Hello Name{n}", placeholder_values={"first_name": f"Name{n}"})
        for n, number in enumerate(numbers[:count])
    ]


def expected(messages: Sequence[OutboundMessage]) -> list[tuple[str, str | None]]:
    return sorted((message.address, message.text) for message in messages)


def received(truth: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((recipient["address"], recipient["text"]) for recipient in truth["recipients"])


async def test_octopush_takes_personal_batches_exactly_once_without_an_objection() -> None:
    sandbox, messages = create_app(), people(600)
    async with build("octopush", sandbox) as octopush:
        batches = [
            octopush.send(messages[at : at + 300], Batch(f"run7-{at:06}", "Hello {first_name}")) for at in (0, 300)
        ]
        outcomes = [outcome for batch in await asyncio.gather(*batches) for outcome in batch]
    truth = await truth_of(sandbox, "octopush")
    assert truth["warnings"] == truth["received_twice"] == []
    assert received(truth) == expected(messages)
    assert [outcome.reference for outcome in outcomes] == [message.reference for message in messages]
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}
    assert {outcome.provider_message_id for outcome in outcomes} == {row["id"] for row in truth["recipients"]}
    assert sum(outcome.cost or 0 for outcome in outcomes) == Decimal(1_000_000) - Decimal(str(truth["credit"]))


async def test_bird_takes_messages_exactly_once_without_an_objection() -> None:
    sandbox, messages = create_app(), people(400)
    async with build("bird", sandbox) as bird:
        outcomes = [one for [one] in await asyncio.gather(*(bird.send([message]) for message in messages))]
    truth = await truth_of(sandbox, "bird")
    assert truth["warnings"] == truth["received_twice"] == []
    assert received(truth) == expected(messages)
    by_reference = {recipient["reference"]: recipient["id"] for recipient in truth["recipients"]}
    assert {outcome.reference: outcome.provider_message_id for outcome in outcomes} == by_reference
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}


async def test_indigitall_takes_personal_batches_exactly_once_without_an_objection() -> None:
    sandbox = create_app()
    campaign = {**CONTENT["indigitall"], "template": {"id": "101", "fields": {"text": "Hello {{ first_name }}"}}}
    messages = [replace(one, template_fields={"text": one.text or ""}) for one in people(600)]
    async with build("indigitall", sandbox, campaign) as indigitall:
        batches = [indigitall.send(messages[at : at + 300], Batch(f"run7-{at:06}", None)) for at in (0, 300)]
        outcomes = [outcome for batch in await asyncio.gather(*batches) for outcome in batch]
    truth = await truth_of(sandbox, "indigitall")
    assert truth["warnings"] == truth["received_twice"] == []
    assert received(truth) == expected(messages)
    by_reference = {recipient["reference"]: recipient["id"] for recipient in truth["recipients"]}
    assert {outcome.reference: outcome.provider_message_id for outcome in outcomes} == by_reference
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}


# One case per request: the cases that differ only in the answer would repeat it. Left out are those that show how
# the adapter copes with what a strict reader objects to.
OBJECTIONABLE = {
    "every option",
    "a dropped recipient is not named, so nobody has a price",
    "two phases that leave nobody out",
    "a contact's id, and no number",  # the sandbox knows no contacts of Bird's
    "a batch by contact ids, of which one is missing",
    "a template that Dripcel fills in for its contacts",  # the sandbox knows no first name of theirs
    "a campaign without fields",
    "every option of an e-mail, scheduled",
}
OLDER_NAME = "auto_remove_blacklisted_numbers"
DISTINCT = {
    (name, str(case.request)): (name, case)
    for name, cases in (
        ("bird", BIRD_CASES),
        ("dripcel", DRIPCEL_CASES),
        ("indigitall", INDIGITALL_CASES),
        ("octopush", OCTOPUSH_CASES),
    )
    for case in reversed(cases.requests)
    if case.request is not None and case.id not in OBJECTIONABLE and OLDER_NAME not in str(case.id)
}


@pytest.mark.parametrize(
    ("name", "case"), [pytest.param(name, case, id=f"{name}: {case.id}") for name, case in DISTINCT.values()]
)
async def test_every_request_of_the_contract_suite_is_taken_without_an_objection(
    name: str, case: RequestCase
) -> None:
    sandbox = create_app()
    async with build(name, sandbox, case.content, options=case.options) as provider:
        outcomes = await provider.send(case.messages, case.batch)
    truth = await truth_of(sandbox, name)
    assert truth["warnings"] == []
    assert truth["recipients_received"] == len([one for one in outcomes if one.status.is_handed_over])
    assert [one.status for one in outcomes] == [one.status for one in case.outcomes]


@pytest.mark.parametrize("name", ["bird", "dripcel", "indigitall", "octopush"])
@pytest.mark.parametrize(
    ("respond", "recorded"),
    [("lose_before", 0), ("lose_after", 1), ("http:503", 0), ("http_after:503", 1), ("http_after:502", 1)],
)
async def test_a_lost_answer_is_unknown_and_was_asked_once_whether_it_was_recorded_or_not(
    name: str, respond: str, recorded: int
) -> None:
    sandbox = create_app(SandboxSettings(**{name: {"respond": respond}}))
    async with build(name, sandbox) as provider:
        with pytest.raises(OutcomeUnknown):
            await provider.send(people(1))
    truth = await truth_of(sandbox, name)
    assert truth["requests"] == 1
    assert truth["recipients_received"] == recorded


async def test_a_throttled_message_is_received_once() -> None:
    sandbox = create_app(SandboxSettings(bird={"respond": ["http:429", "http:429"]}))
    async with build("bird", sandbox) as bird:
        await bird.send(people(1))
    truth = await truth_of(sandbox, "bird")
    assert (truth["requests"], truth["recipients_received"]) == (3, 1)


@pytest.mark.parametrize(
    ("name", "switches", "changes", "error_class", "reason"),
    [
        ("bird", {}, {"access_key": "wrong-key"}, CredentialsRejected, "auth"),
        ("bird", {"credit": 0, "no_credit": "http_402"}, {}, CreditExhausted, "no_credit"),
        (
            "bird",
            {"workspace_id": "00000000-0000-4000-8000-0000000000a2"},
            {},
            CredentialsRejected,
            "wrong_workspace_or_channel",
        ),
        ("indigitall", {}, {"server_key": "wrong-key"}, CredentialsRejected, "auth"),
        ("indigitall", {}, {"base_url": "http://localhost/indigital"}, CredentialsRejected, "no_such_path"),
        ("indigitall", {"credit": 0}, {}, CreditExhausted, "no_credit"),
        ("indigitall", {"campaigns": {}}, {}, RequestRejected, "not_found"),
        ("indigitall", {"campaigns": {}, "campaign_missing": "http_400"}, {}, RequestRejected, "bad_request"),
        ("dripcel", {}, {"api_key": "wrong-key"}, CredentialsRejected, "auth"),
        ("dripcel", {"permissions": ["replies.read"]}, {}, CredentialsRejected, "auth"),
        ("dripcel", {"credit": 0}, {}, CreditExhausted, "no_credit"),
        ("dripcel", {"credit": 0, "no_credit": "http_400"}, {}, CreditExhausted, "no_credit"),
        ("octopush", {}, {"api_key": "wrong-key"}, CredentialsRejected, "auth"),
        ("octopush", {"credit": 0}, {}, CreditExhausted, "no_credit"),
    ],
)
async def test_a_refusal_has_its_class_and_nothing_is_recorded(
    name: str, switches: dict[str, Any], changes: dict[str, Any], error_class: type[ProviderError], reason: str
) -> None:
    sandbox = create_app(SandboxSettings(**{name: switches}))
    async with build(name, sandbox, **changes) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.send(people(1))
    assert (type(caught.value), caught.value.reason) == (error_class, reason)
    assert (await truth_of(sandbox, name))["recipients_received"] == 0


@pytest.mark.parametrize(("failure_code", "reason"), [(14999, "opted_out"), (11002, "bad_input")])
async def test_a_rejection_inside_a_202_is_a_rejected_message_with_its_reason(
    failure_code: int, reason: str
) -> None:
    [message] = people(1)
    switches = {
        "validate": "rejected_in_202",
        "suppressed_numbers": [message.address],
        "suppressed": failure_code,
    }
    sandbox = create_app(SandboxSettings(bird=switches))
    async with build("bird", sandbox) as bird:
        [outcome] = await bird.send([message])
    assert (outcome.status, outcome.raw_status) == (MessageStatus.REJECTED, "rejected")
    assert outcome.reason == reason
    assert outcome.provider_message_id


async def test_octopush_refuses_a_whole_french_batch_without_the_stop_mention() -> None:
    sandbox = create_app()
    message = OutboundMessage("m-1", FRENCH_EXAMPLE_NUMBER, "FR", "Sale!")
    async with build("octopush", sandbox, MARKETING) as octopush:
        with pytest.raises(RequestRejected) as caught:
            await octopush.send([message])
        [outcome] = await octopush.send(
            [OutboundMessage("m-2", FRENCH_EXAMPLE_NUMBER, "FR", "Sale! STOP au XXXXX")]
        )
    assert caught.value.reason == "stop_mention_missing"
    assert outcome.status is MessageStatus.ACCEPTED


async def test_octopush_tells_only_how_many_it_dropped_for_having_opted_out() -> None:
    messages = people(300)
    sandbox = create_app(SandboxSettings(octopush={"opted_out": [messages[7].address]}))
    async with build("octopush", sandbox) as octopush:
        outcomes = await octopush.send(messages, Batch("run7-000001", "Hello {first_name}"))
    truth = await truth_of(sandbox, "octopush")
    assert truth["recipients_received"] == 299
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}
    assert {outcome.cost for outcome in outcomes} == {None}
    assert {outcome.batch.accepted_count for outcome in outcomes if outcome.batch} == {299}


async def test_an_octopush_simulation_reaches_nobody_and_costs_nothing() -> None:
    sandbox = create_app()
    async with build("octopush", sandbox, {**SMS, "test_mode": True}) as octopush:
        [outcome] = await octopush.send(people(1))
    truth = await truth_of(sandbox, "octopush")
    assert (truth["recipients_simulated"], truth["credit"]) == (1, 1_000_000)
    assert (outcome.status, outcome.cost) == (MessageStatus.ACCEPTED, None)


async def test_an_enforced_request_id_keeps_a_batch_from_being_sent_twice() -> None:
    sandbox = create_app(SandboxSettings(octopush={"request_id": "enforced"}))
    async with build("octopush", sandbox, options={"send_request_id": True}) as octopush:
        await octopush.send(people(1))
        with pytest.raises(OutcomeUnknown) as caught:
            await octopush.send(people(1))
    assert caught.value.reason == "duplicate_request"
    assert (await truth_of(sandbox, "octopush"))["recipients_received"] == 1


async def test_the_octopush_balance_falls_with_what_was_sent() -> None:
    sandbox = create_app(SandboxSettings(octopush={"credit": 10}))
    async with build("octopush", sandbox) as octopush:
        before = await octopush.read_balance()
        await octopush.send(people(3), Batch("run7-000001", "Hello {first_name}"))
        after = await octopush.read_balance()
    assert (before, after) == (Balance(Decimal(200), "sms_premium"), Balance(Decimal(197), "sms_premium"))
    assert (await truth_of(sandbox, "octopush"))["warnings"] == []
