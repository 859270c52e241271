"""The HTTP client against a real server on loopback that counts what it has fully read."""

import asyncio
import logging
import socket
import tomllib
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from tasks.providers.answers import Answer, retry_after_seconds
from tasks.providers.errors import (
    ConfigurationError,
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
    RequestRejected,
)
from tasks.providers.http import USER_AGENT, HttpClient, RetryPolicy
from tests.providers import counting_server as servers
from tests.providers.counting_server import CountingServer, response

pytestmark = pytest.mark.anyio

KEY = "k3y-that-nobody-may-see"
PHONE = "+12025550101"
BODY = {"to": PHONE, "text": "Hello"}
IMPATIENT = httpx.Timeout(connect=0.5, write=0.5, read=0.3, pool=None)


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


@asynccontextmanager
async def open_client(base_url: str, *, in_flight: int = 4, **options: Any) -> AsyncIterator[HttpClient]:
    time = FakeTime()
    options = {"timeout": IMPATIENT, "sleep": time.sleep, "clock": time.clock, **options}
    headers = {"Authorization": f"AccessKey {KEY}"}
    async with HttpClient(base_url, headers=headers, max_requests_in_flight=in_flight, **options) as client:
        yield client


async def fail(behaviour: servers.Behaviour, **options: Any) -> tuple[ProviderError, CountingServer]:
    """The error that a POST to such a server ends in."""
    async with CountingServer(behaviour) as server, open_client(server.url, **options) as client:
        with pytest.raises(ProviderError) as caught:
            await client.request_json("POST", "/send", json=BODY)
    return caught.value, server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_request_on_the_wire_is_exactly_what_was_asked_for() -> None:
    async with (
        CountingServer(servers.answer_always(response(202, '{"cost": 5.00502839}'))) as server,
        open_client(f"{server.url}/v1/public") as client,
    ):
        answer = await client.request_json("POST", "/send", json={"text": "é"}, params={"q": "+1 2"})
    assert (answer.status, answer.body) == (202, {"cost": Decimal("5.00502839")})
    [(head, body)] = server.requests
    assert body == '{"text":"é"}'.encode()
    assert sorted(head.decode().rstrip().split("\r\n")) == sorted(
        [
            "POST /v1/public/send?q=%2B1+2 HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            f"Authorization: AccessKey {KEY}",
            "Accept: application/json",
            f"User-Agent: {USER_AGENT}",
            "Content-Type: application/json",
            "Content-Length: 13",
        ]
    )


def test_the_user_agent_names_the_version_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"{project['name']}/{project['version']}" == USER_AGENT


async def test_a_refused_connection_is_surely_not_sent_and_tried_again() -> None:
    time = FakeTime()
    async with open_client(f"http://127.0.0.1:{free_port()}", sleep=time.sleep, clock=time.clock) as client:
        with pytest.raises(ProviderUnreachable) as caught:
            await client.request_json("POST", "/send", json=BODY)
    assert not caught.value.may_have_sent
    assert caught.value.raw_status == "ConnectError"
    assert len(time.sleeps) == 3
    assert all(least <= sleep <= 1.5 * least for least, sleep in zip((1, 2, 4), time.sleeps, strict=True))


async def test_a_failed_tls_handshake_is_surely_not_sent() -> None:
    async def speak_plain_http(connection: servers.Connection) -> None:
        await connection.answer(response(400))

    async with (
        CountingServer(speak_plain_http) as server,
        open_client(f"https://127.0.0.1:{server.port}") as client,
    ):
        with pytest.raises(ProviderUnreachable):
            await client.request_json("POST", "/send", json=BODY)
    assert server.connections == 4
    assert server.requests == []


async def test_a_server_that_never_shakes_hands_is_surely_not_sent_to() -> None:
    async def say_nothing(_: servers.Connection) -> None:
        await asyncio.sleep(60)

    async with (
        CountingServer(say_nothing) as server,
        open_client(f"https://127.0.0.1:{server.port}", retry=RetryPolicy(attempts=1)) as client,
    ):
        with pytest.raises(ProviderUnreachable) as caught:
            await client.request_json("POST", "/send", json=BODY)
    assert caught.value.raw_status == "ConnectTimeout"


async def test_a_proxy_that_refuses_sees_neither_the_request_nor_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with CountingServer(servers.answer_always(response(407))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with open_client("https://api.example.com") as client:
            with pytest.raises(ProviderUnreachable) as caught:
                await client.request_json("POST", "/send", json=BODY)
    assert caught.value.raw_status == "ProxyError"
    assert {head.split(b"\r\n")[0] for head, _ in proxy.requests} == {b"CONNECT api.example.com:443 HTTP/1.1"}
    assert KEY.encode() not in b"".join(head for head, _ in proxy.requests)


async def test_requests_to_this_machine_never_go_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with CountingServer(servers.answer_always(response(200))) as server, open_client(server.url) as client:
        assert (await client.request_json("POST", "/send", json=BODY)).status == 200


@pytest.mark.parametrize(
    ("behaviour", "read_requests", "reason"),
    [
        pytest.param(servers.close_at_once, 0, "connection_lost", id="closed unread: not sent, but who can tell"),
        pytest.param(servers.read_then_close, 1, "connection_lost", id="closed after reading"),
        pytest.param(servers.read_then_reset, 1, "connection_lost", id="reset after reading"),
        pytest.param(servers.read_then_stall, 1, "answer_timeout", id="no answer"),
        pytest.param(servers.answer_by_half, 1, "connection_lost", id="half an answer"),
        pytest.param(servers.speak_garbage, 1, "connection_lost", id="no HTTP"),
        pytest.param(servers.answer_always(response(200, "<html>")), 1, "unreadable_answer", id="no JSON"),
        pytest.param(servers.answer_always(response(200, "[" * 100_000)), 1, "unreadable_answer", id="deep JSON"),
        pytest.param(servers.answer_always(response(302, "", {"Location": "/login"})), 1, "redirected", id="302"),
        pytest.param(servers.answer_always(response(408)), 1, "answer_timeout", id="408"),
        pytest.param(servers.answer_always(response(500)), 1, "server_error", id="500"),
        pytest.param(servers.answer_always(response(503, "", {"Retry-After": "1"})), 1, "server_error", id="503"),
    ],
)
async def test_what_may_have_been_sent_is_unknown_and_never_tried_again(
    behaviour: servers.Behaviour, read_requests: int, reason: str
) -> None:
    error, server = await fail(behaviour)
    assert type(error) is OutcomeUnknown
    assert error.may_have_sent
    assert error.reason == reason
    assert len(server.requests) == read_requests
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "error_class", "reason"),
    [
        (301, CredentialsRejected, "redirected"),
        (308, CredentialsRejected, "redirected"),
        (400, RequestRejected, "bad_request"),
        (401, CredentialsRejected, "auth"),
        (402, CreditExhausted, "no_credit"),
        (403, CredentialsRejected, "auth"),
        (404, RequestRejected, "bad_request"),
        (422, RequestRejected, "bad_request"),
    ],
)
async def test_a_refusal_is_not_tried_again_and_no_redirect_is_followed(
    status: int, error_class: type[ProviderError], reason: str
) -> None:
    error, server = await fail(servers.answer_always(response(status, "no JSON", {"Location": "/elsewhere"})))
    assert type(error) is error_class
    assert (error.reason, error.raw_status, error.may_have_sent) == (reason, str(status), False)
    assert len(server.requests) == 1


async def test_a_throttled_request_waits_as_long_as_the_provider_asks() -> None:
    time = FakeTime()
    contents = [response(429, headers={"Retry-After": "7"}), response(429), response(200, '{"id": 1}')]
    async with (
        CountingServer(servers.answer_in_turn(*contents)) as server,
        open_client(server.url, sleep=time.sleep, clock=time.clock) as client,
    ):
        answer = await client.request_json("POST", "/send", json=BODY)
    assert answer.body == {"id": 1}
    assert [body for _, body in server.requests] == [server.requests[0][1]] * 3
    assert 7 <= time.sleeps[0] <= 7.5
    assert 2 <= time.sleeps[1] <= 3


async def test_throttling_ends_with_the_attempts() -> None:
    error, server = await fail(servers.answer_always(response(429)))
    assert type(error) is ProviderThrottled
    assert not error.may_have_sent
    assert len(server.requests) == 4


async def test_a_pause_longer_than_the_policy_allows_is_handed_to_the_caller_at_once() -> None:
    time = FakeTime()
    error, server = await fail(
        servers.answer_always(response(429, headers={"Retry-After": "3600"})), sleep=time.sleep, clock=time.clock
    )
    assert isinstance(error, ProviderThrottled)
    assert error.retry_after_seconds == 3600
    assert len(server.requests) == 1
    assert time.sleeps == []


async def test_the_adapter_can_call_a_400_a_throttle_and_a_200_an_error() -> None:
    def classify(answer: Answer) -> ProviderError | None:
        if answer.get("code") == 128:
            return ProviderThrottled("busy", retry_after_seconds=5)
        return RequestRejected("no", reason="bad_request") if answer.get("code") else None

    contents = [response(400, '{"code": 128}'), response(200, '{"code": 121}')]
    async with CountingServer(servers.answer_in_turn(*contents)) as server, open_client(server.url) as client:
        with pytest.raises(RequestRejected):
            await client.request_json("POST", "/send", json=BODY, classify=classify)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Mon, 05 Jan 2026 12:00:30 GMT", "Date": "Mon, 05 Jan 2026 12:00:00 GMT"}, 30),
        ({"Retry-After": "Mon, 05 Jan 2026 11:00:00 GMT", "Date": "Mon, 05 Jan 2026 12:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 05 Jan 1998 12:00:00 GMT"}, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_seconds(Answer(429, None, httpx.Headers(headers))) == seconds


async def test_a_connection_that_the_server_closed_while_idle_is_not_used_again() -> None:
    async with (
        CountingServer(servers.close_when_idle(0.2)) as server,
        open_client(server.url, in_flight=8) as client,
    ):
        for _ in range(3):
            answers = await asyncio.gather(
                *(client.request_json("POST", "/send", json={"n": n}) for n in range(24))
            )
            assert [answer.body for answer in answers] == [{"ok": True}] * 24
            await asyncio.sleep(0.35)
    assert len(server.requests) == 72
    assert server.connections == 24


async def test_no_more_requests_are_in_flight_than_allowed_and_connections_are_reused() -> None:
    in_flight = most = 0

    async def behave(connection: servers.Connection) -> None:
        nonlocal in_flight, most
        while True:
            await connection.read_request()
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0.01)
            in_flight -= 1
            await connection.answer(response(200))

    async with CountingServer(behave) as server, open_client(server.url, in_flight=20) as client:
        await asyncio.gather(*(client.request_json("POST", "/send", json=BODY) for _ in range(100)))
    assert most == 20
    assert server.connections <= 24  # three pools of eight
    assert len(server.requests) == 100


async def test_requests_begin_no_faster_than_the_provider_allows() -> None:
    async with (
        CountingServer(servers.answer_always(response(200))) as server,
        open_client(server.url, max_requests_per_second=200, sleep=asyncio.sleep, clock=monotonic) as client,
    ):
        began = monotonic()
        await asyncio.gather(*(client.request_json("POST", "/send", json=BODY) for _ in range(61)))
        assert monotonic() - began > 0.25
    assert len(server.requests) == 61


async def test_a_cancelled_request_gives_its_place_back() -> None:
    async with (
        CountingServer(servers.read_then_stall) as server,
        open_client(server.url, in_flight=1, timeout=httpx.Timeout(60)) as client,
    ):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.request_json("POST", "/send", json=BODY), timeout=0.2)
    assert len(server.requests) == 2


def all_text_of(error: BaseException) -> str:
    chain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return f"{chain}{error!r}{error.args}{vars(error)}"


def linked_exceptions(error: BaseException) -> list[BaseException]:
    return [linked for linked in (error.__cause__, error.__context__) if linked is not None]


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(servers.read_then_close, id="closed"),
        pytest.param(servers.read_then_stall, id="timeout"),
        pytest.param(servers.speak_garbage, id="no HTTP"),
        pytest.param(servers.answer_always(response(200, "<html>")), id="no JSON"),
        pytest.param(servers.answer_always(response(429, f'{{"message": "{KEY} {PHONE}"}}')), id="429"),
        pytest.param(servers.answer_always(response(400, f'{{"message": "{KEY} {PHONE}"}}')), id="400"),
        pytest.param(
            servers.answer_always(response(400, f'{{"message": "\\u{ord(KEY[0]):04x}{KEY[1:]} {PHONE}"}}')),
            id="400, the key spelled otherwise",
        ),
    ],
)
async def test_no_error_or_log_shows_the_key_or_the_address(
    behaviour: servers.Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def classify(answer: Answer) -> ProviderError | None:
        return RequestRejected(str(answer.get("message")), reason="bad_request") if answer.body else None

    async with CountingServer(behaviour) as server, open_client(server.url) as client:
        assert KEY not in repr(client)
        with pytest.raises(ProviderError) as caught:
            await client.request_json("GET", "/messages", params={"phonenumber": PHONE})
        with pytest.raises(ProviderError) as caught_by_adapter:
            await client.request_json("POST", "/send", json={"text": "Hello"}, classify=classify)
    for error in (caught.value, caught_by_adapter.value):
        assert KEY not in all_text_of(error)
        assert linked_exceptions(error) == []
    assert PHONE[1:] not in "".join(traceback.format_exception(caught.value))
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert logged
    assert KEY not in logged
    assert PHONE[1:] not in logged


async def test_text_that_cannot_be_encoded_is_refused_before_it_is_sent() -> None:
    async with CountingServer(servers.answer_always(response(200))) as server, open_client(server.url) as client:
        with pytest.raises(RequestRejected) as caught:
            await client.request_json("POST", "/send", json={"text": f"{PHONE} \ud83d"})
    assert caught.value.reason == "not_encodable"
    assert linked_exceptions(caught.value) == []
    assert server.requests == []


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.example.com",
        "http://192.0.2.1",
        "ftp://api.example.com",
        "api.example.com",
        "https://user:pass@api.example.com",
        "https://api.example.com?x=1",
        "https://",
        "https://api.example.com:port",
        "",
    ],
)
def test_an_address_that_would_show_the_key_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpClient(base_url, headers={"api-key": KEY}, max_requests_in_flight=1)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["https://api.example.com/v1/", "http://localhost:1", "http://[::1]:1"])
def test_https_anywhere_and_http_to_this_machine_are_accepted(base_url: str) -> None:
    HttpClient(base_url, headers={"api-key": KEY}, max_requests_in_flight=1)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}é", ""])
def test_a_key_that_no_header_can_carry_is_a_configuration_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpClient("https://api.example.com", headers={"api-key": key}, max_requests_in_flight=1)
    assert KEY not in str(caught.value)
    assert "api-key" in str(caught.value)


def test_a_proxy_that_cannot_be_used_is_a_configuration_error_that_does_not_show_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://user:{KEY}@proxy.example.com")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        HttpClient("https://api.example.com", headers={"api-key": "key"}, max_requests_in_flight=1)
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_an_answer_that_the_adapter_stumbles_over_is_an_unknown_outcome_and_no_crash() -> None:
    def stumble(answer: Answer) -> ProviderError | None:
        raise TypeError(f"unhashable {answer.body}")

    async with (
        CountingServer(servers.answer_always(response(400, '{"error": ["odd"]}'))) as server,
        open_client(server.url) as client,
    ):
        with pytest.raises(OutcomeUnknown, match="TypeError") as caught:
            await client.request_json("POST", "/send", json=BODY, classify=stumble)
    assert caught.value.reason == "unreadable_answer"


async def test_once_stopped_no_wait_goes_on_and_no_further_request_begins() -> None:
    time = FakeTime()
    stopped = False

    async def sleep(seconds: float) -> None:
        nonlocal stopped
        await time.sleep(seconds)
        stopped = time.seconds > 5

    async with (
        CountingServer(servers.answer_always(response(429, "{}", {"Retry-After": "60"}))) as server,
        open_client(server.url, sleep=sleep, clock=time.clock) as client,
    ):
        client.use_stop_check(lambda: stopped)
        with pytest.raises(ProviderUnreachable, match="stopped before it was sent"):
            await client.request_json("POST", "/send", json=BODY)
        with pytest.raises(ProviderUnreachable, match="stopped before it was sent"):
            await client.request_json("POST", "/send", json=BODY)
    assert time.seconds < 6
    assert len(server.requests) == 1
