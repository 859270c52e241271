"""What every provider's sandbox is made of."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from deployments.sandbox.clock import Clock
from deployments.sandbox.faults import FaultInjector, FaultSettings
from deployments.sandbox.ledger import Ledger, Recipient
from deployments.sandbox.pushing import Pusher
from deployments.sandbox.request_times import RequestTimes

SettingsT = TypeVar("SettingsT", bound=FaultSettings)


class ProviderSandbox(ABC, Generic[SettingsT]):
    """One provider's wire protocol, as an ASGI app, and the truth about what it received.

    Subclasses answer under `/<name>/...`, and read `self.settings` anew at every request.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[FaultSettings]]

    def __init__(self, settings: SettingsT, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.ledger = Ledger()
        self.pusher = Pusher(clock)
        self.request_times = RequestTimes(clock.monotonic())
        router = Router(routes=self.routes(), default=self._not_found)
        self._faults = FaultInjector(router, lambda: self.settings, self.error_response, self._count_answer)
        self.control = Router(routes=self.control_routes())

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The provider's endpoints, with full paths."""

    def control_routes(self) -> Sequence[Route]:
        """What people do there and no API offers (a reply, an unsubscription), under `/<name>-control/...`."""
        return ()

    @abstractmethod
    def error_response(self, status: int) -> Response:
        """What the provider answers where only a status is known."""

    @property
    @abstractmethod
    def credit(self) -> float | None:
        """What is left on the account; None when it is not limited."""

    def status_of(self, recipient: Recipient) -> str:
        """The provider's word for where a message stands now."""
        return recipient.status

    def change_settings(self, settings: SettingsT) -> None:
        """Use other switches from the next request on."""
        same_dice = settings.faults == self.settings.faults
        self.settings = settings
        if not same_dice:
            self._faults.restart_dice()

    def warn(self, request: Request, field: str, message: str) -> None:
        """Note what a strict reader of the documentation would object to in this request."""
        self.ledger.warn(request.state.number, field, message)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request_times.note(self.clock.monotonic())
        scope.setdefault("state", {})["number"] = self.ledger.begin_request()
        await self._faults(scope, receive, send)

    async def _not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.error_response(404)(scope, receive, send)

    def _count_answer(self, answer: str) -> None:
        self.ledger.answers[answer] += 1


def json_answer(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer."""
    return JSONResponse(content, status_code=status, headers=headers)
