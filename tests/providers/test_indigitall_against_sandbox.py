"""What only indigitall's adapter has, against the sandbox."""

from typing import Any

import httpx
import pytest

from deployments.sandbox import Sandbox, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch
from tasks.providers.http import RetryPolicy
from tasks.providers.indigitall.adapter import Indigitall
from tests.providers.cases_indigitall import message
from tests.providers.problems_indigitall import EMAIL, FREE_TEXT

pytestmark = pytest.mark.anyio


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


async def test_whom_indigitall_drops_without_a_word_is_taken_for_accepted_until_a_report_says_otherwise() -> None:
    sandbox = create_app()
    await ask(sandbox, "PUT", "/indigitall-control/contacts", json={"phone": "+46701740605", "enabled": False})
    async with build_for(sandbox) as indigitall:
        outcomes = await indigitall.send(THREE, Batch("run7-1", None))
    truth = (await ask(sandbox, "GET", "/truth"))["indigitall"]
    assert [row["address"] for row in truth["recipients"]] == ["+12025550101", "external:C-3"]
    assert [one.status for one in outcomes] == [MessageStatus.ACCEPTED] * 3
