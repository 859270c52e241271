"""The one HTTP module: pools, timeouts, retries, and the verdict whether a request that failed was sent.

What decides the verdict is what the server can have seen, never how the failure looks from here:

    no connection, TLS or proxy refused       ProviderUnreachable   retried
    the request was written, no whole answer  OutcomeUnknown        never retried
    an answer                                 the adapter's `classify`, `classify_by_status` where it has no word

A request that is cancelled while in flight raises `CancelledError` as usual; it may have been sent.
"""

import asyncio
import json as jsonlib
import logging
import math
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies, proxy_bypass

import httpx

from tasks.providers.answers import Answer, Classifier, classify_by_status, quote
from tasks.providers.errors import (
    ConfigurationError,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
    RequestRejected,
)
from tasks.providers.pace import Pace, Turns

log = logging.getLogger(__name__)

CONNECTIONS_PER_POOL = 8
"""httpx looks at every connection and every waiting request of a pool whenever one of them changes, so a pool's
cost grows with its size. CPU a request on loopback, answers after 50 ms, 8 and 128 requests in flight:

    one AsyncClient                 1,277 us    7,859 us (127 requests/s)
    AsyncClients of 8 connections     990 us      654 us
    transports of 8 connections       852 us      464 us (2,029 requests/s)

HttpClient adds less to that than such figures vary. With a general retry library, and the URL and the headers read
anew for each request, it added more than a third.

The transports alone are also all that is wanted: AsyncClient adds redirects, cookies, and a log line at INFO with
the URL, which in look-ups holds the phone number."""

_STOP_CHECK_SECONDS = 0.25
KEEPALIVE_SECONDS = 2.0
"""How long an idle connection is kept. Servers close theirs after 5 s (uvicorn, Node.js) or later, and a request
that crosses such a close on the wire gets no answer and has to count as possibly sent. Closing first avoids the
crossing; a close that arrived before the request is noticed by httpcore, which looks at the socket first."""

TIMEOUT = httpx.Timeout(connect=5.0, write=30.0, read=60.0, pool=None)
"""Seconds per phase, not for the whole. Reading is generous, because giving up too early costs an unknown outcome.
No limit on waiting for the pool: the slots let no request in for which it has no connection."""

_SURELY_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy refused the tunnel, inside which the request would have gone
    httpx.UnsupportedProtocol,
)
"""All that httpx raises before the first byte of a request. Anything else may come after the last one."""

USER_AGENT = "rollcall/0.1.0"

_SECRET_MIN_CHARS = 6

_KEPT_URLS = 16
"""Without parameters. To read a URL costs httpx more than all else that it does before it sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long a request that was surely not sent is tried again.

    Attributes:
        max_wait_seconds: Longest pause of the doubling back-off. A pause that the provider asks for is never cut.
        max_total_seconds: No new attempt begins later than this after the first; if the provider asks for a
            longer pause, the error is raised at once and tells it.
    """

    attempts: int = 4
    first_wait_seconds: float = 1.0
    max_wait_seconds: float = 30.0
    max_total_seconds: float = 120.0


def _never() -> bool:
    return False


class HttpClient:
    """A JSON client for one provider. Use as an async context manager; requests may run concurrently.

    Args:
        base_url: https, or http to the loopback interface.
        headers: What authenticates. Its values never appear in an error or a log, even if the server quotes them.
        max_requests_in_flight: More wait for their turn. One that waits to be tried again keeps its place, so a
            provider that throttles slows the whole run.
        max_requests_per_second: Attempts begin a little slower than this; None for no limit. Other processes that
            share the provider's limit are not seen here; the provider then throttles, which is waited for.
        transport: Replaces the network; it stays open.
        timeout: Seconds per phase.
        retry: Bounds of the retries.
        sleep: Waits that many seconds.
        clock: Seconds on a clock that only goes forward.

    Raises:
        ConfigurationError: The address or the headers cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        max_requests_in_flight: int,
        max_requests_per_second: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = _check_base_url(base_url)
        sent_always = {**_check_headers(headers), "Accept": "application/json", "User-Agent": USER_AGENT}
        # Made once: httpx copies these for a request, and would write out those of a dictionary anew.
        self._headers = httpx.Headers(sent_always)
        self._headers_with_json = httpx.Headers({**sent_always, "Content-Type": "application/json"})
        self._url = lru_cache(_KEPT_URLS)(self._make_url)
        self._secrets = _find_secrets(headers)
        self._extensions = {"timeout": timeout.as_dict()}
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._clock = clock
        self._is_stopped: Callable[[], bool] = _never
        self._pace: Turns | None = (
            Pace(max_requests_per_second, sleep=sleep, clock=clock) if max_requests_per_second else None
        )
        self._transports = [transport] if transport else self._make_transports(max_requests_in_flight)
        self._owns_transports = transport is None
        # Last in, first out: the connection that was used last is the least likely to have been closed meanwhile.
        self._slots: asyncio.LifoQueue[httpx.AsyncBaseTransport] = asyncio.LifoQueue()
        for slot in range(max_requests_in_flight):
            self._slots.put_nowait(self._transports[slot % len(self._transports)])
        self._open = AsyncExitStack()

    def use_stop_check(self, is_stopped: Callable[[], bool]) -> None:
        """Let no further request begin, and no further wait go on, once this says so."""
        self._is_stopped = is_stopped

    def use_pace(self, pace: Turns) -> None:
        """Let requests begin when this says so."""
        self._pace = pace

    def __repr__(self) -> str:
        return f"<HttpClient {self._base_url.host}>"

    async def __aenter__(self) -> Self:
        if self._owns_transports:
            for transport in self._transports:
                await self._open.enter_async_context(transport)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    def _make_transports(self, max_requests_in_flight: int) -> list[httpx.AsyncBaseTransport]:
        limits = httpx.Limits(
            max_connections=CONNECTIONS_PER_POOL,
            max_keepalive_connections=CONNECTIONS_PER_POOL,
            keepalive_expiry=KEEPALIVE_SECONDS,
        )
        proxy = _find_proxy(self._base_url)
        pools = math.ceil(max_requests_in_flight / CONNECTIONS_PER_POOL)
        return [httpx.AsyncHTTPTransport(verify=_tls_context(), limits=limits, proxy=proxy) for _ in range(pools)]

    async def request_json(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        classify: Classifier | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Make one request; what was surely not sent is tried again.

        Args:
            method: HTTP method.
            path: Begins with a slash; appended to the base URL.
            json: The request's body.
            params: Query parameters.
            classify: What an answer means; `classify_by_status` when not given.
            repeatable: It changes nothing at the provider, so it is tried again after a lost answer too.

        Returns:
            An answer that `classify` has nothing against.

        Raises:
            ProviderError: It says whether the request may have been sent. It has no cause or context: httpx's
                exceptions hold the request, and with it the key and the recipients.
        """
        build_request = self._request_builder(method, path, json, params)
        transport = await self._slots.get()
        try:
            started = self._clock()
            attempt = 1
            while True:
                # Raised outside a handler and from a frame without the raw answer: not even a traceback with local
                # variables shows it.
                outcome = await self._attempt(transport, build_request, classify or classify_by_status)
                if isinstance(outcome, Answer):
                    return outcome
                pause_seconds = self._pause_seconds(outcome, attempt, started, repeatable=repeatable)
                if pause_seconds is None:
                    raise outcome
                log.info("%s; trying again in %.1f s", outcome, pause_seconds)
                await self._sleep_unless_stopped(pause_seconds)
                attempt += 1
        finally:
            self._slots.put_nowait(transport)

    def _request_builder(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None
    ) -> Callable[[], httpx.Request]:
        url = self._url(path) if params is None else self._make_url(path, params)
        content = None if json is None else _encode(json)
        headers = self._headers if json is None else self._headers_with_json
        # One httpx.Request per attempt: its body can be read once.
        return lambda: httpx.Request(method, url, headers=headers, content=content, extensions=self._extensions)

    def _make_url(self, path: str, params: Mapping[str, str] | None = None) -> httpx.URL:
        return httpx.URL(str(self._base_url).rstrip("/") + path, params=params)

    async def _attempt(
        self,
        transport: httpx.AsyncBaseTransport,
        build_request: Callable[[], httpx.Request],
        classify: Classifier,
    ) -> Answer | ProviderError:
        if self._pace is not None:
            await self._pace.wait_for_turn()
        if self._is_stopped():
            return ProviderUnreachable("stopped before it was sent", reason="stopped")
        return await self._exchange(transport, build_request, classify)

    async def _exchange(
        self,
        transport: httpx.AsyncBaseTransport,
        build_request: Callable[[], httpx.Request],
        classify: Classifier,
    ) -> Answer | ProviderError:
        try:
            response = await transport.handle_async_request(build_request())
            try:
                content = await response.aread()
            finally:
                await response.aclose()
        except Exception as error:  # noqa: BLE001  # whatever broke, the request may have been sent by then
            return self._explain(error)
        answer = self._decode(response, content)
        if not isinstance(answer, Answer):
            return answer
        try:
            return classify(answer) or answer
        except Exception as error:  # noqa: BLE001  # a body of a shape that no page describes
            return OutcomeUnknown(
                f"{self._base_url.host} answered {answer.status} in a form that is not understood "
                f"({type(error).__name__})",
                reason="unreadable_answer",
                raw_status=str(answer.status),
            )

    def _explain(self, error: Exception) -> ProviderError:
        kind = type(error).__name__
        detail = f"{self._base_url.host}: {kind}: {quote(self._without_secrets(str(error)))}"
        if isinstance(error, _SURELY_NOT_SENT):
            return ProviderUnreachable(f"no connection to {detail}", reason="unreachable", raw_status=kind)
        reason = "answer_timeout" if isinstance(error, httpx.TimeoutException) else "connection_lost"
        return OutcomeUnknown(f"no answer from {detail}", reason=reason, raw_status=kind)

    def _decode(self, response: httpx.Response, content: bytes) -> Answer | OutcomeUnknown:
        text = self._without_secrets(content.decode("utf-8-sig", errors="replace"))
        try:
            body = jsonlib.loads(text, parse_float=Decimal) if text.strip() else None
            if "\\" in text:  # the key may have been spelled `ab\/cd` or `\u0061b/cd`, and is plain only now
                body = self._without_secrets_inside(body)
        except (ValueError, RecursionError):
            if response.is_success:
                return OutcomeUnknown(
                    f"{self._base_url.host} answered {response.status_code} with something that is not JSON",
                    reason="unreadable_answer",
                    raw_status=str(response.status_code),
                )
            body = None
        return Answer(response.status_code, body, response.headers)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _without_secrets_inside(self, value: Any) -> Any:
        match value:
            case str():
                return self._without_secrets(value)
            case list():
                return [self._without_secrets_inside(item) for item in value]
            case dict():
                return {
                    self._without_secrets(name): self._without_secrets_inside(item) for name, item in value.items()
                }
            case _:
                return value

    def _pause_seconds(
        self, error: ProviderError, attempt: int, started: float, *, repeatable: bool
    ) -> float | None:
        """How long to wait before the next attempt; None where there is to be none."""
        may_be_repeated = error.retryable or (repeatable and isinstance(error, OutcomeUnknown))
        if not may_be_repeated or attempt >= self._retry.attempts or self._is_stopped():
            return None
        backoff = min(self._retry.first_wait_seconds * 2.0 ** (attempt - 1), self._retry.max_wait_seconds)
        asked = error.retry_after_seconds if isinstance(error, ProviderThrottled) else None
        # Jitter only adds: never earlier than the provider asked for, and not all at the same instant.
        pause = (backoff if asked is None else asked) + random.uniform(0, backoff / 2)  # noqa: S311  # no secret
        return pause if self._clock() - started + pause <= self._retry.max_total_seconds else None

    async def _sleep_unless_stopped(self, seconds: float) -> None:
        if self._is_stopped is _never:
            await self._sleep(seconds)
            return
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and not self._is_stopped():
            await self._sleep(min(left, _STOP_CHECK_SECONDS))


def _encode(json: Any) -> bytes:
    try:
        return jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        pass  # raised below, outside the handler: this exception holds the whole body
    raise RequestRejected(
        "the message holds half of a surrogate pair, which no encoding of text can express", reason="not_encodable"
    )


def _check_base_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.userinfo or url.query or url.fragment or not url.host:
        raise ConfigurationError(
            "base_url must look like https://api.example.com/v1, without user, query, fragment"
        )
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ConfigurationError(
            f"base_url {url} would carry the key in clear text: use https (http only to this machine itself)"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        # h11 would refuse it too, but with the key in its message; httpx even later, for what is not ASCII.
        if not value.strip():
            raise ConfigurationError(f"{name} is empty")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ConfigurationError(
                f"{name} holds what a header cannot carry: a line break, an outer space, a non-ASCII letter?"
            )
    return dict(headers)


def _find_secrets(headers: Mapping[str, str]) -> list[str]:
    """What must not be shown: of `Authorization: AccessKey abc`, only `abc`."""
    words = {value.split()[-1] for value in headers.values()}
    return sorted((word for word in words if len(word) >= _SECRET_MIN_CHARS), key=len, reverse=True)


@cache
def _tls_context() -> ssl.SSLContext:
    """Once in a process: it takes 15 ms to load the certificates, and every chunk has a client of its own."""
    return httpx.create_ssl_context()


def _find_proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names (HTTPS_PROXY, ALL_PROXY, NO_PROXY), never for this machine itself."""
    if url.scheme != "https" or _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    if not address:
        return None
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError("HTTPS_PROXY or ALL_PROXY names a proxy that cannot be used") from None
