"""What the receiver needs to know, and its limits."""

import os
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

MIN_SECRET_CHARS = 16

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
"""RFC 3986: such a secret is spelled in one way only, whoever puts it into a URL."""


class SettingsError(ValueError):
    """The receiver cannot be started like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """How callbacks are taken.

    Attributes:
        secret: The last part of the URL of every provider that does not sign.
        public_url: Where the providers reach this service, when that is not the address it listens at: a
            signature covers the URL that the provider called. None: as the request's own headers say.
        max_body_bytes: A longer body is refused with 413.
        header_seconds: A connection is closed when the head of a request is not complete so long after its first
            byte; that of the first request, after the connection was made.
        body_seconds: A body that has not come by then is refused with 408.
        commit_seconds: An event that is not safe by then is answered with 503, so that the provider tries again.
        max_waiting_events: So many may wait for the database; the next ones are refused with 503.
        max_waiting_bytes: The same in bytes of their bodies.
        health_seconds: The database has so long to show that it can be written.

    Raises:
        SettingsError: The secret or the URL is unusable. The message does not contain the secret.
    """

    secret: str = field(repr=False)
    public_url: str | None = None
    max_body_bytes: int = 256 * 1024
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    commit_seconds: float = 5.0
    max_waiting_events: int = 20_000
    max_waiting_bytes: int = 64 * 1024 * 1024
    health_seconds: float = 2.0

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_CHARS or not _UNRESERVED.fullmatch(self.secret):
            raise SettingsError(
                f"ROLLCALL_CALLBACK_SECRET must be at least {MIN_SECRET_CHARS} characters, only letters, digits "
                "and - . _ ~; it is the last part of the URL that providers without signatures are told to call. "
                "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
                raise SettingsError(
                    "ROLLCALL_CALLBACK_URL must be the address at which providers reach this service, without "
                    "/callbacks, for example https://hooks.example.com"
                )

    @classmethod
    def from_environment(cls) -> Self:
        """`ROLLCALL_CALLBACK_SECRET` and `ROLLCALL_CALLBACK_URL`.

        Raises:
            SettingsError: The secret is missing, or one of them is unusable.
        """
        return cls(
            secret=os.environ.get("ROLLCALL_CALLBACK_SECRET", ""),
            public_url=os.environ.get("ROLLCALL_CALLBACK_URL") or None,
        )
