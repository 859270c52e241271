"""What Octopush answers when it does not accept, and what that means."""

import json

from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tests.providers.cases import ErrorCase

BAD_REQUEST_CODES = [100, 102, 103, 106, 107, 110, 111, 112, 115, 116, 119, 123, 124]


def error(
    status: int, code: object, error: type[ProviderError], reason: str, *, wait: float | None = None
) -> ErrorCase:
    body = {"message": "Some words."} if code is None else {"code": code, "message": "Some words."}
    raw = str(status if code is None else code)
    return ErrorCase(
        id=f"{status}-{code!r}",
        status=status,
        body=json.dumps(body),
        error=error,
        reason=reason,
        raw_status=raw,
        retry_after_seconds=wait,
    )


ERRORS = [
    *(error(400, code, CredentialsRejected, "auth") for code in [101, 108, 109, 113, 114, *range(201, 211), 300]),
    *(error(400, code, CreditExhausted, "no_credit") for code in (104, 105)),
    *(error(400, code, RequestRejected, "bad_request") for code in BAD_REQUEST_CODES),
    *(error(400, code, RequestRejected, "stop_mention_missing") for code in (121, 122)),
    *(error(400, code, RequestRejected, "bad_destination") for code in (117, 150, 151, 152)),
    *(error(400, code, OutcomeUnknown, "duplicate_request") for code in (120, 133)),
    error(400, 132, OutcomeUnknown, "already_sent"),
    *(error(400, code, RequestRejected, "bad_request") for code in [*range(301, 307), 131]),
    *(error(400, code, ProviderThrottled, "rate_limited", wait=2) for code in (126, 127, 129, 130)),
    *(error(400, code, ProviderThrottled, "rate_limited", wait=60) for code in (128, 153)),
    *(error(400, code, OutcomeUnknown, "server_error") for code in (125, 308, 500, 501)),
    error(400, "121", RequestRejected, "stop_mention_missing"),
    error(400, 999, RequestRejected, "bad_request"),
    error(400, None, RequestRejected, "bad_request"),
    error(401, None, CredentialsRejected, "auth"),
    error(402, None, CreditExhausted, "no_credit"),
    error(403, None, CredentialsRejected, "auth"),
    error(429, None, ProviderThrottled, "rate_limited", wait=60),
    error(500, None, OutcomeUnknown, "server_error"),
    error(503, 121, OutcomeUnknown, "server_error"),
    error(200, 121, RequestRejected, "stop_mention_missing"),
    error(200, 104, CreditExhausted, "no_credit"),
    error(200, 999, OutcomeUnknown, "no_ticket"),
    error(200, None, OutcomeUnknown, "no_ticket"),
    ErrorCase(
        id="Retry-After",
        status=429,
        headers={"Retry-After": "9"},
        error=ProviderThrottled,
        reason="rate_limited",
        raw_status="429",
        retry_after_seconds=9,
    ),
    ErrorCase(id="no body", status=200, error=OutcomeUnknown, reason="no_ticket", raw_status="200"),
    ErrorCase(id="a list", status=200, body="[]", error=OutcomeUnknown, reason="no_ticket", raw_status="200"),
    ErrorCase(
        id="no JSON", status=200, body="OK", error=OutcomeUnknown, reason="unreadable_answer", raw_status="200"
    ),
]
