"""What Bird answers when it refuses a request."""

from collections.abc import Mapping
from typing import Any

ERROR_WORDS = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "PaymentRequired",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    422: "InvalidPayload",
    429: "TooManyRequests",
}
MALFORMED = "One or more fields provided in the request body are malformed"


class BirdError(Exception):
    """The request is refused; nothing is sent."""

    def __init__(self, status: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details or {}
