"""What goes wrong between a client and a provider: lost connections, slow answers, error pages.

A connection is lost without a byte of an answer. Behind uvicorn, `server.AbortableProtocol` puts the transport's
`abort` into the ASGI `state`, and it is called. In-process there is no connection to abort: `ConnectionAborted` is
raised through the ASGI call, and the test's transport turns it into its HTTP client's error.
"""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ABORT_CONNECTION = "abort_connection"
"""Key in the ASGI `state` under which a server offers to abort the connection."""

_RESPOND = re.compile(r"normal|lose_before|lose_after|slow:\d+(\.\d+)?|(http|http_after):[1-5]\d\d")


class ConnectionAborted(Exception):
    """The connection was lost before any byte of an answer. Raised only where there is no real connection."""


def _known_response(value: str) -> str:
    if _RESPOND.fullmatch(value) is None:
        raise ValueError(
            "allowed: normal, lose_before, lose_after, slow:<seconds>, http:<status>, http_after:<status>"
        )
    return value


Respond = Annotated[str, AfterValidator(_known_response)]


class Faults(BaseModel):
    """Chances, from 0 to 1, that a request goes wrong; at most one of them happens to a request.

    Attributes:
        throttle: 429, not processed.
        error_before: 503, not processed.
        error_after: 503, processed.
        drop_before: Connection lost, not processed.
        drop_after: Connection lost, processed.
        latency_seconds: Every answer comes this much later.
        seed: The same seed gives the same sequence.
    """

    model_config = ConfigDict(extra="forbid")

    throttle: float = Field(default=0, ge=0, le=1)
    error_before: float = Field(default=0, ge=0, le=1)
    error_after: float = Field(default=0, ge=0, le=1)
    drop_before: float = Field(default=0, ge=0, le=1)
    drop_after: float = Field(default=0, ge=0, le=1)
    latency_seconds: float = Field(default=0, ge=0)
    seed: int = 0

    @model_validator(mode="after")
    def _chances_fit(self) -> "Faults":
        if self.throttle + self.error_before + self.error_after + self.drop_before + self.drop_after > 1:
            raise ValueError("the chances add up to more than 1")
        return self


class FaultSettings(BaseModel):
    """The switches that every provider has.

    Attributes:
        respond: One way for all requests, or a list of which each request uses up one; then `normal`.
        faults_on: Which requests `respond` and `faults` are for: all, those that write, or those that read.
    """

    model_config = ConfigDict(extra="forbid")

    respond: Respond | list[Respond] = "normal"
    faults: Faults = Field(default_factory=Faults)
    faults_on: Literal["all", "writes", "reads"] = "all"

    def as_json(self) -> dict[str, Any]:
        """The switches under the names that `/settings` shows and takes."""
        return self.model_dump(mode="json", by_alias=True)


class _Answer(Enum):
    OWN = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class _Plan:
    processed: bool = True
    answer: _Answer | int = _Answer.OWN
    delay_seconds: float = 0


_NORMAL = _Plan()


class FaultInjector:
    """The outermost layer of a provider: decides per request what becomes of it.

    Args:
        app: The provider.
        settings: Read at every request, so that switches take effect at once.
        error_app: Builds the provider's answer for an injected HTTP status.
        count_answer: Told what the client got: a status, or `aborted`.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Callable[[], FaultSettings],
        error_app: Callable[[int], ASGIApp],
        count_answer: Callable[[str], None],
    ) -> None:
        self._app = app
        self._settings = settings
        self._error_app = error_app
        self._count_answer = count_answer
        self.restart_dice()

    def restart_dice(self) -> None:
        """Begin the random sequence again, from the seed in the settings."""
        self._dice = random.Random(self._settings().faults.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plan = self._plan(scope["method"])
        messages: list[Message] = []
        if plan.processed:
            messages = await _run(self._app, scope, receive)
        else:
            await _drain(receive)
        if plan.delay_seconds:
            await asyncio.sleep(plan.delay_seconds)
        if plan.answer is _Answer.NONE:
            self._count_answer("aborted")
            await _abort(scope, receive)
            return
        if isinstance(plan.answer, int):
            messages = await _run(self._error_app(plan.answer), scope, receive)
        self._count_answer(str(messages[0]["status"]))
        for message in messages:
            await send(message)

    def _plan(self, method: str) -> _Plan:
        settings = self._settings()
        if settings.faults_on != "all" and (method == "GET") != (settings.faults_on == "reads"):
            return _NORMAL
        plan = self._scripted(settings) or self._rolled(settings.faults)
        latency_seconds = settings.faults.latency_seconds
        return replace(plan, delay_seconds=plan.delay_seconds + latency_seconds) if latency_seconds else plan

    @staticmethod
    def _scripted(settings: FaultSettings) -> _Plan | None:
        if isinstance(settings.respond, list):
            # Used up in place: what /settings shows is what is still to come.
            word = settings.respond.pop(0) if settings.respond else "normal"
        else:
            word = settings.respond
        name, _, value = word.partition(":")
        match name:
            case "lose_before":
                return _Plan(processed=False, answer=_Answer.NONE)
            case "lose_after":
                return _Plan(answer=_Answer.NONE)
            case "slow":
                return _Plan(delay_seconds=float(value))
            case "http":
                return _Plan(processed=False, answer=int(value))
            case "http_after":
                return _Plan(answer=int(value))
        return None

    def _rolled(self, faults: Faults) -> _Plan:
        left = self._dice.random()
        for chance, plan in (
            (faults.throttle, _Plan(processed=False, answer=429)),
            (faults.error_before, _Plan(processed=False, answer=503)),
            (faults.error_after, _Plan(answer=503)),
            (faults.drop_before, _Plan(processed=False, answer=_Answer.NONE)),
            (faults.drop_after, _Plan(answer=_Answer.NONE)),
        ):
            if left < chance:
                return plan
            left -= chance
        return _NORMAL


async def _run(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages


async def _drain(receive: Receive) -> None:
    """Read the whole request, so that the client is always cut off at one point: waiting for its answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _abort(scope: Scope, receive: Receive) -> None:
    abort = scope.get("state", {}).get(ABORT_CONNECTION)
    if abort is None:
        raise ConnectionAborted
    abort()
    # The server learns of it one turn of the loop later; returning earlier makes it complain of a missing answer.
    while (await receive())["type"] != "http.disconnect":
        pass
