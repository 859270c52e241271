"""Expectations read from the provider's page: contacts, lists, tags, drafts, wallet."""

from typing import Any

import pytest

CONTACTS = [
    {"phone_number": "+4917139200001", "first_name": "Ada"},
    {"phone_number": "+4917139200002", "first_name": "Grace"},
]
CAMPAIGN = {"text": "Hi {first_name}!", "type": "sms_premium", "purpose": "alert", "sender": "Shop"}


def fill(sandbox, **group: Any):
    return sandbox.octopush("POST", "/contact/create", {"contacts": CONTACTS, **group})


def create(sandbox, kind="list", name="spring", **fields: Any):
    return sandbox.octopush(
        "POST", f"/sms-campaign-on-{kind}/create", {f"{kind}_name": name, **CAMPAIGN, **fields}
    )


def confirm(sandbox, ticket, kind="list"):
    return sandbox.octopush("POST", f"/sms-campaign-on-{kind}/send", {"ticket_number": ticket})


def status(sandbox, ticket, kind="list"):
    return sandbox.octopush("GET", f"/sms-campaign-on-{kind}/status", params={"ticket_number": ticket})


@pytest.fixture
def draft(wire):
    """A sandbox with these switches and a draft in it, and the draft's ticket."""

    def made(kind="list", **switches: Any):
        sandbox = wire(octopush=switches)
        assert fill(sandbox, **{f"{kind}_name": "spring"}).status_code == 201
        return sandbox, create(sandbox, kind).json()["ticket_number"]

    return made


@pytest.mark.parametrize("kind", ["list", "tag"])
def test_nothing_is_sent_before_the_confirm_and_everything_after_it(draft, kind):
    sandbox, ticket = draft(kind)
    answer = status(sandbox, ticket, kind)
    assert answer.status_code == 200
    assert answer.json() == {"number_of_contacts": 2, "cost": 0.1, "status": "ready_to_be_sent"}
    assert sandbox.truth("octopush")["recipients"] == []
    answer = confirm(sandbox, ticket, kind)
    assert (answer.status_code, answer.json()) == (200, {"sending_date": "2026-01-05T11:20:00+00:00"})
    truth = sandbox.truth("octopush")
    assert [(row["address"], row["text"]) for row in truth["recipients"]] == [
        ("+4917139200001", "Hi Ada!"),
        ("+4917139200002", "Hi Grace!"),
    ]
    assert {(row["id"], row["reference"], row["sender"]) for row in truth["recipients"]} == {
        (ticket, "spring", "Shop")
    }
    assert truth["credit"] == 999_999.9
    assert truth["warnings"] == []


def test_a_second_confirm_is_132_and_sends_nothing_more(draft):
    sandbox, ticket = draft()
    confirm(sandbox, ticket)
    answer = confirm(sandbox, ticket)
    assert (answer.status_code, answer.json()["code"]) == (400, 132)
    assert len(sandbox.truth("octopush")["recipients"]) == 2


def test_a_second_confirm_may_be_answered_like_the_first_by_switch(draft):
    sandbox, ticket = draft(confirm_again="ok")
    confirm(sandbox, ticket)
    assert confirm(sandbox, ticket).status_code == 200
    assert len(sandbox.truth("octopush")["recipients"]) == 2


def test_the_status_after_the_confirm_is_132_or_ready_by_switch(draft):
    sandbox, ticket = draft()
    confirm(sandbox, ticket)
    answer = status(sandbox, ticket)
    assert (answer.status_code, answer.json()["code"]) == (400, 132)
    sandbox, ticket = draft(status_after="ready_to_be_sent")
    confirm(sandbox, ticket)
    assert status(sandbox, ticket).json()["status"] == "ready_to_be_sent"


def test_the_ready_word_of_the_sample_comes_by_switch(draft):
    assert status(*draft(ready_word="ready_to_be_send")).json()["status"] == "ready_to_be_send"


def test_status_and_confirm_are_400_while_the_campaign_is_computed(draft):
    sandbox, ticket = draft(computation_seconds=3)
    sandbox.now += 2.9
    assert status(sandbox, ticket).status_code == 400
    assert confirm(sandbox, ticket).status_code == 400
    sandbox.now += 0.1
    assert status(sandbox, ticket).status_code == 200
    assert confirm(sandbox, ticket).status_code == 200


def test_the_status_may_say_under_computation_by_switch(draft):
    sandbox, ticket = draft(computation_seconds=3, not_ready="under_computation")
    assert (status(sandbox, ticket).status_code, status(sandbox, ticket).json()["status"]) == (
        200,
        "under_computation",
    )
    assert confirm(sandbox, ticket).json()["code"] == 130


def test_the_ticket_has_another_name_by_switch(wire):
    sandbox = wire(octopush={"create_key": "sms_ticket"})
    fill(sandbox, list_name="spring")
    assert list(create(sandbox).json()) == ["sms_ticket"]


def test_an_unknown_list_is_301_and_an_unknown_ticket_131(wire):
    sandbox = wire()
    assert create(sandbox).json()["code"] == 301
    assert status(sandbox, "sms_0").json()["code"] == 131
    assert confirm(sandbox, "sms_0").json()["code"] == 131
    assert confirm(sandbox, None).json()["code"] == 100
    assert create(sandbox, name=None).json()["code"] == 100


def test_a_simulation_cannot_be_asked_for_in_two_phases(wire):
    sandbox = wire()
    fill(sandbox, list_name="spring")
    ticket = create(sandbox, simulation_mode=True).json()["ticket_number"]
    assert "simulation_mode" in sandbox.warned_fields("octopush")
    confirm(sandbox, ticket)
    assert [row["simulated"] for row in sandbox.truth("octopush")["recipients"]] == [False, False]


def test_the_stop_rule_holds_for_drafts(wire):
    sandbox = wire()
    french = [{"phone_number": "+33639980012"}]
    sandbox.octopush("POST", "/contact/create", {"contacts": french, "list_name": "spring"})
    assert create(sandbox, text="Sale!", purpose="wholesale").json()["code"] == 121


def test_a_list_is_created_alone_with_201_and_once(wire):
    sandbox = wire(octopush={"list_reuse": "error_302"})
    assert sandbox.octopush("POST", "/contact-list/create", {"list_name": "spring"}).status_code == 201
    assert sandbox.octopush("POST", "/contact-list/create", {"list_name": "spring"}).json()["code"] == 302
    assert sandbox.octopush("POST", "/contact-list/create", {}).json()["code"] == 100
    assert create(sandbox).json()["code"] == 117


def test_a_list_is_filled_in_several_requests(wire):
    sandbox = wire()
    for n in range(3):
        body = {"contacts": [{"phone_number": f"+491713920000{n}"}], "list_name": "spring"}
        sandbox.octopush("POST", "/contact/create", body)
    ticket = create(sandbox, text="Hi").json()["ticket_number"]
    assert status(sandbox, ticket).json()["number_of_contacts"] == 3
    assert sandbox.truth("octopush")["warnings"] == []


def test_names_of_lists_and_tags_have_limits(wire):
    sandbox = wire()
    fill(sandbox, list_name="x" * 31, tag_name="y" * 21)
    assert sandbox.warned_fields("octopush") == ["list_name", "tag_name"]
    assert create(sandbox, name="x" * 30).status_code == 200
    assert create(sandbox, "tag", name="y" * 20).status_code == 200


def test_do_not_overwrite_is_objected_to(wire):
    sandbox = wire()
    fill(sandbox, list_name="spring", do_not_overwrite=True)
    assert sandbox.warned_fields("octopush") == ["do_not_overwrite"]


def test_opted_out_contacts_are_left_out_of_a_draft_when_asked(wire):
    sandbox = wire(octopush={"opted_out": ["+4917139200002"]})
    fill(sandbox, list_name="spring")
    asked = create(sandbox, auto_remove_blacklisted_numbers=True).json()["ticket_number"]
    assert status(sandbox, asked).json()["number_of_contacts"] == 1
    confirm(sandbox, create(sandbox).json()["ticket_number"])
    assert [row["status"] for row in sandbox.truth("octopush")["recipients"]] == ["accepted", "BLACKLISTED_NUMBER"]


def test_a_draft_that_cannot_be_paid_is_not_sent(draft):
    sandbox, ticket = draft(credit=0.09)
    assert confirm(sandbox, ticket).json()["code"] == 105
    assert sandbox.truth("octopush")["recipients"] == []


def test_contacts_are_deleted_everywhere_or_from_one_list(wire):
    sandbox = wire()
    fill(sandbox, list_name="spring", tag_name="vip")
    one = {"phone_numbers": ["+4917139200001"]}
    assert sandbox.octopush("DELETE", "/contact/delete", {**one, "list_name": "spring"}).status_code == 204
    assert status(sandbox, create(sandbox).json()["ticket_number"]).json()["number_of_contacts"] == 1
    ticket = create(sandbox, "tag", "vip").json()["ticket_number"]
    assert status(sandbox, ticket, "tag").json()["number_of_contacts"] == 2
    assert sandbox.octopush("DELETE", "/contact/delete", one).status_code == 204
    assert status(sandbox, create(sandbox, "tag", "vip").json()["ticket_number"]).json()["number_of_contacts"] == 1


@pytest.mark.parametrize("numbers", [None, [], ["+4917139200001"] * 201])
def test_a_delete_takes_1_to_200_numbers(wire, numbers):
    answer = wire().octopush("DELETE", "/contact/delete", {"phone_numbers": numbers})
    assert (answer.status_code, answer.json()["code"]) == (400, 100)


def test_a_delete_from_an_unknown_list_is_301(wire):
    body = {"phone_numbers": ["+4917139200001"], "list_name": "spring"}
    assert wire().octopush("DELETE", "/contact/delete", body).json()["code"] == 301


@pytest.mark.parametrize(
    ("product", "amount"),
    [("sms_premium", 200), ("sms_low_cost", 333), ("euro", 10), ("vocal_sms", 0), ("hlr", 0)],
)
def test_the_balance_of_each_product(wire, product, amount):
    sandbox = wire(octopush={"credit": 10, "price_premium": 0.05, "price_low_cost": 0.03})
    query = {"product_name": product, "country_code": "FR"}
    assert sandbox.octopush("GET", "/wallet/check-balance", params=query).json() == {
        "amount": amount,
        "unit": product,
    }
    packs = sandbox.octopush("GET", "/wallet/check-balance", params={**query, "with_details": "1"}).json()
    assert [pack.keys() for pack in packs["wallet_packs"]] == [{"id", "credit", "expiration_date"}]
    assert sandbox.truth("octopush")["warnings"] == []


def test_an_unknown_product_is_replaced_and_objected_to(wire):
    sandbox = wire()
    answer = sandbox.octopush("GET", "/wallet/check-balance", params={"product_name": "premium_sms"})
    assert answer.json()["unit"] == "sms_premium"
    assert sandbox.warned_fields("octopush") == ["product_name", "country_code"]


def test_the_credits_by_country_have_other_names(wire):
    sandbox = wire(octopush={"credit": 10})
    answer = sandbox.octopush("GET", "/wallet/check-credits", params={"country_codes[]": ["FR", "ES"]})
    french = {"premium_sms": 200, "vocal_sms": 0, "low_cost_sms": 333, "hlr": 0}
    assert answer.json() == {"FR": french, "ES": french}
    sandbox.octopush("GET", "/wallet/check-credits")
    assert sandbox.warned_fields("octopush") == ["country_codes[]"]


def test_the_wallet_needs_credentials_too(wire):
    assert wire().octopush("GET", "/wallet/check-credits", headers={}).status_code == 401
