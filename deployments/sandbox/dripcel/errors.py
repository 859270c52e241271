"""How Dripcel refuses: one envelope, and an `error` of several shapes."""

import math
from typing import Any, Literal

from starlette.responses import Response

from deployments.sandbox.provider import json_answer

_NEVER_SOFT = frozenset({401, 403, 429})
_FIRST_SERVER_ERROR = 500

ErrorShape = Literal["documented", "string", "object", "array"]


class DripcelError(Exception):
    """The request is refused; nothing is sent.

    Attributes:
        status: HTTP status.
        error: The member `error` as the documentation has it for this case: a string or an object.
    """

    def __init__(self, status: int, error: str | dict[str, Any]) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error


class Throttled(DripcelError):
    """429: too many requests of the organisation.

    Args:
        resets_at: Unix time in seconds at which requests are taken again.
        unit: How `resetsAt` says it.
    """

    def __init__(self, resets_at: float, unit: Literal["seconds", "milliseconds", "absent"]) -> None:
        whole_seconds = math.ceil(resets_at)
        error: dict[str, Any] = {"remaining": 0}
        if unit != "absent":
            error = {"resetsAt": whole_seconds * (1000 if unit == "milliseconds" else 1), **error}
        super().__init__(429, error)
        self.resets_at = whole_seconds


def not_found(what: str) -> DripcelError:
    """404 with the documented code."""
    return DripcelError(404, {"code": "resource_not_found", "message": f"{what} not found"})


def error_answer(
    error: DripcelError, shape: ErrorShape, *, soft: bool, retry_after_seconds: int | None = None
) -> Response:
    """The answer to a refused request.

    Args:
        error: Why.
        shape: Shape of `error` in the body.
        soft: Whether a refusal may come as 200.
        retry_after_seconds: Value of the `Retry-After` header; none when None.
    """
    becomes_200 = soft and error.status not in _NEVER_SOFT and error.status < _FIRST_SERVER_ERROR
    headers = None if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    content = {"ok": False, "error": _shaped(error, shape)}
    return json_answer(content, 200 if becomes_200 else error.status, headers)


def _shaped(error: DripcelError, shape: ErrorShape) -> Any:
    given = error.error
    match shape:
        case "string":
            return given if isinstance(given, str) else given.get("message", "Too many requests")
        case "object":
            return {"code": f"http_{error.status}", "message": given} if isinstance(given, str) else given
        case "array":
            return [given]
        case "documented":
            return given
