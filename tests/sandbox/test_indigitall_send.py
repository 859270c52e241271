"""Expectations read from the provider's page: what indigitall's send calls take, and to whom they send."""

import pytest

HEADERS = {"Authorization": "ServerKey 00000000-0000-4000-8000-0000000000d1"}
ADA, ALAN = "+46701740605", "+46701740606"  # reserved for fiction
FREE_TEXT, ORDER, EMAIL = 101, 102, 201


def send(sandbox, body, channel="sms", **options):
    options.setdefault("headers", HEADERS)
    return sandbox.request("POST", f"/indigitall/v2/{channel}/send/list", json=body, **options)


def person(address=ADA, reference="r1", **fields):
    return {"phoneE164": address, "customFields": {"text": "Hello"}, "customData": reference, **fields}


def sms(sandbox, *contacts, **fields):
    """A send that a strict reader has no objection to, changed by `fields`."""
    return send(sandbox, {"campaignId": FREE_TEXT, "contacts": list(contacts) or [person()], **fields})


def reader(address="ada@example.com", reference="r1", **fields):
    return {"email": address, "customFields": {"first_name": "Ada"}, "customData": reference, **fields}


def email(sandbox, *contacts, **fields):
    body = {"campaignId": EMAIL, "contacts": list(contacts) or [reader()], **fields}
    return send(sandbox, body, "email")


def test_a_send_answers_with_a_sending_and_is_in_the_truth(wire):
    sandbox = wire(indigitall={"credit": 10})
    answer = sms(sandbox, flash=True, nls="spanish", sendTypeOverride="all")
    assert answer.status_code == 200
    assert answer.json() == {"statusCode": 200, "message": "OK", "data": {"id": 5001}}
    truth = sandbox.truth("indigitall")
    assert truth["warnings"] == []
    assert truth["credit"] == 9.95
    assert truth["recipients"] == [
        {
            "address": ADA,
            "text": "Hello",
            "sender": "Sandbox",
            "reference": "r1",
            "id": "5001",
            "status": "DELIVRD",
            "cost": 0.05,
            "received_at": "2026-01-05T11:20:00.000Z",
            "simulated": False,
        }
    ]


def test_each_contact_gets_the_campaigns_text_with_their_values(wire):
    sandbox = wire()
    contacts = [
        person(ADA, "r1", customFields={"first_name": "Ada", "order": "7"}),
        person(ALAN, "r2", customFields={"first_name": "Alan", "order": "8"}),
    ]
    assert sms(sandbox, *contacts, campaignId=ORDER).status_code == 200
    assert sandbox.texts("indigitall") == [
        "Hi Ada, your order 7 is on its way.",
        "Hi Alan, your order 8 is on its way.",
    ]
    assert sandbox.truth("indigitall")["warnings"] == []


@pytest.mark.parametrize(
    ("given", "address", "fields"),
    [
        ({"phoneE164": ADA}, ADA, []),
        ({"phoneNumber": "701740605", "countryCode": "46"}, ADA, []),
        ({"phoneE164": ADA, "phoneNumber": "701740605", "countryCode": "46"}, ADA, []),
        ({"phoneE164": ADA, "phoneNumber": "701740606", "countryCode": "46"}, ADA, ["phoneE164"]),
        ({"phoneNumber": "46701740605"}, ADA, ["countryCode"]),
        ({"phoneNumber": "46701740605", "countryCode": None}, ADA, ["countryCode"]),
        ({"phoneNumber": "70-174 06 05", "countryCode": "+46"}, ADA, ["phoneNumber", "countryCode"]),
        ({"phoneNumber": "0701740605", "countryCode": "46"}, "+460701740605", ["phoneNumber"]),
        ({"phoneNumber": "46701740605", "countryCode": "46"}, "+4646701740605", ["phoneNumber"]),
        ({"phoneNumber": 701740605, "countryCode": "46"}, ADA, ["phoneNumber"]),
        ({"id": "46701740605"}, ADA, ["id"]),
        ({"id": "46701740605", "type": "phone"}, ADA, ["type", "id"]),
        ({"id": "c1", "type": "externalCode"}, "external:c1", ["type", "id"]),
        ({"id": "46701740606", "phoneE164": ADA}, ADA, ["id"]),
        ({"externalCode": "c1"}, "external:c1", []),
        ({"externalCode": "c1", "phoneE164": ADA}, ADA, []),
        ({"phoneE164": ADA, "countryCode": "46"}, ADA, []),
        ({"externalCode": "c1", "countryCode": "46"}, "external:c1", ["countryCode"]),
        ({"phoneE164": None, "externalCode": "c1"}, "external:c1", ["phoneE164"]),
    ],
)
def test_how_a_contact_is_named(wire, given, address, fields):
    sandbox = wire()
    entry = {**given, "customFields": {"text": "Hello"}, "customData": "r1", "originData": {"row": 1}}
    assert sms(sandbox, entry).status_code == 200
    assert sandbox.addresses("indigitall") == [address]
    assert sandbox.warned_fields("indigitall") == [f"contacts[].{field}" for field in fields]


def test_the_deprecated_id_type_says_what_a_deprecated_id_is(wire):
    sandbox = wire()
    assert sms(sandbox, {"id": "c1", "customFields": {"text": "x"}}, idType="externalCode").status_code == 200
    assert sandbox.addresses("indigitall") == ["external:c1"]
    assert {"idType", "contacts[].id"} <= set(sandbox.warned_fields("indigitall"))


def test_a_code_alone_means_the_contact_that_has_it_and_beside_a_number_it_does_not(wire):
    sandbox = wire(indigitall={"external_codes": "registered"})
    sms(sandbox, person(externalCode="c1"))
    sms(sandbox, {"externalCode": "c1", "customFields": {"text": "By code"}, "customData": "r2"})
    sms(sandbox, person(ALAN, "r3", externalCode="c1"))
    assert sandbox.addresses("indigitall") == [ADA, "external:c1", ALAN]
    contacts = read_contacts(sandbox)
    assert [(contact["phone"], contact["externalCode"]) for contact in contacts] == [
        ("701740605", "c1"),
        ("701740606", None),
    ]


def read_contacts(sandbox):
    path = "/indigitall/v2/sms/contact?applicationId=1001"
    return sandbox.request("GET", path, headers=HEADERS).json()["data"]["contacts"]


def test_a_number_completes_the_contact_of_its_code(wire):
    sandbox = wire()
    sms(sandbox, {"externalCode": "c1", "customFields": {"text": "x"}, "customData": "r1"})
    sms(sandbox, person(ADA, "r2", externalCode="c1"))
    assert [(contact["phone"], contact["externalCode"]) for contact in read_contacts(sandbox)] == [
        ("701740605", "c1")
    ]


@pytest.mark.parametrize(
    ("switch", "status", "data"),
    [
        ("skip", 200, {"id": 5001}),
        ("errors_entry", 200, {"id": 5001, "errors": [{"externalCode": "c9", "message": "Contact not found"}]}),
        ("error_400", 400, None),
    ],
)
def test_a_contact_that_can_be_neither_found_nor_created(wire, switch, status, data):
    sandbox = wire(indigitall={"external_codes": "registered", "contact_incomplete": switch})
    answer = sms(sandbox, {"externalCode": "c9", "customFields": {"text": "Hello"}}, person())
    assert answer.status_code == status
    assert answer.json().get("data") == data
    assert sandbox.addresses("indigitall") == ([ADA] if data else [])
    assert "contacts[]" in sandbox.warned_fields("indigitall")


@pytest.mark.parametrize("number", [{}, {"phoneE164": "46701740605"}, {"phoneE164": "+46"}, {"phoneNumber": "x"}])
def test_a_contact_without_a_usable_number_is_skipped_without_a_word(wire, number):
    sandbox = wire()
    answer = sms(sandbox, {**number, "customFields": {"text": "x"}, "customData": "r1"})
    assert (answer.status_code, answer.json()["data"]) == (200, {"id": 5001})
    assert sandbox.addresses("indigitall") == []


def test_repeated_and_disabled_contacts_are_removed_without_a_word(wire):
    sandbox = wire()
    disable(sandbox, phone=ALAN)
    answer = sms(sandbox, person(), person(reference="r2"), person(ALAN, "r3"))
    assert answer.json()["data"] == {"id": 5001}
    assert sandbox.addresses("indigitall") == [ADA]
    assert sandbox.warned_fields("indigitall") == ["contacts[]"]


def disable(sandbox, **body):
    answer = sandbox.request("PUT", "/indigitall-control/contacts", json={**body, "enabled": False})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize(("switch", "status"), [("ok_empty", 200), ("error_400", 400)])
def test_when_nobody_is_left(wire, switch, status):
    sandbox = wire(indigitall={"empty_after_filter": switch})
    disable(sandbox, phone=ADA)
    assert sms(sandbox).status_code == status
    assert sandbox.addresses("indigitall") == []


@pytest.mark.parametrize(
    ("body", "message", "field"),
    [
        ({"contacts": [person()]}, "body must have required property 'campaignId'", "campaignId"),
        ({"campaignId": 101}, "body must have required property 'contacts'", "contacts"),
        ({"campaignId": 101, "contacts": []}, "body/contacts must NOT have fewer than 1 items", "contacts"),
        ({"campaignId": 101, "contacts": "all"}, "body/contacts must be array", "contacts"),
        ({"campaignId": 101, "contacts": ["x"]}, "body/contacts must be object", "contacts[]"),
        ({"campaignId": "spring", "contacts": [person()]}, "body/campaignId must be integer", "campaignId"),
        ({"campaignId": True, "contacts": [person()]}, "body/campaignId must be integer", "campaignId"),
        ([], "body must be object", "."),
    ],
)
def test_a_request_against_the_schema_is_refused_and_objected_to(wire, body, message, field):
    sandbox = wire()
    answer = send(sandbox, body)
    assert (answer.status_code, answer.json()) == (400, {"statusCode": 400, "message": message})
    assert sandbox.warned_fields("indigitall") == [field]
    assert sandbox.addresses("indigitall") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sendTypeOverride": "bulk"}, "body/sendTypeOverride should be equal to one of: list, all"),
        ({"nls": "portuguese"}, "body/nls should be equal to one of: auto, standard, spanish"),
        ({"idType": "email"}, "body/idType should be equal to one of: phone, externalCode"),
        ({"flash": "yes"}, "body/flash must be boolean"),
        ({"scheduleAt": "tomorrow"}, 'body/scheduleAt must match format "date-time"'),
        ({"scheduleAt": "2026-01-05"}, 'body/scheduleAt must match format "date-time"'),
        ({"scheduleAt": "2026-13-05T08:00:00Z"}, 'body/scheduleAt must match format "date-time"'),
        ({"contacts": [person(phoneE164=True)]}, "body/contacts/phoneE164 must be string"),
        ({"contacts": [person(customFields=[])]}, "body/contacts/customFields must be object"),
        ({"contacts": [person(originData="row 1")]}, "body/contacts/originData must be object"),
    ],
)
def test_a_wrong_value_is_refused_in_the_words_of_the_schema(wire, fields, message):
    sandbox = wire()
    assert sms(sandbox, **fields).json() == {"statusCode": 400, "message": message}
    assert sandbox.warned_fields("indigitall")
    assert sandbox.addresses("indigitall") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": "Hello"}, "text"),
        ({"campaignID": 101}, "campaignID"),
        ({"campaignId": "101"}, "campaignId"),
        ({"flash": "true"}, "flash"),
        ({"scheduleAt": "2026-01-06T08:00:00+01:00"}, "scheduleAt"),
        ({"scheduleAt": "2026-01-06T08:00:00.000Z"}, "scheduleAt"),
        ({"scheduleAt": "2026-01-06T08:00:00"}, "scheduleAt"),
        ({"scheduleAt": "2026-01-04T08:00:00Z"}, "scheduleAt"),
        ({"contacts": [person(phone=ADA)]}, "contacts[].phone"),
        ({"contacts": [person(reference=None)]}, "contacts[].customData"),
        ({"contacts": [person(reference=17)]}, "contacts[].customData"),
        ({"contacts": [person(), person(ALAN)]}, "contacts[].customData"),
        (
            {"contacts": [person(customFields={"text": "x", "first_name": "Ada"})]},
            "contacts[].customFields.first_name",
        ),
        ({"contacts": [person(customFields={"text": 7})]}, "contacts[].customFields.text"),
        ({"contacts": [person(customFields={"text": " "})]}, "contacts[].customFields"),
    ],
)
def test_what_is_taken_all_the_same_is_objected_to(wire, fields, field):
    sandbox = wire()
    assert sms(sandbox, **fields).status_code == 200
    assert sandbox.warned_fields("indigitall") == [field]
    assert ADA in sandbox.addresses("indigitall")


def test_a_reference_counts_as_used_only_when_its_request_was_accepted(wire):
    sandbox = wire(indigitall={"credit": 0})
    assert sms(sandbox).status_code == 402
    sandbox.request("PATCH", "/settings", json={"indigitall": {"credit": 1}})
    assert sms(sandbox).status_code == 200
    assert sandbox.warned_fields("indigitall") == []
    sms(sandbox)
    assert sandbox.warned_fields("indigitall") == ["contacts[].customData"]
    assert sandbox.truth("indigitall")["received_twice"] == [{"address": ADA, "text": "Hello", "times": 2}]


def test_unknown_members_may_be_refused(wire):
    sandbox = wire(indigitall={"extra_fields": "error_400"})
    assert sms(sandbox, text="Hello").json()["message"] == "body must NOT have additional properties"
    assert sms(sandbox, person(phone=ADA)).json()["message"] == "body/contacts must NOT have additional properties"


def test_a_missing_custom_field_is_empty_or_refused(wire):
    contact = person(customFields={"first_name": "Ada"})
    sandbox = wire()
    sms(sandbox, contact, campaignId=ORDER)
    assert sandbox.texts("indigitall") == ["Hi Ada, your order  is on its way."]
    assert sandbox.warned_fields("indigitall") == ["contacts[].customFields.order"]
    sandbox = wire(indigitall={"custom_missing": "error_400"})
    assert sms(sandbox, contact, campaignId=ORDER).status_code == 400
    assert sandbox.texts("indigitall") == []


@pytest.mark.parametrize(
    ("switch", "answer"),
    [
        ("http_404", (404, {"statusCode": 404, "message": "not found", "count": 1, "data": None})),
        ("http_400", (400, {"statusCode": 400, "message": "Campaign not found"})),
        ("nothing_sent", (200, {"statusCode": 200, "message": "OK", "data": None})),
    ],
)
@pytest.mark.parametrize("campaign_id", [999, EMAIL])
def test_an_unknown_campaign_or_one_of_another_channel(wire, switch, answer, campaign_id):
    sandbox = wire(indigitall={"campaign_missing": switch})
    answered = sms(sandbox, campaignId=campaign_id)
    assert (answered.status_code, answered.json()) == answer
    assert sandbox.addresses("indigitall") == []
    assert sandbox.warned_fields("indigitall") == ["campaignId"]


@pytest.mark.parametrize(("switch", "status"), [("http_400", 400), ("nothing_sent", 200)])
def test_a_disabled_campaign(wire, switch, status):
    campaigns = {"7": {"channel": "sms", "name": "Old", "text": "{{text}}", "sender": "Shop", "enabled": False}}
    sandbox = wire(indigitall={"campaign_disabled": switch, "campaigns": campaigns})
    assert sms(sandbox, campaignId=7).status_code == status
    assert sandbox.addresses("indigitall") == []


@pytest.mark.parametrize(
    ("switch", "status", "data"),
    [
        ("201", 201, {"id": 5001}),
        ("data_null", 200, None),
        ("data_errors", 200, {"id": 5001, "errors": []}),
        ("data_sendingId", 200, {"sendingId": 5001}),
    ],
)
def test_a_good_send_has_several_answers(wire, switch, status, data):
    answer = sms(wire(indigitall={"send_answer": switch}))
    assert answer.json() == {"statusCode": status, "message": "OK", "data": data}
    assert answer.status_code == status


def test_contacts_may_be_refused_one_by_one(wire):
    sandbox = wire(indigitall={"contact_errors": {ALAN: "Blocked"}, "names": {"errors": "failures"}})
    answer = sms(sandbox, person(), person(ALAN, "r2"))
    assert answer.json()["data"] == {
        "id": 5001,
        "failures": [{"phoneE164": ALAN, "customData": "r2", "message": "Blocked"}],
    }
    assert sandbox.addresses("indigitall") == [ADA]


def test_names_that_are_not_certain_can_be_corrected(wire):
    sandbox = wire(indigitall={"names": {"phone_e164": "phoneNumberE164", "campaign_id": "id"}})
    contact = {"phoneNumberE164": ADA, "customFields": {"text": "x"}, "customData": "r1"}
    assert send(sandbox, {"id": FREE_TEXT, "contacts": [contact]}).status_code == 200
    assert sandbox.truth("indigitall")["warnings"] == []
    problems = sandbox.request("PATCH", "/settings", json={"indigitall": {"names": {"phone": "x"}}}).json()
    assert "phone_e164" in str(problems)


def test_each_contact_may_be_a_sending_of_its_own(wire):
    sandbox = wire(indigitall={"sending_unit": "contact"})
    assert sms(sandbox, person(), person(ALAN, "r2")).json()["data"] == {"id": 5001}
    assert [row["id"] for row in sandbox.truth("indigitall")["recipients"]] == ["5001", "5002"]


def test_more_contacts_than_a_switch_allows_are_refused(wire):
    sandbox = wire(indigitall={"max_contacts": 1})
    assert sms(sandbox, person(), person(ALAN, "r2")).status_code == 400
    assert sms(sandbox).status_code == 200


def test_a_number_that_was_sent_to_lately_may_be_dropped(wire):
    sandbox = wire(indigitall={"repeat_across": 2})
    for reference in ("r1", "r2", "r3"):
        assert sms(sandbox, person(reference=reference)).status_code == 200
        sandbox.now += 3600
    assert [row["reference"] for row in sandbox.truth("indigitall")["recipients"]] == ["r1", "r3"]


def test_a_scheduled_send_waits_for_its_time(wire):
    sandbox = wire()
    sms(sandbox, scheduleAt="2026-01-05T11:30:00Z")
    assert sandbox.truth("indigitall")["recipients"][0]["status"] == "scheduled"
    sandbox.now += 600
    assert sandbox.truth("indigitall")["recipients"][0]["status"] == "DELIVRD"
    assert sandbox.truth("indigitall")["warnings"] == []


def test_a_send_date_in_the_past_may_be_refused(wire):
    assert (
        sms(wire(indigitall={"past_schedule": "error_400"}), scheduleAt="2026-01-04T08:00:00Z").status_code == 400
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "00000000-0000-4000-8000-0000000000d1"},
        {"Authorization": "Bearer 00000000-0000-4000-8000-0000000000d1"},
        {"Authorization": "ServerKey wrong"},
    ],
)
def test_a_wrong_key_is_401(wire, headers):
    answer = send(wire(), {}, headers=headers)
    assert (answer.status_code, answer.json()) == (
        401,
        {"statusCode": 401, "message": "Access token is not valid"},
    )


@pytest.mark.parametrize("path", ["/v1/sms/send/list", "/v2/sms/send/bulk"])
def test_a_path_that_does_not_exist_is_named(wire, path):
    answer = wire().request("POST", f"/indigitall{path}", json={}, headers=HEADERS)
    assert answer.json() == {"statusCode": 404, "message": f"Route POST:{path} not found"}


def test_too_many_requests_are_429(wire):
    sandbox = wire(indigitall={"rate": 1, "retry_after": "on"})
    sms(sandbox)
    answer = sms(sandbox)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json() == {"statusCode": 429, "message": "Too many requests"}
    sandbox.now += 1
    assert sms(sandbox).status_code == 200


def test_an_injected_error_is_the_documented_one(wire):
    sandbox = wire(indigitall={"respond": ["http_after:500"]})
    assert sms(sandbox).json() == {"statusCode": 500, "message": "Internal server error"}
    assert sandbox.addresses("indigitall") == [ADA]


def test_a_body_that_is_not_json_is_refused(wire):
    sandbox = wire()
    path = "/indigitall/v2/sms/send/list"
    assert sandbox.request("POST", path, content=b"{", headers=HEADERS).status_code == 400
    assert sandbox.warned_fields("indigitall") == ["content-type"]


def test_an_email_campaign_goes_to_addresses_and_codes(wire):
    sandbox = wire()
    fields = {
        "cc": ["cc@example.com"],
        "bcc": [],
        "smartTimeConfig": None,
        "scheduleAt": "2026-01-05T12:00:00.000Z",
    }
    by_code = {"externalCode": "c1", "customFields": {"first_name": "Alan"}, "customData": "r2"}
    assert email(sandbox, reader(), by_code, **fields).status_code == 200
    truth = sandbox.truth("indigitall")
    assert truth["warnings"] == []
    assert [(row["address"], row["text"], row["sender"]) for row in truth["recipients"]] == [
        ("ada@example.com", "Hi Ada, here is our news.", "news@example.com"),
        ("external:c1", "Hi Alan, here is our news.", "news@example.com"),
    ]


def test_a_blacklist_excludes_an_audience(wire):
    sandbox = wire(indigitall={"audiences": {"9": ["ada@example.com"]}})
    email(sandbox, reader(), reader("alan@example.com", "r2"), blacklist=[9])
    assert sandbox.addresses("indigitall") == ["alan@example.com"]


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"blacklist": [1, 2]}, 400, "blacklist"),
        ({"blacklist": ["x"]}, 400, "blacklist"),
        ({"blacklist": [1]}, 200, "blacklist"),
        ({"cc": ["nobody"]}, 200, "cc"),
        ({"cc": "ada@example.com"}, 400, "cc"),
        ({"flash": True}, 200, "flash"),
        ({"contacts": [reader(phoneE164=ADA)]}, 200, "contacts[].phoneE164"),
    ],
)
def test_objections_to_an_email(wire, fields, status, field):
    sandbox = wire()
    assert email(sandbox, **fields).status_code == status
    assert sandbox.warned_fields("indigitall") == [field]


def test_an_address_that_is_none_is_skipped(wire):
    sandbox = wire()
    assert email(sandbox, reader("nobody")).status_code == 200
    assert sandbox.addresses("indigitall") == []
    assert sandbox.warned_fields("indigitall") == ["contacts[].email", "contacts[]"]
