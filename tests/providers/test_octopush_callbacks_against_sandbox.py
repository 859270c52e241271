"""What the sandbox tells, the adapter reads: the statuses of a whole send, through every form of a callback."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deployments.sandbox import SandboxSettings
from deployments.sandbox.server import RunningSandbox, running_sandbox
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus, after_receipt
from tasks.providers.base import Batch, OutboundMessage
from tasks.providers.errors import OutcomeUnknown
from tasks.providers.octopush.adapter import Octopush
from tasks.providers.octopush.callbacks import OctopushCallbacks
from tasks.providers.octopush.statuses import STATUSES
from tasks.providers.reports import CallbackRequest, ConsentReport, ReplyReport, StatusReport
from tests.sandbox.callback_receiver import CallbackReceiver, receiving_callbacks, wait_until

pytestmark = pytest.mark.anyio

NUMBERS = [f"+120255501{n}" for n in range(20, 80)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with receiving_callbacks() as receiver:
        yield receiver


def switch(sandbox: RunningSandbox, receiver: CallbackReceiver, **switches: Any) -> None:
    changes = {
        "callback_url": receiver.url,
        "callback_delay_seconds": 0,
        "callback_timeout_seconds": 15,
        **switches,
    }
    with httpx.Client(base_url=sandbox.url) as client:
        client.post("/reset")
        assert client.patch("/settings", json={"octopush": changes}).status_code == 200


def build(sandbox: RunningSandbox) -> Octopush:
    defaults = SandboxSettings().as_json()["octopush"]
    return Octopush(
        Octopush.Credentials.model_validate(
            {
                "base_url": f"{sandbox.url}/octopush/v1/public",
                "api_login": defaults["api_login"],
                "api_key": defaults["api_key"],
            }
        ),
        Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"}),
        Octopush.Options.model_validate({}),
    )


def messages() -> list[OutboundMessage]:
    return [OutboundMessage(f"m-{number}", number) for number in NUMBERS]


def read_all(sandbox: RunningSandbox, receiver: CallbackReceiver) -> list[Any]:
    """What all callbacks say, once the sandbox has no more to tell."""
    pusher = sandbox.app.providers["octopush"].pusher
    wait_until(lambda: not pusher.counts["waiting"])
    callbacks = OctopushCallbacks()
    events = {}
    for call in receiver.calls:
        event = callbacks.receive(CallbackRequest(url=receiver.url, headers=call.headers, body=call.body))
        assert event.error is None
        events[event.dedupe_key] = event.payload
    now = datetime.now(UTC)
    return [report for payload in events.values() for report in callbacks.read(payload, now)]


def merged(reports: list[Any]) -> dict[str, MessageStatus]:
    statuses: dict[str, MessageStatus] = {}
    for report in reports:
        if isinstance(report, StatusReport) and report.status is not None:
            current = statuses.get(str(report.address), MessageStatus.ACCEPTED)
            statuses[str(report.address)] = after_receipt(current, report.status)
    return statuses


def truth(sandbox: RunningSandbox) -> dict[str, str]:
    recipients = httpx.get(f"{sandbox.url}/truth").json()["octopush"]["recipients"]
    return {recipient["address"]: recipient["status"] for recipient in recipients}


@pytest.mark.parametrize(
    ("callback_body", "callbacks"),
    [
        ("json", "once"),
        ("form", "duplicate"),
        ("old_json", "reorder"),
        ("json", "before_response"),
        ("json", "final_only"),
    ],
)
async def test_every_message_ends_where_the_sandbox_says(
    sandbox: RunningSandbox, receiver: CallbackReceiver, callback_body: str, callbacks: str
) -> None:
    outcomes = dict.fromkeys(STATUSES.keys() - {"PROCESSED", "ACK", "TRANSMITTED", "ISP_SEND"}, 1)
    switch(sandbox, receiver, callback_body=callback_body, callbacks=callbacks, outcomes=outcomes)
    async with build(sandbox) as octopush:
        sent = await octopush.send(messages(), Batch("run7-1", "Hello"))
    reports = read_all(sandbox, receiver)
    words = truth(sandbox)
    assert merged(reports) == {number: STATUSES[word][0] for number, word in words.items()}
    assert len(set(merged(reports).values())) == 4
    statuses = [report for report in reports if isinstance(report, StatusReport)]
    assert len(statuses) == len(NUMBERS) * (1 if callbacks == "final_only" else 2)
    assert {report.ticket for report in statuses} == {sent[0].provider_message_id}
    is_old = callback_body == "old_json"
    assert {report.request_reference for report in statuses} == {None if is_old else "run7-1"}
    assert {report.cost for report in statuses} == {None if is_old else Decimal("0.05")}
    opted_out = {report.address for report in reports if isinstance(report, ConsentReport)}
    assert opted_out == {number for number, word in words.items() if word == "BLACKLISTED_NUMBER"}


@pytest.mark.parametrize("respond", ["lose_after", "http_after:502"])
async def test_the_ticket_of_a_lost_answer_is_learnt_from_the_callbacks(
    sandbox: RunningSandbox, receiver: CallbackReceiver, respond: str
) -> None:
    switch(sandbox, receiver, respond=[respond])
    async with build(sandbox) as octopush:
        with pytest.raises(OutcomeUnknown):
            await octopush.send(messages(), Batch("run7-1", "Hello"))
    reports = read_all(sandbox, receiver)
    [ticket] = {recipient.id for recipient in sandbox.app.providers["octopush"].ledger.recipients}
    assert {(report.ticket, report.request_reference) for report in reports} == {(ticket, "run7-1")}
    assert {report.address for report in reports} == set(NUMBERS)


@pytest.mark.parametrize("callback_body", ["json", "form"])
def test_what_people_do_is_read(sandbox: RunningSandbox, receiver: CallbackReceiver, callback_body: str) -> None:
    switch(sandbox, receiver, callback_body=callback_body)
    httpx.post(f"{sandbox.url}/octopush-control/stops", json={"number": NUMBERS[0]})
    httpx.post(f"{sandbox.url}/octopush-control/replies", json={"number": NUMBERS[1], "text": "Arrêt"})
    httpx.post(f"{sandbox.url}/octopush-control/replies", json={"number": NUMBERS[2], "text": "Merci & à+"})
    reports = read_all(sandbox, receiver)
    consents = [report for report in reports if isinstance(report, ConsentReport)]
    assert {report.address for report in consents} == set(NUMBERS[:2])
    replies = {report.address: report.text for report in reports if isinstance(report, ReplyReport)}
    assert replies == dict(zip(NUMBERS, ["STOP", "Arrêt", "Merci & à+"], strict=False))
