"""Callbacks leave at their time, in their order, and again when nobody took them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from deployments.sandbox.clock import Clock
from deployments.sandbox.push_connection import destination_of
from deployments.sandbox.pushing import LANES, Push, Pusher
from tests.sandbox.callback_receiver import CallbackReceiver, receiving_callbacks

pytestmark = pytest.mark.anyio


class Made(list[Push]):
    """Callbacks, and in which order they were asked for."""

    def __init__(self, left: list[str], name: str, pushes: list[Push]) -> None:
        super().__init__(pushes)
        self._left = left
        self._name = name

    def __getitem__(self, position: Any) -> Any:
        self._left.append(f"{self._name} {position}")
        return super().__getitem__(position)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with receiving_callbacks() as receiver:
        yield receiver


@pytest.fixture
async def pusher() -> AsyncIterator[Pusher]:
    pusher = Pusher(Clock())
    yield pusher
    pusher.stop()


async def until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be so"
        await asyncio.sleep(0.005)


async def until_idle(pusher: Pusher) -> None:
    await until(lambda: not pusher.counts["waiting"])


def bodies(receiver: CallbackReceiver) -> list[bytes]:
    return [call.body for call in receiver.calls]


async def test_a_callback_is_the_request_that_was_asked_for(receiver: CallbackReceiver, pusher: Pusher) -> None:
    url = f"{receiver.url}/callbacks/x?secret=1"
    await pusher.push_now(Push(url, b'{"a": 1}', {"Content-Type": "application/json", "X-Id": "7"}))
    await pusher.push_now(Push(url, b"", method="PUT"))
    first, second = receiver.calls
    assert (first.method, first.path, first.body) == ("POST", "/callbacks/x?secret=1", b'{"a": 1}')
    assert first.headers == {
        "host": receiver.url.removeprefix("http://"),
        "content-length": "8",
        "content-type": "application/json",
        "x-id": "7",
    }
    assert (second.method, second.body) == ("PUT", b"")
    assert pusher.counts == {"waiting": 0, "attempts": 2, "taken": 2}


async def test_callbacks_that_are_due_together_leave_in_their_order(
    receiver: CallbackReceiver, pusher: Pusher
) -> None:
    left: list[str] = []
    pusher.push_in_rounds([Made(left, "first", [Push(receiver.url, b"x")] * 150)])
    pusher.push_in_rounds([Made(left, "second", [Push(receiver.url, b"x")] * 150)])
    await until_idle(pusher)
    assert left == [f"first {number}" for number in range(150)] + [f"second {number}" for number in range(150)]
    assert len(receiver.calls) == 300


async def test_a_callback_waits_for_its_time(receiver: CallbackReceiver) -> None:
    now = 1000.0
    pusher = Pusher(Clock(monotonic=lambda: now))
    pusher.push(Push(receiver.url, b"later"), after_seconds=3600)
    pusher.push(Push(receiver.url, b"at once"))
    await until(lambda: pusher.counts["taken"] == 1)
    assert bodies(receiver) == [b"at once"]
    assert pusher.counts["waiting"] == 1
    now += 3600
    await until_idle(pusher)
    assert bodies(receiver) == [b"at once", b"later"]


async def test_a_round_begins_when_the_one_before_was_answered(receiver: CallbackReceiver, pusher: Pusher) -> None:
    receiver.answer_after_seconds = 0.02
    rounds = [[Push(receiver.url, b"%d" % number)] * 50 for number in range(3)]
    pusher.push_in_rounds([rounds[0], [], *rounds[1:]])
    await until_idle(pusher)
    assert bodies(receiver) == [b"0"] * 50 + [b"1"] * 50 + [b"2"] * 50


async def test_a_pause_lies_between_rounds(receiver: CallbackReceiver) -> None:
    now = 1000.0
    pusher = Pusher(Clock(monotonic=lambda: now))
    pusher.push_in_rounds([[Push(receiver.url, b"1")], [Push(receiver.url, b"2")]], pause_seconds=10)
    await until(lambda: pusher.counts["taken"] == 1)
    assert bodies(receiver) == [b"1"]
    now += 10
    await until_idle(pusher)
    assert bodies(receiver) == [b"1", b"2"]


async def test_what_must_be_told_now_leaves_before_what_is_due(receiver: CallbackReceiver, pusher: Pusher) -> None:
    left: list[str] = []
    pusher.push_in_rounds([Made(left, "due", [Push(receiver.url, b"due")] * 200)])
    await pusher.push_in_rounds_now(
        [Made(left, "now", [Push(receiver.url, b"now")] * 3), [Push(receiver.url, b"then")]]
    )
    assert left[:3] == ["now 0", "now 1", "now 2"]
    assert [body for body in bodies(receiver) if body != b"due"] == [b"now", b"now", b"now", b"then"]
    await until_idle(pusher)
    assert len(receiver.calls) == 204


async def test_nothing_to_tell_now_is_told_at_once(pusher: Pusher) -> None:
    await pusher.push_in_rounds_now([[], []])
    assert not pusher.counts["waiting"]


async def test_a_callback_is_made_only_when_it_leaves(receiver: CallbackReceiver, pusher: Pusher) -> None:
    left: list[str] = []
    pusher.push_in_rounds([Made(left, "due", [Push(receiver.url, b"x")] * 10)])
    pusher.push_in_rounds([Made(left, "later", [Push(receiver.url, b"x")] * 10)], after_seconds=3600.0)
    await until(lambda: pusher.counts["taken"] == 10)
    assert left == [f"due {number}" for number in range(10)]
    assert pusher.counts["waiting"] == 10


@pytest.mark.parametrize("refusal", [500, 404, 302, 0])
async def test_a_callback_that_is_not_taken_is_made_again(
    receiver: CallbackReceiver, pusher: Pusher, refusal: int
) -> None:
    receiver.answer = lambda number: 204 if number == 2 else refusal
    pusher.push(Push(receiver.url, b"x", {"x-id": "1"}, attempts=5, retry_seconds=0.01))
    await until_idle(pusher)
    assert [(call.body, call.headers["x-id"]) for call in receiver.calls] == [(b"x", "1")] * 3
    assert pusher.counts == {"waiting": 0, "attempts": 3, "taken": 1}


async def test_the_pauses_between_attempts_double(receiver: CallbackReceiver) -> None:
    now = 1000.0
    attempts: list[float] = []

    def refuse(_: object) -> int:
        attempts.append(now)
        return 503

    pusher = Pusher(Clock(monotonic=lambda: now))
    receiver.answer = refuse
    pusher.push(Push(receiver.url, b"x", attempts=4, retry_seconds=10))
    while pusher.counts["waiting"]:
        now += 0.1
        await asyncio.sleep(0.001)
    first, second, third = (later - earlier for earlier, later in pairwise(attempts))
    assert (first >= 10, second >= 20, third >= 40) == (True, True, True)


async def test_a_callback_that_nobody_ever_takes_is_given_up(receiver: CallbackReceiver, pusher: Pusher) -> None:
    receiver.answer = lambda _: 500
    pusher.push(Push(receiver.url, b"x", attempts=3, retry_seconds=0.001))
    await until_idle(pusher)
    assert pusher.counts == {"waiting": 0, "attempts": 3, "given_up": 1}


async def test_a_receiver_that_is_away_gets_it_later(pusher: Pusher) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    pusher.push(Push(f"http://127.0.0.1:{port}/", b"x", attempts=50, retry_seconds=0.001))
    await until(lambda: pusher.counts["attempts"] >= 2)
    taken = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.readuntil(b"\r\n\r\nx"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")  # its end is the end of the connection
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        await until_idle(pusher)
    assert pusher.counts["taken"] == len(taken) == 1


async def test_an_answer_that_comes_too_late_is_none(receiver: CallbackReceiver, pusher: Pusher) -> None:
    receiver.answer_after_seconds = 0.3
    await pusher.push_now(Push(receiver.url, b"x", timeout_seconds=0.02))
    assert pusher.counts == {"waiting": 0, "attempts": 1, "given_up": 1}


async def test_an_answer_that_was_there_in_time_counts_although_it_was_read_late(
    receiver: CallbackReceiver, pusher: Pusher
) -> None:
    receiver.answer_after_seconds = 0.1
    pusher.push(Push(receiver.url, b"x", timeout_seconds=0.5))
    await until(lambda: len(receiver.calls) == 1)
    time.sleep(0.7)  # noqa: ASYNC251  # the loop is busy with something else
    await until_idle(pusher)
    assert pusher.counts["taken"] == 1


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", b""])
async def test_what_is_no_whole_answer_does_not_count(pusher: Pusher, answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await pusher.push_now(Push(f"http://127.0.0.1:{port}/", b""))
    assert pusher.counts["given_up"] == 1


async def test_connections_are_used_again(receiver: CallbackReceiver, pusher: Pusher) -> None:
    pusher.push(Push(receiver.url, b"keeps the pusher at work"), after_seconds=3600)
    for _ in range(20):
        await pusher.push_now(Push(receiver.url, b"x"))
    assert receiver.connections == 1
    pusher.push_in_rounds([[Push(receiver.url, b"x")] * 1000])
    await until(lambda: pusher.counts["taken"] == 1020)
    assert receiver.connections <= LANES


async def test_a_stopped_pusher_forgets_what_waits(receiver: CallbackReceiver, pusher: Pusher) -> None:
    receiver.answer_after_seconds = 0.01
    pusher.push_in_rounds([[Push(receiver.url, b"x")] * 1000])
    waiting = asyncio.create_task(pusher.push_in_rounds_now([[Push(receiver.url, b"x")] * 1000]))
    await until(lambda: len(receiver.calls) > 0)
    pusher.stop()
    await waiting
    assert pusher.counts["waiting"] == 0
    assert pusher.counts["attempts"] < 1000


async def test_a_stopped_pusher_lets_go_who_waits_for_what_is_under_way(
    receiver: CallbackReceiver, pusher: Pusher
) -> None:
    receiver.answer_after_seconds = 0.5
    waiting = asyncio.create_task(pusher.push_now(Push(receiver.url, b"x")))
    await until(lambda: len(receiver.calls) == 1)
    pusher.stop()
    await asyncio.wait_for(waiting, 15)
    assert pusher.counts["taken"] == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "example.com",
        "http://",
        "http://me:secret@example.com/",
        "http://example.com/a b",
        "http://example.com/\r\nx: y",
        "http://example.com:port/",
        "",
    ],
)
def test_an_address_that_cannot_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Push(url, b"")
    assert "secret" not in str(refused.value)


def test_an_address_leads_somewhere() -> None:
    assert destination_of("http://127.0.0.1:8080/callbacks/x?a=1") == (
        "127.0.0.1",
        8080,
        "127.0.0.1:8080",
        "/callbacks/x?a=1",
    )
    assert destination_of("http://[::1]") == ("::1", 80, "[::1]", "/")
