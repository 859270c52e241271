"""The shape of a Bird message request, as the documentation gives it; unknown members are refused everywhere."""

from typing import Any

from deployments.sandbox.bird.checks import (
    Check,
    Problems,
    anything,
    array,
    boolean,
    date_time,
    free_object,
    integer,
    is_uuid,
    members,
    not_empty,
    note,
    nullable,
    string,
    url,
    uuid,
)

MAX_TAGS = 10
MAX_MEDIA = 10
MAX_BATCH = 100

OTHER_BODY_TYPES = (
    "html",
    "gif",
    "location",
    "carousel",
    "list",
    "section",
    "authentication",
    "template",
    "action",
)
"""Types that the server knows and an SMS channel cannot send."""

_text = string()

_contact = members(
    {
        "id": uuid,
        "identifierKey": not_empty,
        "identifierValue": not_empty,
        "type": _text,
        "identifiers": array(free_object),
        "platformAddress": _text,
        "platformAddressSelector": _text,
    }
)
_receiver = members({"contacts": array(_contact, min_items=1)}, required=("contacts",))
_sender = members(
    {"connector": members({"identifierValue": not_empty, "annotations": members({"name": _text})})},
    required=("connector",),
)
_short_links = nullable(members({"enabled": boolean, "domain": _text}))

_subject = members({"subject": _text})
_text_metadata = members(
    {
        "subject": _text,
        "whatsapp": members({"previewUrl": boolean}),
        "line": members(
            {"emoji": members({"items": array(members({"productId": _text, "emojiId": _text}))})},
        ),
        "telegram": members({"parseMode": _text}),
    }
)
_link = members({"text": not_empty, "url": url}, required=("text", "url"))
_body_types: dict[str, Check] = {
    "text": members(
        {
            "text": not_empty,
            "attachments": array(
                members({"mediaUrl": url, "filename": _text, "inline": boolean}, required=("mediaUrl",))
            ),
            "actions": array(
                members({"type": string(allowed=("link",)), "link": _link}, required=("type", "link")),
            ),
            "metadata": _text_metadata,
        },
        required=("text",),
    ),
    "image": members(
        {
            "images": array(members({"mediaUrl": url}, required=("mediaUrl",)), min_items=1, max_items=MAX_MEDIA),
            "text": _text,
            "metadata": _subject,
        },
        required=("images",),
    ),
    "file": members(
        {
            "files": array(
                members({"mediaUrl": url, "contentType": not_empty}, required=("mediaUrl", "contentType")),
                min_items=1,
                max_items=MAX_MEDIA,
            ),
            "text": _text,
            "metadata": _subject,
        },
        required=("files",),
    ),
    **dict.fromkeys(OTHER_BODY_TYPES, free_object),
}
# A body of one type may hold only that type's member.
_bodies = {
    kind: members({"type": anything, kind: check}, required=("type", kind)) for kind, check in _body_types.items()
}


def _body(value: Any, path: str, problems: Problems) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in _bodies:
        _bodies[kind](value, path, problems)
    elif not isinstance(value, dict):
        note(problems, path, "value must be an object")
    elif "type" not in value:
        note(problems, path, 'property "type" is missing')
    else:
        note(problems, f"{path}.type", f"value is not one of the allowed values {sorted(_bodies)}")


_template = members(
    {
        "projectId": uuid,
        "version": string(
            accepts=lambda value: value == "latest" or is_uuid(value), expected="value must be latest or a UUID"
        ),
        "locale": _text,
        "parameters": array(
            members({"type": not_empty, "key": not_empty, "value": _text}, required=("type", "key", "value"))
        ),
        "name": _text,
        "variables": free_object,
        "attachments": array(anything),
        "shortLinks": _short_links,
        "utmParameters": anything,
        "settings": anything,
    },
    required=("projectId",),
)

_product = {"externalCatalogId": _text, "externalProductId": _text}
_flow = members({"id": uuid, "name": _text, "stepId": _text, "runId": uuid})
_referral_metadata = members(
    {"source_id": _text, "source_url": _text, "media_url": _text, "tracking_id": _text},
)
_meta = members(
    {
        "extraInformation": free_object,
        "referral": members(
            {"source": _text, "title": _text, "text": _text, "group": _text, "metadata": _referral_metadata}
        ),
        "order": members(
            {"products": array(members({**_product, "price": members({"currencyCode": _text})}))},
        ),
        "referredProduct": members(_product),
        "email": members({"subject": _text, "from": members({"username": _text, "displayName": _text})}),
        "pushNotifications": members({"gatewayTypeOverride": _text}),
        "navigatorId": uuid,
        "navigatorMessageId": uuid,
        "flow": _flow,
        "journey": _flow,
        "campaign": members({"id": uuid, "name": _text}),
    }
)

_message_request = members(
    {
        "receiver": _receiver,
        "sender": _sender,
        "reference": _text,
        "template": nullable(_template),
        "body": _body,
        "meta": _meta,
        "replyTo": members({"id": not_empty, "type": string(allowed=("message",))}, required=("id", "type")),
        "notification": free_object,
        "capFrequency": boolean,
        "enableLinkTracking": boolean,
        "ignoreQuietHours": boolean,
        "tags": array(not_empty, max_items=MAX_TAGS),
        "shortLinks": _short_links,
        "scheduledFor": date_time,
        "validity": integer,
    },
    required=("receiver",),
)

_batch_envelope = members(
    # The requests inside are checked one by one, and later: a bad one becomes a rejected message.
    {"messageRequests": array(anything, min_items=1, max_items=MAX_BATCH)},
    required=("messageRequests",),
)


def find_shape_problems(body: Any) -> Problems:
    """What is wrong with one message request; empty when its shape is right."""
    problems: Problems = {}
    _message_request(body, "", problems)
    if isinstance(body, dict):
        given = [name for name in ("body", "template") if body.get(name) is not None]
        if len(given) != 1:
            note(problems, "", 'exactly one of "body" and "template" must be given')
    return problems


def find_batch_problems(body: Any) -> Problems:
    """What is wrong with the envelope of a batch."""
    problems: Problems = {}
    _batch_envelope(body, "", problems)
    return problems
