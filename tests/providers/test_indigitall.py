"""What only indigitall's adapter has."""

import json
from typing import Any

import httpx
import phonenumbers
import pytest
from pydantic import ValidationError

from tasks.messaging.content import Content
from tasks.providers.base import Batch, OutboundMessage
from tasks.providers.errors import ProviderThrottled
from tasks.providers.http import RetryPolicy
from tasks.providers.indigitall.adapter import Indigitall
from tasks.providers.indigitall.names import Name
from tests.providers.cases_indigitall import CASES, answer, message
from tests.providers.problems_indigitall import EMAIL, FREE_TEXT

pytestmark = pytest.mark.anyio


class Wire(httpx.AsyncBaseTransport):
    """Answers with these statuses in turn, and keeps the requests."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(json.loads(request.content))
        return httpx.Response(self.statuses.pop(0), text=answer())


def build(wire: httpx.AsyncBaseTransport, content: dict[str, Any] = FREE_TEXT) -> Indigitall:
    return Indigitall(
        Indigitall.Credentials(**CASES.credentials),
        Content.model_validate(content),
        Indigitall.Options(),
        transport=wire,
        retry=RetryPolicy(attempts=1),
    )


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([message(), message("m-2")], id="number"),
        pytest.param(
            [message("m-1", "", external_code="C-1"), message("m-2", "", external_code="C-1")], id="external code"
        ),
    ],
)
async def test_nobody_stands_twice_in_a_request(messages: list[OutboundMessage]) -> None:
    wire = Wire()
    async with build(wire) as indigitall:
        with pytest.raises(ValueError, match="same recipient"):
            await indigitall.send(messages, Batch("run7-1", None))
    assert wire.requests == []


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_request_has_at_least_one_message_and_at_most_a_thousand(count: int) -> None:
    messages = [message(f"m-{n}", "", external_code=f"C-{n}") for n in range(count)]
    async with build(Wire()) as indigitall:
        with pytest.raises(ValueError, match=f"{count} messages"):
            await indigitall.send(messages, Batch("run7-1", None))


async def test_two_messages_with_one_reference_are_a_mistake_of_the_caller() -> None:
    async with build(Wire()) as indigitall:
        with pytest.raises(ValueError, match="same reference"):
            await indigitall.send([message(), message("m-1", "+12025550101")], Batch("run7-1", None))


@pytest.mark.parametrize("fields", [{}, {"text": "Hello", "name": "Ada"}])
async def test_a_message_with_other_fields_than_the_campaign_is_a_mistake_of_the_caller(
    fields: dict[str, str],
) -> None:
    async with build(Wire()) as indigitall:
        with pytest.raises(ValueError, match="fields of the campaign"):
            await indigitall.send([message(template_fields=fields)])


async def test_a_throttle_that_names_no_pause_doubles_until_a_request_is_taken() -> None:
    pauses = []
    async with build(Wire(429, 429, 429, 429, 429, 200, 429)) as indigitall:
        for _ in range(7):
            try:
                await indigitall.send([message()])
            except ProviderThrottled as error:
                pauses.append(error.retry_after_seconds)
    assert pauses == [15, 30, 60, 120, 120, 15]


@pytest.mark.parametrize("region", ["SE", "DE", "US", "CA", "ES", "IT", "ZA", "BR", "FR"])
async def test_both_forms_of_a_number_are_the_same_number(region: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None
    address = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    wire = Wire(200)
    async with build(wire) as indigitall:
        await indigitall.send([message(address=address)])
    [[contact]] = [request["contacts"] for request in wire.requests]
    assert contact["phoneE164"] == address == f"+{contact['countryCode']}{contact['phoneNumber']}"


def test_deprecated_members_have_no_name_here() -> None:
    assert not {"idType", "type", "id"} & {name.value for name in Name}


def test_the_host_that_no_account_can_use_is_refused_with_the_regions() -> None:
    with pytest.raises(ValidationError, match=r"am1.*eu1.*eu2.*eu3"):
        Indigitall.Credentials.model_validate({**CASES.credentials, "base_url": "https://api.indigitall.com"})


def test_the_base_url_has_no_default_and_its_description_names_the_regions() -> None:
    field = Indigitall.Credentials.model_fields["base_url"]
    assert field.is_required()
    assert all(region in (field.description or "") for region in ("am1", "eu1", "eu2", "eu3"))


def test_at_most_one_audience_is_left_out() -> None:
    with pytest.raises(ValidationError, match="at most 1"):
        Indigitall.Options.model_validate({"blacklist": [1, 2]})


@pytest.mark.parametrize(
    "option", [{"cc": ["ada"]}, {"bcc": ["@"]}, {"nls": "french"}, {"send_type_override": "x"}]
)
def test_what_the_call_would_refuse_is_an_error_of_the_option(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Indigitall.Options.model_validate(option)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ({**FREE_TEXT, "purpose": "marketing"}, {}, ["massive"]),
        ({**FREE_TEXT, "purpose": "marketing"}, {"send_type_override": "all"}, []),
        ({**EMAIL, "purpose": "marketing"}, {}, []),
        (FREE_TEXT, {"nls": "spanish"}, ["not counted"]),
        (FREE_TEXT, {"nls": "auto"}, []),
        (EMAIL, {"bcc": ["a@example.com"]}, ["copied"]),
    ],
)
def test_what_a_reader_of_the_campaign_would_not_expect_is_a_warning(
    content: dict[str, Any], options: dict[str, Any], words: list[str]
) -> None:
    warnings = Indigitall.find_warnings(Content.model_validate(content), Indigitall.Options(**options))
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))


def test_an_email_has_no_purpose_on_the_wire_and_an_sms_has() -> None:
    options = Indigitall.Options()
    assert Indigitall.capabilities_for(Content.model_validate(FREE_TEXT), options).can_mark_purpose
    assert not Indigitall.capabilities_for(Content.model_validate(EMAIL), options).can_mark_purpose
