"""A provider that does as it is told: for what no sandbox can be made to do."""

from collections.abc import Callable, Sequence
from typing import Self

from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, OutboundMessage, SendOutcome


class ScriptedProvider:
    """Takes every message, unless `script` raises for it or answers otherwise.

    Args:
        script: Called with the messages of each request, before they are taken.
    """

    def __init__(self, script: Callable[[Sequence[OutboundMessage]], None]) -> None:
        self._script = script
        self.taken: list[str] = []

    def use_stop_check(self, _is_stopped: Callable[[], bool]) -> None:
        """Not needed: every request ends at once."""

    async def send(self, messages: Sequence[OutboundMessage], _batch: Batch | None = None) -> list[SendOutcome]:
        self._script(messages)
        self.taken += [message.address for message in messages]
        return [SendOutcome(message.reference, MessageStatus.ACCEPTED, "id") for message in messages]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None
