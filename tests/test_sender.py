"""What each kind of failure makes of the messages, and that nothing is ever handed over twice."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Self

import httpx
import pytest
from sqlalchemy import text, update

from tasks.connection import RunConnection
from tasks.messaging.content import Content
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.providers.base import SendOutcome
from tasks.providers.capabilities import Capabilities
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
    RequestRejected,
)
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.requests import shape_requests
from tasks.sender import ChunkReport, ChunkSender
from tasks.store import chunks, consent, leadership, leases, outbox, runs, windows
from tasks.store.session import Ledger
from tasks.store.tables import Message, utc_now
from tests.rows import columns_of
from tests.scripted_provider import ScriptedProvider

SINGLE = Capabilities(
    channels=frozenset(),
    contents=frozenset(),
    max_recipients_per_request=1,
    recommended_recipients_per_request=(1, 1),
    max_requests_in_flight=4,
    max_requests_per_second=None,
)
MESSAGE = Message.__table__
CONTENT = Content(channel=Channel.SMS, purpose=Purpose.TRANSACTIONAL, text="Hello")


class Sending:
    """One run of some messages, sent through a scripted provider."""

    def __init__(self, ledger: Ledger, people: int, **campaign) -> None:
        self.ledger = ledger
        with ledger.writing() as connection:
            self.run, (self.chunk,) = runs.create_run(
                connection,
                name="test",
                run_key="1",
                channel=CONTENT.channel,
                provider="scripted",
                purpose=CONTENT.purpose,
                rows_read=people,
                digest="",
                campaign=campaign,
                content=CONTENT.model_dump(mode="json"),
                options={},
                source_sha256="",
                chunk_sizes=[people],
            )
            rows = [
                {"row_number": n + 2, "address": f"+1212555{100 + n:04d}", "chunk_id": self.chunk}
                for n in range(people)
            ]
            runs.add_messages(connection, self.run, columns_of(rows))
            self.owner = leases.process_name()
            leadership.acquire_run(connection, self.run.id, self.owner)

    def send(self, script=None, *, provider=None, clock=time.monotonic):
        provider = provider or ScriptedProvider(script)
        with self.ledger.writing() as connection:
            chunks.claim_chunk(connection, self.chunk, self.owner)
            messages = outbox.planned_messages(connection, self.chunk)
        connected = RunConnection(provider, SINGLE, RunTexts(CONTENT))
        report = ChunkReport(self.chunk)
        sender = ChunkSender(self.ledger, self.run, self.owner, connected=connected, report=report, clock=clock)
        requests = shape_requests(self.run.token, messages, connected.texts, SINGLE)
        try:
            asyncio.run(sender.send_all(requests))
        finally:
            with self.ledger.writing() as connection:
                chunks.release_chunk(connection, self.chunk, self.owner)
        return report, provider

    def statuses(self):
        with self.ledger.reading() as connection:
            return Counter(connection.execute(text("SELECT status FROM message")).scalars())


def failing_on(address, error):
    def script(messages):
        if messages[0].address == address:
            raise error

    return script


def test_who_opted_out_by_the_lists_own_key_after_planning_is_not_in_a_request(ledger):
    sending = Sending(ledger, 3)
    with ledger.writing() as connection:
        connection.execute(update(MESSAGE).where(MESSAGE.c.row_number == 3).values(external_code="K-7"))
        consent.add_suppressions(connection, Channel.SMS, ["external:K-7"], reason="stop", source="test")
    sending.send(lambda _messages: None)
    assert sending.statuses() == {"accepted": 2, "cancelled": 1}


@pytest.mark.parametrize(
    ("error", "status", "stops"),
    [
        (OutcomeUnknown("lost", reason="x"), "unknown", False),
        (RequestRejected("bad number", reason="x"), "rejected", False),
        (ProviderUnreachable("down", reason="x"), "planned", True),
        (ProviderThrottled("later"), "planned", True),
        (CredentialsRejected("key", reason="x"), "planned", True),
        (CreditExhausted("money", reason="x"), "planned", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ProviderError) else str(value),
)
def test_each_error_means_one_status_and_some_stop_the_run(ledger, error, status, stops):
    sending = Sending(ledger, 1)
    report, _ = sending.send(failing_on("+12125550100", error))
    assert sending.statuses() == {status: 1}
    assert (report.stop_reason is not None) is stops


def test_a_fault_of_ours_leaves_its_message_unknown_lets_the_others_finish_and_is_raised(ledger):
    sending = Sending(ledger, 20)
    with pytest.raises(ZeroDivisionError):
        sending.send(failing_on("+12125550103", ZeroDivisionError()))
    counted = sending.statuses()
    assert counted["unknown"] == 1
    assert counted["sending"] == 0
    assert counted["accepted"] + counted["planned"] == 19


def test_what_was_not_sent_is_sent_by_the_next_attempt_and_nothing_twice(ledger):
    sending = Sending(ledger, 30)
    _, first = sending.send(failing_on("+12125550110", ProviderUnreachable("down", reason="x")))
    _, second = sending.send(lambda _messages: None)
    assert sending.statuses() == {"accepted": 30}
    assert Counter(first.taken + second.taken).most_common(1)[0][1] == 1
    assert len(first.taken + second.taken) == 30


def test_a_run_that_another_process_took_over_is_left_alone(ledger):
    sending = Sending(ledger, 40)
    taken_over = False

    def script(_messages):
        nonlocal taken_over
        if not taken_over:
            taken_over = True
            with ledger.writing() as connection:
                connection.execute(text("UPDATE chunk SET claimed_by = 'other:1:aa'"))

    report, provider = sending.send(script)
    assert report.stop_reason == "taken_over"
    assert len(provider.taken) < 40
    assert sending.statuses()["sending"] == 0


def test_a_crash_can_leave_only_few_messages_unknown(ledger):
    sending = Sending(ledger, 100)
    most = 0

    def script(_messages):
        nonlocal most
        with ledger.reading() as connection:
            claimed = "SELECT count(*) FROM message WHERE status = 'sending'"
            most = max(most, connection.execute(text(claimed)).scalar_one())

    sending.send(script)
    assert 0 < most <= 6  # three windows of half of what is in flight


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


class ThrottlingProvider:
    """Asks to wait when it is asked for the first time, and then takes everything."""

    def __init__(self, fake: FakeTime, wait_seconds: int) -> None:
        self.asked_at: list[float] = []
        self._fake = fake
        self._wait_seconds = wait_seconds
        self._http = HttpClient(
            "https://provider.example.com",
            headers={"Authorization": "a secret of the test"},
            max_requests_in_flight=1,
            transport=httpx.MockTransport(self._answer),
            retry=RetryPolicy(max_total_seconds=1_000),
            sleep=fake.sleep,
            clock=fake.clock,
        )
        self.use_stop_check = self._http.use_stop_check

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.asked_at.append(self._fake.seconds)
        if len(self.asked_at) == 1:
            return httpx.Response(429, headers={"Retry-After": str(self._wait_seconds)})
        return httpx.Response(200, json={})

    async def send(self, messages, _batch=None):
        await self._http.request_json("POST", "/send", json={})
        return [SendOutcome(message.reference, MessageStatus.ACCEPTED, "id") for message in messages]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None


@pytest.mark.parametrize(("wait_seconds", "status"), [(100, "accepted"), (200, "planned")])
def test_no_request_is_tried_again_after_the_hours_of_its_message(ledger, wait_seconds, status):
    sending = Sending(ledger, 3, hours={"rules": []})
    with ledger.writing() as connection:
        # What is written down as the end is LAST_CALL before it: the hours are over in 150 seconds.
        closes = utc_now() + timedelta(seconds=30)
        hand_over = windows.HandOver(utc_now() - timedelta(hours=1), closes)
        window = windows.add_window(connection, sending.run.id, "US", ("America/New_York",), hand_over)
        connection.execute(update(MESSAGE).values(window_id=window))
    fake = FakeTime()
    provider = ThrottlingProvider(fake, wait_seconds)
    report, _ = sending.send(provider=provider, clock=fake.clock)
    assert sending.statuses() == {status: 3}
    assert max(provider.asked_at) < 150
    assert not report.is_provider_out
