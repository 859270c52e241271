"""indigitall's wire, as its pages have it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, BatchReceipt, OutboundMessage, SendOutcome
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tests.providers.cases import SECRET, ErrorCase, ProviderCases, RequestCase
from tests.providers.problems_indigitall import EMAIL, FREE_TEXT, ORDER, PROBLEMS

HOST = "https://eu3.api.indigitall.com"
EMAIL_URL = f"{HOST}/v2/email/send/list"

FIELDS = {"first_name": "Ada", "order": "A-1"}

PARIS = timezone(timedelta(hours=1))
IN_FUTURE = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)

SWEDISH = {"phoneE164": "+46701740605", "countryCode": "46", "phoneNumber": "701740605"}
AMERICAN = {"phoneE164": "+12025550101", "countryCode": "1", "phoneNumber": "2025550101"}


def message(reference: str = "m-1", address: str = "+46701740605", **fields: Any) -> OutboundMessage:
    return OutboundMessage(reference, address, "SE", **{"template_fields": {"text": "Hello"}, **fields})


def contact(reference: str = "m-1", **fields: Any) -> dict[str, Any]:
    return {"customFields": {"text": "Hello"}, "customData": reference, **fields}


def request(*contacts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "campaignId": 101,
        "sendTypeOverride": "list",
        "contacts": list(contacts) or [contact(**SWEDISH)],
        **fields,
    }


def answer(data: Any = None, status: int = 200) -> str:
    data = {"id": 5001} if data is None else data
    return json.dumps({"statusCode": status, "message": "OK", "data": data})


def outcome(
    reference: str = "m-1",
    status: MessageStatus = MessageStatus.ACCEPTED,
    sending_id: str | None = "5001",
    **fields: Any,
) -> SendOutcome:
    receipt = BatchReceipt(sending_id) if sending_id else None
    return SendOutcome(reference, status, **{"provider_message_id": sending_id, "batch": receipt, **fields})


def case(id: str, **fields: Any) -> RequestCase:  # noqa: A002  # as in RequestCase
    """One SMS with a free text, but for what is said otherwise."""
    content = Content.model_validate(fields.pop("content", FREE_TEXT))
    return RequestCase(
        id=id,
        content=content,
        **{
            "messages": [message()],
            "request": request(),
            "answer": answer(),
            "outcomes": [outcome()],
            **fields,
        },
    )


def answered(
    id: str,  # noqa: A002  # as in RequestCase
    data: Any,
    sending_id: str | None,
    *,
    status: int = 200,
) -> RequestCase:
    """A good answer of this form."""
    body = json.dumps({"statusCode": status, "message": "OK", "data": data})
    return case(id, status=status, answer=body, outcomes=[outcome(sending_id=sending_id)])


def refused(id: str, entry: Any, words: str | None = None) -> RequestCase:  # noqa: A002  # as in RequestCase
    """Of two contacts the second one comes back in `data.errors`, in this form."""
    receipt = BatchReceipt("5001", accepted_count=1)
    said = words or (entry["message"] if isinstance(entry, dict) and "message" in entry else "no")
    return case(
        f"refused: {id}",
        messages=[message(), message("m-2", "+12025550101", external_code="C-2")],
        batch=Batch("run7-1", None),
        request=request(
            contact(**SWEDISH),
            contact("m-2", externalCode="C-2", **AMERICAN),
        ),
        answer=answer({"id": 5001, "errors": [entry]}),
        outcomes=[
            outcome(batch=receipt),
            SendOutcome(
                "m-2", MessageStatus.REJECTED, raw_status=said, reason="refused_by_provider", batch=receipt
            ),
        ],
    )


def error(
    status: int,
    said: str | None,
    error: type[ProviderError],
    reason: str,
    *,
    headers: dict[str, str] | None = None,
    wait: float | None = None,
) -> ErrorCase:
    return ErrorCase(
        id=f"{status} {said} {headers or ''}".strip(),
        status=status,
        body=json.dumps({"statusCode": status, "message": said} if said else {}),
        headers=headers or {},
        error=error,
        reason=reason,
        raw_status=str(status),
        retry_after_seconds=wait,
    )


CASES = ProviderCases(
    credentials={"base_url": HOST, "server_key": SECRET, "application_id": 1001},
    secrets=(SECRET,),
    url=f"{HOST}/v2/sms/send/list",
    headers={
        "authorization": f"ServerKey {SECRET}",
        "accept": "application/json",
        "content-type": "application/json",
    },
    requests=[
        case("one contact"),
        case(
            "contacts by number, by external code, and by both",
            content=ORDER,
            messages=[
                message("m-1", template_fields=FIELDS),
                message("m-2", "", external_code="C-2", template_fields=FIELDS),
                message("m-3", "+12025550101", external_code="C-3", template_fields={**FIELDS, "order": ""}),
            ],
            batch=Batch("run7-1", None),
            request={
                "campaignId": 102,
                "sendTypeOverride": "list",
                "contacts": [
                    {**SWEDISH, "customFields": FIELDS, "customData": "m-1"},
                    {"externalCode": "C-2", "customFields": FIELDS, "customData": "m-2"},
                    {
                        **AMERICAN,
                        "externalCode": "C-3",
                        "customFields": {**FIELDS, "order": ""},
                        "customData": "m-3",
                    },
                ],
            },
            outcomes=[outcome("m-1"), outcome("m-2"), outcome("m-3")],
        ),
        case(
            "a campaign without fields",
            content={**FREE_TEXT, "template": {"id": "101"}},
            messages=[message(template_fields={})],
            request=request({**SWEDISH, "customData": "m-1"}),
        ),
        case(
            "two contacts",
            messages=[message(), message("m-2", "+12025550101", external_code="C-2")],
            batch=Batch("run7-1", None),
            request=request(contact(**SWEDISH), contact("m-2", externalCode="C-2", **AMERICAN)),
            outcomes=[outcome(), outcome("m-2")],
        ),
        case(
            "the number in E.164 alone",
            options={"phone_form": "e164"},
            request=request(contact(phoneE164="+46701740605")),
        ),
        case(
            "the number in parts alone",
            options={"phone_form": "national"},
            request=request(contact(countryCode="46", phoneNumber="701740605")),
        ),
        case("both forms of the number", options={"phone_form": "both"}),
        case(
            "every option of an SMS",
            options={
                "flash": True,
                "nls": "spanish",
                "send_type_override": "all",
                "origin_data": {"own_key": [1]},
            },
            request=request(
                contact(originData={"own_key": [1]}, **SWEDISH), flash=True, nls="spanish", sendTypeOverride="all"
            ),
        ),
        case("flash, as of any provider", content={**FREE_TEXT, "flash": True}, request=request(flash=True)),
        case("no flash, said so", options={"flash": False}, request=request(flash=False)),
        *(
            case(f"nls {charset}", options={"nls": charset}, request=request(nls=charset))
            for charset in ("auto", "standard")
        ),
        case(
            "marketing is massive",
            content={**FREE_TEXT, "purpose": "marketing"},
            request=request(sendTypeOverride="all"),
        ),
        case(
            "marketing, sent as transactional",
            content={**FREE_TEXT, "purpose": "marketing"},
            options={"send_type_override": "list"},
        ),
        case(
            "scheduled, in the form of UTC",
            content={**FREE_TEXT, "send_at": IN_FUTURE.astimezone(PARIS)},
            request=request(scheduleAt=IN_FUTURE.strftime("%Y-%m-%dT%H:%M:%SZ")),
            outcomes=[outcome(status=MessageStatus.SCHEDULED)],
        ),
        case("a time that has passed means now", content={**FREE_TEXT, "send_at": "2026-01-05T12:00:00+01:00"}),
        case(
            "e-mails by address, by external code, and by both",
            content=EMAIL,
            messages=[
                message("m-1", "ada@example.com", template_fields={"first_name": "Ada"}),
                message("m-2", "", external_code="C-2", template_fields={"first_name": "Bo"}),
                message("m-3", "cy@example.org", external_code="C-3", template_fields={"first_name": "Cy"}),
            ],
            batch=Batch("run7-1", None),
            url=EMAIL_URL,
            request={
                "campaignId": 201,
                "contacts": [
                    {"email": "ada@example.com", "customFields": {"first_name": "Ada"}, "customData": "m-1"},
                    {"externalCode": "C-2", "customFields": {"first_name": "Bo"}, "customData": "m-2"},
                    {
                        "email": "cy@example.org",
                        "externalCode": "C-3",
                        "customFields": {"first_name": "Cy"},
                        "customData": "m-3",
                    },
                ],
            },
            outcomes=[outcome("m-1"), outcome("m-2"), outcome("m-3")],
        ),
        case(
            "every option of an e-mail, scheduled",
            content={**EMAIL, "purpose": "marketing", "send_at": IN_FUTURE},
            options={
                "cc": ["copy@example.com"],
                "bcc": ["blind@example.com", "too@example.com"],
                "smart_time_config": {"own_key": True},
                "blacklist": [7],
            },
            messages=[message("m-1", "ada@example.com", template_fields={"first_name": "Ada"})],
            url=EMAIL_URL,
            request={
                "campaignId": 201,
                "scheduleAt": IN_FUTURE.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "cc": ["copy@example.com"],
                "bcc": ["blind@example.com", "too@example.com"],
                "smartTimeConfig": {"own_key": True},
                "blacklist": [7],
                "contacts": [
                    {"email": "ada@example.com", "customFields": {"first_name": "Ada"}, "customData": "m-1"}
                ],
            },
            outcomes=[outcome(status=MessageStatus.SCHEDULED)],
        ),
        answered("answered 201", {"id": 7}, "7", status=201),
        answered("answered with sendingId", {"sendingId": "s-8"}, "s-8"),
        answered("answered with sendId", {"sendId": 9, "errors": []}, "9"),
        answered("answered without data", None, None),
        answered("answered with other data", {"contacts": 1}, None),
        answered("answered with an array", [{"id": 7}], None),
        case("answered without a statusCode", answer='{"data": {"id": 5001}}'),
        refused("by the reference", {"customData": "m-2", "phone": "46701740605", "message": "disabled"}),
        refused("by the number", {"contact": {"phone": 12025550101}, "message": "disabled"}),
        refused("by a list of numbers", {"phones": ["12025550101"], "message": "disabled"}),
        refused("by the national number", {"phoneNumber": "2025550101", "message": "disabled"}),
        refused(
            "by the external code", {"externalCode": "C-2", "reason": 1}, "{'externalCode': 'C-2', 'reason': 1}"
        ),
        refused("in words", "contact (+12025550101) is disabled", "contact (+1202555••••) is disabled"),
        case(
            "refused: the only one",
            answer=answer({"errors": [{"message": "disabled"}]}),
            outcomes=[
                SendOutcome("m-1", MessageStatus.REJECTED, raw_status="disabled", reason="refused_by_provider")
            ],
        ),
        case(
            "refused: nobody knows who",
            messages=[message(), message("m-2", "", external_code="C-2")],
            batch=Batch("run7-1", None),
            request=request(contact(**SWEDISH), contact("m-2", externalCode="C-2")),
            answer=answer({"id": 5001, "errors": [{"index": 1, "message": "disabled"}, None, {"valid": False}]}),
            outcomes=[
                outcome(reference, batch=BatchReceipt("5001", 0, note="disabled; None; {'valid': False}"))
                for reference in ("m-1", "m-2")
            ],
        ),
        case(
            "what indigitall would drop without a word is left out",
            messages=[
                message("m-1", "46701740605"),
                message("m-2", "+99912345678"),
                message("m-3", ""),
                message("m-4", "", external_code="C-5"),
                message("m-5", external_code="C-5"),
            ],
            batch=Batch("run7-1", None),
            request=request(contact("m-5", externalCode="C-5", **SWEDISH)),
            outcomes=[
                SendOutcome("m-1", MessageStatus.FAILED, reason="invalid_address"),
                SendOutcome("m-2", MessageStatus.FAILED, reason="invalid_address"),
                SendOutcome("m-3", MessageStatus.FAILED, reason="missing_address"),
                SendOutcome("m-4", MessageStatus.FAILED, reason="duplicate"),
                outcome("m-5"),
            ],
        ),
        case(
            "nothing is sent when nothing is left",
            content=EMAIL,
            messages=[message("m-1", "ada", template_fields={"first_name": "Ada"})],
            request=None,
            outcomes=[SendOutcome("m-1", MessageStatus.FAILED, reason="invalid_address")],
        ),
    ],
    errors=[
        error(400, "body must have required property 'campaignId'", RequestRejected, "bad_request"),
        error(400, "body/nls should be equal to one of: auto, standard", RequestRejected, "bad_request"),
        error(400, "customFields must have required property 'credit'", RequestRejected, "bad_request"),
        error(400, "body/contacts/0/customFields/balance must be string", RequestRejected, "bad_request"),
        error(400, "Not enough balance.", CreditExhausted, "no_credit"),
        error(403, "Saldo insuficiente", CreditExhausted, "no_credit"),
        error(402, None, CreditExhausted, "no_credit"),
        error(401, "Access token is not valid", CredentialsRejected, "auth"),
        error(403, None, CredentialsRejected, "auth"),
        error(403, "Operation forbidden, role", CredentialsRejected, "auth"),
        error(403, "Operation forbidden, at most 99 days", RequestRejected, "bad_request"),
        error(404, "Route POST:/v2/sms/send/list not found", CredentialsRejected, "no_such_path"),
        error(404, None, CredentialsRejected, "no_such_path"),
        error(404, "not found", RequestRejected, "not_found"),
        error(409, "conflict", RequestRejected, "bad_request"),
        error(422, None, RequestRejected, "bad_request"),
        error(429, None, ProviderThrottled, "rate_limited", wait=15),
        error(429, None, ProviderThrottled, "rate_limited", headers={"Retry-After": "3"}, wait=3),
        error(500, "Internal server error", OutcomeUnknown, "server_error"),
        error(503, "Not enough balance", OutcomeUnknown, "server_error"),
        error(200, None, OutcomeUnknown, "no_envelope"),
        ErrorCase(id="no body", status=204, error=OutcomeUnknown, reason="no_envelope", raw_status="204"),
        ErrorCase(
            id="a list", status=200, body="[1]", error=OutcomeUnknown, reason="no_envelope", raw_status="200"
        ),
        ErrorCase(
            id="no JSON", status=200, body="OK", error=OutcomeUnknown, reason="unreadable_answer", raw_status="200"
        ),
        ErrorCase(
            id="200 around a 400",
            status=200,
            body='{"statusCode": 400, "message": "no", "data": null}',
            error=OutcomeUnknown,
            reason="contradictory_answer",
            raw_status="400",
        ),
        ErrorCase(
            id="a gateway",
            status=502,
            body="<html>",
            error=OutcomeUnknown,
            reason="server_error",
            raw_status="502",
        ),
    ],
    problems=PROBLEMS,
)
