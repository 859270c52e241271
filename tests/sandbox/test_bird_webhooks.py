"""Bird calls back: subscriptions, the pushes themselves over real HTTP, and replies."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from deployments.sandbox import Clock, SandboxSettings
from deployments.sandbox.server import running_sandbox
from tasks.messaging.statuses import MessageStatus
from tasks.providers.bird.callbacks import BirdCallbacks
from tasks.providers.bird.options import BirdCredentials
from tasks.providers.reports import CallbackRequest, ReplyReport, StatusReport
from tests.sandbox.wire import BIRD_HEADERS, MESSAGES, bird_message

KEY = "sandbox-signing-key"
WORKSPACE = "00000000-0000-4000-8000-0000000000a1"
SUBSCRIPTIONS = f"/workspaces/{WORKSPACE}/webhook-subscriptions"
SUBSCRIPTION = {"service": "channels", "event": "sms.outbound", "url": "http://127.0.0.1:8000", "signingKey": KEY}
NUMBER = "+12025550101"
LIFE = ["accepted", "processing", "sent", "delivered"]
PATIENCE_SECONDS = 60


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.005)


class Receiver:
    """Keeps what it is sent, and answers with `answers` first, then 200."""

    def __init__(self) -> None:
        self.requests: list[CallbackRequest] = []
        self.answers: list[int] = []
        self.before_answer: Callable[[], None] = lambda: None
        receiver = self

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # with 5, a seventh connection at once waits a second for its turn

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.before_answer()
                url = f"{receiver.base_url}{self.path}"
                receiver.requests.append(CallbackRequest(url=url, headers=headers, body=body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as its base names it
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serve(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @property
    def words(self) -> list[str]:
        return [BirdCallbacks().receive(request).payload["payload"]["status"] for request in self.requests]


class Bird:
    """A running sandbox whose time passes only when a test says so, with a receiver of its callbacks."""

    def __init__(self, running: ExitStack, switches: dict[str, Any]) -> None:
        self.now = 1_767_612_000.0  # 2026-01-05T11:20:00Z
        clock = Clock(now=self.read_clock, monotonic=self.read_clock)
        settings = SandboxSettings(bird={"rate_get": 1000, "rate_post": 1000, **switches})
        self.receiver = Receiver()
        running.enter_context(self.receiver.serve())
        sandbox = running.enter_context(running_sandbox(settings, clock=clock))
        self.app = sandbox.app
        self.client = running.enter_context(
            httpx.Client(base_url=sandbox.url, headers=BIRD_HEADERS, trust_env=False)
        )
        self.callbacks = BirdCallbacks(now=self.read_clock)
        self.credentials = BirdCredentials.model_validate(
            {"access_key": "x", "workspace_id": WORKSPACE, "channel_id": WORKSPACE, "signing_key": KEY}
        )

    def read_clock(self) -> float:
        return self.now

    def subscribe(self, event: str = "sms.outbound", path: str = SUBSCRIPTIONS, **fields: Any) -> httpx.Response:
        body = {
            "service": "channels",
            "event": event,
            "url": f"{self.receiver.base_url}/bird",
            "signingKey": KEY,
            **fields,
        }
        return self.client.post(f"/bird{path}", json=body)

    def send(self, number: str = NUMBER, reference: str = "r1", **fields: Any) -> dict[str, Any]:
        answer = self.client.post(f"/bird{MESSAGES}", json=bird_message(number, reference=reference, **fields))
        assert answer.status_code == 202, answer.text
        sent: dict[str, Any] = answer.json()
        return sent

    def reply(self, text: str, number: str = NUMBER) -> dict[str, Any]:
        answer = self.client.post("/bird-control/replies", json={"from": number, "text": text})
        assert answer.status_code == 201, answer.text
        reply: dict[str, Any] = answer.json()
        return reply

    def get(self, path: str = MESSAGES, **query: str) -> Any:
        answer = self.client.get(f"/bird{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.app.providers["bird"].pusher.counts)

    def wait_for(self, count: int) -> None:
        """Wait for so many callbacks, without letting time pass."""
        wait_for(lambda: self.counts.get("taken", 0) + self.counts.get("given_up", 0) >= count)
        assert len(self.receiver.requests) == count

    def let_time_pass(self, condition: Callable[[], object], seconds: float = 1) -> None:
        """Let so many seconds pass at a time, until it is so."""

        def is_so_later() -> object:
            self.now += seconds
            return condition()

        wait_for(is_so_later)

    def let_all_come(self, seconds: float = 1) -> None:
        """Let time pass until no callback will come any more."""
        self.let_time_pass(lambda: not self.counts.get("waiting"), seconds)

    def live(self, words: list[str] = LIFE) -> None:
        """Let a message go through its life, a step each second; what is due in each second has left."""
        for place in range(len(words)):
            wait_for(lambda place=place: len(self.receiver.requests) > place)
            self.now += 1

    def is_genuine(self, request: CallbackRequest) -> bool:
        return self.callbacks.is_genuine(request, self.credentials)

    def read(self, request: CallbackRequest) -> list[Any]:
        received = self.callbacks.receive(request)
        assert received.error is None
        return list(self.callbacks.read(received.payload, datetime.now(UTC)))


@pytest.fixture
def bird() -> Iterator[Callable[..., Bird]]:
    """`bird(webhooks="lost")`: a sandbox with these switches."""
    with ExitStack() as running:
        yield lambda **switches: Bird(running, switches)


def test_every_status_is_pushed_once_in_order_and_signed(bird):
    sandbox = bird()
    sandbox.subscribe()
    sent = sandbox.send()
    sandbox.live()
    sandbox.let_all_come()
    assert sandbox.receiver.words == LIFE
    assert all(map(sandbox.is_genuine, sandbox.receiver.requests))
    reports = [report for request in sandbox.receiver.requests for report in sandbox.read(request)]
    assert {(type(one), one.reference, one.provider_message_id) for one in reports} == {
        (StatusReport, "r1", sent["id"])
    }
    assert [(report.at - reports[0].at).total_seconds() for report in reports] == [0, 1, 2, 3]
    # The last push says what a read says.
    last = sandbox.callbacks.receive(sandbox.receiver.requests[-1]).payload
    assert last["payload"] == sandbox.get(f"{MESSAGES}/{sent['id']}")
    assert (last["service"], last["event"]) == ("channels", "sms.outbound")


def test_a_batch_is_told_message_by_message(bird):
    sandbox = bird(delivery_step_seconds=0)
    sandbox.subscribe()
    batch = [bird_message(reference="r1"), bird_message(reference="r2"), {"reference": "bad"}]
    path = MESSAGES.replace("/messages", "/batch/messages")
    sandbox.client.post(f"/bird{path}", json={"messageRequests": batch})
    sandbox.let_all_come()
    assert len(sandbox.receiver.requests) == 10
    reports = [sandbox.read(request)[0] for request in sandbox.receiver.requests]
    ends = {report.reference: report.status for report in reports if report.status and report.status.is_final}
    assert ends == {"r1": MessageStatus.DELIVERED, "r2": MessageStatus.DELIVERED, "bad": MessageStatus.REJECTED}


@pytest.mark.parametrize(
    ("switches", "number", "words"),
    [
        ({"delivery_script": ["accepted", "?buffered"]}, NUMBER, ["accepted", "buffered"]),
        ({"suppressed_numbers": [NUMBER]}, NUMBER, ["accepted", "rejected"]),
        ({"validate": "rejected_in_202"}, "12025550101", ["rejected"]),
    ],
)
def test_whatever_becomes_of_a_message_is_pushed(bird, switches, number, words):
    sandbox = bird(delivery_step_seconds=0, **switches)
    sandbox.subscribe()
    sandbox.send(number)
    sandbox.let_all_come()
    assert len(sandbox.receiver.requests) == len(words)
    assert sorted(sandbox.receiver.words) == sorted(words)


def test_a_scheduled_message_is_told_as_scheduled_and_then_when_it_is_due(bird):
    sandbox = bird()
    sandbox.subscribe()
    sandbox.send(scheduledFor="2026-01-05T12:20:00Z")
    sandbox.wait_for(1)
    assert sandbox.receiver.words == ["scheduled"]
    sandbox.now += 3600
    sandbox.wait_for(2)
    assert sandbox.receiver.words == ["scheduled", "accepted"]


def test_a_lost_callback_never_comes_and_a_duplicate_comes_twice(bird):
    sandbox = bird(webhooks={"lost": 0.5, "duplicate": 0.5})
    sandbox.subscribe()
    for n in range(20):
        sandbox.send(reference=f"r{n}")
    sandbox.let_all_come()
    bodies = [request.body for request in sandbox.receiver.requests]
    assert {bodies.count(body) for body in bodies} == {2}
    assert 20 < len(set(bodies)) < 60  # of 80


def test_reordered_callbacks_come_after_the_last_one(bird):
    sandbox = bird(webhooks="reorder")
    sandbox.subscribe()
    sandbox.send()
    sandbox.now += 3
    sandbox.wait_for(1)
    for count in (2, 3, 4):
        sandbox.now += 0.201
        sandbox.wait_for(count)
    assert sandbox.receiver.words == ["delivered", "sent", "processing", "accepted"]
    assert all(map(sandbox.is_genuine, sandbox.receiver.requests))


def test_late_callbacks_tell_what_was_then(bird):
    sandbox = bird(webhooks="late:60", delivery_script=["accepted", "delivered"])
    sandbox.subscribe()
    sent_at = sandbox.now
    sandbox.send()
    sandbox.let_all_come()
    assert sorted(sandbox.receiver.words) == ["accepted", "delivered"]
    for request in sandbox.receiver.requests:
        assert int(request.headers["messagebird-request-timestamp"]) >= sent_at + 60
        assert sandbox.read(request)[0].at.timestamp() <= sent_at + 1


def test_a_bad_signature_is_not_genuine_and_not_tried_again(bird):
    sandbox = bird(webhooks="bad_signature", delivery_step_seconds=0, delivery_script=["delivered"])
    sandbox.receiver.answers = [401]
    sandbox.subscribe()
    sandbox.send()
    sandbox.wait_for(1)
    assert not sandbox.is_genuine(sandbox.receiver.requests[0])
    assert sandbox.counts["given_up"] == 1


def test_a_retry_keeps_its_signature_and_its_time(bird):
    sandbox = bird(delivery_step_seconds=0, delivery_script=["delivered"])
    sandbox.receiver.answers = [503, 500]
    sandbox.subscribe()
    sandbox.send()
    sandbox.let_all_come()
    assert len(sandbox.receiver.requests) == 3
    assert len({(request.body, *sorted(request.headers.items())) for request in sandbox.receiver.requests}) == 1
    assert sandbox.is_genuine(sandbox.receiver.requests[-1])
    assert (sandbox.counts["taken"], sandbox.counts["attempts"]) == (1, 3)


@pytest.mark.parametrize(("retry_hours", "retry_seconds", "attempts"), [(0, 1, 1), (8, 60, 9), (24, 60, 11)])
def test_callbacks_are_tried_again_for_some_hours(bird, retry_hours, retry_seconds, attempts):
    sandbox = bird(
        retry_hours=retry_hours,
        retry_seconds=retry_seconds,
        delivery_script=["delivered"],
    )
    sandbox.receiver.answers = [503] * 20
    sandbox.subscribe()
    sandbox.send()
    sandbox.let_all_come(seconds=1800)
    assert (sandbox.counts["attempts"], sandbox.counts["given_up"]) == (attempts, 1)
    pauses = [retry_seconds * 2.0**n for n in range(attempts)]
    assert sum(pauses[:-1]) <= retry_hours * 3600 < sum(pauses)


def test_a_callback_can_be_earlier_than_the_answer_of_the_send(bird):
    sandbox = bird(before_response=True, delivery_script=["accepted", "delivered"])
    seen: list[bool] = []
    answered = threading.Event()
    sandbox.receiver.before_answer = lambda: seen.append(answered.is_set())
    sandbox.subscribe()
    sandbox.send()
    answered.set()
    assert (seen, sandbox.receiver.words) == ([False], ["accepted"])
    sandbox.now += 1
    sandbox.wait_for(2)
    assert sandbox.receiver.words == ["accepted", "delivered"]
    sandbox.app.change_settings({"bird": {"delivery_step_seconds": 0}})
    sandbox.send(reference="r2")
    assert sandbox.receiver.words[2:] == ["accepted", "delivered"]


def test_a_message_whose_answer_is_lost_is_told_all_the_same(bird):
    sandbox = bird(delivery_step_seconds=0, delivery_script=["delivered"], respond=["normal", "lose_after"])
    sandbox.subscribe()
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.send()
    sandbox.wait_for(1)
    assert sandbox.read(sandbox.receiver.requests[0])[0].reference == "r1"
    assert [message["reference"] for message in sandbox.get()["results"]] == ["r1"]


def test_a_subscription_is_shown_without_its_key_and_ends_when_it_is_deleted(bird):
    sandbox = bird(delivery_step_seconds=0, delivery_script=["delivered"])
    made = sandbox.subscribe(eventFilters=[{"key": "messageStatus", "value": "delivered"}])
    assert made.status_code == 201
    shown = made.json()
    assert shown.keys() == {"id", "service", "event", "eventFilters", "url", "status", "createdAt", "updatedAt"}
    assert sandbox.get(SUBSCRIPTIONS) == {"results": [shown]}
    assert sandbox.get(f"{SUBSCRIPTIONS}/{shown['id']}") == shown
    other = SUBSCRIPTIONS.replace("000a1", "000a2")
    assert sandbox.get(other) == {"results": []}
    assert sandbox.client.delete(f"/bird{other}/{shown['id']}").status_code == 404
    sandbox.send()
    sandbox.wait_for(1)
    assert sandbox.client.delete(f"/bird{SUBSCRIPTIONS}/{shown['id']}").status_code == 204
    assert sandbox.client.get(f"/bird{SUBSCRIPTIONS}/{shown['id']}").status_code == 404
    sandbox.send()
    assert sandbox.counts.get("attempts") == 1


def test_the_path_of_older_pages_works_too(bird):
    sandbox = bird(delivery_step_seconds=0, delivery_script=["delivered"])
    path = f"/organizations/{WORKSPACE}{SUBSCRIPTIONS}"
    made = sandbox.subscribe(path=path)
    assert made.status_code == 201
    assert sandbox.get(SUBSCRIPTIONS) == sandbox.get(path) == {"results": [made.json()]}
    assert sandbox.subscribe(path=f"/organizations/ours{SUBSCRIPTIONS}").status_code == 404
    sandbox.send()
    sandbox.wait_for(1)


def test_a_subscription_is_told_only_what_all_its_filters_match(bird):
    sandbox = bird(delivery_step_seconds=0)
    channel = {"key": "channelId", "value": "00000000-0000-4000-8000-0000000000c1"}
    sandbox.subscribe(eventFilters=[channel, {"key": "messageStatus", "value": "sent"}])
    sandbox.subscribe(eventFilters=[{**channel, "value": WORKSPACE}])
    sandbox.subscribe(path=SUBSCRIPTIONS.replace("000a1", "000a2"))
    sandbox.send()
    sandbox.let_all_come()
    assert len(sandbox.receiver.requests) == 1
    assert sandbox.receiver.words == ["sent"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"service": "numbers"}, ".service"),
        ({"event": "everything"}, ".event"),
        ({"url": 5}, ".url"),
        ({"url": "hooks"}, ".url"),
        ({"eventFilters": [{"key": "reference", "value": "r1"}]}, ".eventFilters[0].key"),
        ({"secret": "x"}, "."),
    ],
)
def test_a_subscription_of_another_shape_is_refused(wire, fields, path):
    answer = wire().bird("POST", SUBSCRIPTIONS, {**SUBSCRIPTION, **fields})
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [path]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://hooks.example.com/bird", 201),
        ("https://hooks.example.com", 201),
        ("http://hooks.example.com/bird", 422),
        ("https://hooks.example.com:8443/bird", 422),
        ("https://localhost/bird", 422),
        ("https://127.0.0.1/bird", 422),
    ],
)
def test_the_real_pattern_of_urls_has_no_port_and_no_plain_http(wire, url, status):
    sandbox = wire(bird={"allow_local_urls": "off"})
    assert sandbox.bird("POST", SUBSCRIPTIONS, {**SUBSCRIPTION, "url": url}).status_code == status


def test_a_reply_is_pushed_and_is_no_receipt(bird):
    sandbox = bird(delivery_step_seconds=0)
    sandbox.subscribe("sms.inbound")
    sandbox.send()
    reply = sandbox.reply("Thank you")
    sandbox.wait_for(1)
    [request] = sandbox.receiver.requests
    assert sandbox.is_genuine(request)
    [report] = sandbox.read(request)
    assert isinstance(report, ReplyReport)
    assert (report.address, report.text, report.dedupe_key) == (NUMBER, "Thank you", reply["id"])
