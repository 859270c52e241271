"""Hooks: Dripcel tells somebody's server of a reply, in a body that this somebody wrote."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from deployments.sandbox.dripcel.switches import DripcelSettings
from deployments.sandbox.pushing import Push

LEAST_CREDIT = 1
"""A hook costs nothing, but does not fire for an account with less than a credit."""

_TEMPLATE = re.compile(r"{{\s*(contact|campaign|reply|send)\.([^{}\s]+)\s*}}")

Objects = Mapping[str, Mapping[str, Any]]
"""What templates can name: `contact`, `campaign`, `reply`, `send`, each with its members."""


def new_hook(url: str, objects: Objects, settings: DripcelSettings, idempotency_key: str) -> Push:
    """The request of a hook.

    Args:
        url: Whom to tell.
        objects: What templates can name.
        settings: The switches that begin with `hook_`.
        idempotency_key: The same for all attempts.
    """
    headers: dict[str, str] = {settings.hook_header: idempotency_key}
    body = b""
    if settings.hook_method == "GET":
        members = json.loads(settings.hook_body)
        query = urlencode({name: _fill_in(text, objects, str) for name, text in members.items()})
        url += ("&" if "?" in url else "?") + query
    else:
        headers["content-type"] = "application/json"
        quote = _inside_json if settings.hook_quoting == "escaped" else str
        body = _fill_in(settings.hook_body, objects, quote).encode()
    return Push(
        url=url,
        body=body,
        headers=headers,
        attempts=1 + settings.hook_retries,
        retry_seconds=settings.hook_retry_seconds,
        timeout_seconds=settings.hook_timeout_seconds,
        method=settings.hook_method,
    )


def _fill_in(text: str, objects: Objects, quote: Callable[[str], str]) -> str:
    """The text with values for its templates; nothing where there is no such member."""

    def value(match: re.Match[str]) -> str:
        found = objects.get(match[1], {}).get(match[2])
        return "" if found is None else quote(str(found))

    return _TEMPLATE.sub(value, text)


def _inside_json(value: str) -> str:
    return json.dumps(value)[1:-1]
