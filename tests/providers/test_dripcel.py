"""What only Dripcel's adapter has: two channels with limits of their own, the balance, warnings."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel
from tasks.providers.base import Balance, Batch, OutboundMessage, ProviderOptions
from tasks.providers.dripcel.adapter import Dripcel
from tasks.providers.errors import (
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tasks.providers.http import RetryPolicy
from tests.providers.cases_dripcel import CASES, EMAIL, SMS, TO_ALL, one, recipients

pytestmark = pytest.mark.anyio


def build(
    content: dict[str, Any], answer: httpx.Response | None = None, options: dict[str, Any] | None = None
) -> Dripcel:
    """An adapter whose network gives one answer, or none at all."""

    def respond(request: httpx.Request) -> httpx.Response:
        if answer is None:
            raise AssertionError(f"{request} was sent")
        return answer

    return Dripcel(
        Dripcel.Credentials(**CASES.credentials),
        Content.model_validate(content),
        Dripcel.Options(**(options or {})),
        transport=httpx.MockTransport(respond),
        retry=RetryPolicy(attempts=1),
    )


def test_the_limits_are_those_of_the_channel_and_of_a_minute() -> None:
    options = Dripcel.Options()
    sms = Dripcel.capabilities_for(Content.model_validate(SMS), options)
    email = Dripcel.capabilities_for(Content.model_validate(EMAIL), options)
    assert (sms.channels, sms.max_recipients_per_request) == (frozenset({Channel.SMS}), 1)
    assert (email.channels, email.max_recipients_per_request) == (frozenset({Channel.EMAIL}), 500)
    assert not email.personalises_per_recipient
    for can in (sms, email, Dripcel.capabilities):
        assert can.max_requests_per_second is not None
        assert can.max_requests_per_second * can.rate_window_seconds == pytest.approx(50)
        assert can.rate_window_seconds == 60
        assert can.can_tell_balance
    assert sms.can_poll_status
    assert not email.can_poll_status
    assert Dripcel.capabilities.channels == {Channel.SMS, Channel.EMAIL}


@pytest.mark.parametrize(
    ("data", "balance"),
    [
        ("1234.5", Balance(Decimal("1234.5"), "credits")),
        ("0", Balance(Decimal(0), "credits")),
        ("-3", Balance(Decimal(-3), "credits")),
        ('"many"', None),
        ("{}", None),
        ("null", None),
    ],
)
async def test_the_balance_is_a_bare_number_of_credits(data: str, balance: Balance | None) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, text=f'{{"ok": true, "data": {data}}}')

    dripcel = Dripcel(
        Dripcel.Credentials(**CASES.credentials),
        Content.model_validate(SMS),
        Dripcel.Options(),
        transport=httpx.MockTransport(respond),
    )
    async with dripcel:
        assert await dripcel.read_balance() == balance
    [request] = requests
    assert (request.method, str(request.url)) == ("GET", "https://dripcel.example.com/balance")
    assert request.content == b""
    assert request.headers["Authorization"] == CASES.headers["authorization"]


async def test_a_refused_balance_is_an_error_and_not_an_empty_account() -> None:
    answer = httpx.Response(200, text='{"ok": false, "error": "Insufficient balance"}')
    async with build(SMS, answer) as dripcel:
        with pytest.raises(CreditExhausted):
            await dripcel.read_balance()


@pytest.mark.parametrize(
    ("status", "body", "error_class", "reason"),
    [
        (400, {"ok": False, "error": "template_id: no such template"}, RequestRejected, "bad_request"),
        (200, {"ok": False, "error": "Insufficient balance"}, CreditExhausted, "no_credit"),
        (429, {"ok": False, "error": {"remaining": 0}}, ProviderThrottled, "rate_limited"),
        (200, {"data": {}}, OutcomeUnknown, "no_confirmation"),
        (200, {"ok": "yes"}, OutcomeUnknown, "no_confirmation"),
        (200, [], OutcomeUnknown, "no_confirmation"),
        (502, {}, OutcomeUnknown, "server_error"),
    ],
)
async def test_a_bulk_email_is_accepted_by_nothing_but_ok(
    status: int, body: Any, error_class: type[ProviderError], reason: str
) -> None:
    answer = httpx.Response(status, text=json.dumps(body))
    async with build(EMAIL, answer, TO_ALL) as dripcel:
        with pytest.raises(ProviderError) as caught:
            await dripcel.send(recipients("ada@example.com"), Batch("run7-000001", None))
    assert (type(caught.value), caught.value.reason) == (error_class, reason)


async def test_an_error_quotes_what_dripcel_said_and_shows_no_address() -> None:
    said = {"ok": False, "error": {"code": "invalid", "message": "Invalid cell number 12025550101"}}
    async with build(SMS, httpx.Response(400, text=json.dumps(said))) as dripcel:
        with pytest.raises(RequestRejected, match=r"answered 400 \(invalid\): Invalid cell number 1202555"):
            await dripcel.send([one()])


async def test_requests_of_another_shape_are_a_mistake_of_the_caller() -> None:
    async with build(SMS) as dripcel:
        with pytest.raises(ValueError, match="no text"):
            await dripcel.send([OutboundMessage("m-1", "+12025550101", "US")])
    async with build(EMAIL, options=TO_ALL) as dripcel:
        for count in (0, 501):
            with pytest.raises(ValueError, match=f"{count} messages"):
                await dripcel.send(recipients(*["ada@example.com"] * count))
        with pytest.raises(ValueError, match="has a text"):
            await dripcel.send(recipients("ada@example.com"), Batch("run7-000001", "Hello"))


@pytest.mark.parametrize(
    ("content", "options", "key"),
    [
        (SMS, {"skip_non_contacts": True}, "skip_non_contacts"),
        (EMAIL, {"filter_non_contacts": True}, "filter_non_contacts"),
    ],
)
def test_it_is_said_that_whoever_dripcel_leaves_out_counts_as_accepted(
    content: dict[str, Any], options: dict[str, Any], key: str
) -> None:
    [warning] = Dripcel.find_warnings(Content.model_validate(content), Dripcel.Options(**options))
    assert warning.startswith(f"options.dripcel.{key}: ")


def test_other_campaigns_have_nothing_to_warn_of() -> None:
    assert Dripcel.find_warnings(Content.model_validate(SMS), Dripcel.Options()) == []
    assert Dripcel.find_warnings(Content.model_validate(EMAIL), Dripcel.Options(**TO_ALL)) == []
    with pytest.raises(TypeError):
        Dripcel.find_warnings(Content.model_validate(SMS), ProviderOptions())


@pytest.mark.parametrize(
    "options",
    [{"delivery_method": "fast"}, {"campaign_id": ""}, {"send_options": {"mode": 1}}, {"skip_non_contacts": None}],
)
def test_options_are_typed(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Dripcel.Options.model_validate(options)
