"""Expectations read from the provider's page: what Bird takes, refuses at once, and rejects later."""

import json
import re

import pytest

from tests.sandbox.wire import MESSAGES, bird_message

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ALWAYS_PRESENT = {
    "id",
    "channelId",
    "status",
    "sender",
    "receiver",
    "lastStatusAt",
    "createdAt",
    "updatedAt",
}
IMAGE = {"type": "image", "image": {"images": [{"mediaUrl": "https://example.com/a.png"}]}}
FILE = {
    "type": "file",
    "file": {"files": [{"mediaUrl": "https://example.com/a.mp4", "contentType": "video/mp4"}]},
}
TEMPLATE = {
    "projectId": "ce6a2fd6-b2fa-4f5a-a2cd-f3bd15883318",
    "version": "latest",
    "locale": "en",
    "parameters": [{"type": "string", "key": "name", "value": "Robert"}],
}


def final_of(sandbox, message_id):
    """The message as it is read once everything has happened to it."""
    sandbox.now += 60
    return sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()


def test_a_message_is_accepted_with_202_and_echoed(wire):
    sandbox = wire()
    answer = sandbox.bird_send(text="Hello", reference="run7-000123")
    message = answer.json()
    assert answer.status_code == 202
    assert message.keys() >= ALWAYS_PRESENT
    assert UUID.fullmatch(message["id"])
    assert message["status"] == "accepted"
    assert message["reference"] == "run7-000123"
    assert message["channelId"] == "00000000-0000-4000-8000-0000000000c1"
    assert message["direction"] == "outgoing"
    assert message["body"] == {"type": "text", "text": {"text": "Hello"}}
    assert message["failure"] is None
    assert message["createdAt"] == message["lastStatusAt"] == "2026-01-05T11:20:00.000Z"
    [contact] = message["receiver"]["contacts"]
    assert contact.pop("id")
    assert contact == {"identifierKey": "phonenumber", "identifierValue": "+12025550101"}


def test_the_truth_names_the_message(wire):
    sandbox = wire()
    message_id = sandbox.bird_send(reference="run7-000123").json()["id"]
    assert sandbox.truth("bird")["recipients"] == [
        {
            "address": "+12025550101",
            "text": "Hello",
            "sender": None,
            "reference": "run7-000123",
            "id": message_id,
            "status": "accepted",
            "cost": 0.01,
            "received_at": "2026-01-05T11:20:00.000Z",
            "simulated": False,
        }
    ]
    assert sandbox.truth("bird")["warnings"] == []


def test_the_same_post_twice_makes_two_messages(wire):
    sandbox = wire()
    first, second = sandbox.bird_send().json(), sandbox.bird_send().json()
    assert first["id"] != second["id"]
    assert sandbox.truth("bird")["received_twice"] == [{"address": "+12025550101", "text": "Hello", "times": 2}]


@pytest.mark.parametrize("authorization", [None, "AccessKey wrong", "Bearer sandbox-bird-key", "sandbox-bird-key"])
def test_a_wrong_key_is_401(wire, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = wire().bird("POST", body=bird_message(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("switches", "workspace", "channel", "status"),
    [
        ({}, "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", 202),
        ({}, "ws_2fMo9", "22222222-2222-4222-8222-222222222222", 404),
        ({}, "11111111-1111-4111-8111-111111111111", "sms", 404),
        (
            {"workspace_id": "11111111-1111-4111-8111-111111111111"},
            "11111111-1111-4111-8111-111111111112",
            "22222222-2222-4222-8222-222222222222",
            404,
        ),
        (
            {"channel_id": "22222222-2222-4222-8222-222222222222"},
            "11111111-1111-4111-8111-111111111111",
            "22222222-2222-4222-8222-222222222223",
            404,
        ),
    ],
)
def test_path_ids_are_uuids_and_may_be_fixed(wire, switches, workspace, channel, status):
    path = f"/workspaces/{workspace}/channels/{channel}/messages"
    assert wire(bird=switches).bird("POST", path, bird_message()).status_code == status


def test_an_unknown_member_is_refused_as_in_the_recorded_answer(wire):
    sandbox = wire()
    body = bird_message()
    body["receiver"]["contacts"][0]["listId"] = "x"
    answer = sandbox.bird("POST", body=body)
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "InvalidPayload",
        "message": "One or more fields provided in the request body are malformed",
        "details": {".receiver.contacts[0]": ['property "listId" is unsupported']},
    }
    assert sandbox.truth("bird")["recipients"] == []


TOO_MANY_IMAGES = {
    "type": "image",
    "image": {"images": [{"mediaUrl": f"https://example.com/{n}.png"} for n in range(11)]},
}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"priority": 1}, "."),
        ({"receiver": None}, ".receiver"),
        ({"receiver": {}}, ".receiver"),
        ({"receiver": {"contacts": []}}, ".receiver.contacts"),
        ({"receiver": {"contacts": ["+12025550101"]}}, ".receiver.contacts[0]"),
        ({"receiver": {"contacts": [{"identifierValue": 12025550101}]}}, ".receiver.contacts[0].identifierValue"),
        ({"receiver": {"contacts": [{"id": "ada"}]}}, ".receiver.contacts[0].id"),
        ({"receiver": {"lists": [], "contacts": [{"identifierValue": "+12025550101"}]}}, ".receiver"),
        ({"sender": "Shop"}, ".sender"),
        ({"sender": {"connector": {"identifierValue": "Shop", "name": "x"}}}, ".sender.connector"),
        ({"reference": 7}, ".reference"),
        ({"body": None}, "."),
        ({"template": TEMPLATE}, "."),
        ({"body": None, "template": {"projectId": "x"}}, ".template.projectId"),
        ({"body": None, "template": {}}, ".template"),
        ({"body": None, "template": {**TEMPLATE, "version": "newest"}}, ".template.version"),
        ({"body": None, "template": {**TEMPLATE, "parameters": [{"key": "a"}]}}, ".template.parameters[0]"),
        ({"body": "Hello"}, ".body"),
        ({"body": {"text": {"text": "Hello"}}}, ".body"),
        ({"body": {"type": "sms", "text": {"text": "Hello"}}}, ".body.type"),
        ({"body": {"type": "text"}}, ".body"),
        ({"body": {"type": "text", "text": "Hello"}}, ".body.text"),
        ({"body": {"type": "text", "text": {"text": ""}}}, ".body.text.text"),
        ({"body": {"type": "text", "text": {"text": "a", "bold": True}}}, ".body.text"),
        ({"body": {"type": "text", "text": {"text": "a"}, "image": {}}}, ".body"),
        (
            {"body": {"type": "text", "text": {"text": "a", "actions": [{"type": "call"}]}}},
            ".body.text.actions[0].type",
        ),
        (
            {"body": {"type": "text", "text": {"text": "a", "attachments": [{"mediaUrl": "a.png"}]}}},
            ".body.text.attachments[0].mediaUrl",
        ),
        ({"body": TOO_MANY_IMAGES}, ".body.image.images"),
        ({"body": {"type": "image", "image": {"images": []}}}, ".body.image.images"),
        (
            {"body": {"type": "file", "file": {"files": [{"mediaUrl": "https://example.com/a"}]}}},
            ".body.file.files[0]",
        ),
        ({"meta": {"useCase": "marketing"}}, ".meta"),
        ({"meta": {"order": {"products": [{"price": {"amount": 1}}]}}}, ".meta.order.products[0].price"),
        ({"meta": {"campaign": {"id": "spring"}}}, ".meta.campaign.id"),
        ({"replyTo": {"id": "x", "type": "reply"}}, ".replyTo.type"),
        ({"notification": True}, ".notification"),
        ({"capFrequency": "true"}, ".capFrequency"),
        ({"enableLinkTracking": 1}, ".enableLinkTracking"),
        ({"ignoreQuietHours": None}, ".ignoreQuietHours"),
        ({"tags": "spring"}, ".tags"),
        ({"tags": [str(n) for n in range(11)]}, ".tags"),
        ({"shortLinks": {"active": True}}, ".shortLinks"),
        ({"scheduledFor": "2026-01-06 10:00"}, ".scheduledFor"),
        ({"scheduledFor": "2026-01-06T10:00:00"}, ".scheduledFor"),
        ({"scheduledFor": "2026-13-06T10:00:00Z"}, ".scheduledFor"),
        ({"validity": "600"}, ".validity"),
        ({"validity": True}, ".validity"),
    ],
)
def test_a_wrong_shape_is_refused_with_422_and_its_path(wire, fields, path):
    sandbox = wire()
    body = {
        name: value for name, value in {**bird_message(), **fields}.items() if value is not None or name != "body"
    }
    answer = sandbox.bird("POST", body=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidPayload")
    assert path in answer.json()["details"]
    assert sandbox.truth("bird")["recipients"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null"])
def test_a_body_that_is_not_a_json_object_is_422(wire, content):
    answer = wire().request(
        "POST", f"/bird{MESSAGES}", content=content, headers={"Authorization": "AccessKey sandbox-bird-key"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidPayload")


@pytest.mark.parametrize(
    "fields",
    [
        {"receiver": {"contacts": [{"identifierValue": "+12025550101"}]}},
        {
            "receiver": {
                "contacts": [{"identifierValue": "+12025550101", "platformAddressSelector": "$.phonenumber"}]
            }
        },
        {"sender": {"connector": {"identifierValue": "Shop", "annotations": {"name": "Our shop"}}}},
        {"template": None},
        {"meta": {"extraInformation": {"useCase": "marketing", "any": [1]}}, "capFrequency": True},
        {
            "meta": {
                "referral": {"source": "a", "metadata": {"source_id": "1"}},
                "order": {"products": [{"externalProductId": "1", "price": {"currencyCode": "EUR"}}]},
                "referredProduct": {"externalCatalogId": "1"},
                "email": {"subject": "a", "from": {"username": "b", "displayName": "c"}},
                "pushNotifications": {"gatewayTypeOverride": "apns"},
                "flow": {"id": "11111111-1111-4111-8111-111111111111", "name": "x", "stepId": "1"},
                "campaign": {"name": "spring"},
            }
        },
        {"replyTo": {"id": "11111111-1111-4111-8111-111111111111", "type": "message"}},
        {"notification": {"url": "https://example.com"}},
        {"capFrequency": False, "enableLinkTracking": True, "ignoreQuietHours": True},
        {"tags": ["Spring", "VIP"]},
        {"shortLinks": {"enabled": True, "domain": "example.com"}},
        {"shortLinks": None},
        {"validity": 600},
        {"scheduledFor": "2026-01-06T10:00:00+01:00"},
        {
            "body": {
                "type": "text",
                "text": {
                    "text": "Hello",
                    "attachments": [
                        {"mediaUrl": "https://example.com/a.pdf", "filename": "a.pdf", "inline": False}
                    ],
                    "actions": [{"type": "link", "link": {"text": "Shop", "url": "https://example.com"}}],
                    "metadata": {
                        "subject": "x",
                        "whatsapp": {"previewUrl": False},
                        "line": {"emoji": {"items": [{"productId": "1", "emojiId": "2"}]}},
                        "telegram": {"parseMode": "Markdown"},
                    },
                },
            }
        },
        {"body": {**IMAGE, "image": {**IMAGE["image"], "text": "Look", "metadata": {"subject": "New"}}}},
        {"body": FILE},
    ],
)
def test_every_documented_field_is_taken_and_echoed(wire, fields):
    sandbox = wire()
    answer = sandbox.bird_send(**fields)
    assert answer.status_code == 202
    message = final_of(sandbox, answer.json()["id"])
    assert message["failure"] is None
    for name in ("body", "meta", "replyTo", "scheduledFor"):
        if name in fields:
            assert message[name] == fields[name]
    assert sandbox.truth("bird")["warnings"] == []


def test_a_template_replaces_the_body(wire):
    sandbox = wire()
    body = bird_message()
    del body["body"]
    answer = sandbox.bird("POST", body={**body, "template": TEMPLATE})
    assert answer.status_code == 202
    assert answer.json()["template"] == TEMPLATE
    assert "body" not in answer.json()
    assert sandbox.texts("bird") == ["[template ce6a2fd6-b2fa-4f5a-a2cd-f3bd15883318] name=Robert"]


def test_tags_are_echoed_in_lower_case(wire):
    assert wire().bird_send(tags=["Spring", "VIP"]).json()["tags"] == ["spring", "vip"]


def test_the_sender_of_the_request_is_shown(wire):
    sandbox = wire()
    message = sandbox.bird_send(sender={"connector": {"identifierValue": "Shop"}}).json()
    assert message["sender"]["connector"]["identifierValue"] == "Shop"
    assert sandbox.truth("bird")["recipients"][0]["sender"] == "Shop"


def test_statuses_progress_with_age(wire):
    sandbox = wire()
    message_id = sandbox.bird_send().json()["id"]
    seen = []
    for _ in range(5):
        message = sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()
        seen.append((message["status"], message["lastStatusAt"][17:23], len(message["parts"])))
        sandbox.now += 1
    assert seen == [
        ("accepted", "00.000", 0),
        ("processing", "01.000", 0),
        ("sent", "02.000", 1),
        ("delivered", "03.000", 1),
        ("delivered", "03.000", 1),
    ]


def test_scripts_are_per_number_and_steps_have_a_length(wire):
    sandbox = wire(
        bird={
            "delivery_script": ["accepted", "sent"],
            "delivery_scripts": {"+12025550102": ["pending", "delivery_failed:15001"]},
            "delivery_step_seconds": 10,
        }
    )
    plain, failing = sandbox.bird_send().json(), sandbox.bird_send("+12025550102").json()
    assert (plain["status"], failing["status"]) == ("accepted", "pending")
    sandbox.now += 10
    assert sandbox.bird("GET", f"{MESSAGES}/{plain['id']}").json()["status"] == "sent"
    failed = sandbox.bird("GET", f"{MESSAGES}/{failing['id']}").json()
    assert failed["status"] == "delivery_failed"
    assert failed["failure"]["code"] == 15001


def test_an_unknown_subscriber_looks_like_the_sample(wire):
    sandbox = wire(bird={"delivery_script": ["accepted", "delivery_failed"]})
    message = final_of(sandbox, sandbox.bird_send().json()["id"])
    assert message["reason"] == "details: unknown subscriber; reason: unknown_subscriber; code: 1"
    assert message["details"] == "unknown_subscriber"
    assert message["failure"] == {
        "code": 15005,
        "description": "unknown subscriber",
        "source": {"name": "sms-messagebird", "code": "1"},
    }


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-01-05T11:30:00Z", "accepted"),
        ("2026-01-04T11:20:00Z", "accepted"),
        ("2026-01-05T11:31:00Z", "scheduled"),
        ("2026-02-09T11:20:00Z", "scheduled"),
    ],
)
def test_a_schedule_over_ten_minutes_ahead_is_held(wire, at, status):
    assert wire().bird_send(scheduledFor=at).json()["status"] == status


def test_a_scheduled_message_starts_at_its_time(wire):
    sandbox = wire()
    message_id = sandbox.bird_send(scheduledFor="2026-01-05T12:20:00Z").json()["id"]
    sandbox.now += 3599
    assert sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"] == "scheduled"
    sandbox.now += 1
    assert sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"] == "accepted"
    sandbox.now += 60
    assert sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"] == "delivered"


LATE_OBJECTIONS = [
    ({"capFrequency": True}, 11002),
    ({"capFrequency": True, "meta": {"extraInformation": {"useCase": "transactional"}}}, 11002),
    ({"scheduledFor": "2026-02-09T11:20:01Z"}, 11002),
    (
        {"receiver": {"contacts": [{"identifierValue": "+12025550101"}, {"identifierValue": "+12025550102"}]}},
        11001,
    ),
    ({"receiver": {"contacts": [{"identifierValue": "2025550101"}]}}, 11002),
    (
        {"receiver": {"contacts": [{"identifierKey": "emailaddress", "identifierValue": "ada@example.com"}]}},
        11002,
    ),
    ({"receiver": {"contacts": [{"id": "11111111-1111-4111-8111-111111111111"}]}}, 11002),
    ({"body": {"type": "carousel", "carousel": {}}}, 12002),
    ({"body": IMAGE, "receiver": {"contacts": [{"identifierValue": "+4917139200001"}]}}, 12003),
]


@pytest.mark.parametrize(("fields", "code"), LATE_OBJECTIONS)
def test_other_mistakes_are_202_and_rejected_later(wire, fields, code):
    sandbox = wire()
    answer = sandbox.bird_send(**fields)
    assert (answer.status_code, answer.json()["status"], answer.json()["failure"]) == (202, "accepted", None)
    message = final_of(sandbox, answer.json()["id"])
    assert (message["status"], message["failure"]["code"]) == ("rejected", code)
    truth = sandbox.truth("bird")
    assert (truth["recipients"][0]["status"], truth["recipients"][0]["cost"]) == ("rejected", 0)
    assert len(truth["warnings"]) == 1


@pytest.mark.parametrize(("fields", "code"), LATE_OBJECTIONS)
def test_the_202_may_already_say_rejected_by_switch(wire, fields, code):
    answer = wire(bird={"validate": "rejected_in_202"}).bird_send(**fields)
    assert (answer.status_code, answer.json()["status"]) == (202, "rejected")
    assert answer.json()["failure"]["code"] == code


@pytest.mark.parametrize(("fields", "code"), LATE_OBJECTIONS)
def test_everything_may_be_refused_at_once_by_switch(wire, fields, code):
    sandbox = wire(bird={"validate": "sync_422"})
    answer = sandbox.bird_send(**fields)
    assert answer.status_code == 422, code
    assert answer.json()["code"] == "InvalidPayload"
    assert sandbox.truth("bird")["recipients"] == []


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [
        (14999, "rejected", 14999),
        (14002, "rejected", 14002),
        ("delivery_failed", "delivery_failed", 15005),
        ("sent_anyway", "delivered", None),
    ],
)
def test_a_suppressed_number(wire, switch, status, code):
    sandbox = wire(bird={"suppressed_numbers": ["+12025550101"], "suppressed": switch})
    message = final_of(sandbox, sandbox.bird_send().json()["id"])
    assert message["status"] == status
    assert (message["failure"] or {}).get("code") == code
    if code is not None:
        assert "opted out" in message["failure"]["description"]


def test_without_credit_messages_are_rejected_by_accounting(wire):
    sandbox = wire(bird={"credit": 0.02, "price": 0.01})
    ids = [sandbox.bird_send(f"+1202555010{n}").json()["id"] for n in range(3)]
    finals = [final_of(sandbox, message_id) for message_id in ids]
    assert [message["status"] for message in finals] == ["delivered", "delivered", "rejected"]
    assert (finals[2]["failure"]["code"], finals[2]["failure"]["source"]["name"]) == (14998, "accounting")
    assert sandbox.truth("bird")["credit"] == 0


def test_without_credit_the_answer_is_402_by_switch(wire):
    sandbox = wire(bird={"credit": 0, "no_credit": "http_402"})
    assert sandbox.bird_send().status_code == 402
    assert sandbox.truth("bird")["recipients"] == []


def test_a_repeated_reference_is_taken_and_objected_to_or_refused_with_409(wire):
    lenient = wire()
    assert [lenient.bird_send(reference="r1").status_code for _ in range(2)] == [202, 202]
    assert lenient.warned_fields("bird") == [".reference"]
    strict = wire(bird={"same_reference": "http_409"})
    assert [strict.bird_send(reference="r1").status_code for _ in range(2)] == [202, 409]
    assert len(strict.truth("bird")["recipients"]) == 1


def test_500_posts_and_50_gets_per_second_are_processed(wire):
    sandbox = wire(bird={"rate_post": 3, "rate_get": 2})
    assert [sandbox.bird_send().status_code for _ in range(4)] == [202, 202, 202, 429]
    assert [sandbox.bird("GET").status_code for _ in range(3)] == [200, 200, 429]
    sandbox.now += 0.999
    assert sandbox.bird_send().status_code == 429
    sandbox.now += 0.001
    assert sandbox.bird_send().status_code == 202
    assert len(sandbox.truth("bird")["recipients"]) == 4
    defaults = sandbox.request("GET", "/settings").json()["bird"]
    assert (defaults["rate_post"], defaults["rate_get"]) == (3, 2)
    defaults = wire().request("GET", "/settings").json()["bird"]
    assert (defaults["rate_post"], defaults["rate_get"]) == (500, 50)


def test_rates_are_per_workspace_and_over_all_channels(wire):
    sandbox = wire(bird={"rate_post": 1})
    first = MESSAGES.replace("000a1", "000a2")
    other_channel = first.replace("000c1", "000c2")
    assert sandbox.bird("POST", first, bird_message()).status_code == 202
    assert sandbox.bird("POST", other_channel, bird_message()).status_code == 429
    assert sandbox.bird_send().status_code == 202


@pytest.mark.parametrize(("switch", "header"), [("off", None), ("on", "1")])
def test_retry_after_comes_by_switch(wire, switch, header):
    sandbox = wire(bird={"rate_post": 1, "retry_after": switch})
    sandbox.bird_send()
    assert sandbox.bird_send().headers.get("retry-after") == header


def test_a_request_over_200_kb_is_objected_to(wire):
    sandbox = wire()
    sandbox.bird_send(text="x" * 200_001)
    assert sandbox.warned_fields("bird") == ["."]


BATCH = MESSAGES.replace("/messages", "/batch/messages")


@pytest.mark.parametrize(("switch", "key"), [("id", "id"), ("batchId", "batchId")])
def test_a_batch_is_accepted_with_an_id(wire, switch, key):
    sandbox = wire(bird={"batch_key": switch})
    requests = [bird_message(f"+120255501{n:02}", reference=f"r{n}") for n in range(100)]
    answer = sandbox.bird("POST", BATCH, {"messageRequests": requests})
    assert answer.status_code == 202
    assert UUID.fullmatch(answer.json()[key])
    assert [row["reference"] for row in sandbox.truth("bird")["recipients"]] == [f"r{n}" for n in range(100)]


def test_a_bad_item_of_a_batch_becomes_a_rejected_message(wire):
    sandbox = wire()
    requests = [
        bird_message(),
        {**bird_message("+12025550102"), "listId": "x", "reference": "r2"},
        "hello",
        bird_message("2025550103"),
    ]
    assert sandbox.bird("POST", BATCH, {"messageRequests": requests}).status_code == 202
    sandbox.now += 60
    assert [(row["status"], row["reference"]) for row in sandbox.truth("bird")["recipients"]] == [
        ("delivered", None),
        ("rejected", "r2"),
        ("rejected", None),
        ("rejected", None),
    ]
    listed = sandbox.bird("GET").json()["results"]
    assert [message["status"] for message in listed] == ["rejected", "rejected", "rejected", "delivered"]
    assert "unsupported" in listed[2]["failure"]["description"]
    json.dumps(listed)


@pytest.mark.parametrize(
    "body",
    [{}, {"messageRequests": []}, {"messageRequests": [bird_message()] * 101}, {"messages": []}, [bird_message()]],
)
def test_a_wrong_batch_is_422(wire, body):
    sandbox = wire()
    assert sandbox.bird("POST", BATCH, body).status_code == 422
    assert sandbox.truth("bird")["recipients"] == []


def test_channels_are_listed(wire):
    answer = wire().bird("GET", "/workspaces/00000000-0000-4000-8000-0000000000a1/channels")
    [channel] = answer.json()["results"]
    assert channel["id"] == "00000000-0000-4000-8000-0000000000c1"
    assert channel["platformId"] == "sms-messagebird"
    assert channel["identifier"].startswith("+")
    assert channel["status"] == "active"


def test_an_unknown_path_is_404_in_birds_form(wire):
    answer = wire().bird("GET", "/workspaces/00000000-0000-4000-8000-0000000000a1/contacts")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
