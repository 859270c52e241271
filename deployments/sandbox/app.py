"""The sandbox as one ASGI app: providers by the first part of the path, everything else its own pages."""

from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from deployments.sandbox.clock import Clock
from deployments.sandbox.own_pages import own_pages
from deployments.sandbox.registry import PROVIDERS
from deployments.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from deployments.sandbox.provider import ProviderSandbox

CONTROL = "-control"
"""Ends the first part of paths that are not the provider's: `/PROVIDER-control/replies`."""


class Sandbox:
    """The ASGI app, and the state behind it.

    Attributes:
        providers: Each provider's sandbox by name.
        settings: The switches in force; change them with `change_settings`.
    """

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings_at_start = settings
        self._clock = clock
        self._pages = own_pages(self)
        self.providers: dict[str, ProviderSandbox[Any]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything, and set all switches as they were at the start."""
        # A copy: a list of responses is used up in place.
        self.settings = self._settings_at_start.changed({})
        for provider in self.providers.values():
            provider.pusher.stop()
        self.providers = {name: provider(self.settings[name], self._clock) for name, provider in PROVIDERS.items()}

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Set some switches; they hold from the next request on.

        Raises:
            SettingsError: An unknown provider or switch, or a value that is not allowed; nothing is changed.
        """
        self.settings = self.settings.changed(changes)
        for name, provider in self.providers.items():
            provider.change_settings(self.settings[name])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Providers get no middleware: a lost connection has to pass through untouched, and it is faster.
        if scope["type"] == "http":
            name = scope["path"].split("/", 2)[1]
            provider = self.providers.get(name.removesuffix(CONTROL))
            if provider is not None:
                await (provider.control if name.endswith(CONTROL) else provider)(scope, receive, send)
                return
        await self._pages(scope, receive, send)


def create_app(settings: SandboxSettings | None = None, clock: Clock | None = None) -> Sandbox:
    """Build a sandbox with nothing in it.

    Args:
        settings: The switches at the start; all defaults when None.
        clock: Where the sandbox reads the time; the machine's clocks when None.

    Returns:
        An ASGI app.
    """
    return Sandbox(settings or SandboxSettings(), clock or Clock())
