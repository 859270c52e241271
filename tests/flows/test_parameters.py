"""The campaign file as a model: what it accepts, what it says, and the form that Prefect draws from it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from flows.form_groups import FORM_GROUPS
from flows.parameters import Campaign, CampaignError, parse_campaign
from flows.send_campaign import send_campaign
from tasks.messaging.durations import format_duration, parse_duration
from tasks.messaging.statuses import Channel
from tasks.providers.registry import PROVIDER_NAMES
from tasks.resume import describe_changes

GOOD = {
    "name": "spring",
    "channel": "sms",
    "provider": "octopush",
    "purpose": "marketing",
    "text": "Hi {{ first_name }} STOP au XXXXX",
    "audience": {"path": "list.csv", "default_country": "FR"},
}


def problems(**changes):
    with pytest.raises(CampaignError) as caught:
        parse_campaign({key: value for key, value in (GOOD | changes).items() if value is not ...})
    return caught.value.problems


def test_a_good_campaign_keeps_every_value_through_its_document():
    campaign = parse_campaign(GOOD | {"schedule": {"send_at": "2030-01-01T10:00:00+01:00", "max_lateness": "30m"}})
    assert parse_campaign(campaign.as_document()) == campaign
    assert campaign.schedule.max_lateness == timedelta(minutes=30)
    assert campaign.content.channel is Channel.SMS


def test_the_document_leaves_defaults_out_so_that_a_new_default_field_changes_no_old_run():
    assert parse_campaign(GOOD | {"test_mode": False}).as_document() == parse_campaign(GOOD).as_document()
    assert "test_mode" not in parse_campaign(GOOD).as_document()


def test_a_list_of_providers_is_routes_and_survives_its_document():
    listed = [{"name": "octopush", "countries": ["FR"], "sender": "ACME"}, "bird"]
    campaign = parse_campaign(GOOD | {"provider": listed, "options": {"bird": {"batch": True}}})
    assert campaign.provider == "octopush"
    assert campaign.providers == ("octopush", "bird")
    assert parse_campaign(campaign.as_document()) == campaign
    identity = campaign.identity
    assert identity.through("octopush").content.sender == "ACME"
    assert identity.through("bird").content.sender is None
    assert identity.through("bird").provider_options.batch
    assert parse_campaign(GOOD).as_document().keys().isdisjoint({"routes", "choose"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "name: may have letters, digits, spaces, dots, dashes and underscores, at least one"),
        ({"run_key": "a b"}, "run_key: is 1 to 100 letters, digits and :.+-_ without spaces"),
        ({"provider": ["octopush", "brid"]}, "routes.1.name: there is no provider `brid`; did you mean `bird`?"),
        ({"provider": [{"name": "bird", "countries": ["UK"]}]}, "routes.0.countries.0: `UK` is not an ISO 3166-1"),
        ({"provider": [{"name": "bird", "country": "SE"}]}, "unknown key `country`; did you mean `countries`?"),
        ({"provider": []}, "provider: the list is empty"),
        ({"routes": [{"name": "bird"}]}, "provider: the first of the routes is bird; write that one here too"),
        ({"choose": "cheapest"}, "choose: there is one provider only"),
        ({"choose": "cheapest", "provider": ["octopush", "bird"]}, "choose: the cheapest is known by a table of"),
        (
            {"provider": ["octopush", "bird"], "options": {"dripcel": {}}},
            "options.dripcel: the provider is octopush and bird; remove these options",
        ),
    ],
)
def test_a_list_of_providers_that_cannot_be_used_is_refused_with_what_to_write(changes, said):
    assert any(said in problem for problem in problems(**changes))


def test_what_one_of_several_providers_cannot_do_is_a_problem_of_the_campaign():
    campaign = parse_campaign(GOOD | {"provider": ["octopush", "dripcel", "octopush"], "sender": "ACME"})
    found = campaign.find_problems()
    assert any("octopush is there twice" in problem for problem in found)
    assert any(problem.startswith("sender: dripcel (sms) has no sender of choice") for problem in found)


def test_every_problem_is_named_at_once():
    found = problems(name=..., channel="fax", audience={"path": "x", "default_country": "UK"})
    assert len(found) == 3
    assert any(problem.startswith("name: is missing") for problem in found)
    assert any(problem.startswith("audience.default_country: `UK`") for problem in found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audiance": {}}, "unknown key `audiance`; did you mean `audience`?"),
        ({"audience": {"path": "x", "colums": {}}}, "audience: unknown key `colums`; did you mean `columns`?"),
        ({"zzz": 1}, "unknown key `zzz`; known here: name, run_key"),
        ({"options": {"octopush": {"with_reply": True}}}, "did you mean `with_replies`?"),
        ({"text": ..., "template": ...}, "nothing to send: give `text`, `media` or `template`"),
        ({"template": {"id": "x"}}, "remove `text` and `media`"),
        ({"run_key": "a/b"}, "run_key: "),
        ({"validity": "0s"}, "validity: is no time at all; write for example 4h, or leave it out"),
        (
            {"purpose": "transactional", "frequency_cap": {"messages": 1, "days": 1}},
            "frequency_cap: is for marketing only; the purpose is transactional: remove it",
        ),
        ({"frequency_cap": {"messages": 0, "days": 7}}, "frequency_cap.messages: "),
        ({"frequency_cap": {"messages": 1, "days": 0}}, "frequency_cap.days: "),
        ({"frequency_cap": {"messages": 1, "days": 367}}, "frequency_cap.days: "),
        ({"frequency_cap": {"messages": 3}}, "frequency_cap.days: is missing"),
        ({"frequency_cap": {"messages": 3, "day": 7}}, "did you mean `days`?"),
    ],
)
def test_a_mistake_is_said_with_its_remedy(changes, said):
    assert any(said in problem for problem in problems(**changes))


RULES = [{"allowed_from": "08:00", "allowed_until": "20:00"}]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({}, "hours: has no rules"),
        ({"path": "no/such.yaml"}, "hours: there is no file no/such.yaml"),
        ({"path": "data"}, "hours: data is a directory"),
        ({"path": "data/campaigns/bird-delivery-notice.yaml"}, "is no table of sending hours: it has `rules:`"),
        ({"path": "data/sending_hours.yaml", "rules": RULES}, "hours: give `path` or `rules`, and not both"),
        ({"rules": [{"allowed_from": "08:00", "allowed_until": "26:00"}]}, "hours.rules.0.allowed_until: is not"),
        ({"rulez": RULES}, "did you mean `rules`?"),
    ],
)
def test_hours_that_are_none_are_refused(hours, said):
    assert any(said in problem for problem in problems(hours=hours))


def test_hours_from_a_file_become_the_campaigns_own_so_that_a_run_keeps_to_them():
    campaign = parse_campaign(GOOD | {"hours": {"path": "data/sending_hours.yaml", "rules": []}})
    document = campaign.as_document()
    assert document["hours"].keys() == {"rules"}
    assert campaign.identity.hours.rules == campaign.hours.rules
    assert parse_campaign(document) == campaign


def test_values_are_not_repeated_in_the_message():
    assert "hunter2" not in str(problems(sender={"secret": "hunter2"}))


@pytest.mark.parametrize(("late", "refused"), [(timedelta(hours=1), False), (timedelta(hours=3), True)])
def test_a_schedule_that_fires_too_late_is_a_problem(late, refused):
    send_at = datetime(2026, 3, 20, 10, tzinfo=UTC)
    campaign = parse_campaign(GOOD | {"schedule": {"send_at": send_at.isoformat()}})
    found = [problem for problem in campaign.find_problems(now=send_at + late) if "max_lateness" in problem]
    assert bool(found) is refused


def test_prefect_can_draw_the_form_and_offers_the_providers():
    schema = parameter_schema(send_campaign)
    form = schema.definitions["Campaign"]["properties"]
    assert form["provider"]["enum"] == list(PROVIDER_NAMES)
    assert form["name"]["description"]
    assert form["message"]["properties"]["text"]["type"] == "string"
    assert form["limits"]["properties"]["frequency_cap"]["title"] == "Frequency cap"
    cap = schema.definitions["FrequencyCap"]["properties"]
    assert (cap["messages"]["minimum"], cap["days"]["minimum"], cap["days"]["maximum"]) == (1, 1, 366)
    assert set(schema.properties) == {
        "campaign",
        "dry_run",
        "approve",
        "pause_for_approval",
        "chunk_size",
        "workers",
        "limit",
        "only",
    }


def boxes(schema, definitions):
    """Every property that a form shows, by its path."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for name, of_property in schema.get("properties", {}).items():
        yield name, of_property
        yield from ((f"{name}.{inner}", box) for inner, box in boxes(of_property, definitions))


def test_the_form_has_every_key_once_each_described_and_no_box_for_raw_json():
    schema = parameter_schema(send_campaign)
    shown = dict(boxes(schema.definitions["Campaign"], schema.definitions))
    leaves = [path.rpartition(".")[2] for path in shown if not path.startswith("audience.")]
    assert sorted(set(Campaign.model_fields) & set(leaves)) == sorted(Campaign.model_fields)
    assert [key for key in Campaign.model_fields if leaves.count(key) > 1] == []
    assert {group.key for group in FORM_GROUPS} & set(Campaign.model_fields) == set()
    for path, box in shown.items():
        described = box | schema.definitions.get(box.get("$ref", "").rpartition("/")[2], {})
        assert described.get("description"), path
        assert not (box.get("type") == "object" and "properties" not in box), f"{path} is a box for JSON"


def test_a_campaign_out_of_the_form_is_the_campaign_of_the_file():
    flat = GOOD | {"sender": "Shop", "validity": "4h", "frequency_cap": {"messages": 1, "days": 2}}
    in_groups = {key: value for key, value in flat.items() if key not in {"text", "sender", "validity"}}
    in_groups |= {"message": {"text": flat["text"], "sender": "Shop"}, "delivery": {"validity": "4h"}}
    in_groups["limits"] = {"frequency_cap": in_groups.pop("frequency_cap")}
    in_groups["audience"] = {**GOOD["audience"], "columns": None}
    in_groups["providers"] = {"options": dict.fromkeys(PROVIDER_NAMES)}
    assert parse_campaign(in_groups) == parse_campaign(flat)
    assert parse_campaign(in_groups).as_document() == parse_campaign(flat).as_document()


@pytest.mark.parametrize("document", [GOOD, {key: GOOD[key] for key in GOOD if key != "text"} | {"message": {}}])
def test_prefects_server_takes_a_campaign_flat_and_in_groups(document):
    schema = parameter_schema(send_campaign).model_dump()
    validate({"campaign": document}, schema, raise_on_error=True, ignore_required=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"message": {"text": "Hi"}}, "text: is given twice, once in `message`; remove one"),
        ({"message": {"txt": "Hi"}}, "message.txt: message has only text, sender"),
        ({"message": "Hi"}, "message: has keys of its own: text, sender"),
    ],
)
def test_a_mistake_in_a_group_is_said(changes, said):
    assert any(said in problem for problem in problems(**changes))


@given(st.integers(0, 10**6), st.sampled_from("smhd"))
def test_a_duration_survives_writing_and_reading(number, unit):
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(duration)) == duration


def test_changes_are_told_by_key():
    before = {"text": "a", "audience": {"path": "x", "columns": {"phone": "A"}}}
    after = {"audience": {"path": "x", "columns": {"phone": "B"}}, "test_mode": True}
    assert describe_changes(before, after) == [
        "audience.columns.phone: 'A' -> 'B'",
        "test_mode: (not given) -> True",
        "text: 'a' -> (not given)",
    ]
