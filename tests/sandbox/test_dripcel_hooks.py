"""Hooks, reclassified replies, and messages that go their way by themselves."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deployments.sandbox import SandboxSettings
from deployments.sandbox.server import running_sandbox

HEADERS = {"Authorization": "Bearer sandbox-dripcel-key"}
ADA, ALAN = "27711234567", "27711234568"
SALE = "000000000000000000000c01"


def call(sandbox, method, path, body=None):
    return sandbox.request(method, f"/dripcel{path}", json=body, headers=HEADERS)


def sms(sandbox, cell=ADA, **fields):
    return call(sandbox, "POST", "/send/sms", message_to(cell, **fields)).json()["data"]


def send_to(client, **fields):
    return client.post("/dripcel/send/sms", json=message_to(ADA, **fields)).json()["data"]


def reply_to(client, text):
    return client.post("/dripcel-control/replies", json={"phone": f"+{ADA}", "text": text}).json()


def message_to(cell, **fields):
    return {
        "content": "Hello",
        "cell": cell,
        "skipNonContacts": False,
        "country": "ZA",
        "deliveryMethod": "standard",
        **fields,
    }


def word(sandbox, cell=ADA):
    return call(sandbox, "GET", f"/deliveries?cell={cell}").json()["data"][0]["status"]


def test_a_message_goes_on_by_itself_when_steps_are_those_of_time(wire):
    sandbox = wire(dripcel={"delivery_steps": "by_time", "delivery_step_seconds": 10})
    sms(sandbox)
    seen = []
    for seconds in (0, 9, 1, 9, 1, 100):
        sandbox.now += seconds
        seen.append((word(sandbox), sandbox.truth("dripcel")["recipients"][0]["status"]))
    assert seen == [(state, state) for state in ("pending", "pending", "sent", "sent", "delivered", "delivered")]


def test_the_truth_can_be_looked_at_without_a_step(wire):
    sandbox = wire()
    sms(sandbox)
    assert [sandbox.truth("dripcel")["recipients"][0]["status"] for _ in range(3)] == ["pending"] * 3
    assert word(sandbox) == "pending"


def test_outcomes_are_drawn_by_share_and_by_the_message_alone(wire):
    numbers = [f"2771123{number:04}" for number in range(200)]
    switches = {"outcomes": {"delivered": 0.8, "undelivered": 0.2}, "delivery_script": ["sent", "delivered"]}
    seen = []
    for order in (numbers, numbers[::-1]):
        sandbox = wire(dripcel={"rate_per_minute": 1000, **switches})
        for number in order:
            sms(sandbox, number)
        seen.append({number: (word(sandbox, number), word(sandbox, number)) for number in numbers})
    assert seen[0] == seen[1]
    assert {first for first, _ in seen[0].values()} == {"sent"}
    counts = Counter(last for _, last in seen[0].values())
    assert counts.keys() == {"delivered", "undelivered"}
    assert 20 <= counts["undelivered"] <= 60


def test_a_script_of_a_number_is_not_drawn_over(wire):
    scripts = {f"+{ADA}": ["sent"], f"+{ALAN}": "never"}
    sandbox = wire(dripcel={"outcomes": {"failed": 1}, "delivery_scripts": scripts})
    sms(sandbox), sms(sandbox, ALAN)
    assert (word(sandbox), word(sandbox, ALAN)) == ("sent", "pending")


@pytest.mark.parametrize("outcomes", [{"lost": 1}, {"delivered": 0}, {"delivered": 2, "failed": -1}])
def test_shares_are_of_states_and_add_up_to_something(wire, outcomes):
    answer = wire().request("PATCH", "/settings", json={"dripcel": {"outcomes": outcomes}})
    assert list(answer.json()["problems"]) == ["dripcel.outcomes"]


def test_a_reply_can_be_put_into_another_class_and_comes_again_under_its_id(wire):
    sandbox = wire()
    sms(sandbox, campaign_id=SALE)
    reply = sandbox.request("POST", "/dripcel-control/replies", json={"phone": f"+{ADA}", "text": "Enough"}).json()
    assert reply["kind"] == "unknown"
    sandbox.now += 60
    path = f"/dripcel-control/replies/{reply['_id']}"
    assert sandbox.request("PATCH", path, json={"kind": "optOut"}).status_code == 200
    [found] = call(sandbox, "POST", "/replies/search", {}).json()["data"]
    assert found == {**reply, "kind": "optOut", "updatedAt": "2026-01-05T11:21:00.000Z"}
    assert sms(sandbox, campaign_id=SALE)["totalCost"] == 0
    assert sandbox.request("PATCH", path, json={"kind": "optIn"}).json()["kind"] == "optIn"
    assert sms(sandbox, campaign_id=SALE)["totalCost"] == 0.25
    assert sandbox.request("PATCH", path, json={"kind": "maybe"}).status_code == 422
    assert sandbox.request("PATCH", "/dripcel-control/replies/x", json={"kind": "optIn"}).status_code == 404


class Listener:
    """A server that hooks are told to; the first `silent` requests get no answer."""

    def __init__(self, silent=0) -> None:
        listener = self
        self.requests = []
        self.came = threading.Condition()
        self.is_over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with listener.came:
                    listener.requests.append((self.command, self.path, dict(self.headers), body))
                    number = len(listener.requests)
                    listener.came.notify_all()
                if number <= silent:
                    listener.is_over.wait()
                    return
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callbacks/dripcel/secret"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, count):
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, timeout=60)
        return self.requests


@pytest.fixture
def hooked():
    """`hooked(listener, **switches)`: replies to a sandbox that has sent an SMS; returns what was replied."""

    def run(listener, text="STOP", **switches):
        switches = {"hook_url": listener.url, **switches}
        with (
            running_sandbox(SandboxSettings(dripcel=switches)) as sandbox,
            httpx.Client(base_url=sandbox.url, headers=HEADERS) as client,
        ):
            send_to(client, campaign_id=SALE)
            reply = reply_to(client, text)
            listener.wait_for(1)
            return reply

    return run


@pytest.mark.parametrize("header", ["dripcel-idempotency-key", "dripcel-idemptotency-key"])
def test_a_reply_is_told_in_the_body_that_the_user_wrote(hooked, header):
    with Listener() as listener:
        reply = hooked(listener, 'I said "STOP"', hook_header=header)
    [(method, path, headers, body)] = listener.requests
    assert (method, path) == ("POST", "/callbacks/dripcel/secret")
    assert headers[header]
    told = json.loads(body)
    assert told == {name: reply[name] for name in told}
    assert told["Message"] == 'I said "STOP"'


def test_the_body_can_come_as_a_query(hooked):
    body = '{"from": "{{contact.cell}}", "says": "{{reply.Message}}"}'
    with Listener() as listener:
        hooked(listener, "No & never", hook_method="GET", hook_body=body)
    [(method, path, _, body)] = listener.requests
    assert (method, body) == ("GET", b"")
    assert parse_qs(urlsplit(path).query) == {"from": [ADA], "says": ["No & never"]}


def test_texts_may_be_put_in_as_they_are_and_tear_the_body(hooked):
    with Listener() as listener:
        hooked(listener, 'I said "STOP"', hook_quoting="raw")
    assert b'"Message": "I said "STOP""' in listener.requests[0][3]


def test_an_attempt_without_an_answer_is_repeated_three_times_under_the_same_key():
    switches = {"hook_timeout_seconds": 0.05, "hook_retry_seconds": 0}
    with Listener(silent=9) as listener:
        settings = SandboxSettings(dripcel={"hook_url": listener.url, **switches})
        with (
            running_sandbox(settings) as sandbox,
            httpx.Client(base_url=sandbox.url, headers=HEADERS) as client,
        ):
            send_to(client, campaign_id=SALE)
            reply_to(client, "STOP")
            deadline = time.monotonic() + 60
            while not (counts := client.get("/truth/summary").json()["dripcel"]["callbacks"]).get("given_up"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
    assert counts == {"waiting": 0, "attempts": 4, "given_up": 1}
    assert len({headers["dripcel-idempotency-key"] for _, _, headers, _ in listener.requests}) == 1


@pytest.mark.parametrize(
    ("fields", "switches"),
    [({}, {}), ({"campaign_id": SALE}, {"credit": 1.2}), ({"campaign_id": SALE}, {"hook_url": None})],
)
def test_no_hook_without_campaign_credit_or_somebody_to_tell(fields, switches):
    # Nobody listens there: a hook that fired would be counted all the same.
    settings = SandboxSettings(dripcel={"hook_url": "http://127.0.0.1:1/", "hook_retries": 0, **switches})
    with (
        running_sandbox(settings) as sandbox,
        httpx.Client(base_url=sandbox.url, headers=HEADERS) as client,
    ):
        send_to(client, **fields)
        reply_to(client, "STOP")
        assert client.get("/truth/summary").json()["dripcel"]["callbacks"] == {}
