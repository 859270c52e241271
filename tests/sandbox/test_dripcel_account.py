"""Expectations read from the provider's page: rate, deliveries, send logs, replies, contacts and compliance."""

import pytest

HEADERS = {"Authorization": "Bearer sandbox-dripcel-key"}
ADA, ALAN = "27711234567", "27711234568"
SALE, NOTICES = "000000000000000000000c01", "000000000000000000000c02"


def call(sandbox, method, path, body=None):
    return sandbox.request(method, f"/dripcel{path}", json=body, headers=HEADERS)


def sms(sandbox, cell=ADA, **fields):
    body = {
        "content": "Hello",
        "cell": cell,
        "skipNonContacts": False,
        "country": "ZA",
        "deliveryMethod": "reverse",
        **fields,
    }
    return call(sandbox, "POST", "/send/sms", body).json()["data"]


def deliveries(sandbox, query):
    return call(sandbox, "GET", f"/deliveries?{query}").json()


def test_the_51st_request_of_a_minute_is_429_until_the_next_minute(wire):
    sandbox = wire()
    statuses = [call(sandbox, "GET", "/balance").status_code for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    answer = call(sandbox, "GET", "/campaigns")
    assert answer.json() == {"ok": False, "error": {"resetsAt": 1767612060, "remaining": 0}}
    assert "retry-after" not in answer.headers
    sandbox.now = 1767612060.0
    assert call(sandbox, "GET", "/balance").status_code == 200


def test_a_fixed_minute_takes_twice_the_rate_within_a_rolling_one_and_the_truth_tells(wire):
    sandbox = wire()
    sandbox.now += 59
    for _ in range(50):
        call(sandbox, "GET", "/balance")
    sandbox.now += 2
    assert call(sandbox, "GET", "/balance").status_code == 200
    summary = sandbox.request("GET", "/truth/summary").json()["dripcel"]
    assert summary["highest_rate_per_minute"] == 51
    assert summary["request_times"] == [59.0] * 50 + [61.0]
    assert summary["request_times_left_out"] == 0


def test_requests_a_minute_apart_are_not_in_one_window(wire):
    sandbox = wire()
    for _ in range(3):
        call(sandbox, "GET", "/balance")
        sandbox.now += 60
    assert sandbox.request("GET", "/truth/summary").json()["dripcel"]["highest_rate_per_minute"] == 1


def test_a_sliding_window_frees_a_place_when_the_oldest_request_leaves(wire):
    sandbox = wire(dripcel={"rate_window": "sliding", "rate_per_minute": 2, "retry_after": "on"})
    call(sandbox, "GET", "/balance")
    sandbox.now += 50
    call(sandbox, "GET", "/balance")
    answer = call(sandbox, "GET", "/balance")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["error"]["resetsAt"] == 1767612060
    sandbox.now += 10
    assert call(sandbox, "GET", "/balance").status_code == 200
    assert call(sandbox, "GET", "/balance").status_code == 429


@pytest.mark.parametrize(
    ("unit", "error"),
    [
        ("milliseconds", {"resetsAt": 1767612060000, "remaining": 0}),
        ("absent", {"remaining": 0}),
    ],
)
def test_the_unit_of_resets_at(wire, unit, error):
    sandbox = wire(dripcel={"rate_per_minute": 1, "resets_at": unit})
    call(sandbox, "GET", "/balance")
    assert call(sandbox, "GET", "/balance").json()["error"] == error


def test_a_message_goes_one_step_with_every_poll_that_shows_it(wire):
    sandbox = wire()
    customer_id = sms(sandbox)["customerId"]
    seen = [deliveries(sandbox, f"customerId={customer_id}")["data"] for _ in range(4)]
    assert [rows[0]["status"] for rows in seen] == ["pending", "sent", "delivered", "delivered"]
    assert {rows[0].pop("_id") for rows in seen} != {customer_id}
    assert seen[0] == [{"cell": ADA, "customerId": customer_id, "status": "pending"}]
    assert sandbox.truth("dripcel")["recipients"][0]["status"] == "delivered"


def test_scripts_are_per_cell_and_may_never_end(wire):
    scripts = {"+27711234567": "never", "+27711234568": ["expired"]}
    sandbox = wire(dripcel={"delivery_scripts": scripts})
    sms(sandbox), sms(sandbox, ALAN)
    for _ in range(3):
        assert deliveries(sandbox, f"cell={ADA}")["data"][0]["status"] == "pending"
    assert deliveries(sandbox, f"cell={ALAN}")["data"][0]["status"] == "expired"


def test_the_words_on_the_wire_are_whatever_a_switch_says(wire):
    sandbox = wire(dripcel={"status_words": {"pending": "ENROUTE_TO_SMSC"}})
    sms(sandbox)
    assert deliveries(sandbox, f"cell={ADA}")["data"][0]["status"] == "ENROUTE_TO_SMSC"
    answer = sandbox.request("PATCH", "/settings", json={"dripcel": {"status_words": {"sending": "x"}}})
    assert answer.status_code == 422


def test_deliveries_are_found_by_customer_id_by_cell_and_by_both(wire):
    sandbox = wire()
    first, second, other = (sms(sandbox, cell)["customerId"] for cell in (ADA, ADA, ALAN))

    def found(query):
        return [row["customerId"] for row in deliveries(sandbox, query)["data"]]

    assert found(f"cell={ADA}") == [first, second]
    assert found("cell=0711234567") == [first, second]
    assert found(f"customerId={second}") == [second]
    assert found(f"customerId={second}&cell={ADA}") == [second]
    assert found(f"customerId={second}&cell={ALAN}") == []
    assert found("customerId=unknown") == []
    assert found("cell=27711234569") == []
    assert found(f"cell={ALAN}") == [other]
    assert sandbox.warned_fields("dripcel") == []


def test_deliveries_need_one_of_their_filters(wire):
    sandbox = wire()
    assert call(sandbox, "GET", "/deliveries?phone=1").status_code == 400
    assert sandbox.warned_fields("dripcel") == ["phone"]


@pytest.mark.parametrize(
    ("keys", "has_next", "next_cursor"),
    [("camel_case", "hasNext", "nextCursor"), ("snake_case", "has_next", "next_cursor")],
)
def test_deliveries_may_come_in_pages(wire, keys, has_next, next_cursor):
    sandbox = wire(dripcel={"deliveries_page": 2, "pagination_keys": keys})
    ids = [sms(sandbox)["customerId"] for _ in range(3)]
    first = deliveries(sandbox, f"cell={ADA}")
    assert first["pagination"] == {has_next: True, "limit": 2, next_cursor: "2"}
    second = deliveries(sandbox, f"cell={ADA}&cursor=2")
    assert second["pagination"][has_next] is False
    assert [row["customerId"] for row in first["data"] + second["data"]] == ids
    assert call(sandbox, "GET", f"/deliveries?cell={ADA}&cursor=x").status_code == 400


def test_an_sms_with_a_campaign_makes_a_send_log(wire):
    sandbox = wire()
    sms(sandbox), sms(sandbox, campaign_id=SALE)
    sandbox.now += 60
    sms(sandbox, campaign_id=NOTICES)

    def search(**find):
        return call(sandbox, "POST", "/send-logs/search", {"find": find, "options": {"limit": 5}}).json()["data"]

    assert search()["total"] == 2
    assert search(startDeliveryAt={"$gte": "2026-01-05T11:20:30Z"})["total"] == 1
    assert search(startDeliveryAt={"$lte": "2026-01-05T11:20:30Z"})["total"] == 1
    logs = search(campaign_id=[SALE])["send_logs"]
    send_id = logs[0]["_id"]
    assert logs == [
        {
            "_id": send_id,
            "campaign_id": SALE,
            "message": "Hello",
            "triggeredBy": "api",
            "startDeliveryAt": "2026-01-05T11:20:00.000Z",
            "destinations": 1,
        }
    ]
    listed = call(sandbox, "GET", f"/send-logs/{send_id}?group_destinations=list").json()["data"]
    assert listed["destinations"] == [ADA]
    assert call(sandbox, "GET", f"/send-logs/{send_id}?group_destinations=all").status_code == 400


def test_send_logs_are_skipped_limited_and_need_find(wire):
    sandbox = wire()
    for _ in range(3):
        sms(sandbox, campaign_id=SALE)
    body = {"find": {}, "options": {"skip": 2, "limit": 50}}
    data = call(sandbox, "POST", "/send-logs/search", body).json()["data"]
    assert (data["total"], len(data["send_logs"])) == (3, 1)
    assert call(sandbox, "POST", "/send-logs/search", {}).status_code == 400
    body["options"] = {"limit": -1}
    assert call(sandbox, "POST", "/send-logs/search", body).status_code == 400


def test_an_unknown_send_log_is_404_with_its_documented_code(wire):
    answer = call(wire(), "GET", "/send-logs/123")
    assert answer.status_code == 404
    assert answer.json() == {
        "ok": False,
        "error": {"code": "resource_not_found", "message": "Send log not found"},
    }


def test_send_logs_of_sms_can_be_off_and_of_emails_on(wire):
    sandbox = wire(dripcel={"sms_send_log": "off", "email_send_log": "on"})
    sms(sandbox, campaign_id=SALE)
    body = {
        "from": "shop@example.com",
        "template_id": "000000000000000000000e01",
        "destinations": ["ada@example.com"],
    }
    call(sandbox, "POST", "/send/email/bulk", body)
    data = call(sandbox, "POST", "/send-logs/search", {"find": {}}).json()["data"]
    assert [(log["campaign_id"], log["destinations"]) for log in data["send_logs"]] == [(None, 1)]


def reply(sandbox, text, phone=f"+{ADA}"):
    return sandbox.request("POST", "/dripcel-control/replies", json={"phone": phone, "text": text}).json()


@pytest.mark.parametrize(
    ("text", "switches", "kind"),
    [
        ("Yes please", {}, "optIn"),
        ("STOP", {}, "optOut"),
        ("please opt-out", {}, "optOut"),
        ("thanks", {}, "unknown"),
        ("yes, stop", {}, "optOut"),
        ("yes, stop", {"reply_precedence": "optIn"}, "optIn"),
        ("I know", {}, "unknown"),
        ("I know", {"reply_match": "substring"}, "optOut"),
    ],
)
def test_replies_are_classified(wire, text, switches, kind):
    assert reply(wire(dripcel=switches), text)["kind"] == kind


def test_replies_are_searched_by_any_member_and_by_time(wire):
    sandbox = wire()
    sms(sandbox, campaign_id=SALE)
    send_id = call(sandbox, "POST", "/send-logs/search", {"find": {}}).json()["data"]["send_logs"][0]["_id"]
    first = reply(sandbox, "STOP")
    sandbox.now += 60
    second = reply(sandbox, "thanks", f"+{ALAN}")
    assert first == {
        "_id": first["_id"],
        "Msisdn": ADA,
        "Message": "STOP",
        "campaign_id": SALE,
        "UserReference": send_id,
        "kind": "optOut",
        "Received": "2026-01-05T11:20:00.000Z",
        "updatedAt": "2026-01-05T11:20:00.000Z",
    }
    for body, found in (
        ({}, [first, second]),
        ({"kind": "optOut"}, [first]),
        ({"kind": ["optOut", "unknown"]}, [first, second]),
        ({"Msisdn": ALAN}, [second]),
        ({"UserReference": send_id, "campaign_id": [SALE]}, [first]),
        ({"Received": {"$gte": "2026-01-05T11:20:30Z"}}, [second]),
        ({"Received": {"$lte": "2026-01-05T11:20:30Z"}}, [first]),
    ):
        assert call(sandbox, "POST", "/replies/search", body).json()["data"] == found
    assert sandbox.warned_fields("dripcel") == []


def test_a_control_request_without_phone_or_text_is_422_and_no_request_of_the_provider(wire):
    sandbox = wire()
    assert sandbox.request("POST", "/dripcel-control/replies", json={"cell": ADA}).status_code == 422
    assert sandbox.request("GET", "/dripcel-control/other").status_code == 404
    assert sandbox.truth("dripcel")["requests"] == 0


def test_a_reply_opts_out_of_its_campaign_and_back_in(wire):
    sandbox = wire()
    sms(sandbox, campaign_id=SALE)
    reply(sandbox, "STOP")
    assert sms(sandbox, campaign_id=SALE)["totalCost"] == 0
    assert sms(sandbox, campaign_id=NOTICES)["totalCost"] == 0.25
    sms(sandbox, campaign_id=SALE)
    reply(sandbox, "yes")
    assert sms(sandbox, campaign_id=SALE)["totalCost"] == 0.25


def test_an_opt_out_is_written_for_campaigns_or_for_all(wire):
    sandbox = wire()

    def opt_out(**body):
        return call(sandbox, "POST", f"/contacts/{ADA}/optOut", body).json()["data"]

    assert opt_out(campaign_ids=[SALE]) == {"matchedCount": 1, "modifiedCount": 1}
    assert opt_out(campaign_ids=[SALE]) == {"matchedCount": 1, "modifiedCount": 0}
    assert sms(sandbox, campaign_id=SALE)["totalCost"] == 0
    assert sms(sandbox)["totalCost"] == 0.25
    assert opt_out(all=True) == {"matchedCount": 1, "modifiedCount": 1}
    assert sms(sandbox)["totalCost"] == 0
    assert call(sandbox, "POST", f"/contacts/{ADA}/optOut", {}).status_code == 400


def test_a_missing_contact_is_opted_out_only_when_it_may_be_created(wire):
    sandbox = wire(dripcel={"contacts": "listed"})
    path = f"/contacts/{ADA}/optOut"
    assert call(sandbox, "POST", path, {"all": True}).json()["data"]["matchedCount"] == 0
    body = {"all": True, "create_missing_contact": True}
    assert call(sandbox, "POST", path, body).json()["data"] == {"matchedCount": 1, "modifiedCount": 1}


@pytest.mark.parametrize("key", ["validContacts", "validContact"])
def test_contacts_are_created_updated_and_read_back_under_international_digits(wire, key):
    sandbox = wire(dripcel={"contacts": "listed", "valid_contacts_key": key})
    assert call(sandbox, "GET", f"/contacts/{ADA}").json() == {"ok": False, "error": "Contact not found"}
    contacts = [{"cell": "0711234567", "firstname": "Ada"}, {"cell": "12"}, "nobody"]
    answer = call(sandbox, "POST", "/contacts", {"contacts": contacts, "country": "ZA", "tag_ids": ["t1"]})
    assert answer.json()["data"] == {key: 1, "invalidContacts": [{"cell": "12"}, "nobody"]}
    call(sandbox, "POST", "/contacts", {"contacts": [{"cell": ADA, "firstname": "Other"}]})
    contact = call(sandbox, "GET", f"/contacts/{ADA}").json()["data"]
    assert (contact["cell"], contact["firstname"], contact["tag_ids"]) == (ADA, "Ada", ["t1"])
    call(sandbox, "PUT", "/contacts", {"contacts": [{"cell": ADA, "firstname": "Augusta"}]})
    assert call(sandbox, "GET", f"/contacts/{ADA}").json()["data"]["firstname"] == "Augusta"
    assert call(sandbox, "POST", "/contacts", {"contacts": []}).status_code == 400


def test_by_default_every_number_belongs_to_a_contact(wire):
    assert call(wire(), "GET", f"/contacts/{ADA}").json()["data"]["cell"] == ADA


def test_a_compliance_check_costs_per_cell_and_knows_campaigns(wire):
    sandbox = wire(dripcel={"credit": 1, "opted_out_numbers": [f"+{ALAN}"]})
    call(sandbox, "POST", f"/contacts/{ADA}/optOut", {"campaign_ids": [SALE]})
    body = {"cells": [ADA, ALAN], "country": "ZA"}
    assert call(sandbox, "POST", "/compliance/send", body).json()["data"] == {
        "credits_used": 0.28,
        "results": [{"cell": ADA, "can_send": True}, {"cell": ALAN, "can_send": False}],
    }
    of_campaign = call(sandbox, "POST", f"/compliance/send?campaign_id={SALE}", body).json()["data"]
    assert of_campaign["campaign_id"] == SALE
    assert [result["can_send"] for result in of_campaign["results"]] == [False, False]
    assert sandbox.truth("dripcel")["credit"] == 0.44
    call(sandbox, "POST", "/compliance/send", body)
    answer = call(sandbox, "POST", "/compliance/send", body)
    assert (answer.status_code, answer.json()["error"]) == (402, "Insufficient balance")
    assert sandbox.warned_fields("dripcel") == []


def test_the_name_of_the_list_in_a_compliance_check_is_a_switch(wire):
    body = {"cell": [ADA], "country": "ZA"}
    assert call(wire(), "POST", "/compliance/send", body).status_code == 400
    sandbox = wire(dripcel={"compliance_cells": "cell"})
    assert call(sandbox, "POST", "/compliance/send", body).status_code == 200
    body["cell"] *= 2
    call(sandbox, "POST", "/compliance/send", body)
    assert sandbox.warned_fields("dripcel") == ["cell"]


def test_the_balance_is_a_bare_number(wire):
    sandbox = wire(dripcel={"credit": 10})
    sms(sandbox)
    assert call(sandbox, "GET", "/balance").json() == {"ok": True, "data": 9.75}


def test_campaigns_and_email_templates_are_listed(wire):
    sandbox = wire()
    assert {"_id": SALE, "name": "Spring sale"} in call(sandbox, "GET", "/campaigns").json()["data"]
    templates = call(sandbox, "GET", "/email/templates").json()["data"]["templates"]
    assert {"_id": "000000000000000000000e01", "name": "Newsletter"} in templates
