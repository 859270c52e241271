"""The receiver's addresses: one for each provider that calls, and `/health`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.receiver.group_commit import GroupCommit, InboxFull
from deployments.receiver.intake import Intake
from deployments.receiver.settings import ReceiverSettings
from tasks.providers.reports import CallbackRequest
from tasks.store.session import Ledger

_log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_EMPTY = (b"content-length", b"0")
_HEADERS = {
    HTTPStatus.SERVICE_UNAVAILABLE: [_EMPTY, (b"retry-after", b"5")],
    HTTPStatus.REQUEST_TIMEOUT: [_EMPTY, (b"connection", b"close")],
}


class Refused(Exception):
    """A request is not taken.

    Attributes:
        status: What it is answered with.
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class ClientGone(Exception):
    """A client hung up before its request was complete."""


class Door:
    """The address of one provider's callbacks, as an ASGI application.

    Not a FastAPI endpoint: the body is read to a limit in size and in time, and at thousands of callbacks a second
    FastAPI's reading of parameters would cost more than all the rest.
    """

    def __init__(self, intake: Intake, commits: GroupCommit, settings: ReceiverSettings) -> None:
        self._intake = intake
        self._commits = commits
        self._settings = settings
        self._secret = settings.secret.encode()

    @property
    def route(self) -> Route:
        """`/callbacks/{provider}` where the provider signs, else `/callbacks/{provider}/{secret}`."""
        methods = ["POST"] if self._intake.is_signed else ["GET", "POST"]
        return Route(self._intake.callback_path("{secret}"), self, methods=methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, keep, answer."""
        status = HTTPStatus.OK
        try:
            self._check_secret(scope)
            # With neither, somebody only looks whether this address answers.
            if scope["method"] == "POST" or (scope["method"] == "GET" and scope["query_string"]):
                await self._keep(self._request(scope, await self._read_body(receive)))
        except Refused as refused:
            status = refused.status
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  # the traceback may quote the request
            _log.error("a callback of %s was not kept: %s", self._intake.provider, type(error).__name__)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        await send(
            {"type": "http.response.start", "status": int(status), "headers": _HEADERS.get(status, [_EMPTY])}
        )
        await send({"type": "http.response.body", "body": b""})

    def _check_secret(self, scope: Scope) -> None:
        given = scope["path_params"].get("secret", "").encode()
        if not self._intake.is_signed and not compare_digest(given, self._secret):
            raise Refused(HTTPStatus.UNAUTHORIZED)

    async def _keep(self, request: CallbackRequest) -> None:
        """Returns once the event is committed."""
        if self._intake.is_signed and (status := self._intake.refuse(request)):
            raise Refused(status)
        try:
            committed = self._commits.add(self._intake.event_of(request), len(request.body))
        except InboxFull:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        done, _ = await asyncio.wait((committed,), timeout=self._settings.commit_seconds)
        if not done:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)

    async def _read_body(self, receive: Receive) -> bytes:
        """Never more than the limit and a piece is in memory, whatever the headers say."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    body += message.get("body", b"")
                    if len(body) > self._settings.max_body_bytes:
                        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None

    def _request(self, scope: Scope, body: bytes) -> CallbackRequest:
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self._intake.is_signed:
            base = self._settings.public_url or f"{scope['scheme']}://{headers.get('host', '')}"
            url = f"{base.rstrip('/')}{scope['raw_path'].decode('latin-1')}{'?' if query else ''}{query}"
        else:
            url = ""  # nobody needs it, and the secret is in it
        return CallbackRequest(
            url=url,
            headers=headers,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            body=body,
        )


def create_app(settings: ReceiverSettings, ledger: Ledger, intakes: Sequence[Intake]) -> FastAPI:
    """The receiver as an ASGI application.

    Args:
        settings: Secret and limits.
        ledger: Where events are kept; stays the caller's.
        intakes: Who calls.
    """
    commits = GroupCommit(
        ledger,
        max_waiting_events=settings.max_waiting_events,
        max_waiting_bytes=settings.max_waiting_bytes,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        commits.start()
        yield
        await commits.stop(_STOP_SECONDS)

    unverifiable = [intake.provider for intake in intakes if not intake.can_check]
    app = FastAPI(
        title="Rollcall receiver",
        lifespan=lifespan,
        openapi_url=None,  # and with it no pages of documentation
        redirect_slashes=False,  # a redirect would repeat the secret
        routes=[Door(intake, commits, settings).route for intake in intakes],
    )

    @app.get("/health")
    async def health() -> JSONResponse:
        """200 when the database takes events, else 503.

        Shows how many wait for it, how many it took since the start, and whose are refused for want of a key.
        """
        done, _ = await asyncio.wait((commits.flush(),), timeout=settings.health_seconds)
        return JSONResponse(
            {
                "status": "ok" if done else "unavailable",
                "waiting": commits.waiting_events,
                "kept": commits.kept_events,
                "unverifiable": unverifiable,
            },
            HTTPStatus.OK if done else HTTPStatus.SERVICE_UNAVAILABLE,
        )

    return app
