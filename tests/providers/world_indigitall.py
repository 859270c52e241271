"""A sandbox of indigitall whose clock stands as long ago as a test says, with what sends to it and asks it."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from deployments.sandbox import Clock, SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel
from tasks.providers.base import Batch
from tasks.providers.errors import OutcomeUnknown
from tasks.providers.http import RetryPolicy
from tasks.providers.indigitall.adapter import Indigitall
from tasks.providers.indigitall.reader import IndigitallReader
from tasks.providers.reports import HandedOver, StatusReport, Verdict
from tests.providers.cases_indigitall import message
from tests.providers.problems_indigitall import FREE_TEXT
from tests.sandbox.in_process import SandboxTransport

T = TypeVar("T")

QUICK = RetryPolicy(first_wait_seconds=0.001)
ADA, ALAN, GRACE = "+46701740605", "+46701740606", "+46701740607"  # reserved for fiction
AREA_CODES = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def credentials(url: str = "http://localhost", **fields: Any) -> Indigitall.Credentials:
    return Indigitall.Credentials(
        **{
            "base_url": f"{url}/indigitall",
            "server_key": "00000000-0000-4000-8000-0000000000d1",
            "application_id": 1001,
            **fields,
        }
    )


async def collect(pages: AsyncIterator[Sequence[T]]) -> list[T]:
    return [item async for page in pages for item in page]


class World:
    """A sandbox at an earlier time, an adapter that sends to it, and a reader that asks it."""

    def __init__(self, **switches: Any) -> None:
        self.ago = timedelta(hours=1)
        clock = Clock(now=lambda: time.time() - self.ago.total_seconds())
        self.sandbox = create_app(SandboxSettings(indigitall=switches), clock)
        self.transport = SandboxTransport(self.sandbox)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) - self.ago

    def reader(self, **fields: Any) -> IndigitallReader:
        return IndigitallReader(credentials(**fields), transport=self.transport, retry=QUICK)

    async def ask(self, method: str, path: str, **fields: Any) -> Any:
        async with httpx.AsyncClient(transport=self.transport, base_url="http://localhost") as client:
            answered = await client.request(method, path, **fields)
            return answered.json() if "json" in answered.headers["content-type"] else answered.text

    async def switch(self, **switches: Any) -> None:
        await self.ask("PATCH", "/settings", json={"indigitall": switches})

    async def count_requests(self) -> int:
        count: int = (await self.ask("GET", "/truth"))["indigitall"]["requests"]
        return count

    async def send(self, *numbers: str, request: str = "q-1", send_at: datetime | None = None) -> list[HandedOver]:
        """The messages as the ledger has them afterwards; without an id where the answer was lost."""
        content = Content.model_validate({**FREE_TEXT, "send_at": send_at})
        people = [message(f"{request}-{number}", number) for number in numbers or (ADA,)]
        claimed_at, ticket = self.now, None
        async with Indigitall(
            credentials(), content, Indigitall.Options(), transport=self.transport
        ) as indigitall:
            try:
                outcomes = await indigitall.send(people, Batch(request, None))
                ticket = outcomes[0].provider_message_id
            except OutcomeUnknown:
                pass
        return [
            HandedOver(
                reference=one.reference,
                address=one.address,
                claimed_at=claimed_at,
                channel=Channel.SMS,
                ticket=ticket,
                request_reference=request,
                request_size=len(people),
                template_id="101",
            )
            for one in people
        ]

    async def lose(self, *numbers: str, how: str = "lose_after", **fields: Any) -> list[HandedOver]:
        await self.switch(respond=[how])
        return await self.send(*numbers, **fields)

    async def statuses(self, messages: Sequence[HandedOver]) -> list[StatusReport]:
        async with self.reader() as reader:
            return await collect(reader.fetch_statuses(messages))

    async def find(
        self, messages: Sequence[HandedOver], *known_ids: str, open_requests: int | None = None
    ) -> dict[str, Any]:
        """The sending by reference, None where it is undecided; only these are open, if nothing is said."""
        asked = open_requests or len({one.request_reference for one in messages})
        messages = [replace(one, open_requests=asked) for one in messages]
        async with self.reader() as reader:
            findings = await collect(reader.find(messages, frozenset(known_ids)))
        assert [finding.reference for finding in findings] == [one.reference for one in messages]
        assert {finding.verdict for finding in findings} <= {Verdict.FOUND, Verdict.UNDECIDED}
        assert all((finding.verdict is Verdict.FOUND) == bool(finding.report) for finding in findings)
        return {finding.reference: finding.report.ticket if finding.report else None for finding in findings}
