"""The sandbox's own pages: `/`, `/truth`, `/settings`, `/reset`, `/health`."""

import html
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments.sandbox.provider import ProviderSandbox
from deployments.sandbox.settings import SettingsError, parse_changes

if TYPE_CHECKING:
    from deployments.sandbox.app import Sandbox

MESSAGES_SHOWN = 50
ROWS_IN_PIECE = 1000

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; }
dt { opacity: .7; } dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
dd.bad { color: #c0392b; font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8883; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: .8rem; background: #8881; }
"""


def own_pages(sandbox: "Sandbox") -> Starlette:
    """The pages about the sandbox itself; the providers are not behind this app."""

    async def overview(_: Request) -> Response:
        sections = "".join(_section(name, provider) for name, provider in sandbox.providers.items())
        return HTMLResponse(
            "<!doctype html><html lang=en><meta charset=utf-8><title>Sandbox providers</title>"
            f"<style>{_STYLE}</style><h1>Sandbox providers</h1>"
            "<p>Nothing leaves this machine. Addresses and texts are shown in full: they are fictional."
            " All of it as JSON: <a href=/truth>/truth</a>, <a href=/truth/summary>/truth/summary</a>,"
            f" <a href=/settings>/settings</a>.</p>{sections}</html>"
        )

    async def truth(_: Request) -> Response:
        return StreamingResponse(_truth(sandbox), media_type="application/json")

    async def summary(_: Request) -> Response:
        return JSONResponse({name: _summary(provider) for name, provider in sandbox.providers.items()})

    async def settings(request: Request) -> Response:
        if request.method == "PATCH":
            try:
                sandbox.change_settings(parse_changes(await request.body()))
            except SettingsError as error:
                return JSONResponse({"problems": error.problems}, status_code=422)
        return JSONResponse(sandbox.settings.as_json())

    async def reset(_: Request) -> Response:
        sandbox.reset()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "providers": list(sandbox.providers)})

    return Starlette(
        routes=[
            Route("/", overview),
            Route("/truth", truth),
            Route("/truth/summary", summary),
            Route("/settings", settings, methods=["GET", "PATCH"]),
            Route("/reset", reset, methods=["POST"]),
            Route("/health", health),
        ]
    )


def _summary(provider: ProviderSandbox[Any]) -> dict[str, Any]:
    ledger = provider.ledger
    return {
        **ledger.totals(),
        "recipients_by_status": dict(Counter(map(provider.status_of, ledger.recipients))),
        "callbacks": dict(provider.pusher.counts),
        "credit": provider.credit,
        "highest_rate_per_minute": provider.request_times.highest_per_minute,
        "request_times": provider.request_times.since_start(),
        "request_times_left_out": provider.request_times.left_out,
    }


async def _truth(sandbox: "Sandbox") -> AsyncIterator[str]:
    """The JSON in pieces: a million recipients would be a gigabyte of Python objects at once."""
    separator = "{"
    for name, provider in sandbox.providers.items():
        ledger = provider.ledger
        yield f'{separator}"{name}": {{"recipients": ['
        separator = ", "
        piece: list[str] = []
        comma = ""
        for row in ledger.rows(provider.status_of):
            piece.append(json.dumps(row))
            if len(piece) == ROWS_IN_PIECE:
                yield comma + ", ".join(piece)
                comma = ", "
                piece.clear()
        if piece:
            yield comma + ", ".join(piece)
        rest = json.dumps({**ledger.totals(), "credit": provider.credit})
        yield f"], {rest[1:]}"
    yield "}"


def _section(name: str, provider: ProviderSandbox[Any]) -> str:
    ledger = provider.ledger
    figures = [
        ("requests", ledger.requests, False),
        ("recipients received", len(ledger.recipients) - ledger.simulated, False),
        ("simulated", ledger.simulated, False),
        ("received twice", len(ledger.received_twice), bool(ledger.received_twice)),
        ("warnings", len(ledger.warnings), bool(ledger.warnings)),
        ("credit", "not limited" if provider.credit is None else f"{provider.credit:,.2f}", False),
    ]
    shown = "".join(
        f"<div><dt>{label}</dt><dd{' class=bad' if bad else ''}>{value}</dd></div>"
        for label, value, bad in figures
    )
    last = list(ledger.rows(provider.status_of, first=max(0, len(ledger.recipients) - MESSAGES_SHOWN)))
    messages = _table(("received_at", "address", "sender", "text", "status", "reference", "id"), last[::-1])
    warnings = _table(("request", "field", "message", "count"), ledger.totals()["warnings"][-MESSAGES_SHOWN:])
    switches = html.escape(json.dumps(provider.settings.as_json(), indent=2, ensure_ascii=False))
    return (
        f"<h2>{name}</h2><dl>{shown}</dl>"
        f"<h3>Last messages</h3>{messages}"
        f"<details><summary>Objections of a strict reader of the documentation</summary>{warnings}</details>"
        f"<details><summary>Switches</summary><pre>{switches}</pre></details>"
    )


def _table(columns: tuple[str, ...], rows: list[Any]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td class={column}>{html.escape(str(row[column]))}</td>" for column in columns)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
