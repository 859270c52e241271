"""Expectations read from the provider's page: what a direct send does, and how leniently."""

import pytest

FRENCH = [{"phone_number": "+33639980012"}]
GERMAN = [{"phone_number": "+4917139200001"}]


def test_a_send_answers_with_ticket_counts_cost_and_credit(wire):
    sandbox = wire(octopush={"credit": 10, "price_premium": 0.05})
    answer = sandbox.octopush_send(recipients=[*GERMAN, {"phone_number": "+4917139200002"}])
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("sms_ticket").startswith("sms_")
    assert isinstance(body.pop("message"), str)
    assert body == {
        "number_of_contacts": 2,
        "total_cost": 0.1,
        "number_of_sms_needed": 2,
        "residual_credit": 9.9,
    }


def test_the_truth_names_every_recipient_of_a_send(wire):
    sandbox = wire()
    ticket = sandbox.octopush_send(list_name="batch-0001", sender="Shop").json()["sms_ticket"]
    truth = sandbox.truth("octopush")
    assert truth["requests"] == 1
    assert truth["recipients"] == [
        {
            "address": "+4917139200001",
            "text": "Your parcel has arrived.",
            "sender": "Shop",
            "reference": "batch-0001",
            "id": ticket,
            "status": "accepted",
            "cost": 0.05,
            "received_at": "2026-01-05T11:20:00.000Z",
            "simulated": False,
        }
    ]
    assert truth["warnings"] == []
    assert truth["credit"] == 999_999.95


def test_every_ticket_is_new(wire):
    sandbox = wire()
    assert sandbox.octopush_send().json()["sms_ticket"] != sandbox.octopush_send().json()["sms_ticket"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"api-login": "sandbox@example.com"},
        {"api-login": "sandbox@example.com", "api-key": "wrong"},
        {"api-login": "other@example.com", "api-key": "sandbox-octopush-key"},
        {"Authorization": "Bearer sandbox-octopush-key"},
    ],
)
def test_wrong_credentials_are_refused_with_401(wire, headers):
    sandbox = wire()
    answer = sandbox.octopush("POST", "/sms-campaign/send", {"text": "x", "recipients": GERMAN}, headers=headers)
    assert answer.status_code == 401
    assert sandbox.truth("octopush")["recipients"] == []


def test_a_success_may_be_201_by_switch(wire):
    assert wire(octopush={"send_status": 201}).octopush_send().status_code == 201


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": None}, 107),
        ({"text": ""}, 107),
        ({"text": "x" * 1225}, 102),
        ({"recipients": []}, 103),
        ({"recipients": None}, 103),
        ({"recipients": [{"phone_number": "+4917139200001"}] * 100_002}, 103),
        ({"recipients": [{"phone_number": "0639980012"}]}, 117),
    ],
)
def test_what_cannot_be_repaired_is_refused_with_400_and_a_code(wire, fields, code):
    sandbox = wire()
    answer = sandbox.octopush_send(**fields)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sandbox.truth("octopush")["recipients"] == []


@pytest.mark.parametrize("body", [b"text=hello", b"[1]"])
def test_a_body_that_is_not_a_json_object_is_refused(wire, body):
    answer = wire().request(
        "POST",
        "/octopush/v1/public/sms-campaign/send",
        content=body,
        headers={"api-login": "sandbox@example.com", "api-key": "sandbox-octopush-key"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, 100)


def test_the_longest_text_is_taken_and_needs_eight_sms(wire):
    assert wire().octopush_send(text="x" * 1224).json()["number_of_sms_needed"] == 8


def test_a_longer_text_is_cut_by_switch(wire):
    sandbox = wire(octopush={"long_text": "truncate"})
    assert sandbox.octopush_send(text="x" * 1300).status_code == 200
    assert sandbox.texts("octopush") == ["x" * 1224]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"simulation_mod": True}, "simulation_mod"),
        ({"with_replies": "yes"}, "with_replies"),
        ({"with_replies": "perhaps"}, "with_replies"),
        ({"auto_optimize_text": None}, "auto_optimize_text"),
        ({"text": 12345}, "text"),
        ({"type": "premium"}, "type"),
        ({"purpose": "marketing"}, "purpose"),
        ({"purpose": None}, "purpose"),
        ({"sender": "My-Shop"}, "sender"),
        ({"sender": "AB"}, "sender"),
        ({"sender": "My Shop"}, "sender"),
        ({"sender": "MuchTooLongName"}, "sender"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "2026-01-06 10:00:00"}, "send_at"),
        ({"list_name": "x" * 31}, "list_name"),
        ({"request_id": "r1"}, "request_id"),
        ({"auto_remove_blacklisted_numbers": True}, "auto_remove_blacklisted_numbers"),
        ({"recipients": ["+4917139200001"]}, "recipients[]"),
        ({"recipients": [{"phone_number": "+49 171 3920-0001"}]}, "recipients[].phone_number"),
        ({"recipients": [{**GERMAN[0], "firstname": "Ada"}]}, "recipients[].firstname"),
        ({"recipients": [{**GERMAN[0], "param1": 7}]}, "recipients[].param1"),
        ({"text": "Hello {name}"}, "text"),
        ({"text": "Hello {{ first_name }}"}, "text"),
    ],
)
def test_bad_parameters_are_repaired_or_ignored_and_the_campaign_is_still_sent(wire, fields, field):
    sandbox = wire()
    assert sandbox.octopush_send(**fields).status_code == 200
    assert sandbox.addresses("octopush") == ["+4917139200001"]
    assert field in sandbox.warned_fields("octopush")


def test_a_misspelt_simulation_mode_costs_money(wire):
    sandbox = wire(octopush={"credit": 10})
    sandbox.octopush_send(simulation_mod=True)
    assert sandbox.truth("octopush")["credit"] == 9.95


def test_a_warning_tells_the_number_of_its_request(wire):
    sandbox = wire()
    sandbox.octopush_send(recipients=[{"phone_number": f"+4917139200{n:03}"} for n in range(200)])
    sandbox.octopush_send(
        colour="red", recipients=[{"phone_number": f"+4917139200{n:03}", "age": 7} for n in range(200)]
    )
    assert sandbox.truth("octopush")["warnings"] == [
        {"request": 2, "field": "colour", "message": "unknown parameter, ignored", "count": 1},
        {"request": 2, "field": "recipients[].age", "message": "unknown parameter, ignored", "count": 200},
    ]


@pytest.mark.parametrize(
    ("sender", "shown"),
    [("My-Shop", "MyShop"), ("MuchTooLongName", "MuchTooLong"), ("AB", None), (None, None), ("Shop", "Shop")],
)
def test_a_sender_is_cleaned_cut_or_ignored(wire, sender, shown):
    sandbox = wire()
    sandbox.octopush_send(sender=sender)
    assert sandbox.truth("octopush")["recipients"][0]["sender"] == shown


def test_with_replies_the_sender_is_a_short_number_in_metropolitan_france_only(wire):
    sandbox = wire()
    sandbox.octopush_send(sender="Shop", with_replies=True, recipients=[*FRENCH, *GERMAN])
    senders = [recipient["sender"] for recipient in sandbox.truth("octopush")["recipients"]]
    assert senders[0].isdecimal()
    assert senders[1] == "Shop"


@pytest.mark.parametrize(
    ("send_at", "status"),
    [
        ("2026-01-05T12:20:00+00:00", "scheduled"),
        ("2026-01-05T12:20:00+01:00", "accepted"),
        ("2026-01-05 12:30:00", "scheduled"),  # Central European time: 11:30 UTC
        ("2026-01-05 11:30:00", "accepted"),
        (None, "accepted"),
        ("tomorrow", "accepted"),
    ],
)
def test_a_future_time_is_scheduled(wire, send_at, status):
    sandbox = wire()
    sandbox.octopush_send(send_at=send_at)
    assert sandbox.truth("octopush")["recipients"][0]["status"] == status


def test_low_cost_has_its_own_price(wire):
    sandbox = wire(octopush={"price_low_cost": 0.03})
    assert sandbox.octopush_send(type="sms_low_cost").json()["total_cost"] == 0.03


def test_advised_request_sizes_are_not_objected_to(wire):
    sandbox = wire()
    for size in (500, 200):
        sandbox.octopush_send(recipients=[{"phone_number": f"+4917139200{n:04}"} for n in range(size)])
    assert sandbox.truth("octopush")["warnings"] == []


def test_more_than_500_recipients_are_objected_to_and_sent(wire):
    sandbox = wire()
    answer = sandbox.octopush_send(recipients=[{"phone_number": f"+4917139200{n:04}"} for n in range(501)])
    assert answer.json()["number_of_contacts"] == 501
    assert sandbox.warned_fields("octopush") == ["recipients"]


def test_fewer_than_200_recipients_are_objected_to_only_when_several_requests_come(wire):
    sandbox = wire()
    sandbox.octopush_send()
    assert sandbox.truth("octopush")["warnings"] == []
    sandbox.octopush_send()
    assert [warning["request"] for warning in sandbox.truth("octopush")["warnings"]] == [1, 2]


MARKETING = {"purpose": "wholesale", "recipients": FRENCH}


def test_marketing_to_france_without_the_stop_mention_is_refused_with_121(wire):
    sandbox = wire()
    answer = sandbox.octopush_send(**MARKETING)
    assert (answer.status_code, answer.json()) == (400, {"code": 121, "message": "Mention STOP is missing."})
    assert sandbox.truth("octopush")["recipients"] == []


@pytest.mark.parametrize(
    ("switches", "fields", "status"),
    [
        ({}, {"text": "Sale! STOP au XXXXX"}, 200),
        ({}, {"text": "Sale! Stop au XXXXX"}, 400),
        ({}, {"text": "Sale! STOP au 36180"}, 400),
        ({}, {"text": "Sale!", "purpose": "alert"}, 200),
        ({}, {"text": "Sale!", "recipients": GERMAN}, 200),
        ({}, {"text": "Sale!", "recipients": [*GERMAN, *FRENCH]}, 400),
        ({"stop_alert": "required"}, {"text": "Code 12", "purpose": "alert"}, 400),
        ({"stop_literal": "off"}, {"text": "Sale!"}, 200),
        ({"stop_literal": "both"}, {"text": "Sale! STOP au 36180"}, 200),
        ({"stop_literal": "both"}, {"text": "Sale! STOP au XXXXX"}, 200),
        ({"stop_literal": "code:36180"}, {"text": "Sale! STOP au 36180"}, 200),
        ({"stop_literal": "code:36180"}, {"text": "Sale! STOP au 36181"}, 400),
        ({"stop_literal": "code:36180"}, {"text": "Sale! STOP au XXXXX"}, 400),
        ({"default_purpose": "wholesale"}, {"text": "Sale!", "purpose": None}, 400),
        ({}, {"text": "Sale!", "purpose": None}, 200),
        ({}, {"text": "Sale!", "type": "sms_low_cost"}, 400),
        ({}, {"text": "Sale! no PUB=STOP", "type": "sms_low_cost"}, 200),
    ],
)
def test_the_stop_rule(wire, switches, fields, status):
    assert wire(octopush=switches).octopush_send(**{**MARKETING, **fields}).status_code == status


def test_low_cost_without_its_mention_is_code_122(wire):
    assert wire().octopush_send(**MARKETING, type="sms_low_cost").json()["code"] == 122


def test_the_person_reads_a_short_code_where_xxxxx_stood(wire):
    sandbox = wire()
    sandbox.octopush_send(**{**MARKETING, "text": "Sale! STOP au XXXXX"})
    assert sandbox.texts("octopush") == ["Sale! STOP au 36111"]


def test_each_person_reads_their_own_values(wire):
    sandbox = wire()
    sandbox.octopush_send(
        text="Hi {first_name} {last_name}: {param1}{param5}",
        auto_optimize_text=False,
        recipients=[
            {**GERMAN[0], "first_name": "Ada", "last_name": "Lovelace", "param1": "7", "param5": "!"},
            {"phone_number": "+4917139200002", "first_name": "", "last_name": "B", "param1": "8", "param5": "?"},
        ],
    )
    assert sandbox.texts("octopush") == ["Hi Ada Lovelace: 7!", "Hi  B: 8?"]


@pytest.mark.parametrize(("switch", "text"), [("empty", "Hi !"), ("literal", "Hi {first_name}!")])
def test_a_missing_value_is_empty_or_literal_and_objected_to(wire, switch, text):
    sandbox = wire(octopush={"missing_param": switch})
    sandbox.octopush_send(text="Hi {first_name}!", recipients=[{**GERMAN[0], "first_name": None}])
    assert sandbox.texts("octopush") == [text]
    assert sandbox.warned_fields("octopush") == ["recipients[].first_name"]


def test_a_value_longer_than_50_characters_is_cut_and_objected_to_when_inserted(wire):
    sandbox = wire()
    recipients = [{**GERMAN[0], "param1": "x" * 51, "param2": "y" * 51}]
    sandbox.octopush_send(text="{param1}", recipients=recipients)
    assert sandbox.texts("octopush") == ["x" * 50]
    assert sandbox.warned_fields("octopush") == ["recipients[].param1"]


def test_a_text_that_grows_over_the_limit_when_filled_in_is_objected_to(wire):
    sandbox = wire()
    sandbox.octopush_send(text="x" * 1200 + "{param1}", recipients=[{**GERMAN[0], "param1": "y" * 50}])
    assert sandbox.warned_fields("octopush") == ["text"]


def test_the_robot_makes_texts_cheaper_unless_told_not_to(wire):
    sandbox = wire()
    sandbox.octopush_send(text="  Fête  à l\u2019ouest \U0001f389 ")
    assert sandbox.texts("octopush") == ["Fete à l'ouest "]
    assert sandbox.warned_fields("octopush") == ["text"]
    answer = sandbox.octopush_send(text="Fête" + "x" * 67, auto_optimize_text=False)
    assert sandbox.texts("octopush")[1] == "Fête" + "x" * 67
    assert answer.json()["number_of_sms_needed"] == 2


def test_bad_numbers_are_left_out_unnamed_or_refuse_the_request(wire):
    recipients = [*GERMAN, {"phone_number": "0639980012"}, {"phone_number": None}, {}]
    sandbox = wire()
    assert sandbox.octopush_send(recipients=recipients).json()["number_of_contacts"] == 1
    strict = wire(octopush={"bad_numbers": "error_117"})
    assert strict.octopush_send(recipients=recipients).json()["code"] == 117
    assert strict.truth("octopush")["recipients"] == []


@pytest.mark.parametrize(("switch", "count"), [("merge", 1), ("keep", 2)])
def test_a_number_twice_in_a_request_is_merged_or_kept(wire, switch, count):
    sandbox = wire(octopush={"duplicates": switch})
    assert sandbox.octopush_send(recipients=GERMAN * 2).json()["number_of_contacts"] == count
    assert len(sandbox.truth("octopush")["recipients"]) == count


@pytest.mark.parametrize(
    ("switch", "flags", "statuses"),
    [
        ("drop_if_asked", {}, ["accepted", "BLACKLISTED_NUMBER"]),
        ("drop_if_asked", {"auto_delete_optout_contacts": True}, ["accepted"]),
        ("always_drop", {}, ["accepted"]),
    ],
)
def test_opted_out_numbers_are_dropped_when_asked_or_always(wire, switch, flags, statuses):
    sandbox = wire(octopush={"opted_out": ["+4917139200002"], "optouts": switch})
    answer = sandbox.octopush_send(recipients=[*GERMAN, {"phone_number": "+4917139200002"}], **flags)
    assert answer.json()["number_of_contacts"] == len(statuses)
    assert [recipient["status"] for recipient in sandbox.truth("octopush")["recipients"]] == statuses


def test_a_simulation_charges_nothing_reaches_nobody_and_checks_little(wire):
    sandbox = wire(octopush={"credit": 10})
    answer = sandbox.octopush_send(**MARKETING, simulation_mode=True, list_name="batch-0001")
    assert answer.status_code == 200
    assert answer.json()["residual_credit"] == 10
    truth = sandbox.truth("octopush")
    assert [recipient["simulated"] for recipient in truth["recipients"]] == [True]
    assert truth["received_twice"] == []
    assert truth["credit"] == 10


@pytest.mark.parametrize(("switch", "needed"), [("total", 4), ("per_contact", 2)])
def test_the_number_of_sms_needed_is_of_all_or_of_one(wire, switch, needed):
    sandbox = wire(octopush={"sms_needed": switch})
    recipients = [*GERMAN, {"phone_number": "+4917139200002"}]
    assert sandbox.octopush_send(text="x" * 161, recipients=recipients).json()["number_of_sms_needed"] == needed


def test_the_residual_credit_may_be_counted_in_sms(wire):
    sandbox = wire(octopush={"credit": 10, "price_premium": 0.05, "credit_unit": "sms"})
    assert sandbox.octopush_send().json()["residual_credit"] == 199


@pytest.mark.parametrize(("credit", "code"), [(0, 104), (0.04, 105)])
def test_without_enough_credit_nothing_is_sent(wire, credit, code):
    sandbox = wire(octopush={"credit": credit})
    answer = sandbox.octopush_send(list_name="batch-0001")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    truth = sandbox.truth("octopush")
    assert (truth["recipients"], truth["credit"]) == ([], credit)


def test_a_repeated_request_id_sends_twice_unless_enforced(wire):
    lenient = wire()
    for _ in range(2):
        lenient.octopush_send(request_id="r1")
    assert lenient.truth("octopush")["received_twice"] == [
        {"address": "+4917139200001", "text": "Your parcel has arrived.", "times": 2}
    ]


def test_an_enforced_request_id_is_refused_with_120_for_24_hours(wire):
    sandbox = wire(octopush={"request_id": "enforced"})
    assert sandbox.octopush_send(request_id="r1").status_code == 200
    answer = sandbox.octopush_send(request_id="r1")
    assert (answer.status_code, answer.json()["code"]) == (400, 120)
    assert sandbox.octopush_send(request_id="r2").status_code == 200
    sandbox.now += 24 * 3600
    assert sandbox.octopush_send(request_id="r1").status_code == 200


def test_a_refused_request_does_not_use_up_its_request_id(wire):
    sandbox = wire(octopush={"request_id": "enforced"})
    assert sandbox.octopush_send(request_id="r1", text="").status_code == 400
    assert sandbox.octopush_send(request_id="r1").status_code == 200


def test_a_reused_list_name_is_objected_to_or_refused_with_302(wire):
    lenient = wire()
    lenient.octopush_send(list_name="batch-0001")
    assert lenient.octopush_send(list_name="batch-0001").status_code == 200
    assert "list_name" in lenient.warned_fields("octopush")
    strict = wire(octopush={"list_reuse": "error_302"})
    strict.octopush_send(list_name="batch-0001")
    answer = strict.octopush_send(list_name="batch-0001")
    assert (answer.status_code, answer.json()["code"]) == (400, 302)
    assert len(strict.truth("octopush")["recipients"]) == 1


def test_requests_above_the_rate_get_429_and_are_not_sent(wire):
    sandbox = wire(octopush={"rate": 2})
    assert [sandbox.octopush_send().status_code for _ in range(3)] == [200, 200, 429]
    sandbox.now += 1
    assert sandbox.octopush_send().status_code == 200
    assert len(sandbox.truth("octopush")["recipients"]) == 3


def test_there_is_no_rate_limit_by_default(wire):
    sandbox = wire()
    assert {sandbox.octopush_send().status_code for _ in range(50)} == {200}


def test_an_unknown_path_is_404(wire):
    assert wire().octopush("GET", "/sms-campaign/list").status_code == 404
