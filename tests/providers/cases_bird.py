"""Bird's wire, as its pages have it."""

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, BatchReceipt, OutboundMessage, SendOutcome
from tests.providers.answers_bird import ANSWERS, ERRORS
from tests.providers.cases import SECRET, ProviderCases, RequestCase
from tests.providers.problems_bird import ID, IN_FUTURE, MMS, PROBLEMS, PROJECT, SMS, TEMPLATE, VIDEO
from tests.providers.wire_bird import (
    BATCH_MESSAGES,
    CHANNEL,
    CHANNEL_URL,
    TEXT_BODY,
    WORKSPACE,
    answer,
    case,
    marketing,
    outcome,
    request,
)

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
        *ANSWERS,
    ],
    errors=ERRORS,
    problems=PROBLEMS,
)
