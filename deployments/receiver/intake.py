"""One provider's callbacks: which request is genuine, and what is kept of it."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from tasks.blocks import load_credentials
from tasks.messaging.statuses import EventKind
from tasks.providers.base import ProviderCredentials
from tasks.providers.callbacks import CallbackReader, digest_of, unreadable
from tasks.providers.errors import ConfigurationError
from tasks.providers.registry import PROVIDER_NAMES, load_callbacks
from tasks.providers.reports import CallbackRequest, ReceivedEvent
from tasks.store.inbox import EventToKeep

_log = logging.getLogger(__name__)

_MAX_KEY_CHARS = 150
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSTORABLE_IN_JSON = re.compile("\\\\u0000|[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Intake:
    """One provider's callbacks.

    Args:
        provider: Its name.
        reader: What knows its callbacks.
        credentials: With the key that signatures are checked with; None: no signature can be checked.
    """

    def __init__(
        self, provider: str, reader: CallbackReader, credentials: ProviderCredentials | None = None
    ) -> None:
        self.provider = provider
        self._reader = reader
        self._credentials = credentials

    @property
    def is_signed(self) -> bool:
        """A signature tells the provider from anybody else; otherwise a secret in the URL does."""
        return self._reader.is_signed

    @property
    def can_check(self) -> bool:
        """Whether a genuine request can be told from another one."""
        return not self.is_signed or self._credentials is not None

    def callback_path(self, secret: str) -> str:
        """What the provider is to be told to call, after the service's address."""
        return f"/callbacks/{self.provider}" if self.is_signed else f"/callbacks/{self.provider}/{secret}"

    def refuse(self, request: CallbackRequest) -> HTTPStatus | None:
        """Why a request to a signed door is not taken; None when the provider made it.

        Without a key it is 503: a genuine event must be neither believed nor lost, so they shall try again.
        """
        if self._credentials is None:
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            is_genuine = self._reader.is_genuine(request, self._credentials)
        except ConfigurationError:
            return HTTPStatus.SERVICE_UNAVAILABLE
        except Exception as error:  # noqa: BLE001  # whatever a stranger sends, the answer is no
            # Neither the exception's text nor its traceback, here and below: they may quote the body.
            _log.error("a signature of %s could not be checked: %s", self.provider, type(error).__name__)
            is_genuine = False
        return None if is_genuine else HTTPStatus.UNAUTHORIZED

    def event_of(self, request: CallbackRequest) -> EventToKeep:
        """What is kept of a genuine request: always something, and always something that a database takes."""
        try:
            received = _storable(self._reader.receive(request))
        except Exception as error:  # noqa: BLE001  # an event that the reader stumbles over is kept all the same
            _log.error("a callback of %s could not be read: %s", self.provider, type(error).__name__)
            received = _storable(unreadable(request, f"the receiver failed: {type(error).__name__}"))
        return EventToKeep(
            provider=self.provider,
            kind=received.kind,
            dedupe_key=f"{self.provider}:{received.dedupe_key}",
            payload=received.payload,
            error=received.error,
        )


def load_intakes() -> list[Intake]:
    """Every provider that calls.

    One whose signatures cannot be checked is served too, and warned about: it refuses its own callbacks, and not
    those of the others.
    """
    readers = {provider: load_callbacks(provider) for provider in PROVIDER_NAMES}
    return [
        Intake(provider, reader, _load_key(provider, reader) if reader.is_signed else None)
        for provider, reader in readers.items()
        if reader is not None
    ]


def _load_key(provider: str, reader: CallbackReader) -> ProviderCredentials | None:
    try:
        credentials = load_credentials(provider)
        reader.is_genuine(CallbackRequest(url="", headers={}), credentials)  # it says when there is no key
    except Exception as error:  # noqa: BLE001  # a Prefect server that is not there raises what it likes
        why = str(error) if isinstance(error, ConfigurationError) else type(error).__name__
        _log.warning("callbacks of %s are answered with 503, and not kept, until a restart: %s", provider, why)
        return None
    return credentials


def _storable(event: ReceivedEvent) -> ReceivedEvent:
    """The same event as any database takes it.

    PostgreSQL refuses NaN in JSON, and NUL and lone surrogates as soon as somebody reads the text of a member.

    Raises:
        ValueError: It cannot be made so: NaN or infinity, or a kind that is none.
        TypeError: There is something in it that is not JSON.
        RecursionError: It is nested too deep.
    """
    kind = EventKind(event.kind)
    payload: Mapping[str, Any] = event.payload
    if _UNSTORABLE_IN_JSON.search(_encode(payload)):
        payload = _without_unstorable(payload)
    key = event.dedupe_key
    if len(key) > _MAX_KEY_CHARS or not (key.isascii() and key.isprintable()):
        key = f"digest:{digest_of(key.encode('utf-8', 'surrogatepass'))}"
    error = None if event.error is None else _UNSTORABLE.sub(_REPLACEMENT, event.error)
    return replace(event, kind=kind, payload=payload, dedupe_key=key, error=error)


def _without_unstorable(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub(_REPLACEMENT, value)
        case Mapping():
            return {_without_unstorable(name): _without_unstorable(member) for name, member in value.items()}
        case list() | tuple():
            return [_without_unstorable(member) for member in value]
        case _:
            return value
