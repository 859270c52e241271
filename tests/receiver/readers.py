"""Two made-up providers that call: one signs, one does not."""

import json
from hashlib import sha256
from typing import ClassVar

from tasks.messaging.statuses import EventKind
from tasks.providers.base import ProviderCredentials
from tasks.providers.callbacks import CallbackReader, unreadable
from tasks.providers.errors import ConfigurationError
from tasks.providers.reports import CallbackRequest, ReceivedEvent


class Keyed(ProviderCredentials):
    key: str | None = None


class Plain(CallbackReader):
    """Takes any JSON object with an `id`; stumbles where a careless reader would."""

    def receive(self, request: CallbackRequest) -> ReceivedEvent:
        try:
            payload = json.loads(request.body) if request.body else dict(request.query)
        except (ValueError, RecursionError):
            return unreadable(request, "the body is not JSON")
        return ReceivedEvent(
            kind=EventKind(payload.get("kind", "delivery")), dedupe_key=payload["id"], payload=payload
        )

    def read(self, payload, received_at):
        raise NotImplementedError


class Signing(Plain):
    is_signed: ClassVar[bool] = True

    def is_genuine(self, request: CallbackRequest, credentials: ProviderCredentials) -> bool:
        assert isinstance(credentials, Keyed)
        if credentials.key is None:
            raise ConfigurationError("there is no key")
        if request.headers.get("signature") == "stumble":
            raise RuntimeError("a signature that nobody thought of")
        return request.headers.get("signature") == sign(request.url, request.body, credentials.key)


def sign(url: str, body: bytes, key: str) -> str:
    return sha256(f"{url}\n{key}\n".encode() + body).hexdigest()
