"""How Bird's cases are written: a request, an answer, and what comes of it."""

import json
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import OutboundMessage, SendOutcome
from tests.providers.cases import RequestCase
from tests.providers.problems_bird import ID

WORKSPACE = "5f3a7a52-6b0c-4a6e-9d0a-3b8a3d1c0001"
CHANNEL = "5f3a7a52-6b0c-4a6e-9d0a-3b8a3d1c0002"

MESSAGE = OutboundMessage("run7-000123", "+12025550101", "US", "Hello")
TEXT_BODY = {"type": "text", "text": {"text": "Hello"}}
BATCH_MESSAGES = [MESSAGE, OutboundMessage("run7-000124", "+12025550102", "US", "Élodie 😀")]
CHANNEL_URL = f"https://bird.example.com/workspaces/{WORKSPACE}/channels/{CHANNEL}"


def request(**fields: Any) -> dict[str, Any]:
    return {
        "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": "+12025550101"}]},
        "reference": "run7-000123",
        "meta": {"extraInformation": {"useCase": "transactional"}},
        **fields,
    }


def marketing(**fields: Any) -> dict[str, Any]:
    """A request whose campaign is marketing."""
    return request(meta={"extraInformation": {"useCase": "marketing"}}, **fields)


def answer(status: str | None = "accepted", **fields: Any) -> str:
    return json.dumps({"id": ID, "channelId": CHANNEL, "reference": "run7-000123", "status": status, **fields})


def outcome(
    status: MessageStatus = MessageStatus.ACCEPTED, raw_status: str | None = "accepted", reason: str | None = None
) -> SendOutcome:
    return SendOutcome("run7-000123", status, ID, raw_status, reason)


def case(
    id: str,  # noqa: A002  # as in RequestCase
    content: dict[str, Any],
    request: dict[str, Any],
    *,
    message: OutboundMessage = MESSAGE,
    options: dict[str, Any] | None = None,
    answered: str | None = None,
    outcomes: SendOutcome | None = None,
) -> RequestCase:
    return RequestCase(
        id=id,
        content=Content.model_validate(content),
        options=options or {},
        messages=[message],
        request=request,
        status=202,
        answer=answered or answer(),
        outcomes=[outcomes or outcome()],
    )
