"""Expectations read from the provider's page: Dripcel's two send calls, its credentials, its errors."""

import pytest

HEADERS = {"Authorization": "Bearer sandbox-dripcel-key"}
ZA, US = "27711234567", "12025550101"  # an example number of phonenumbers, and one reserved for fiction
CAMPAIGN = "000000000000000000000c01"
NEWSLETTER, PERSONAL = "000000000000000000000e01", "000000000000000000000e02"


def call(sandbox, method, path, body=None, **options):
    options.setdefault("headers", HEADERS)
    return sandbox.request(method, f"/dripcel{path}", json=body, **options)


def sms(sandbox, *without, **fields):
    """A send that a strict reader has no objection to, changed by `fields`."""
    body = {
        "content": "Your parcel has arrived.",
        "cell": ZA,
        "skipNonContacts": False,
        "country": "ZA",
        "deliveryMethod": "transactional",
        **fields,
    }
    return call(sandbox, "POST", "/send/sms", {name: body[name] for name in body if name not in without})


def email(sandbox, *without, **fields):
    body = {
        "from": "shop@example.com",
        "template_id": NEWSLETTER,
        "destinations": ["ada@example.com", "alan@example.com"],
        "to_start_at": "2026-01-05T12:00:00Z",
        **fields,
    }
    return call(sandbox, "POST", "/send/email/bulk", {name: body[name] for name in body if name not in without})


def test_a_send_answers_with_customer_id_and_cost_and_is_in_the_truth(wire):
    sandbox = wire(dripcel={"credit": 10})
    answer = sms(sandbox, campaign_id=CAMPAIGN, sendOptions={"testMode": False})
    assert answer.status_code == 200
    customer_id = answer.json()["data"]["customerId"]
    assert answer.json() == {"ok": True, "data": {"customerId": customer_id, "totalCost": 0.25}}
    truth = sandbox.truth("dripcel")
    assert truth["warnings"] == []
    assert truth["credit"] == 9.75
    assert truth["recipients"] == [
        {
            "address": "+27711234567",
            "text": "Your parcel has arrived.",
            "sender": None,
            "reference": None,
            "id": customer_id,
            "status": "pending",
            "cost": 0.25,
            "received_at": "2026-01-05T11:20:00.000Z",
            "simulated": False,
        }
    ]


def test_every_customer_id_is_new_and_repetition_is_seen(wire):
    sandbox = wire()
    ids = {sms(sandbox).json()["data"]["customerId"] for _ in range(3)}
    assert len(ids) == 3
    assert sandbox.truth("dripcel")["received_twice"] == [
        {"address": "+27711234567", "text": "Your parcel has arrived.", "times": 3}
    ]


def test_a_long_text_costs_each_part(wire):
    assert sms(wire(), content="x" * 161).json()["data"]["totalCost"] == 0.5


@pytest.mark.parametrize(
    ("cell", "country", "address"),
    [
        ("27711234567", "ZA", "+27711234567"),
        ("0711234567", "ZA", "+27711234567"),
        ("0111111111", "ZA", "+27111111111"),
        ("264811234567", "NA", "+264811234567"),
        ("0811234567", "NA", "+264811234567"),
        (US, "US", "+12025550101"),
        ("4917139200001", "DE", "+4917139200001"),
    ],
)
def test_a_cell_is_local_or_international_digits_of_its_country(wire, cell, country, address):
    sandbox = wire()
    assert sms(sandbox, cell=cell, country=country).status_code == 200
    assert sandbox.addresses("dripcel") == [address]
    assert sandbox.warned_fields("dripcel") == []


def test_digits_of_another_country_are_read_as_local_ones_and_reach_a_stranger(wire):
    sandbox = wire()
    assert sms(sandbox, cell=ZA, country="DE").status_code == 200
    assert sandbox.addresses("dripcel") == ["+4927711234567"]
    assert sandbox.warned_fields("dripcel") == ["cell"]


@pytest.mark.parametrize(("cell", "country"), [("271", "ZA"), ("hello", "ZA"), (US, "ZA"), (ZA, "ES")])
def test_what_is_no_number_of_the_country_is_refused_with_the_documented_text(wire, cell, country):
    sandbox = wire()
    answer = sms(sandbox, cell=cell, country=country)
    assert (answer.status_code, answer.json()) == (400, {"ok": False, "error": "Invalid cell number"})
    assert sandbox.addresses("dripcel") == []
    assert set(sandbox.warned_fields("dripcel")) == {"cell"}


@pytest.mark.parametrize("field", ["content", "cell", "skipNonContacts", "country", "deliveryMethod"])
def test_a_missing_required_field_is_refused_and_objected_to(wire, field):
    sandbox = wire()
    answer = sms(sandbox, field)
    assert answer.status_code == 400
    assert field in answer.json()["error"]
    assert sandbox.warned_fields("dripcel") == [field]
    assert sandbox.addresses("dripcel") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": 7}, "content"),
        ({"cell": 27711234567}, "cell"),
        ({"skipNonContacts": "true"}, "skipNonContacts"),
        ({"country": "RSA"}, "country"),
        ({"country": "QQ"}, "country"),
        ({"deliveryMethod": "bulk"}, "deliveryMethod"),
        ({"deliveryMethod": "Standard"}, "deliveryMethod"),
        ({"sendOptions": True}, "sendOptions"),
        ({"sendOptions": {"testMode": 1}}, "sendOptions.testMode"),
        ({"campaign_id": 123}, "campaign_id"),
    ],
)
def test_a_wrong_value_is_refused_and_objected_to(wire, fields, field):
    sandbox = wire()
    assert sms(sandbox, **fields).status_code == 400
    assert sandbox.warned_fields("dripcel") == [field]
    assert sandbox.addresses("dripcel") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"from": "Shop"}, "from"),
        ({"skip_non_contacts": True}, "skip_non_contacts"),
        ({"sendOptions": {"testmode": True}}, "sendOptions.testmode"),
        ({"campaign_id": "123"}, "campaign_id"),
        ({"campaign_id": None}, "campaign_id"),
        ({"country": "za"}, "country"),
        ({"cell": "+27711234567"}, "cell"),
        ({"cell": "071 123 4567"}, "cell"),
        ({"cell": "711234567"}, "cell"),
        ({"content": "Hi {{firstname}}"}, "content"),
    ],
)
def test_what_is_taken_all_the_same_is_objected_to(wire, fields, field):
    sandbox = wire()
    assert sms(sandbox, **fields).status_code == 200
    assert sandbox.warned_fields("dripcel") == [field]
    assert sandbox.addresses("dripcel") == ["+27711234567"]


@pytest.mark.parametrize("method", ["reverse", "standard", "transactional"])
def test_each_delivery_method_is_taken(wire, method):
    assert sms(wire(), deliveryMethod=method).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "sandbox-dripcel-key"}])
def test_a_wrong_key_is_401_before_anything_else(wire, headers):
    sandbox = wire(dripcel={"rate_per_minute": 1})
    for _ in range(2):
        answer = call(sandbox, "POST", "/send/sms", {}, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"ok": False, "error": "Unauthorized"})


@pytest.mark.parametrize(
    ("permissions", "status"),
    [(["sendLog.create"], 200), (["sendLog"], 200), (["sendLog.read"], 403), (["sendLog.create.x"], 403)],
)
def test_a_permission_includes_its_children_and_never_its_parent(wire, permissions, status):
    assert sms(wire(dripcel={"permissions": permissions})).status_code == status


@pytest.mark.parametrize("content", [b"{", b"[]"])
def test_a_body_that_is_not_a_json_object_is_refused(wire, content):
    sandbox = wire()
    answer = sandbox.request("POST", "/dripcel/send/sms", content=content, headers=HEADERS)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)
    assert sandbox.warned_fields("dripcel") == ["content-type"]


def test_an_unknown_path_is_404_in_the_envelope(wire):
    answer = call(wire(), "POST", "/send/sms/bulk", {})
    assert (answer.status_code, answer.json()["ok"]) == (404, False)


@pytest.mark.parametrize(
    ("switches", "fields", "status", "cost", "state"),
    [
        ({}, {"skipNonContacts": True}, 200, 0, "skipped"),
        ({}, {"skipNonContacts": False}, 200, 0.25, "pending"),
        ({"non_contact": "error_400"}, {"skipNonContacts": True}, 400, None, None),
        ({"listed_contacts": ["+27711234567"]}, {"skipNonContacts": True}, 200, 0.25, "pending"),
        ({}, {"content": "Hi {{name}}"}, 400, None, None),
        ({"template_non_contact": "send_literal"}, {"content": "Hi {{name}}"}, 200, 0.25, "pending"),
        ({}, {"content": "Hi {{name}}", "skipNonContacts": True}, 200, 0, "skipped"),
    ],
)
def test_what_becomes_of_a_non_contact(wire, switches, fields, status, cost, state):
    sandbox = wire(dripcel={"contacts": "listed", **switches})
    answer = sms(sandbox, **fields)
    assert answer.status_code == status
    if cost is not None:
        assert answer.json()["data"]["totalCost"] == cost
        assert [row["status"] for row in sandbox.truth("dripcel")["recipients"]] == [state]


@pytest.mark.parametrize(
    ("switch", "status", "cost", "state"),
    [("ok_record", 200, 0, "opted_out"), ("error_400", 400, None, None), ("sent_anyway", 200, 0.25, "pending")],
)
def test_what_becomes_of_an_opted_out_cell(wire, switch, status, cost, state):
    sandbox = wire(dripcel={"opted_out": switch, "opted_out_numbers": ["+27711234567"]})
    answer = sms(sandbox)
    assert answer.status_code == status
    if cost is not None:
        assert answer.json()["data"]["totalCost"] == cost
        assert [row["status"] for row in sandbox.truth("dripcel")["recipients"]] == [state]


@pytest.mark.parametrize(
    ("switch", "cost", "records", "simulated"),
    [("free_record", 0, 1, True), ("no_record", 0, 0, True), ("ignored", 0.25, 1, False)],
)
def test_the_effect_of_test_mode(wire, switch, cost, records, simulated):
    sandbox = wire(dripcel={"test_mode": switch, "credit": 10})
    data = sms(sandbox, sendOptions={"testMode": True}).json()["data"]
    assert data["totalCost"] == cost
    found = call(sandbox, "GET", f"/deliveries?customerId={data['customerId']}").json()["data"]
    assert len(found) == records
    truth = sandbox.truth("dripcel")
    assert [row["simulated"] for row in truth["recipients"]] == [simulated]
    assert truth["credit"] == 10 - cost


@pytest.mark.parametrize(("switch", "status"), [("http_402", 402), ("http_400", 400)])
def test_without_credit_nothing_is_sent(wire, switch, status):
    sandbox = wire(dripcel={"credit": 0.3, "no_credit": switch})
    assert sms(sandbox).status_code == 200
    answer = sms(sandbox)
    assert (answer.status_code, answer.json()) == (status, {"ok": False, "error": "Insufficient balance"})
    assert len(sandbox.addresses("dripcel")) == 1
    sandbox.request("PATCH", "/settings", json={"dripcel": {"credit": 1}})
    assert sms(sandbox).status_code == 200


@pytest.mark.parametrize(
    ("shape", "invalid", "throttled"),
    [
        ("documented", "Invalid cell number", {"resetsAt": 1767612060, "remaining": 0}),
        ("string", "Invalid cell number", "Too many requests"),
        (
            "object",
            {"code": "http_400", "message": "Invalid cell number"},
            {"resetsAt": 1767612060, "remaining": 0},
        ),
        ("array", ["Invalid cell number"], [{"resetsAt": 1767612060, "remaining": 0}]),
    ],
)
def test_error_has_several_shapes(wire, shape, invalid, throttled):
    sandbox = wire(dripcel={"error_shape": shape, "rate_per_minute": 1})
    assert sms(sandbox, cell="1").json() == {"ok": False, "error": invalid}
    assert sms(sandbox).json() == {"ok": False, "error": throttled}


def test_a_refusal_may_come_as_200_but_a_wrong_key_does_not(wire):
    sandbox = wire(dripcel={"soft_errors": "on"})
    answer = sms(sandbox, cell="1")
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": "Invalid cell number"})
    assert call(sandbox, "GET", "/balance", headers={}).status_code == 401


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_injected_status_comes_in_dripcels_envelope(wire, status):
    sandbox = wire(dripcel={"respond": [f"http:{status}", f"http_after:{status}"]})
    for _ in range(2):
        answer = sms(sandbox)
        assert (answer.status_code, answer.json()["ok"]) == (status, False)
    assert len(sandbox.addresses("dripcel")) == 1


def test_a_bulk_email_answers_with_nothing_and_is_in_the_truth(wire):
    sandbox = wire(dripcel={"credit": 1})
    answer = email(sandbox)
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "data": {}})
    truth = sandbox.truth("dripcel")
    assert truth["warnings"] == []
    assert truth["credit"] == 0.9
    assert [(row["address"], row["sender"], row["text"], row["status"]) for row in truth["recipients"]] == [
        ("ada@example.com", "shop@example.com", "Our news of this month.", "scheduled"),
        ("alan@example.com", "shop@example.com", "Our news of this month.", "scheduled"),
    ]


@pytest.mark.parametrize("field", ["from", "template_id", "destinations"])
def test_a_bulk_email_without_a_required_field_is_refused(wire, field):
    sandbox = wire()
    assert email(sandbox, field).status_code == 400
    assert sandbox.warned_fields("dripcel") == [field]


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"destinations": []}, 400, "destinations"),
        ({"destinations": "ada@example.com"}, 400, "destinations"),
        ({"template_id": "template123"}, 400, "template_id"),
        ({"template_id": PERSONAL}, 400, "filter_non_contacts"),
        ({"to_start_at": "tomorrow"}, 400, "to_start_at"),
        ({"from": "Shop"}, 400, "from"),
        ({"to_start_at": "2026-01-05 12:00:00"}, 200, "to_start_at"),
        ({"destinations": ["ada@example.com", "nobody"]}, 200, "destinations[]"),
        ({"destinations": ["ada@example.com"] * 2}, 200, "destinations[]"),
        ({"deliveryMethod": "standard"}, 200, "deliveryMethod"),
    ],
)
def test_objections_to_a_bulk_email(wire, fields, status, field):
    sandbox = wire()
    assert email(sandbox, **fields).status_code == status
    assert sandbox.warned_fields("dripcel") == [field]


@pytest.mark.parametrize(
    ("switches", "fields", "received"),
    [
        ({}, {"filter_non_contacts": True}, ["ada@example.com"]),
        ({}, {"filter_non_contacts": False}, ["ada@example.com", "alan@example.com"]),
        ({}, {}, ["ada@example.com", "alan@example.com"]),
        ({"email_non_contact": "absent_is_true"}, {}, ["ada@example.com"]),
    ],
)
def test_addresses_that_are_no_contacts_are_filtered_on_demand(wire, switches, fields, received):
    sandbox = wire(dripcel={"contacts": "listed", "listed_contacts": ["ada@example.com"], **switches})
    assert email(sandbox, **fields).status_code == 200
    assert sandbox.addresses("dripcel") == received


def test_a_template_is_filled_in_from_the_contact(wire):
    sandbox = wire()
    contacts = [{"cell": ZA, "email": "ada@example.com", "firstname": "Ada"}]
    call(sandbox, "PUT", "/contacts", {"contacts": contacts, "country": "ZA"})
    email(sandbox, template_id=PERSONAL, filter_non_contacts=True, destinations=["ada@example.com"])
    sms(sandbox, content="Hi {{firstname}}!")
    assert sandbox.texts("dripcel") == ["Hi Ada, here is our news.", "Hi Ada!"]
    assert sandbox.truth("dripcel")["warnings"] == []


def test_an_email_that_cannot_be_paid_for_reaches_nobody(wire):
    sandbox = wire(dripcel={"credit": 0.05})
    assert email(sandbox).status_code == 402
    assert sandbox.addresses("dripcel") == []


def test_custom_fields_without_the_filter_reach_strangers_as_they_are_written(wire):
    sandbox = wire()
    assert email(sandbox, template_id=PERSONAL, filter_non_contacts=False).status_code == 200
    assert sandbox.texts("dripcel") == ["Hi {{firstname}}, here is our news."] * 2
    assert sandbox.warned_fields("dripcel") == ["filter_non_contacts", "template_id"]


def test_a_send_whose_answer_is_lost_is_found_by_its_cell(wire):
    sandbox = wire(dripcel={"respond": ["http_after:500"]})
    assert sms(sandbox).status_code == 500
    found = call(sandbox, "GET", f"/deliveries?cell={ZA}").json()["data"]
    assert [row["customerId"] for row in found] == [sandbox.truth("dripcel")["recipients"][0]["id"]]
