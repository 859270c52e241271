"""What only Octopush's adapter has: its wallet, and requests that the caller shaped wrongly."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tasks.messaging.content import Content
from tasks.providers.base import Balance, Batch, OutboundMessage
from tasks.providers.errors import CredentialsRejected, ProviderError, RequestRejected
from tasks.providers.octopush.adapter import Octopush

pytestmark = pytest.mark.anyio


def refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request} was sent")


def build(
    answer: Callable[[httpx.Request], httpx.Response] = refuse, options: dict[str, Any] | None = None
) -> Octopush:
    return Octopush(
        Octopush.Credentials.model_validate({"api_login": "me@example.com", "api_key": "octopush-key"}),
        Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"}),
        Octopush.Options.model_validate(options or {}),
        transport=httpx.MockTransport(answer),
    )


async def test_a_list_name_that_octopush_would_cut_is_a_mistake_of_the_caller() -> None:
    async with build() as octopush:
        with pytest.raises(ValueError, match="longer than 30"):
            await octopush.send([OutboundMessage("m-1", "+4917139200001")], Batch("x" * 31, "Hello"))


async def test_a_request_takes_what_the_page_allows_and_is_cut_as_it_advises() -> None:
    can = Octopush.capabilities
    assert (can.max_recipients_per_request, can.recommended_recipients_per_request) == (100_001, (200, 500))
    async with build() as octopush:
        with pytest.raises(ValueError, match="100002 messages"):
            await octopush.send([OutboundMessage("m-1", "+4917139200001")] * 100_002, Batch("run7-1", "Hello"))


async def test_a_placeholder_that_octopush_does_not_have_is_a_mistake_of_the_caller() -> None:
    message = OutboundMessage("m-1", "+4917139200001", placeholder_values={"city": "Paris"})
    async with build() as octopush:
        with pytest.raises(ValueError, match="no placeholder"):
            await octopush.send([message], Batch("run7-1", "Hello"))


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, {"product_name": "sms_premium", "country_code": "FR"}),
        (
            {"type": "sms_low_cost", "balance_country": "ES"},
            {"product_name": "sms_low_cost", "country_code": "ES"},
        ),
    ],
)
async def test_the_balance_is_a_number_of_messages_of_the_type_to_a_country(
    options: dict[str, str], query: dict[str, str]
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"amount": 10.5, "unit": "sms_premium", "wallet_packs": []})

    async with build(answer, options) as octopush:
        assert await octopush.read_balance() == Balance(Decimal("10.5"), "sms_premium")
    [request] = asked
    assert (request.method, request.url.path) == ("GET", "/v1/public/wallet/check-balance")
    assert dict(request.url.params) == query
    assert request.headers["api-key"] == "octopush-key"


@pytest.mark.parametrize("body", [{}, {"amount": None}, {"amount": "much"}, []])
async def test_a_balance_that_is_no_number_is_none(body: Any) -> None:
    async with build(lambda _: httpx.Response(200, json=body)) as octopush:
        assert await octopush.read_balance() is None


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (401, {"code": 101}, CredentialsRejected),
        (200, {"code": 101}, CredentialsRejected),
        (400, {}, RequestRejected),
    ],
)
async def test_a_balance_that_is_refused_is_an_error(
    status: int, body: dict[str, int], error_class: type[ProviderError]
) -> None:
    async with build(lambda _: httpx.Response(status, json=body)) as octopush:
        with pytest.raises(error_class):
            await octopush.read_balance()


@pytest.mark.parametrize("country", ["fr", "FRA", ""])
def test_the_country_of_the_balance_is_two_letters(country: str) -> None:
    with pytest.raises(ValueError, match="balance_country"):
        Octopush.Options.model_validate({"balance_country": country})


@pytest.mark.parametrize("kind", ["premium", "sms_premium "])
def test_a_type_that_octopush_would_replace_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="sms_low_cost"):
        Octopush.Options.model_validate({"type": kind})
