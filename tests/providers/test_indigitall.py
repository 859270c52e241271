"""What only indigitall's adapter has."""

import json
from typing import Any

import httpx
import phonenumbers
import pytest
from pydantic import ValidationError

from deployments.sandbox import Sandbox, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, OutboundMessage
from tasks.providers.errors import ProviderThrottled
from tasks.providers.http import RetryPolicy
from tasks.providers.indigitall.adapter import Indigitall
from tasks.providers.indigitall.names import Name
from tests.providers.cases_indigitall import CASES, EMAIL, FREE_TEXT, answer, message

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


def build_for(sandbox: Sandbox, content: dict[str, Any] = FREE_TEXT, **options: Any) -> Indigitall:
    return Indigitall(
        Indigitall.Credentials(
            base_url="http://localhost/indigitall", server_key="00000000-0000-4000-8000-0000000000d1"
        ),
        Content.model_validate(content),
        Indigitall.Options(**options),
        transport=httpx.ASGITransport(sandbox),
        retry=RetryPolicy(first_wait_seconds=0.001),
    )


async def ask(sandbox: Sandbox, method: str, path: str, **fields: Any) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox), base_url="http://localhost") as client:
        answered = await client.request(method, path, **fields)
        return answered.json()


THREE = [
    message("m-1", "+46701740605"),
    message("m-2", "+12025550101", external_code="C-2"),
    message("m-3", "", external_code="C-3"),
]


@pytest.mark.parametrize("phone_form", ["both", "e164", "national"])
async def test_the_sandbox_understands_every_form_of_a_number_and_knows_codes(phone_form: str) -> None:
    sandbox = create_app()
    async with build_for(sandbox, phone_form=phone_form) as indigitall:
        await indigitall.send(THREE, Batch("run7-1", None))
    truth = (await ask(sandbox, "GET", "/truth"))["indigitall"]
    assert [row["address"] for row in truth["recipients"]] == ["+46701740605", "+12025550101", "external:C-3"]
    assert truth["warnings"] == []


async def test_the_number_wins_over_the_code_of_another_number() -> None:
    sandbox = create_app()
    await ask(
        sandbox,
        "PUT",
        "/indigitall-control/contacts",
        json={"phone": "+12025550199", "external_code": "C-2"},
    )
    async with build_for(sandbox) as indigitall:
        await indigitall.send(THREE[1:2])
    truth = (await ask(sandbox, "GET", "/truth"))["indigitall"]
    assert [row["address"] for row in truth["recipients"]] == ["+12025550101"]


@pytest.mark.parametrize("send_answer", ["200", "201", "data_null", "data_errors", "data_sendingId"])
async def test_every_form_of_a_good_answer_is_one(send_answer: str) -> None:
    sandbox = create_app(SandboxSettings(indigitall={"send_answer": send_answer}))
    async with build_for(sandbox) as indigitall:
        outcomes = await indigitall.send(THREE, Batch("run7-1", None))
    sending_id = None if send_answer == "data_null" else "5001"
    assert [(one.status, one.provider_message_id) for one in outcomes] == [
        (MessageStatus.ACCEPTED, sending_id)
    ] * 3


@pytest.mark.parametrize("phone_form", ["both", "e164", "national"])
@pytest.mark.parametrize("refused", [0, 1])
async def test_a_contact_in_the_errors_is_rejected_and_the_others_are_taken(phone_form: str, refused: int) -> None:
    sandbox = create_app(SandboxSettings(indigitall={"contact_errors": {THREE[refused].address: "is disabled"}}))
    async with build_for(sandbox, phone_form=phone_form) as indigitall:
        outcomes = await indigitall.send(THREE, Batch("run7-1", None))
    rejected = [one for one in outcomes if one.status is MessageStatus.REJECTED]
    assert [(one.reference, one.reason, one.raw_status) for one in rejected] == [
        (THREE[refused].reference, "refused_by_provider", "is disabled")
    ]
    assert {one.batch.accepted_count for one in outcomes if one.batch} == {2}
    assert (await ask(sandbox, "GET", "/truth"))["indigitall"]["recipients_received"] == 2


async def test_an_unknown_code_that_the_provider_tells_is_rejected() -> None:
    switches = {"external_codes": "registered", "contact_incomplete": "errors_entry"}
    sandbox = create_app(SandboxSettings(indigitall=switches))
    async with build_for(sandbox) as indigitall:
        outcomes = await indigitall.send(THREE, Batch("run7-1", None))
    assert [one.status for one in outcomes] == [MessageStatus.ACCEPTED] * 2 + [MessageStatus.REJECTED]


async def test_an_excluded_audience_gets_no_email() -> None:
    sandbox = create_app(SandboxSettings(indigitall={"audiences": {7: ["bo@example.com"]}}))
    people = [
        message(f"m-{name}", f"{name}@example.com", template_fields={"first_name": name}) for name in ("ada", "bo")
    ]
    async with build_for(sandbox, EMAIL, blacklist=[7]) as indigitall:
        await indigitall.send(people, Batch("run7-1", None))
    truth = (await ask(sandbox, "GET", "/truth"))["indigitall"]
    assert [row["address"] for row in truth["recipients"]] == ["ada@example.com"]
    assert truth["warnings"] == []


async def test_a_throttle_that_names_its_pause_is_waited_for_and_the_message_is_received_once() -> None:
    sandbox = create_app(SandboxSettings(indigitall={"respond": ["http:429"], "retry_after": "on"}))
    async with build_for(sandbox) as indigitall:
        await indigitall.send(THREE[:1])
    truth = (await ask(sandbox, "GET", "/truth"))["indigitall"]
    assert (truth["requests"], truth["recipients_received"]) == (2, 1)
