"""The least that takes a callback: reads the body, answers with an empty 200, and keeps nothing."""

import argparse
import asyncio
import gc

import uvicorn

from deployments.listening import open_socket, url_of


async def _take(_scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def main():
    """Serve until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    listening = open_socket("127.0.0.1", parser.parse_args().port)
    config = uvicorn.Config(
        _take, http="h11", ws="none", lifespan="off", log_config=None, log_level="error", access_log=False
    )
    gc.freeze()
    print(f"listening on {url_of(listening)}", flush=True)  # noqa: T201  # the benchmark reads it
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
