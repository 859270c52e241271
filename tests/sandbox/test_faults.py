"""Faults in-process: what the client sees, and whether the provider processed the request."""

import asyncio
import time

import httpx
import pytest

from deployments.sandbox import ConnectionAborted
from tests.sandbox.in_process import SandboxTransport
from tests.sandbox.wire import MESSAGES, bird_message


def ask_bird(sandbox):
    """A status, or what was raised."""
    try:
        return sandbox.bird_send().status_code
    except ConnectionAborted:
        return "aborted"


@pytest.mark.parametrize(
    ("respond", "seen", "processed"),
    [
        ("normal", 202, 1),
        ("lose_before", "aborted", 0),
        ("lose_after", "aborted", 1),
        ("slow:0.01", 202, 1),
        ("http:503", 503, 0),
        ("http:403", 403, 0),
        ("http_after:500", 500, 1),
    ],
)
def test_each_way_to_respond(wire, respond, seen, processed):
    sandbox = wire(bird={"respond": respond})
    assert ask_bird(sandbox) == seen
    truth = sandbox.truth("bird")
    assert (truth["requests"], len(truth["recipients"])) == (1, processed)
    assert truth["answers"] == {str(seen): 1}


def test_octopush_has_the_same_faults(wire):
    sandbox = wire(octopush={"respond": ["http:503", "lose_after", "http:429"]})
    assert sandbox.octopush_send().status_code == 503
    with pytest.raises(ConnectionAborted):
        sandbox.octopush_send()
    assert sandbox.octopush_send().status_code == 429
    assert len(sandbox.truth("octopush")["recipients"]) == 1


def test_a_lost_connection_is_the_same_httpx_error_in_process_as_over_a_socket(wire):
    sandbox = wire(bird={"respond": "lose_after"})

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=SandboxTransport(sandbox.app)) as client:
            return await client.get(f"http://sandbox/bird{MESSAGES}")

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        asyncio.run(ask())


def test_a_list_of_responses_is_used_up_one_per_request_and_then_normal(wire):
    sandbox = wire(bird={"respond": ["http:500", "normal", "lose_after"]})
    assert [ask_bird(sandbox) for _ in range(2)] == [500, 202]
    assert sandbox.request("GET", "/settings").json()["bird"]["respond"] == ["lose_after"]
    assert [ask_bird(sandbox) for _ in range(3)] == ["aborted", 202, 202]
    assert len(sandbox.truth("bird")["recipients"]) == 4


def test_changing_another_switch_keeps_what_is_left_of_the_list(wire):
    sandbox = wire(bird={"respond": ["http:500", "http:502"]})
    assert ask_bird(sandbox) == 500
    sandbox.request("PATCH", "/settings", json={"bird": {"retry_after": "on"}})
    assert [ask_bird(sandbox) for _ in range(2)] == [502, 202]


def test_a_reset_brings_the_whole_list_back(wire):
    sandbox = wire(bird={"respond": ["http:500"]})
    assert [ask_bird(sandbox) for _ in range(2)] == [500, 202]
    sandbox.request("POST", "/reset")
    assert [ask_bird(sandbox) for _ in range(2)] == [500, 202]


@pytest.mark.parametrize(
    ("faults_on", "write", "read"), [("all", 503, 503), ("writes", 503, 200), ("reads", 202, 503)]
)
def test_faults_may_be_for_reads_or_writes_only(wire, faults_on, write, read):
    sandbox = wire(bird={"respond": "http:503", "faults_on": faults_on})
    assert (sandbox.bird_send().status_code, sandbox.bird("GET").status_code) == (write, read)


def test_a_request_that_a_fault_spared_uses_nothing_of_the_list(wire):
    sandbox = wire(bird={"respond": ["http:503"], "faults_on": "writes"})
    assert [sandbox.bird("GET").status_code, ask_bird(sandbox), ask_bird(sandbox)] == [200, 503, 202]


@pytest.mark.parametrize(
    ("fault", "seen", "processed"),
    [
        ("throttle", 429, 0),
        ("error_before", 503, 0),
        ("error_after", 503, 1),
        ("drop_before", "aborted", 0),
        ("drop_after", "aborted", 1),
    ],
)
def test_each_fault_by_chance(wire, fault, seen, processed):
    sandbox = wire(bird={"faults": {fault: 1}})
    assert ask_bird(sandbox) == seen
    assert len(sandbox.truth("bird")["recipients"]) == processed


def test_chances_are_met_and_repeat_with_the_seed(wire):
    faults = {"throttle": 0.3, "drop_after": 0.2, "error_before": 0.1, "seed": 7}
    first, second, other = (
        [ask_bird(sandbox) for _ in range(300)]
        for sandbox in (
            wire(bird={"faults": faults}),
            wire(bird={"faults": faults}),
            wire(bird={"faults": {**faults, "seed": 8}}),
        )
    )
    assert first == second != other
    assert 65 <= first.count(429) <= 115
    assert 40 <= first.count("aborted") <= 80
    assert 15 <= first.count(503) <= 45


def test_latency_delays_every_answer(wire):
    sandbox = wire(bird={"faults": {"latency_seconds": 0.05}})
    before = time.monotonic()
    assert ask_bird(sandbox) == 202
    assert time.monotonic() - before >= 0.05


def test_a_slow_request_is_processed_before_the_wait(wire):
    """So that a client that gives up waiting has sent all the same."""
    sandbox = wire(bird={"respond": "slow:30"})

    async def give_up() -> None:
        transport = httpx.ASGITransport(sandbox.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            headers = {"Authorization": "AccessKey sandbox-bird-key"}
            request = client.post(f"/bird{MESSAGES}", json=bird_message(), headers=headers)
            await asyncio.wait_for(request, timeout=0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert len(sandbox.truth("bird")["recipients"]) == 1


def test_an_injected_429_carries_retry_after_by_switch(wire):
    sandbox = wire(bird={"respond": "http:429", "retry_after": "on"})
    assert sandbox.bird_send().headers["retry-after"] == "1"


def test_the_sandbox_itself_never_fails(wire):
    sandbox = wire(bird={"respond": "lose_before"}, octopush={"faults": {"drop_before": 1}})
    for path in ("/", "/truth", "/truth/summary", "/settings", "/health"):
        assert sandbox.request("GET", path).status_code == 200
