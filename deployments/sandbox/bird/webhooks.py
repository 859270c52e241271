"""Telling subscribers what becomes of messages, and what people answer."""

import asyncio
import base64
import heapq
import hmac
import json
import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple

from deployments.sandbox.bird.dice import draw, roll
from deployments.sandbox.bird.messages import BirdMessage, message_object
from deployments.sandbox.bird.replies import Reply, reply_object
from deployments.sandbox.bird.subscriptions import Subscription, Subscriptions
from deployments.sandbox.bird.switches import IN_ORDER, BirdSettings
from deployments.sandbox.clock import Clock
from deployments.sandbox.pushing import Push, Pusher

OUTBOUND = "sms.outbound"
INBOUND = "sms.inbound"

_IDLE_SECONDS = 0.05
_BETWEEN_TURNS = 200
"""Callbacks that are handed on before the requests of others get their turn."""
_REPEATED_AFTER_SECONDS = 0.2
_REORDERED_APART_SECONDS = 0.2
_SECONDS_IN_HOUR = 3600


class _Due(NamedTuple):
    """A status that is to be told. Ordered by time, then by when it was planned."""

    at: float
    order: int
    message: BirdMessage
    step: int
    is_held_back: bool


class Webhooks:
    """Makes the callbacks. Belongs to one event loop: that of the sandbox's server.

    The statuses of a message are planned one after the other, and their bodies are made when they leave: a
    sandbox may wait with a million messages.

    Args:
        clock: The sandbox's.
        pusher: What makes the requests.
        subscriptions: Whom to tell; asked at every callback.
        settings: The switches; asked at every callback.
    """

    def __init__(
        self, clock: Clock, pusher: Pusher, subscriptions: Subscriptions, settings: Callable[[], BirdSettings]
    ) -> None:
        self._clock = clock
        self._pusher = pusher
        self._subscriptions = subscriptions
        self._settings = settings
        self._due: list[_Due] = []
        self._order = count()
        self._worker: asyncio.Task[None] | None = None

    async def follow(self, message: BirdMessage) -> None:
        """Tell every status of a new message when it comes to it; without subscriptions nothing is ever told."""
        if not self._subscriptions:
            return
        settings, now = self._settings(), self._clock.now()
        step = -1 if message.starts_at > now else 0
        if roll(settings.faults.seed, "early", message.address, message.reference) < settings.before_response:
            reached = message.step(now, settings.delivery_step_seconds)
            for early in range(step, reached + 1):
                for push in self._pushes(OUTBOUND, message.workspace, self._shown(message, early)):
                    await self._pusher.push_now(push)
            step = reached + 1
        if step <= message.last_step:
            self._plan(message, step)

    def tell_reply(self, reply: Reply) -> None:
        """Tell that somebody answered."""
        settings = self._settings()
        way = _way(settings, reply.address, reply.text)
        after_seconds = float(way.partition(":")[2] or 0)
        self._push(way, INBOUND, reply.workspace, reply_object(reply), after_seconds)

    def _plan(
        self, message: BirdMessage, step: int, at: float | None = None, *, is_held_back: bool = False
    ) -> None:
        """Note a step; `at` is Unix time, by default when the message comes to it."""
        if at is None:
            at = message.begins_at(step, self._settings().delivery_step_seconds)
        due = self._clock.monotonic() + max(0.0, at - self._clock.now())
        heapq.heappush(self._due, _Due(due, next(self._order), message, step, is_held_back))
        self._pusher.counts["waiting"] += 1
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        turns = 0
        while self._due:
            if self._due[0].at > self._clock.monotonic():
                # Looks again soon instead of sleeping until then: tests replace the clock.
                await asyncio.sleep(_IDLE_SECONDS)
                continue
            self._tell(heapq.heappop(self._due))
            # Not before what follows from it is counted: at 0 nothing more will come.
            self._pusher.counts["waiting"] -= 1
            turns += 1
            if turns % _BETWEEN_TURNS == 0:
                await asyncio.sleep(0)

    def _tell(self, due: _Due) -> None:
        message, step = due.message, due.step
        settings = self._settings()
        if due.is_held_back:
            self._push(IN_ORDER, OUTBOUND, message.workspace, self._shown(message, step))
            return
        way = _way(settings, message.address, message.reference, step)
        word, _, seconds = way.partition(":")
        if word == "late":
            self._plan(message, step, self._clock.now() + float(seconds), is_held_back=True)
        elif word == "reorder" and step < message.last_step:
            last_at = message.begins_at(message.last_step, settings.delivery_step_seconds)
            steps_left = message.last_step - step
            self._plan(message, step, last_at + steps_left * _REORDERED_APART_SECONDS, is_held_back=True)
        else:
            self._push(word, OUTBOUND, message.workspace, self._shown(message, step))
        if step < message.last_step:
            self._plan(message, step + 1)

    def _shown(self, message: BirdMessage, step: int) -> dict[str, Any]:
        return message_object(message, step, self._settings().delivery_step_seconds)

    def _push(
        self, way: str, event: str, workspace: str, payload: Mapping[str, Any], after_seconds: float = 0
    ) -> None:
        if way == "lost":
            return
        for push in self._pushes(event, workspace, payload, is_forged=way == "bad_signature"):
            self._pusher.push(push, after_seconds)
            if way == "duplicate":
                self._pusher.push(push, after_seconds + _REPEATED_AFTER_SECONDS)

    def _pushes(
        self, event: str, workspace: str, payload: Mapping[str, Any], *, is_forged: bool = False
    ) -> list[Push]:
        settings = self._settings()
        body = json.dumps({"service": "channels", "event": event, "payload": payload}).encode()
        horizon = settings.retry_hours * _SECONDS_IN_HOUR / settings.retry_seconds
        return [
            Push(
                url=subscription.url,
                body=body,
                headers=self._headers(subscription, body, is_forged=is_forged),
                # The pauses double, so n of them take 2**n - 1 times the first one.
                attempts=1 if is_forged else 1 + int(math.log2(horizon + 1)),
                retry_seconds=settings.retry_seconds,
            )
            for subscription in self._subscriptions.that_want(workspace, event, payload)
        ]

    def _headers(self, subscription: Subscription, body: bytes, *, is_forged: bool) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if subscription.signing_key is not None:
            key = f"not {subscription.signing_key}" if is_forged else subscription.signing_key
            timestamp = str(int(self._clock.now()))
            signed = f"{timestamp}\n{subscription.url}\n".encode() + sha256(body).digest()
            signature = base64.b64encode(hmac.digest(key.encode(), signed, "sha256")).decode()
            headers |= {"MessageBird-Signature": signature, "MessageBird-Request-Timestamp": timestamp}
        return headers


def _way(settings: BirdSettings, *about: object) -> str:
    """How a callback goes."""
    ways = settings.webhooks
    if isinstance(ways, str):
        return ways
    return draw(ways, roll(settings.faults.seed, "webhook", *about)) or IN_ORDER
