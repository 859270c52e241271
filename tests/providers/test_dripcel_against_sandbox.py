"""Dripcel's adapter against the sandbox: both channels, every shape of an error, the pauses, the balance."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deployments.sandbox import Sandbox, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Balance, Batch, OutboundMessage
from tasks.providers.dripcel.adapter import Dripcel
from tasks.providers.errors import CreditExhausted, ProviderError, ProviderThrottled, RequestRejected
from tasks.providers.http import RetryPolicy
from tests.providers.test_against_sandbox import CREDENTIALS, people, truth_of

pytestmark = pytest.mark.anyio

SMS: dict[str, Any] = {"channel": "sms", "purpose": "transactional", "text": "Hello {{ first_name }}"}
EMAIL: dict[str, Any] = {
    "channel": "email",
    "purpose": "marketing",
    "template": {"id": "000000000000000000000e01"},
    "sender": "shop@example.com",
}


class AtOnce:
    """Lets every request begin at once: at fifty a minute these tests would take minutes."""

    async def wait_for_turn(self) -> None:
        pass


def build(sandbox: Sandbox, content: dict[str, Any] = SMS, **options: Any) -> Dripcel:
    dripcel = Dripcel(
        Dripcel.Credentials(**CREDENTIALS["dripcel"]),
        Content.model_validate(content),
        Dripcel.Options(**options),
        transport=httpx.ASGITransport(sandbox),
        retry=RetryPolicy(attempts=1),
    )
    dripcel.use_pace(AtOnce())
    return dripcel


def sandbox_with(**switches: Any) -> Sandbox:
    return create_app(SandboxSettings(dripcel=switches))


async def test_sms_arrive_exactly_once_without_an_objection() -> None:
    sandbox, messages = sandbox_with(rate_per_minute=100), people(100)
    async with build(sandbox) as dripcel:
        outcomes = [one for [one] in await asyncio.gather(*(dripcel.send([message]) for message in messages))]
    truth = await truth_of(sandbox, "dripcel")
    assert truth["warnings"] == truth["received_twice"] == []
    received = {one["address"]: (one["text"], one["id"]) for one in truth["recipients"]}
    assert len(truth["recipients"]) == len(received) == 100
    for message, outcome in zip(messages, outcomes, strict=True):
        assert received[message.address] == (message.text, outcome.provider_message_id)
        assert (outcome.reference, outcome.status) == (message.reference, MessageStatus.ACCEPTED)
    assert sum(outcome.cost or 0 for outcome in outcomes) == Decimal(1_000_000) - Decimal(str(truth["credit"]))


async def test_bulk_emails_arrive_exactly_once_without_an_objection() -> None:
    messages = [OutboundMessage(f"m-{n}", f"ada.{n}@example.com") for n in range(900)]
    sandbox = create_app()
    async with build(sandbox, EMAIL, filter_non_contacts=False) as dripcel:
        halves = (dripcel.send(messages[at : at + 500], Batch(f"run7-{at:06}", None)) for at in (0, 500))
        outcomes = [outcome for half in await asyncio.gather(*halves) for outcome in half]
    truth = await truth_of(sandbox, "dripcel")
    assert truth["warnings"] == truth["received_twice"] == []
    assert truth["requests"] == 2
    assert sorted(one["address"] for one in truth["recipients"]) == sorted(one.address for one in messages)
    assert [outcome.reference for outcome in outcomes] == [message.reference for message in messages]
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}


@pytest.mark.parametrize("soft_errors", ["off", "on"])
@pytest.mark.parametrize("error_shape", ["documented", "string", "object", "array"])
async def test_a_refusal_is_understood_in_every_shape_and_nothing_is_recorded(
    error_shape: str, soft_errors: str
) -> None:
    [message] = people(1)
    elsewhere = OutboundMessage("m-2", message.address, "ZA", "Hello")
    cases: list[tuple[OutboundMessage, dict[str, Any], type[ProviderError], str]] = [
        (elsewhere, {}, RequestRejected, "bad_destination"),
        (
            message,
            {"opted_out": "error_400", "opted_out_numbers": [message.address]},
            RequestRejected,
            "opted_out",
        ),
        (message, {"credit": 0}, CreditExhausted, "no_credit"),
    ]
    for sent, switches, error_class, reason in cases:
        sandbox = sandbox_with(error_shape=error_shape, soft_errors=soft_errors, **switches)
        async with build(sandbox) as dripcel:
            with pytest.raises(ProviderError) as caught:
                await dripcel.send([sent])
        assert (type(caught.value), caught.value.reason) == (error_class, reason)
        assert (await truth_of(sandbox, "dripcel"))["recipients_received"] == 0


@pytest.mark.parametrize("retry_after", ["off", "on"])
@pytest.mark.parametrize("error_shape", ["documented", "array"])
@pytest.mark.parametrize("resets_at", ["seconds", "milliseconds", "absent"])
async def test_the_next_minute_is_waited_for_however_dripcel_says_when_it_begins(
    resets_at: str, error_shape: str, retry_after: str
) -> None:
    sandbox = sandbox_with(
        rate_per_minute=2,
        rate_window="sliding",
        resets_at=resets_at,
        error_shape=error_shape,
        retry_after=retry_after,
    )
    *first_two, third = people(3)
    async with build(sandbox) as dripcel:
        for message in first_two:
            await dripcel.send([message])
        with pytest.raises(ProviderThrottled) as caught:
            await dripcel.send([third])
    assert caught.value.retry_after_seconds == pytest.approx(60, abs=2)
    assert (await truth_of(sandbox, "dripcel"))["recipients_received"] == 2


async def test_the_balance_falls_with_what_was_sent_and_a_test_costs_nothing() -> None:
    sandbox, balances = sandbox_with(credit=10), []
    for test_mode in (True, False):
        async with build(sandbox, {**SMS, "test_mode": test_mode}) as dripcel:
            await dripcel.send(people(1))
            balances.append(await dripcel.read_balance())
    assert balances == [Balance(Decimal(10), "credits"), Balance(Decimal("9.75"), "credits")]
    truth = await truth_of(sandbox, "dripcel")
    assert (truth["recipients_simulated"], truth["warnings"]) == (1, [])


@pytest.mark.parametrize(
    ("content", "message", "option"),
    [
        (SMS, people(1)[0], "skip_non_contacts"),
        (EMAIL, OutboundMessage("m-1", "ada@example.com"), "filter_non_contacts"),
    ],
)
async def test_whom_dripcel_leaves_out_for_being_no_contact_counts_as_accepted(
    content: dict[str, Any], message: OutboundMessage, option: str
) -> None:
    sandbox = sandbox_with(contacts="listed")
    async with build(sandbox, content, **{option: True}) as dripcel:
        [outcome] = await dripcel.send([message])
    assert outcome.status is MessageStatus.ACCEPTED
    assert not outcome.cost
    assert (await truth_of(sandbox, "dripcel"))["credit"] == 1_000_000


async def test_dripcel_fills_in_what_the_author_left_to_it() -> None:
    [message] = people(1)
    sandbox, text = create_app(), "Hi {{firstname}}"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox),
        base_url="http://localhost",
        headers={"Authorization": "Bearer sandbox-dripcel-key"},
    ) as client:
        contact = {"cell": message.address.removeprefix("+"), "firstname": "Ada"}
        await client.put("/dripcel/contacts", json={"contacts": [contact], "country": "US"})
    content = {**SMS, "text": f"{{% raw %}}{text}{{% endraw %}}"}
    async with build(sandbox, content, skip_non_contacts=True) as dripcel:
        await dripcel.send([OutboundMessage("m-1", message.address, "US", text)])
    truth = await truth_of(sandbox, "dripcel")
    assert ([one["text"] for one in truth["recipients"]], truth["warnings"]) == (["Hi Ada"], [])
