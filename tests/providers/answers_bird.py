"""What Bird answers, and what that means."""

import json
from typing import Any

from tasks.messaging.statuses import MessageStatus
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tests.providers.cases import ErrorCase, RequestCase
from tests.providers.problems_bird import SMS
from tests.providers.wire_bird import TEXT_BODY, answer, case, outcome, request


def answered(
    word: str | None, status: MessageStatus, reason: str | None = None, said: dict[str, Any] | None = None
) -> RequestCase:
    """A 202 that says this."""
    return case(
        f"answered {word} {reason or ''} {said or ''}".strip(),
        SMS,
        request(body=TEXT_BODY),
        answered=answer(word, **(said or {})),
        outcomes=outcome(status, word, reason),
    )


def failed(
    code: int, reason: str, said: dict[str, Any] | None = None, *, name: str = "", source_code: str = ""
) -> RequestCase:
    """A 202 that says that the message was rejected, and why."""
    failure = {"code": code, "description": "no", "source": {"name": name, "code": source_code} if name else None}
    return answered("rejected", MessageStatus.REJECTED, reason, {"failure": failure, **(said or {})})


def error(
    status: int,
    body: dict[str, Any] | list[Any],
    error: type[ProviderError],
    reason: str,
    raw_status: str,
    *,
    headers: dict[str, str] | None = None,
    wait: float | None = None,
) -> ErrorCase:
    return ErrorCase(
        id=f"{status} {raw_status} {headers or ''} {type(body).__name__} of {len(body)}",
        status=status,
        body=json.dumps(body),
        headers=headers or {},
        error=error,
        reason=reason,
        raw_status=raw_status,
        retry_after_seconds=wait,
    )


INVALID_PAYLOAD = {
    "code": "InvalidPayload",
    "message": "One or more fields provided in the request body are malformed",
    "details": {".receiver.contacts[0]": ['property "listId" is unsupported']},
}

ANSWERS = [
    answered("processing", MessageStatus.ACCEPTED),
    answered("pending", MessageStatus.ACCEPTED),
    answered("sent", MessageStatus.SENT),
    answered("delivered", MessageStatus.DELIVERED),
    answered("read", MessageStatus.DELIVERED, "read"),
    answered("rejected", MessageStatus.REJECTED, "rejected"),
    answered("skipped", MessageStatus.REJECTED, "skipped"),
    answered("sending_failed", MessageStatus.FAILED, "sending_failed"),
    answered("delivery_failed", MessageStatus.UNDELIVERED, "delivery_failed", {"failure": None}),
    answered("deleted", MessageStatus.CANCELLED, "deleted"),
    answered("a_word_of_tomorrow", MessageStatus.ACCEPTED),
    answered(None, MessageStatus.ACCEPTED),
    failed(11001, "bad_request"),
    failed(11002, "bad_input"),
    failed(11999, "validation"),
    failed(12001, "dependency"),
    failed(12002, "unsupported_type"),
    failed(12003, "unsupported_destination"),
    failed(15001, "network_error"),
    failed(15005, "bad_destination", name="sms-messagebird", source_code="1"),
    failed(15005, "platform", name="sms-messagebird", source_code="4"),
    failed(14001, "account_or_policy"),
    failed(14001, "account_or_policy", {"details": "optional field missing"}),
    failed(14001, "no_credit", name="accounting", source_code="9"),
    failed(14999, "opted_out", {"reason": "recipient_opted_out"}),
    failed(14999, "opted_out", {"details": "Identifier is suppressed"}),
    failed(15005, "expired", {"details": "Expired"}, name="sms-messagebird", source_code="1"),
    answered("rejected", MessageStatus.REJECTED, "expired", {"reason": "DLR not received"}),
]

ERRORS = [
    error(422, INVALID_PAYLOAD, RequestRejected, "bad_request", "InvalidPayload"),
    error(400, {"title": "Bad", "detail": "time range"}, RequestRejected, "bad_request", "400"),
    error(401, {"code": "Unauthorized"}, CredentialsRejected, "auth", "Unauthorized"),
    error(402, {}, CreditExhausted, "no_credit", "402"),
    error(403, {}, CredentialsRejected, "auth", "403"),
    error(404, {"code": "NotFound"}, CredentialsRejected, "wrong_workspace_or_channel", "NotFound"),
    error(404, {}, CredentialsRejected, "wrong_workspace_or_channel", "404"),
    error(409, {"code": "Conflict"}, RequestRejected, "bad_request", "Conflict"),
    error(429, {}, ProviderThrottled, "rate_limited", "429"),
    error(429, {}, ProviderThrottled, "rate_limited", "429", headers={"Retry-After": "3"}, wait=3),
    error(500, {}, OutcomeUnknown, "server_error", "500"),
    error(503, {"message": "try later"}, OutcomeUnknown, "server_error", "503"),
    error(202, {}, OutcomeUnknown, "no_message_id", "202"),
    error(202, [], OutcomeUnknown, "no_message_id", "202"),
    ErrorCase(
        id="no JSON", status=202, body="OK", error=OutcomeUnknown, reason="unreadable_answer", raw_status="202"
    ),
    ErrorCase(id="no body", status=202, error=OutcomeUnknown, reason="no_message_id", raw_status="202"),
    ErrorCase(
        id="a gateway",
        status=502,
        body="<html>",
        error=OutcomeUnknown,
        reason="server_error",
        raw_status="502",
    ),
]
