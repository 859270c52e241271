"""Bird's wire, as its pages have it."""

import json
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
from tests.providers.problems_bird import ID, IN_FUTURE, MMS, PROBLEMS, PROJECT, SMS, TEMPLATE, VIDEO

WORKSPACE = "5f3a7a52-6b0c-4a6e-9d0a-3b8a3d1c0001"
CHANNEL = "5f3a7a52-6b0c-4a6e-9d0a-3b8a3d1c0002"

MESSAGE = OutboundMessage("run7-000123", "+12025550101", "US", "Hello")
TEXT_BODY = {"type": "text", "text": {"text": "Hello"}}
BATCH_MESSAGES = [MESSAGE, OutboundMessage("run7-000124", "+12025550102", "US", "Élodie 😀")]
CHANNEL_URL = f"https://bird.example.com/workspaces/{WORKSPACE}/channels/{CHANNEL}"


def request(**fields: Any) -> dict[str, Any]:
    return {
        "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": "+12025550101"}]},
        "reference": "run7-000123",
        "meta": {"extraInformation": {"useCase": "transactional"}},
        **fields,
    }


def marketing(**fields: Any) -> dict[str, Any]:
    """A request whose campaign is marketing."""
    return request(meta={"extraInformation": {"useCase": "marketing"}}, **fields)


def answer(status: str | None = "accepted", **fields: Any) -> str:
    return json.dumps({"id": ID, "channelId": CHANNEL, "reference": "run7-000123", "status": status, **fields})


def outcome(
    status: MessageStatus = MessageStatus.ACCEPTED, raw_status: str | None = "accepted", reason: str | None = None
) -> SendOutcome:
    return SendOutcome("run7-000123", status, ID, raw_status, reason)


def case(
    id: str,  # noqa: A002  # as in RequestCase
    content: dict[str, Any],
    request: dict[str, Any],
    *,
    message: OutboundMessage = MESSAGE,
    options: dict[str, Any] | None = None,
    answered: str | None = None,
    outcomes: SendOutcome | None = None,
) -> RequestCase:
    return RequestCase(
        id=id,
        content=Content.model_validate(content),
        options=options or {},
        messages=[message],
        request=request,
        status=202,
        answer=answered or answer(),
        outcomes=[outcomes or outcome()],
    )


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

CASES = ProviderCases(
    credentials={
        "base_url": "https://bird.example.com",
        "access_key": SECRET,
        "workspace_id": WORKSPACE,
        "channel_id": CHANNEL,
        "signing_key": "signing-" + SECRET,
    },
    secrets=(SECRET,),
    url=f"{CHANNEL_URL}/messages",
    headers={
        "authorization": f"AccessKey {SECRET}",
        "accept": "application/json",
        "content-type": "application/json",
    },
    requests=[
        case("a text", SMS, request(body=TEXT_BODY)),
        case(
            "a sender",
            {**SMS, "sender": "+12025550199"},
            request(body=TEXT_BODY, sender={"connector": {"identifierValue": "+12025550199"}}),
        ),
        case(
            "scheduled",
            {**SMS, "send_at": IN_FUTURE},
            request(body=TEXT_BODY, scheduledFor=IN_FUTURE.isoformat()),
            answered=answer("scheduled"),
            outcomes=outcome(MessageStatus.SCHEDULED, "scheduled"),
        ),
        case(
            "every option of a text",
            {**SMS, "purpose": "marketing", "subject": "Sale"},
            request(
                receiver={"contacts": [{"identifierKey": "phonenumber", "identifierValue": "+12025550101"}]},
                sender={"connector": {"identifierValue": "Shop", "annotations": {"name": "The Shop"}}},
                meta={
                    "extraInformation": {"useCase": "marketing", "own_key": {"a": 1}},
                    "referral": {
                        "source": "s",
                        "title": "t",
                        "text": "x",
                        "group": "g",
                        "metadata": {"source_id": "1", "source_url": "u", "media_url": "m", "tracking_id": "2"},
                    },
                    "order": {
                        "products": [
                            {"externalCatalogId": "c", "externalProductId": "p", "price": {"currencyCode": "EUR"}}
                        ]
                    },
                    "referredProduct": {"externalCatalogId": "c", "externalProductId": "p"},
                    "email": {"subject": "s", "from": {"username": "u", "displayName": "d"}},
                    "pushNotifications": {"gatewayTypeOverride": "apns"},
                    "navigatorId": ID,
                    "navigatorMessageId": ID,
                    "flow": {"id": ID, "name": "f", "stepId": "1", "runId": ID},
                    "journey": {"id": ID, "name": "j", "stepId": "1", "runId": ID},
                    "campaign": {"id": ID, "name": "c"},
                },
                replyTo={"id": "m1", "type": "message"},
                notification={"any_key": "any"},
                capFrequency=True,
                enableLinkTracking=True,
                ignoreQuietHours=False,
                tags=["spring", "sale"],
                shortLinks={"enabled": True, "domain": "example.com"},
                validity=3600,
                body={
                    "type": "text",
                    "text": {
                        "text": "Hello",
                        "attachments": [
                            {"mediaUrl": "https://example.com/a.pdf", "filename": "a.pdf", "inline": False}
                        ],
                        "actions": [{"type": "link", "link": {"text": "Go", "url": "https://example.com"}}],
                        "metadata": {
                            "subject": "Sale",
                            "whatsapp": {"previewUrl": False},
                            "line": {"emoji": {"items": [{"productId": "1", "emojiId": "2"}]}},
                            "telegram": {"parseMode": "Markdown"},
                        },
                    },
                },
            ),
            options={
                "sender": {"identifier_value": "Shop", "name": "The Shop"},
                "receiver": {"identifier_key": "phonenumber"},
                "meta": {
                    "extra_information": {"useCase": "marketing", "own_key": {"a": 1}},
                    "referral": {
                        "source": "s",
                        "title": "t",
                        "text": "x",
                        "group": "g",
                        "metadata": {"source_id": "1", "source_url": "u", "media_url": "m", "tracking_id": "2"},
                    },
                    "order": {
                        "products": [
                            {
                                "external_catalog_id": "c",
                                "external_product_id": "p",
                                "price": {"currency_code": "EUR"},
                            }
                        ]
                    },
                    "referred_product": {"external_catalog_id": "c", "external_product_id": "p"},
                    "email": {"subject": "s", "from_": {"username": "u", "display_name": "d"}},
                    "push_notifications": {"gateway_type_override": "apns"},
                    "navigator_id": ID,
                    "navigator_message_id": ID,
                    "flow": {"id": ID, "name": "f", "step_id": "1", "run_id": ID},
                    "journey": {"id": ID, "name": "j", "step_id": "1", "run_id": ID},
                    "campaign": {"id": ID, "name": "c"},
                },
                "reply_to": {"id": "m1"},
                "notification": {"any_key": "any"},
                "cap_frequency": True,
                "enable_link_tracking": True,
                "ignore_quiet_hours": False,
                "tags": ["Spring", " SALE "],
                "short_links": {"enabled": True, "domain": "example.com"},
                "validity": 3600,
                "text": {
                    "attachments": [
                        {"media_url": "https://example.com/a.pdf", "filename": "a.pdf", "inline": False}
                    ],
                    "actions": [{"link": {"text": "Go", "url": "https://example.com"}}],
                    "metadata": {
                        "whatsapp": {"preview_url": False},
                        "line": {"emoji": {"items": [{"product_id": "1", "emoji_id": "2"}]}},
                        "telegram": {"parse_mode": "Markdown"},
                    },
                },
            },
        ),
        case(
            "marketing is told to be marketing",
            {**SMS, "purpose": "marketing"},
            marketing(body=TEXT_BODY, capFrequency=True, ignoreQuietHours=True),
            options={"cap_frequency": True, "ignore_quiet_hours": True},
        ),
        case(
            "a use case beside other information, and one that is left out",
            SMS,
            request(body=TEXT_BODY, meta={"campaign": {"name": "c"}}),
            options={"meta": {"extra_information": {"useCase": None}, "campaign": {"name": "c"}}},
        ),
        case(
            "other information beside the use case",
            SMS,
            request(body=TEXT_BODY, meta={"extraInformation": {"useCase": "transactional", "own_key": None}}),
            options={"meta": {"extra_information": {"own_key": None}}},
        ),
        case(
            "a contact's id, and no number",
            {**SMS, "purpose": "marketing"},
            marketing(
                receiver={"contacts": [{"id": ID, "type": "person", "platformAddressSelector": "primary"}]},
                body=TEXT_BODY,
                capFrequency=True,
            ),
            options={
                "receiver": {
                    "identifier_key": "contact_id",
                    "type": "person",
                    "platform_address_selector": "primary",
                },
                "cap_frequency": True,
            },
            message=OutboundMessage("run7-000123", "", None, "Hello", external_code=ID),
        ),
        *(
            RequestCase(
                id=f"a contact's id {code!r} that is none",
                content=Content.model_validate(SMS),
                options={"receiver": {"identifier_key": "contact_id"}},
                messages=[OutboundMessage("run7-000123", "+12025550101", "US", "Hello", external_code=code)],
                request=None,
                outcomes=[SendOutcome("run7-000123", MessageStatus.FAILED, reason=reason)],
            )
            for code, reason in [
                (None, "missing_contact_id"),
                ("", "missing_contact_id"),
                ("customer 7", "invalid_contact_id"),
                (ID.replace("-", ""), "invalid_contact_id"),
            ]
        ),
        case(
            "what any campaign can ask for",
            {**SMS, "validity_seconds": 3600, "tags": ["Spring", "b"], "track_links": True, "replies": True},
            request(body=TEXT_BODY, validity=3600, tags=["spring", "b", "c"], enableLinkTracking=True),
            options={"tags": ["B", "c"]},
        ),
        RequestCase(
            id="a batch",
            content=Content.model_validate({**SMS, "purpose": "marketing", "send_at": IN_FUTURE}),
            options={"batch": True},
            messages=BATCH_MESSAGES,
            batch=Batch("run7-1-1", None),
            url=f"{CHANNEL_URL}/batch/messages",
            request={
                "messageRequests": [
                    marketing(body=TEXT_BODY, scheduledFor=IN_FUTURE.isoformat()),
                    {
                        **marketing(
                            body={"type": "text", "text": {"text": "Élodie 😀"}},
                            scheduledFor=IN_FUTURE.isoformat(),
                        ),
                        "receiver": {
                            "contacts": [{"identifierKey": "phonenumber", "identifierValue": "+12025550102"}]
                        },
                        "reference": "run7-000124",
                    },
                ]
            },
            status=202,
            answer='{"id": "b-1"}',
            outcomes=[
                SendOutcome(message.reference, MessageStatus.ACCEPTED, batch=BatchReceipt("b-1"))
                for message in BATCH_MESSAGES
            ],
        ),
        RequestCase(
            id="a batch by contact ids, of which one is missing",
            content=Content.model_validate(SMS),
            options={"batch": True, "receiver": {"identifier_key": "contact_id"}},
            messages=[
                OutboundMessage("run7-000122", "+12025550102", "US", "Hello"),
                OutboundMessage("run7-000123", "", None, "Hello", external_code=ID),
            ],
            url=f"{CHANNEL_URL}/batch/messages",
            request={"messageRequests": [request(receiver={"contacts": [{"id": ID}]}, body=TEXT_BODY)]},
            status=202,
            answer='{"batchId": "b-2"}',
            outcomes=[
                SendOutcome("run7-000122", MessageStatus.FAILED, reason="missing_contact_id"),
                SendOutcome("run7-000123", MessageStatus.ACCEPTED, batch=BatchReceipt("b-2")),
            ],
        ),
        case(
            "a bare number",
            SMS,
            request(receiver={"contacts": [{"identifierValue": "+12025550101"}]}, body=TEXT_BODY),
            options={"receiver": {"identifier_key": None}},
        ),
        case(
            "pictures",
            {**MMS, "subject": "Look", "media": [*MMS["media"], {**VIDEO, "content_type": "image/webp"}]},
            request(
                body={
                    "type": "image",
                    "image": {
                        "images": [{"mediaUrl": "https://example.com/a.png"}, {"mediaUrl": VIDEO["url"]}],
                        "text": "Hello",
                        "metadata": {"subject": "Look"},
                    },
                }
            ),
        ),
        case(
            "one picture without a text",
            MMS,
            request(body={"type": "image", "image": {"images": [{"mediaUrl": "https://example.com/a.png"}]}}),
            message=OutboundMessage("run7-000123", "+12025550101", "US"),
        ),
        case(
            "one file with a text and a title",
            {**MMS, "subject": "Look", "media": [VIDEO]},
            request(
                body={
                    "type": "file",
                    "file": {
                        "files": [{"mediaUrl": VIDEO["url"], "contentType": "video/mp4"}],
                        "text": "Hello",
                        "metadata": {"subject": "Look"},
                    },
                }
            ),
        ),
        case(
            "ten pictures",
            {**MMS, "media": MMS["media"] * 10},
            request(
                body={
                    "type": "image",
                    "image": {"images": [{"mediaUrl": "https://example.com/a.png"}] * 10, "text": "Hello"},
                }
            ),
        ),
        case(
            "files without a text",
            {**MMS, "media": [VIDEO, {"url": "https://example.com/b.png", "content_type": "image/png"}]},
            request(
                body={
                    "type": "file",
                    "file": {
                        "files": [
                            {"mediaUrl": VIDEO["url"], "contentType": "video/mp4"},
                            {"mediaUrl": "https://example.com/b.png", "contentType": "image/png"},
                        ]
                    },
                }
            ),
            message=OutboundMessage("run7-000123", "+12025550101", "US"),
        ),
        case(
            "a template",
            TEMPLATE,
            request(template={"projectId": PROJECT, "version": "latest", "parameters": []}),
            message=OutboundMessage("run7-000123", "+12025550101", "US"),
        ),
        case(
            "every option of a template",
            {
                **TEMPLATE,
                "template": {"id": PROJECT, "version": ID, "locale": "en", "fields": {"name": "{{ a }}"}},
            },
            request(
                template={
                    "projectId": PROJECT,
                    "version": ID,
                    "locale": "en",
                    "parameters": [{"type": "string", "key": "name", "value": "Robert"}],
                    "name": "n",
                    "variables": {"own_key": "v"},
                    "attachments": [{"own_key": 1}],
                    "shortLinks": {"enabled": False},
                    "utmParameters": {"utm_source": "sms"},
                    "settings": {"own_key": True},
                }
            ),
            message=OutboundMessage("run7-000123", "+12025550101", "US", template_fields={"name": "Robert"}),
            options={
                "template": {
                    "name": "n",
                    "variables": {"own_key": "v"},
                    "attachments": [{"own_key": 1}],
                    "short_links": {"enabled": False},
                    "utm_parameters": {"utm_source": "sms"},
                    "settings": {"own_key": True},
                }
            },
        ),
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
    ],
    errors=[
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
    ],
    problems=PROBLEMS,
)
