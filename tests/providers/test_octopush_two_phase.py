"""Octopush's send in two phases: nothing is sent before the confirmation, and nothing twice after it."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deployments.sandbox import Sandbox, SandboxSettings, create_app
from deployments.sandbox.clock import Clock
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, BatchReceipt, SendOutcome
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
    RequestRejected,
)
from tasks.providers.http import RetryPolicy
from tasks.providers.octopush.adapter import Octopush
from tasks.providers.octopush.two_phase import PAUSES_SECONDS
from tests.providers.test_against_sandbox import CREDENTIALS, expected, people, received, truth_of

pytestmark = pytest.mark.anyio

FILL, DRAFT, STATUS, CONFIRM = range(4)
BATCH = Batch("run7-000001", "Hello {first_name}")


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0
        self.sleeps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


def build(
    network: httpx.AsyncBaseTransport, time: FakeTime | None = None, *, attempts: int = 4, **options: Any
) -> Octopush:
    return Octopush(
        Octopush.Credentials.model_validate(CREDENTIALS["octopush"]),
        Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello {{ first_name }}"}),
        Octopush.Options.model_validate({"two_phase": True, **options}),
        transport=network,
        retry=RetryPolicy(attempts=attempts),
        sleep=(time or FakeTime()).sleep,
    )


async def send(sandbox: Sandbox, count: int = 3, time: FakeTime | None = None) -> list[SendOutcome]:
    async with build(httpx.ASGITransport(sandbox), time) as octopush:
        return await octopush.send(people(count), BATCH)


def faulty(*respond: str, **switches: Any) -> Sandbox:
    return create_app(SandboxSettings(octopush={"respond": list(respond), **switches}))


def scripted(*answers: tuple[int, Any] | Exception) -> tuple[httpx.MockTransport, list[tuple[str, Any]]]:
    """A network that answers as scripted, and what it was asked."""
    script, asked = list(answers), list[tuple[str, Any]]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content or b"null")))
        step = script.pop(0)
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step[0], json=step[1])

    return httpx.MockTransport(answer), asked


FILLED = (201, {"message": "ok"})
DRAFTED = (201, {"ticket_number": "sms_9"})
READY = (200, {"number_of_contacts": 1, "cost": 0.05, "status": "ready_to_be_sent"})
LOST = httpx.ReadError("lost")


async def send_scripted(
    *answers: tuple[int, Any] | Exception, time: FakeTime | None = None, attempts: int = 4
) -> tuple[list[SendOutcome] | ProviderError, Sequence[tuple[str, Any]]]:
    """The outcomes, or the error that came instead; and what was asked."""
    network, asked = scripted(*answers)
    async with build(network, time, attempts=attempts) as octopush:
        try:
            return await octopush.send(people(1), BATCH), asked
        except ProviderError as error:
            return error, asked


async def test_recipients_get_their_own_texts_once_and_the_price_is_known() -> None:
    sandbox, messages = create_app(), people(300)
    outcomes = await send(sandbox, 300)
    truth = await truth_of(sandbox, "octopush")
    assert received(truth) == expected(messages)
    assert truth["warnings"] == truth["received_twice"] == []
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}
    assert {recipient["reference"] for recipient in truth["recipients"]} == {BATCH.reference}
    [receipt] = {outcome.batch for outcome in outcomes}
    assert receipt == BatchReceipt(truth["recipients"][0]["id"], 300, Decimal("15.0"))
    assert {outcome.cost for outcome in outcomes} == {Decimal("0.05")}


@pytest.mark.parametrize(
    "switches",
    [
        {"create_key": "sms_ticket"},
        {"ready_word": "ready_to_be_send"},
        {"send_status": 201},
        {"confirm_again": "ok"},
        {"computation_seconds": 60},
        {"computation_seconds": 60, "not_ready": "under_computation"},
    ],
)
async def test_every_reading_of_the_page_sends_once(switches: dict[str, Any]) -> None:
    time = FakeTime()
    sandbox = create_app(SandboxSettings(octopush=switches), Clock(now=time.clock, monotonic=time.clock))
    await send(sandbox, time=time)
    truth = await truth_of(sandbox, "octopush")
    assert received(truth) == expected(people(3))
    assert truth["received_twice"] == []
    assert time.sleeps == list(PAUSES_SECONDS[: len(time.sleeps)])
    assert sum(time.sleeps) >= switches.get("computation_seconds", 0)


async def test_a_ticket_called_ticket_is_one() -> None:
    outcomes, asked = await send_scripted(FILLED, (201, {"ticket": "t-1"}), READY, (200, {"sending_date": "x"}))
    assert isinstance(outcomes, list)
    assert outcomes[0].provider_message_id == "t-1"
    assert asked[-1] == ("/octopush/v1/public/sms-campaign-on-list/send", {"ticket_number": "t-1"})


async def test_the_pauses_grow_from_two_seconds_and_end() -> None:
    time = FakeTime()
    result, asked = await send_scripted(FILLED, DRAFTED, *[(400, {"code": 130})] * 99, time=time)
    assert isinstance(result, ProviderThrottled)
    assert (result.reason, result.may_have_sent) == ("not_ready", False)
    assert time.sleeps[0] == 2
    assert time.sleeps[:-1] == sorted(time.sleeps[:-1])
    assert len(asked) == 2 + len(PAUSES_SECONDS) + 1


@pytest.mark.parametrize("loss", ["lose_before", "lose_after", "http:503", "http_after:503"])
@pytest.mark.parametrize("step", [DRAFT, STATUS, CONFIRM])
async def test_an_answer_that_is_lost_once_costs_nothing(step: int, loss: str) -> None:
    sandbox = faulty(*["normal"] * step, loss)
    outcomes = await send(sandbox)
    truth = await truth_of(sandbox, "octopush")
    assert received(truth) == expected(people(3))
    assert truth["received_twice"] == []
    assert {outcome.status for outcome in outcomes} == {MessageStatus.ACCEPTED}


@pytest.mark.parametrize("loss", ["lose_before", "lose_after", "http:503", "http_after:503"])
@pytest.mark.parametrize("step", [FILL, DRAFT, STATUS])
async def test_what_is_lost_before_the_confirmation_was_surely_not_sent(step: int, loss: str) -> None:
    sandbox = faulty(*["normal"] * step, *[loss] * 9)
    with pytest.raises(ProviderError) as caught:
        await send(sandbox)
    assert type(caught.value) is ProviderUnreachable
    assert (caught.value.retryable, caught.value.may_have_sent) == (True, False)
    assert "not confirmed" in str(caught.value)
    assert caught.value.__context__ is None
    truth = await truth_of(sandbox, "octopush")
    assert truth["recipients_received"] == 0
    assert truth["requests"] == (1 if step == FILL else step + 4)


@pytest.mark.parametrize(("loss", "count"), [("lose_before", 0), ("lose_after", 3), ("http_after:503", 3)])
async def test_a_confirmation_whose_answers_are_all_lost_is_unknown(loss: str, count: int) -> None:
    sandbox = faulty(*["normal"] * CONFIRM, *[loss] * 9)
    with pytest.raises(OutcomeUnknown):
        await send(sandbox)
    truth = await truth_of(sandbox, "octopush")
    assert (truth["recipients_received"], truth["requests"]) == (count, CONFIRM + 4)
    assert truth["received_twice"] == []


@pytest.mark.parametrize("status", [200, 400])
async def test_already_sent_means_that_it_was_confirmed(status: int) -> None:
    result, asked = await send_scripted(FILLED, DRAFTED, READY, LOST, (status, {"code": 132}))
    assert isinstance(result, list)
    assert result[0].status is MessageStatus.ACCEPTED
    assert asked[-1] == asked[-2]


@pytest.mark.parametrize(
    "after", [(400, {"code": 104}), (401, {}), httpx.ConnectError("refused"), (400, {"code": 131})]
)
async def test_after_a_lost_confirmation_no_refusal_tells_that_nothing_was_sent(
    after: tuple[int, Any] | Exception,
) -> None:
    result, _ = await send_scripted(FILLED, DRAFTED, READY, LOST, *[after] * 4)
    assert type(result) is OutcomeUnknown


@pytest.mark.parametrize("code", [130, 999, None])
async def test_after_a_lost_confirmation_what_reads_as_not_ready_may_mean_already_sent(code: int | None) -> None:
    result, _ = await send_scripted(FILLED, DRAFTED, READY, LOST, *[(400, {"code": code})] * 99)
    assert type(result) is OutcomeUnknown


async def test_a_confirmation_that_was_never_lost_and_never_ready_was_not_sent() -> None:
    result, _ = await send_scripted(FILLED, DRAFTED, READY, *[(400, {"code": 130})] * 99)
    assert isinstance(result, ProviderThrottled)
    assert not result.may_have_sent


@pytest.mark.parametrize(
    "not_ready", [(400, {"code": 126}), (400, {"code": 129}), (400, {"code": 999}), (400, {})]
)
async def test_a_400_while_not_ready_is_asked_again_with_the_same_ticket(not_ready: tuple[int, Any]) -> None:
    time = FakeTime()
    result, asked = await send_scripted(
        FILLED, DRAFTED, not_ready, READY, not_ready, not_ready, (200, {"sending_date": "x"}), time=time
    )
    assert isinstance(result, list)
    assert time.sleeps == [2, 2, 3]
    assert [body for _, body in asked[4:]] == [{"ticket_number": "sms_9"}] * 3


@pytest.mark.parametrize(
    ("answers", "error_class", "reason"),
    [
        ([(401, {})], CredentialsRejected, "auth"),
        ([(400, {"code": 306})], RequestRejected, "bad_request"),
        ([(200, {"code": 101})], CredentialsRejected, "auth"),
        ([FILLED, (400, {"code": 121})], RequestRejected, "stop_mention_missing"),
        ([FILLED, (400, {"code": 117})], RequestRejected, "bad_destination"),
        ([FILLED, (200, {"code": 104})], CreditExhausted, "no_credit"),
        ([FILLED, *[(201, {"message": "ok"})] * 4], ProviderUnreachable, "no_ticket"),
        ([FILLED, DRAFTED, *[(200, {})] * 4], ProviderUnreachable, "no_status"),
        ([FILLED, DRAFTED, (400, {"code": 131})], RequestRejected, "bad_request"),
        ([FILLED, DRAFTED, (400, {"code": 132})], OutcomeUnknown, "already_sent"),
        ([FILLED, DRAFTED, (200, {"status": "failed"})], RequestRejected, "computation_failed"),
        ([FILLED, DRAFTED, READY, (400, {"code": 105})], CreditExhausted, "no_credit"),
        ([FILLED, DRAFTED, READY, (403, {})], CredentialsRejected, "auth"),
    ],
)
async def test_a_refusal_at_any_step_has_its_class(
    answers: list[tuple[int, Any]], error_class: type[ProviderError], reason: str
) -> None:
    result, asked = await send_scripted(*answers)
    assert isinstance(result, ProviderError)
    assert (type(result), result.reason) == (error_class, reason)
    assert len(asked) == len(answers)


@pytest.mark.parametrize("counted", [0, 2])
async def test_a_list_that_holds_others_or_nobody_is_not_confirmed(counted: int) -> None:
    result, asked = await send_scripted(FILLED, DRAFTED, (200, {**READY[1], "number_of_contacts": counted}))
    assert isinstance(result, RequestRejected)
    assert result.reason == "list_differs"
    assert len(asked) == 3


async def test_who_opted_out_is_left_out_and_the_count_tells_it_before_the_confirmation() -> None:
    messages = people(3)
    sandbox = create_app(SandboxSettings(octopush={"opted_out": [messages[0].address]}))
    outcomes = await send(sandbox)
    assert received(await truth_of(sandbox, "octopush")) == expected(messages[1:])
    assert {outcome.batch.accepted_count for outcome in outcomes if outcome.batch} == {2}
    assert {outcome.cost for outcome in outcomes} == {None}


async def test_without_credit_nothing_is_confirmed() -> None:
    sandbox = create_app(SandboxSettings(octopush={"credit": 0.1}))
    with pytest.raises(CreditExhausted):
        await send(sandbox)
    truth = await truth_of(sandbox, "octopush")
    assert (truth["recipients_received"], truth["credit"]) == (0, 0.1)


def test_the_two_phase_send_cannot_simulate() -> None:
    content = Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"})
    assert Octopush.capabilities_for(content, Octopush.Options()).can_simulate
    assert not Octopush.capabilities_for(
        content, Octopush.Options.model_validate({"two_phase": True})
    ).can_simulate
