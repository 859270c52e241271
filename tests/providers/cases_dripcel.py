"""Dripcel's wire, as its pages have it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, OutboundMessage, SendOutcome
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tests.providers.cases import SECRET, ErrorCase, ProblemCase, ProviderCases, RequestCase

CAMPAIGN, TEMPLATE = "000000000000000000000c01", "000000000000000000000e01"
EMAIL_URL = "https://dripcel.example.com/send/email/bulk"

SMS: dict[str, Any] = {"channel": "sms", "purpose": "transactional", "text": "Hello"}
MARKETING = {**SMS, "purpose": "marketing"}
OWN_TEMPLATE = {**SMS, "text": "{% raw %}Hi {{firstname}}{% endraw %}"}
EMAIL: dict[str, Any] = {
    "channel": "email",
    "purpose": "marketing",
    "template": {"id": TEMPLATE},
    "sender": "shop@example.com",
}
TO_ALL: dict[str, Any] = {"filter_non_contacts": False}

# Paris time, because Dripcel's example is in UTC.
IN_FUTURE = (
    (datetime.now(UTC) + timedelta(days=30)).astimezone(timezone(timedelta(hours=1))).replace(microsecond=0)
)
ANSWERED_AT, ANSWERED_AT_SECONDS = "Mon, 05 Jan 2026 08:00:00 GMT", 1_767_600_000


def one(text: str = "Hello", address: str = "+12025550101", country: str | None = "US") -> OutboundMessage:
    return OutboundMessage("m-1", address, country, text)


def sms_request(**fields: Any) -> dict[str, Any]:
    return {
        "content": "Hello",
        "cell": "12025550101",
        "skipNonContacts": False,
        "country": "US",
        "deliveryMethod": "transactional",
        **fields,
    }


def sms_case(
    id: str,  # noqa: A002  # as in RequestCase
    campaign: dict[str, Any] = SMS,
    *,
    options: dict[str, Any] | None = None,
    message: OutboundMessage | None = None,
    data: dict[str, Any] | None = None,
    outcome: SendOutcome | None = None,
    **fields: Any,
) -> RequestCase:
    data = {"customerId": "s-1", "totalCost": 0.25} if data is None else data
    return RequestCase(
        id=id,
        content=Content.model_validate(campaign),
        options=options or {},
        messages=[message or one()],
        request=sms_request(**fields),
        answer=json.dumps({"ok": True, "data": data}),
        outcomes=[outcome or SendOutcome("m-1", MessageStatus.ACCEPTED, "s-1", cost=Decimal("0.25"))],
    )


def refused(
    id: str,  # noqa: A002  # as in RequestCase
    reason: str,
    message: OutboundMessage,
    options: dict[str, Any] | None = None,
) -> RequestCase:
    """An SMS that is not handed over."""
    return RequestCase(
        id=id,
        content=Content.model_validate(SMS),
        options=options or {},
        messages=[message],
        request=None,
        outcomes=[SendOutcome("m-1", MessageStatus.FAILED, reason=reason)],
    )


def recipients(*addresses: str) -> list[OutboundMessage]:
    return [OutboundMessage(f"m-{number}", address) for number, address in enumerate(addresses, 1)]


def email_case(
    id: str,  # noqa: A002  # as in RequestCase
    campaign: dict[str, Any] = EMAIL,
    *,
    options: dict[str, Any] = TO_ALL,
    messages: list[OutboundMessage] | None = None,
    batch: Batch | None = None,
    statuses: list[MessageStatus] | None = None,
    **fields: Any,
) -> RequestCase:
    messages = messages or recipients("ada@example.com")
    statuses = statuses or [MessageStatus.ACCEPTED] * len(messages)
    failed = MessageStatus.FAILED
    return RequestCase(
        id=id,
        content=Content.model_validate(campaign),
        options=options,
        messages=messages,
        batch=batch,
        url=EMAIL_URL,
        request={
            "from": "shop@example.com",
            "template_id": TEMPLATE,
            "destinations": ["ada@example.com"],
            "filter_non_contacts": False,
            **fields,
        },
        answer='{"ok": true, "data": {}}',
        outcomes=[
            SendOutcome(message.reference, status, reason="invalid_address" if status is failed else None)
            for message, status in zip(messages, statuses, strict=True)
        ],
    )


def error(
    status: int,
    said: Any,
    error: type[ProviderError],
    reason: str,
    raw_status: str | None = None,
    *,
    headers: dict[str, str] | None = None,
    wait: float | None = None,
) -> ErrorCase:
    return ErrorCase(
        id=f"{status} {json.dumps(said)} {headers or ''}".strip(),
        status=status,
        body=json.dumps({"ok": False} if said is None else {"ok": False, "error": said}),
        headers=headers or {},
        error=error,
        reason=reason,
        raw_status=raw_status or str(status),
        retry_after_seconds=wait,
    )


def throttled(said: Any, wait: float, status: int = 429, headers: dict[str, str] | None = None) -> ErrorCase:
    return error(
        status,
        said,
        ProviderThrottled,
        "rate_limited",
        headers={"Date": ANSWERED_AT, **(headers or {})},
        wait=wait,
    )


def resets_at(unix_time: float) -> dict[str, float]:
    return {"resetsAt": unix_time, "remaining": 0}


def unclear(status: int, body: str, reason: str = "no_message_id") -> ErrorCase:
    """A 2xx that does not say that the message was taken."""
    return ErrorCase(
        id=f"{status} {body}",
        status=status,
        body=body,
        error=OutcomeUnknown,
        reason=reason,
        raw_status=str(status),
    )


COSTS: list[tuple[dict[str, Any], Decimal | None]] = [
    ({"customerId": "s-1", "totalCost": 0}, Decimal(0)),
    ({"customerId": "s-1", "totalCost": 1}, Decimal(1)),
    ({"customerId": "s-1", "totalCost": -1}, None),
    ({"customerId": "s-1", "totalCost": True}, None),
    ({"customerId": "s-1", "totalCost": "free"}, None),
    ({"customerId": "s-1", "totalCost": 10**15}, None),
    ({"customerId": "s-1"}, None),
    ({"customerId": 7, "unknown": [1]}, None),
]
SMS_HAS_NO: dict[str, dict[str, Any]] = {
    "sender": {"sender": "Shop"},
    "subject": {"subject": "Hi"},
    "schedule.send_at": {"send_at": IN_FUTURE},
    "validity": {"validity_seconds": 60},
    "tags": {"tags": ["a"]},
    "flash": {"flash": True},
    "track_links": {"track_links": True},
    "template": {"text": None, "template": {"id": TEMPLATE}},
}
EMAIL_HAS_NO: dict[str, dict[str, Any]] = {
    "subject": {"subject": "Hi"},
    "test_mode": {"test_mode": True},
    "validity": {"validity_seconds": 60},
    "tags": {"tags": ["a"]},
    "flash": {"flash": True},
    "replies": {"replies": True},
    "track_links": {"track_links": True},
    "text": {"template": None, "text": "Hello"},
}
NOT_FOUND = {"code": "resource_not_found", "message": "No such campaign"}
INVALID_CELL = "Invalid cell number"
IN_30_SECONDS = ANSWERED_AT_SECONDS + 30

CASES = ProviderCases(
    credentials={"base_url": "https://dripcel.example.com", "api_key": SECRET},
    secrets=(SECRET,),
    url="https://dripcel.example.com/send/sms",
    headers={
        "authorization": f"Bearer {SECRET}",
        "accept": "application/json",
        "content-type": "application/json",
    },
    requests=[
        sms_case("an SMS"),
        sms_case("marketing takes the standard route", MARKETING, deliveryMethod="standard"),
        *(
            sms_case(f"the route {route}", MARKETING, options={"delivery_method": route}, deliveryMethod=route)
            for route in ("reverse", "standard", "transactional")
        ),
        sms_case("contacts only", options={"skip_non_contacts": True}, skipNonContacts=True),
        sms_case(
            "a campaign, whose hooks tell of replies",
            {**SMS, "replies": True},
            options={"campaign_id": CAMPAIGN},
            campaign_id=CAMPAIGN,
        ),
        sms_case("a test", {**SMS, "test_mode": True}, sendOptions={"testMode": True}),
        sms_case(
            "a test said twice",
            {**SMS, "test_mode": True},
            options={"send_options": {"test_mode": True}},
            sendOptions={"testMode": True},
        ),
        sms_case(
            "no test, said so", options={"send_options": {"test_mode": False}}, sendOptions={"testMode": False}
        ),
        sms_case("send options without a member", options={"send_options": {}}),
        sms_case(
            "a number of another country",
            message=one(address="+4917139200001", country="DE"),
            cell="4917139200001",
            country="DE",
        ),
        sms_case(
            "a template that Dripcel fills in for its contacts",
            OWN_TEMPLATE,
            options={"skip_non_contacts": True},
            message=one("Hi {{firstname}}"),
            content="Hi {{firstname}}",
            skipNonContacts=True,
        ),
        sms_case("single braces are text", message=one("Hello {you}"), content="Hello {you}"),
        *(
            sms_case(
                f"an answer that says {data}",
                data=data,
                outcome=SendOutcome("m-1", MessageStatus.ACCEPTED, str(data["customerId"]), cost=cost),
            )
            for data, cost in COSTS
        ),
        refused("a number without a country", "invalid_address", one(country=None)),
        refused("a local number", "invalid_address", one(address="0710000123", country="ZA")),
        refused("a contact without a number", "invalid_address", one(address="")),
        refused("an empty text", "empty_text", one(" \n")),
        refused("braces in a name", "unfilled_template", one("Hello {{cell}}")),
        refused(
            "braces in a name, to contacts",
            "unfilled_template",
            one("Hello {{cell}}"),
            {"skip_non_contacts": True},
        ),
        email_case("an e-mail"),
        email_case(
            "a bulk e-mail",
            messages=recipients("ada@example.com", "alan@example.org"),
            batch=Batch("run7-000001", None),
            destinations=["ada@example.com", "alan@example.org"],
        ),
        email_case(
            "an e-mail to contacts only, for custom fields",
            options={"filter_non_contacts": True},
            filter_non_contacts=True,
        ),
        email_case(
            "an e-mail for later, in UTC",
            {**EMAIL, "send_at": IN_FUTURE},
            statuses=[MessageStatus.SCHEDULED],
            to_start_at=IN_FUTURE.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        ),
        email_case("a time that has passed means now", {**EMAIL, "send_at": "2026-01-05T12:00:00+01:00"}),
        email_case(
            "what is no e-mail address is left out",
            messages=recipients("Ada <ada@example.com>", "ada@example.com", "+12025550101"),
            statuses=[MessageStatus.FAILED, MessageStatus.ACCEPTED, MessageStatus.FAILED],
        ),
        RequestCase(
            id="no e-mail when no address is left",
            content=Content.model_validate(EMAIL),
            options=TO_ALL,
            messages=recipients("ada"),
            request=None,
            outcomes=[SendOutcome("m-1", MessageStatus.FAILED, reason="invalid_address")],
        ),
    ],
    errors=[
        error(400, "content is required", RequestRejected, "bad_request"),
        error(400, INVALID_CELL, RequestRejected, "bad_destination"),
        error(400, "INVALID CELL NUMBER: 2771", RequestRejected, "bad_destination"),
        error(400, {"message": INVALID_CELL}, RequestRejected, "bad_destination"),
        error(400, {"cell": INVALID_CELL}, RequestRejected, "bad_destination"),
        error(400, {"code": "E1", "message": [INVALID_CELL]}, RequestRejected, "bad_destination", "E1"),
        error(400, [INVALID_CELL], RequestRejected, "bad_destination"),
        error(400, [{"code": "E1"}, None, INVALID_CELL], RequestRejected, "bad_destination", "E1"),
        error(400, None, RequestRejected, "bad_request"),
        error(400, [], RequestRejected, "bad_request"),
        error(400, 7, RequestRejected, "bad_request"),
        error(400, "Contact has opted out", RequestRejected, "opted_out"),
        error(400, "Insufficient balance", CreditExhausted, "no_credit"),
        error(401, "Unauthorized", CredentialsRejected, "auth"),
        error(402, "Insufficient balance", CreditExhausted, "no_credit"),
        error(402, None, CreditExhausted, "no_credit"),
        error(403, "Missing permission sendLog.create", CredentialsRejected, "auth"),
        error(403, None, CredentialsRejected, "auth"),
        error(404, "Contact not found", RequestRejected, "bad_request"),
        error(404, NOT_FOUND, RequestRejected, "bad_request", "resource_not_found"),
        error(200, INVALID_CELL, RequestRejected, "bad_destination"),
        error(200, "Insufficient balance", CreditExhausted, "no_credit"),
        error(200, ["Unauthorized"], CredentialsRejected, "auth"),
        error(200, NOT_FOUND, RequestRejected, "bad_request", "resource_not_found"),
        error(200, "Something else", RequestRejected, "bad_request"),
        error(200, None, RequestRejected, "bad_request"),
        throttled(resets_at(IN_30_SECONDS), 30),
        throttled(resets_at(IN_30_SECONDS * 1000), 30),
        throttled(resets_at(IN_30_SECONDS + 0.5), 30.5),
        throttled([resets_at(IN_30_SECONDS)], 30),
        throttled(resets_at(IN_30_SECONDS), 30, status=200),
        throttled(resets_at(IN_30_SECONDS), 9, headers={"Retry-After": "9"}),
        throttled(resets_at(ANSWERED_AT_SECONDS - 5), 60),
        throttled({"resetsAt": "soon"}, 60),
        throttled({"resetsAt": None, "remaining": 0}, 60),
        throttled("Too many requests", 60),
        throttled("Too many requests", 9, headers={"Retry-After": "9"}),
        throttled(None, 60),
        error(429, None, ProviderThrottled, "rate_limited", headers={"Date": "?"}, wait=60),
        error(500, None, OutcomeUnknown, "server_error"),
        error(503, INVALID_CELL, OutcomeUnknown, "server_error"),
        error(503, resets_at(IN_30_SECONDS), OutcomeUnknown, "server_error"),
        unclear(200, '{"ok": true, "data": {}}'),
        unclear(200, '{"ok": true, "data": {"customerId": null}}'),
        unclear(200, '{"ok": true, "data": {"customerId": ""}}'),
        unclear(200, '{"ok": true, "data": 7}'),
        unclear(200, "[]"),
        unclear(200, ""),
        unclear(200, "OK", reason="unreadable_answer"),
        ErrorCase(
            id="a gateway",
            status=502,
            body="<html>",
            error=OutcomeUnknown,
            reason="server_error",
            raw_status="502",
        ),
    ],
    problems=[
        ProblemCase(
            id="channel",
            content={**SMS, "channel": "mms", "media": [{"url": "https://example.com/a.png"}]},
            problems=[("channel", "dripcel has no channel mms"), ("media", "no pictures")],
        ),
        *(
            ProblemCase(
                id=f"{key} of an SMS",
                content={**SMS, **given},
                problems=[(key, "dripcel (sms) has no")],
            )
            for key, given in SMS_HAS_NO.items()
        ),
        *(
            ProblemCase(
                id=f"{key} of an e-mail",
                content={**EMAIL, **given},
                options=TO_ALL,
                problems=[(key, "dripcel (email) has no")],
            )
            for key, given in EMAIL_HAS_NO.items()
        ),
        ProblemCase(
            id="an option of e-mails",
            content=SMS,
            options=TO_ALL,
            problems=[("options.dripcel.filter_non_contacts", "options.dripcel.skip_non_contacts")],
        ),
        ProblemCase(
            id="options of SMS",
            content=EMAIL,
            options={
                **TO_ALL,
                "skip_non_contacts": True,
                "delivery_method": "standard",
                "campaign_id": "c",
                "send_options": {},
            },
            problems=[
                (f"options.dripcel.{key}", "belongs to sms")
                for key in ("skip_non_contacts", "delivery_method", "campaign_id", "send_options")
            ],
        ),
        ProblemCase(
            id="replies without a campaign",
            content={**SMS, "replies": True},
            problems=[("replies", "options.dripcel.campaign_id")],
        ),
        *(
            ProblemCase(
                id=f"test mode {in_campaign} and {not in_campaign}",
                content={**SMS, "test_mode": in_campaign},
                options={"send_options": {"test_mode": not in_campaign}},
                problems=[("test_mode", "options.dripcel.send_options.test_mode")],
            )
            for in_campaign in (True, False)
        ),
        *(
            ProblemCase(
                id=f"braces of the author: {text}",
                content={**SMS, "text": text},
                problems=[("text", "options.dripcel.skip_non_contacts")],
            )
            for text in (OWN_TEMPLATE["text"], "Hi {{ '{{firstname}}' }}", "{{ first_name or '{{firstname}}' }}")
        ),
        ProblemCase(id="a text of ours", content={**SMS, "text": "Hi {{ first_name }}"}, problems=[]),
        ProblemCase(id="a text that is no template", content={**SMS, "text": "Hi {{ first_name"}, problems=[]),
        ProblemCase(
            id="an e-mail without a sender",
            content={**EMAIL, "sender": None},
            options=TO_ALL,
            problems=[("sender", "the address")],
        ),
        ProblemCase(
            id="an e-mail from a name",
            content={**EMAIL, "sender": "Shop <shop@example.com>"},
            options=TO_ALL,
            problems=[("sender", "a bare email address")],
        ),
        ProblemCase(
            id="an e-mail that does not say whether to contacts only",
            content=EMAIL,
            problems=[("options.dripcel.filter_non_contacts", "custom fields")],
        ),
        ProblemCase(
            id="what Dripcel's templates do not have",
            content={
                **EMAIL,
                "template": {"id": TEMPLATE, "version": "2", "locale": "en", "fields": {"a": "{{ b }}"}},
            },
            options={"filter_non_contacts": True},
            problems=[
                ("template.fields", "its own contacts"),
                ("template.version", "no versions"),
                ("template.locale", "one language"),
            ],
        ),
    ],
)
