"""The sandbox in-process, spoken to in raw HTTP: nothing here is shared with the adapters."""

import asyncio
from typing import Any

import httpx

from deployments.sandbox import Clock, Sandbox, SandboxSettings, create_app

OCTOPUSH_HEADERS = {"api-login": "sandbox@example.com", "api-key": "sandbox-octopush-key"}
BIRD_HEADERS = {"Authorization": "AccessKey sandbox-bird-key"}
MESSAGES = (
    "/workspaces/00000000-0000-4000-8000-0000000000a1/channels/00000000-0000-4000-8000-0000000000c1/messages"
)


class Wire:
    """A client of an in-process sandbox whose time passes only when a test says so."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.now = 1_767_612_000.0  # 2026-01-05T11:20:00Z
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now)
        self.app: Sandbox = create_app(SandboxSettings(**settings), clock)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def octopush(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        options.setdefault("headers", OCTOPUSH_HEADERS)
        return self.request(method, f"/octopush/v1/public{path}", json=body, **options)

    def octopush_send(self, **fields: Any) -> httpx.Response:
        """A direct send that a strict reader has no objection to, changed by `fields`."""
        body = {
            "text": "Your parcel has arrived.",
            "recipients": [{"phone_number": "+4917139200001"}],
            "type": "sms_premium",
            "purpose": "alert",
            **fields,
        }
        return self.octopush("POST", "/sms-campaign/send", body)

    def bird(self, method: str, path: str = MESSAGES, body: Any = None, **options: Any) -> httpx.Response:
        options.setdefault("headers", BIRD_HEADERS)
        return self.request(method, f"/bird{path}", json=body, **options)

    def bird_send(self, number: str = "+12025550101", text: str = "Hello", **fields: Any) -> httpx.Response:
        """A correct text message, changed by `fields`."""
        return self.bird("POST", body=bird_message(number, text, **fields))

    def truth(self, provider: str) -> dict[str, Any]:
        truth: dict[str, Any] = self.request("GET", "/truth").json()[provider]
        return truth

    def warned_fields(self, provider: str) -> list[str]:
        return [warning["field"] for warning in self.truth(provider)["warnings"]]

    def texts(self, provider: str) -> list[str]:
        return [recipient["text"] for recipient in self.truth(provider)["recipients"]]

    def addresses(self, provider: str) -> list[str]:
        return [recipient["address"] for recipient in self.truth(provider)["recipients"]]


def bird_message(number: str = "+12025550101", text: str = "Hello", **fields: Any) -> dict[str, Any]:
    return {
        "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": number}]},
        "body": {"type": "text", "text": {"text": text}},
        **fields,
    }
