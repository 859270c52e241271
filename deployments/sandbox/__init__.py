"""The providers' wire protocols, played locally: a server for demos, an ASGI app for tests.

An independent reading of the providers' documentation. It imports nothing from `tasks` or `flows`, so that it can
catch the mistakes of the adapters, and it keeps the truth: who received which text, how often.
"""

from deployments.sandbox.app import Sandbox, create_app
from deployments.sandbox.clock import Clock
from deployments.sandbox.faults import ConnectionAborted
from deployments.sandbox.settings import SandboxSettings, SettingsError

__all__ = ["Clock", "ConnectionAborted", "Sandbox", "SandboxSettings", "SettingsError", "create_app"]
