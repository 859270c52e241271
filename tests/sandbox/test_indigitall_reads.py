"""Expectations read from the provider's page: what indigitall tells afterwards, and the console's report."""

import csv
import io

import pytest

HEADERS = {"Authorization": "ServerKey 00000000-0000-4000-8000-0000000000d1"}
ADA, ALAN = "+46701740605", "+46701740606"  # reserved for fiction


def sms(sandbox, *phones, **fields):
    contacts = [
        {"phoneE164": phone, "customFields": {"text": "Hello"}, "customData": f"r-{phone}"}
        for phone in phones or (ADA,)
    ]
    body = {"campaignId": 101, "contacts": contacts, **fields}
    answer = sandbox.request("POST", "/indigitall/v2/sms/send/list", json=body, headers=HEADERS)
    return answer.json()["data"]["id"]


def read(sandbox, path, query="", application_id=1001):
    url = f"/indigitall{path}?applicationId={application_id}{query}"
    return sandbox.request("GET", url, headers=HEADERS)


def report(sandbox):
    answer = sandbox.request("GET", "/indigitall-control/report.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_status_needs_no_key(wire):
    answer = wire().request("GET", "/indigitall/v1/status")
    assert (answer.status_code, answer.json()) == (200, {"message": "OK", "statusCode": 200})


def test_campaigns_are_listed_without_their_text(wire):
    sandbox = wire()
    sms(sandbox)
    answer = read(sandbox, "/v2/sms/campaign").json()
    assert (answer["statusCode"], answer["message"], answer["count"]) == (200, "OK", 2)
    assert answer["data"]["campaigns"][0] == {
        "id": 101,
        "name": "Free text",
        "enabled": True,
        "lastSendingMode": "list",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-05T11:20:00.000Z",
    }
    assert read(sandbox, "/v2/sms/campaign/102").json()["data"]["name"] == "Order"
    assert read(sandbox, "/v2/sms/campaign/201").status_code == 404


def test_sendings_come_newest_first_without_phone_status_or_cost(wire):
    sandbox = wire()
    sms(sandbox)
    sms(sandbox, ADA, ALAN, sendTypeOverride="all", flash=True)
    answer = read(sandbox, "/v2/sms/send", "&limit=50&page=1").json()
    assert answer["count"] == 2
    assert answer["data"]["sendings"][0] == {
        "id": 5002,
        "applicationId": 1001,
        "campaignId": 101,
        "sentAt": "2026-01-05T11:20:00.000Z",
        "mode": "all",
        "type": "sms",
        "flash": True,
        "cancelled": False,
        "estimatedChunks": 2,
    }
    assert answer["data"]["sendings"][1]["id"] == 5001


def test_pages_are_counted_from_1(wire):
    sandbox = wire()
    for _ in range(3):
        sms(sandbox)

    def ids(query):
        return [sending["id"] for sending in read(sandbox, "/v2/sms/send", query).json()["data"]["sendings"]]

    assert (ids("&limit=2&page=1"), ids("&limit=2&page=2"), ids("&limit=2&page=3")) == ([5003, 5002], [5001], [])
    before = sandbox.warned_fields("indigitall")
    assert read(sandbox, "/v2/sms/send", "&page=0").status_code == 400
    assert read(sandbox, "/v2/sms/send", "&limit=1001&since=1").status_code == 200
    assert sandbox.warned_fields("indigitall") == [*before, "page", "limit", "since"]


@pytest.mark.parametrize("path", ["/v2/sms/send/1", "/v2/sms/contact/99", "/v2/sms/campaign/7"])
def test_an_object_that_does_not_exist_is_404(wire, path):
    answer = read(wire(), path)
    assert answer.status_code == 404
    assert answer.json() == {"statusCode": 404, "message": "not found", "count": 1, "data": None}


def test_a_read_names_its_application(wire):
    sandbox = wire()
    assert sandbox.request("GET", "/indigitall/v2/sms/send", headers=HEADERS).status_code == 400
    assert read(sandbox, "/v2/sms/send", application_id=7).status_code == 403
    assert sandbox.warned_fields("indigitall") == ["applicationId"]


def test_the_detail_of_a_sending_counts_contacts_or_names_them(wire):
    sandbox = wire()
    sending_id = sms(sandbox, ADA, ALAN)
    detail = read(sandbox, f"/v2/sms/send/{sending_id}").json()["data"]
    assert detail["campaignSnapshot"] == {"id": 101, "name": "Free text", "enabled": True}
    assert detail["numContacts"] == 2
    assert detail["createdAt"] == "2026-01-05T11:20:00.000Z"
    assert "contacts" not in detail
    sandbox.request("PATCH", "/settings", json={"indigitall": {"detail": "contacts"}})
    detail = read(sandbox, f"/v2/sms/send/{sending_id}").json()["data"]
    assert detail["contacts"][0] == {"phone": "701740605", "customData": f"r-{ADA}", "status": "DELIVRD"}


def test_a_sending_is_listed_after_a_while_or_never(wire):
    sandbox = wire(indigitall={"list_lag": 30})
    sms(sandbox)
    assert read(sandbox, "/v2/sms/send").json()["count"] == 0
    sandbox.now += 30
    assert read(sandbox, "/v2/sms/send").json()["count"] == 1
    sandbox.request("PATCH", "/settings", json={"indigitall": {"list_lag": "never"}})
    assert read(sandbox, "/v2/sms/send").json()["count"] == 0


def test_contacts_are_created_by_sending_and_listed(wire):
    sandbox = wire()
    sms(sandbox)
    answer = read(sandbox, "/v2/sms/contact", "&limit=1000&page=1").json()
    assert answer["count"] == 1
    assert answer["data"]["contacts"] == [
        {
            "id": 1,
            "phone": "701740605",
            "countryCode": "46",
            "externalCode": None,
            "enabled": True,
            "createdAt": "2026-01-05T11:20:00.000Z",
            "updatedAt": "2026-01-05T11:20:00.000Z",
            "unsubscriptionUrl": "http://sandbox/indigitall-control/unsubscribe/1",
        }
    ]
    assert read(sandbox, "/v2/sms/contact/1").json()["data"] == answer["data"]["contacts"][0]


@pytest.mark.parametrize(("switch", "enabled"), [("disables", False), ("no_effect", True)])
def test_the_unsubscription_link_disables_a_contact(wire, switch, enabled):
    sandbox = wire(indigitall={"unsubscribe": switch})
    sms(sandbox)
    link = read(sandbox, "/v2/sms/contact/1").json()["data"]["unsubscriptionUrl"]
    sandbox.now += 60
    assert sandbox.request("GET", link).status_code == 200
    contact = read(sandbox, "/v2/sms/contact/1").json()["data"]
    assert contact["enabled"] is enabled
    assert contact["updatedAt"] == ("2026-01-05T11:20:00.000Z" if enabled else "2026-01-05T11:21:00.000Z")
    sms(sandbox)
    assert len(sandbox.addresses("indigitall")) == 1 + enabled
    assert sandbox.request("GET", "/indigitall-control/unsubscribe/99").status_code == 404


def test_contacts_are_registered_and_disabled_by_control(wire):
    sandbox = wire(indigitall={"external_codes": "registered"})
    body = {"phone": ADA, "external_code": "c1"}
    assert sandbox.request("PUT", "/indigitall-control/contacts", json=body).json()["externalCode"] == "c1"
    by_code = {"external_code": "c1", "enabled": False}
    assert sandbox.request("PUT", "/indigitall-control/contacts", json=by_code).json()["phone"] == "701740605"
    sms(sandbox)
    assert sandbox.addresses("indigitall") == []
    assert sandbox.request("PUT", "/indigitall-control/contacts", json={}).status_code == 422


def test_a_sending_still_to_come_is_cancelled_in_the_console(wire):
    sandbox = wire()
    later, now = sms(sandbox, scheduleAt="2026-01-05T12:00:00Z"), sms(sandbox, ALAN)
    assert report(sandbox)[0]["Sending ID"] == str(now)
    assert sandbox.request("POST", f"/indigitall-control/sendings/{later}/cancel").json()["cancelled"] is True
    assert sandbox.request("POST", f"/indigitall-control/sendings/{now}/cancel").status_code == 404
    assert read(sandbox, f"/v2/sms/send/{later}").json()["data"]["cancelled"] is True
    assert [row["status"] for row in sandbox.truth("indigitall")["recipients"]] == ["DELETED", "DELIVRD"]
    assert [row["Status"] for row in report(sandbox)] == ["DELETED", "DELIVRD"]


def test_the_report_has_a_row_per_sms_with_the_words_of_the_carrier(wire):
    scripts = {ALAN: "REJECTD:Blocked by the carrier"}
    sandbox = wire(indigitall={"delivery_scripts": scripts, "report_headers": {"phone": "Teléfono"}})
    sms(sandbox, ADA, ALAN)
    rows = report(sandbox)
    assert rows[0] == {
        "Sending ID": "5001",
        "Campaign ID": "101",
        "Campaign name": "Free text",
        "Teléfono": "701740605",
        "Country code": "46",
        "External code": "",
        "Parts": "1",
        "Cost": "0.05",
        "Text": "Hello",
        "MCC-MNC": "001-01",
        "Network": "Test network",
        "Status": "DELIVRD",
        "Error description": "",
        "Sending type": "list",
        "Flash": "false",
        "Sent at": "2026-01-05T11:20:00.000Z",
        "Clicks": "0",
        "Custom data": f"r-{ADA}",
    }
    assert (rows[1]["Status"], rows[1]["Error description"]) == ("REJECTD", "Blocked by the carrier")
    answer = sandbox.request("PATCH", "/settings", json={"indigitall": {"report_headers": {"when": "x"}}})
    assert answer.status_code == 422


def test_the_report_has_the_words_of_the_consoles_language(wire):
    sandbox = wire(indigitall={"report_headers": "spanish"})
    sms(sandbox)
    [row] = report(sandbox)
    assert (row["ID de envío"], row["Estado"], row["Datos personalizados"]) == ("5001", "DELIVRD", f"r-{ADA}")
    assert len(row) == 18
    sandbox.request("PATCH", "/settings", json={"indigitall": {"report_headers": "english"}})
    assert len(report(sandbox)[0]) == 18


def test_outcomes_are_drawn_in_their_proportions_and_a_contact_always_has_the_same(wire):
    people = [f"+1{area}55501{digits:02}" for area in (201, 202, 203) for digits in range(100)]
    outcomes = {"DELIVRD": 0.8, "UNDELIV": 0.1, "REJECTD:Blacklisted": 0.1}
    words = []
    for sandbox in (wire(indigitall={"outcomes": outcomes}), wire(indigitall={"outcomes": outcomes})):
        sms(sandbox, *people[: len(words) + 150])
        sms(sandbox, *people[len(words) + 150 :])
        words.append({row["address"]: row["status"] for row in sandbox.truth("indigitall")["recipients"]})
    assert words[0] == words[1]
    counted = [list(words[0].values()).count(word) for word in ("DELIVRD", "UNDELIV", "REJECTD")]
    assert sum(counted) == 300
    assert 200 <= counted[0] <= 280
    assert min(counted) >= 10


def test_a_script_goes_before_the_drawn_outcomes(wire):
    switches = {"outcomes": {"UNDELIV": 1}, "delivery_scripts": {ADA: "EXPIRED"}}
    sandbox = wire(indigitall=switches)
    sms(sandbox, ADA, ALAN)
    sandbox.request("PATCH", "/settings", json={"indigitall": {"delivery_script": "DELIVRD"}})
    sms(sandbox, ADA, ALAN)
    assert [row["Status"] for row in report(sandbox)] == ["EXPIRED", "UNDELIV", "EXPIRED", "DELIVRD"]
    nothing = {"indigitall": {"outcomes": {"DELIVRD": 0}}}
    assert sandbox.request("PATCH", "/settings", json=nothing).status_code == 422


def test_an_sms_is_on_its_way_for_a_while(wire):
    sandbox = wire(indigitall={"delivery_seconds": 30, "delivery_script": "REJECTD:Blocked"})
    sms(sandbox)
    assert [(row["Status"], row["Error description"]) for row in report(sandbox)] == [("ENROUTE", "")]
    assert sandbox.truth("indigitall")["recipients"][0]["status"] == "ENROUTE"
    sandbox.now += 30
    assert [(row["Status"], row["Error description"]) for row in report(sandbox)] == [("REJECTD", "Blocked")]
    assert sandbox.truth("indigitall")["recipients"][0]["status"] == "REJECTD"


def test_a_lost_answer_leaves_a_sending_and_a_lost_request_leaves_none(wire):
    sandbox = wire(indigitall={"respond": ["http_after:503", "http:503"]})
    contacts = [{"phoneE164": ADA, "customFields": {"text": "Hello"}, "customData": "r1"}]
    for _ in range(2):
        body = {"campaignId": 101, "contacts": contacts}
        answer = sandbox.request("POST", "/indigitall/v2/sms/send/list", json=body, headers=HEADERS)
        assert answer.status_code == 503
    assert [sending["id"] for sending in read(sandbox, "/v2/sms/send").json()["data"]["sendings"]] == [5001]


def test_an_email_is_not_among_the_sms(wire):
    sandbox = wire()
    contacts = [{"email": "ada@example.com", "customFields": {"first_name": "Ada"}, "customData": "r1"}]
    body = {"campaignId": 201, "contacts": contacts}
    answer = sandbox.request("POST", "/indigitall/v2/email/send/list", json=body, headers=HEADERS)
    assert answer.status_code == 200
    assert read(sandbox, "/v2/sms/send").json()["count"] == 0
    assert read(sandbox, "/v2/sms/contact").json()["count"] == 0
    assert report(sandbox) == []


def test_stats_are_sums_per_day(wire):
    sandbox = wire()
    sms(sandbox, ADA, ALAN)
    sandbox.now += 24 * 3600
    sms(sandbox)
    sms(sandbox, scheduleAt="2026-01-07T12:00:00Z")
    span = "&dateFrom=2026-01-01&dateTo=2026-01-31"
    days = read(sandbox, "/v2/sms/stats/application", span).json()["data"]
    assert days == [
        {"statsDate": "2026-01-05", "numContactsSent": 2, "numContactsClicked": 0, "totalChunks": 2, "cost": 0.1},
        {"statsDate": "2026-01-06", "numContactsSent": 1, "numContactsClicked": 0, "totalChunks": 1, "cost": 0.05},
    ]
    assert read(sandbox, "/v2/sms/stats/campaign", span).json()["data"] == [
        {"campaignId": 101, **day} for day in days
    ]
    assert read(sandbox, "/v2/sms/stats/campaign/101").json()["count"] == 2
    assert read(sandbox, "/v2/sms/stats/campaign/102").json()["data"] == []


@pytest.mark.parametrize(
    ("span", "status"),
    [
        ("&dateFrom=2026-01-01&dateTo=2026-04-10", 200),
        ("&dateFrom=2026-01-01&dateTo=2026-04-11", 403),
        ("&dateFrom=2026-01-01", 400),
        ("&dateFrom=2026-01-01&dateTo=today", 400),
    ],
)
def test_stats_span_at_most_99_days(wire, span, status):
    answer = read(wire(), "/v2/sms/stats/application", span)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["message"].startswith("Operation forbidden, ")
        assert "days" in answer.json()["message"]


def test_there_are_no_topics(wire):
    assert read(wire(), "/v2/sms/topic").json()["data"] == {"topics": []}
