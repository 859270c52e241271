"""Keeping to a provider's rate over all processes that share a ledger."""

import asyncio
import hashlib
import time
from collections import deque

from tasks.providers.base import ProviderCredentials
from tasks.providers.capabilities import Capabilities
from tasks.providers.reader import ProviderReader
from tasks.store.rate_limits import reserve_turns
from tasks.store.session import Ledger

USED_SHARE = 0.96
"""Of a documented limit, what is used; see below."""
_TOLERANCE = 0.03
"""Of a limit of N requests in P seconds, turns are spaced P / 0.96 N apart, and one that comes up to 0.03 P late
is still used. So any P seconds hold at most floor(1.03 * 0.96 N) + 1 requests, which is never more than N, and who
always has something to send uses 96 %. A token bucket cannot do both: what it allows at once comes on top of its
rate. Measured with two processes and a limit of 500 a second on two busy cores: 476 a second, at most 499 in any
second, and one statement for 48 requests."""

_SLEPT_THROUGH = 1 / 3
"""Of the tolerance, so much is used on purpose; the rest is for a loop that is busy."""

_RESERVED_AHEAD = 0.1
"""Turns are reserved for this part of a second (but at least one), with one call to the database."""


class LedgerPace:
    """Lets requests of this process through in the turns that it reserved in the ledger.

    Args:
        ledger: Shared by all who send with these credentials.
        name: The limit.
        requests: How many the provider allows ...
        per_seconds: ... in so many seconds.
    """

    def __init__(self, ledger: Ledger, name: str, *, requests: float, per_seconds: float) -> None:
        self._ledger = ledger
        self._name = name
        self._interval_seconds = per_seconds / (requests * USED_SHARE)
        self._tolerance_seconds = per_seconds * _TOLERANCE
        self._least_sleep_seconds = self._tolerance_seconds * _SLEPT_THROUGH
        self._turns_at_once = max(1, int(_RESERVED_AHEAD / self._interval_seconds))
        self._turns: deque[float] = deque()
        self._reserving: asyncio.Task[list[float]] | None = None
        self._first_in_line = asyncio.Lock()

    async def wait_for_turn(self) -> None:
        """Return when the next request may begin."""
        async with self._first_in_line:
            while True:
                turn = await self._next_turn()
                early_seconds = turn - time.monotonic()
                if early_seconds > 0:
                    # Some turns at a time: to wake for each of them costs more than the request itself.
                    await asyncio.sleep(max(early_seconds, self._least_sleep_seconds))
                # One that was slept through is lost: making up for it would crowd those that come after it.
                if time.monotonic() - turn <= self._tolerance_seconds:
                    return

    async def _next_turn(self) -> float:
        if not self._turns:
            reserving, self._reserving = self._reserving, None  # taken out first: it may fail, and only once
            self._turns.extend(await (reserving or asyncio.to_thread(self._reserve)))
        turn = self._turns.popleft()
        if self._reserving is None and len(self._turns) < self._turns_at_once // 2:
            # In time, so that the next turns follow these without a gap.
            self._reserving = asyncio.create_task(asyncio.to_thread(self._reserve))
        return turn

    def _reserve(self) -> list[float]:
        with self._ledger.writing() as connection:
            reserved = reserve_turns(connection, self._name, self._interval_seconds, self._turns_at_once)
        first = time.monotonic() + reserved.first_in_seconds
        return [first + n * self._interval_seconds for n in range(reserved.count)]


def pace_of(
    ledger: Ledger, provider: str, credentials: ProviderCredentials, can: Capabilities
) -> LedgerPace | None:
    """The pace that a provider asks for; None where it documents no limit."""
    return _pace(ledger, limit_name(provider, credentials), can.max_requests_per_second, can.rate_window_seconds)


def pace_of_reading(
    ledger: Ledger, provider: str, credentials: ProviderCredentials, reader: type[ProviderReader]
) -> LedgerPace | None:
    """The pace of a provider that counts reading apart from sending; None where it documents no limit."""
    name = f"{limit_name(provider, credentials)}:reading"
    return _pace(ledger, name, reader.max_requests_per_second, reader.rate_window_seconds)


def _pace(
    ledger: Ledger, name: str, requests_per_second: float | None, window_seconds: float
) -> LedgerPace | None:
    if requests_per_second is None:
        return None
    return LedgerPace(ledger, name, requests=requests_per_second * window_seconds, per_seconds=window_seconds)


def limit_name(provider: str, credentials: ProviderCredentials) -> str:
    """The name of a limit: equal for equal credentials, and telling nothing about them."""
    secrets = "\n".join(
        f"{name}={value.get_secret_value() if hasattr(value, 'get_secret_value') else value}"
        for name, value in sorted(credentials)
    )
    return f"{provider}:{hashlib.sha256(secrets.encode()).hexdigest()[:16]}"
