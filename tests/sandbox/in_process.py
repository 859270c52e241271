"""The in-process sandbox as an httpx transport, for tests of anything that takes one."""

import httpx

from deployments.sandbox import ConnectionAborted, Sandbox


class SandboxTransport(httpx.AsyncBaseTransport):
    """Sends requests into a sandbox; a lost connection is what httpx raises for a real one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._asgi = httpx.ASGITransport(sandbox)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._asgi.handle_async_request(request)
        except ConnectionAborted as error:
            message = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(message, request=request) from error
