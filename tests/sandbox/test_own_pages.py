"""The sandbox's own pages and switches."""

import json

import pytest

from deployments.sandbox import SandboxSettings, SettingsError, create_app
from deployments.sandbox.registry import PROVIDERS


def test_health_names_the_providers(wire):
    assert wire().request("GET", "/health").json() == {"status": "ok", "providers": list(PROVIDERS)}


def test_the_truth_of_an_unused_sandbox_is_empty(wire):
    assert wire().truth("octopush") == {
        "recipients": [],
        "requests": 0,
        "answers": {},
        "recipients_received": 0,
        "recipients_simulated": 0,
        "received_twice": [],
        "warnings": [],
        "warnings_left_out": 0,
        "credit": 1_000_000.0,
    }


def test_the_truth_of_many_recipients_is_whole(wire):
    sandbox = wire()
    for _ in range(5):
        recipients = [{"phone_number": f"+4917139{n:06}"} for n in range(501)]
        assert sandbox.octopush_send(recipients=recipients).status_code == 200
    truth = sandbox.truth("octopush")
    assert len(truth["recipients"]) == truth["recipients_received"] == 2505
    assert {twice["times"] for twice in truth["received_twice"]} == {5}
    assert len(truth["received_twice"]) == 501


def test_the_summary_counts_instead_of_listing(wire):
    sandbox = wire(bird={"delivery_scripts": {"+12025550102": ["rejected"]}})
    sandbox.bird_send()
    sandbox.bird_send("+12025550102")
    sandbox.now += 60
    summary = sandbox.request("GET", "/truth/summary").json()["bird"]
    assert "recipients" not in summary
    assert summary["recipients_received"] == 2
    assert summary["recipients_by_status"] == {"delivered": 1, "rejected": 1}
    assert summary["credit"] is None


def test_only_what_a_person_received_counts_as_received_twice(wire):
    sandbox = wire(
        bird={"suppressed_numbers": ["+12025550101"]}, octopush={"opted_out": ["+4917139200001"], "credit": 10}
    )
    for _ in range(2):
        sandbox.bird_send("+12025550101")
        sandbox.bird_send("+12025550102", text="A")
        sandbox.octopush_send()
        sandbox.octopush_send(recipients=[{"phone_number": "+4917139200002"}], simulation_mode=True)
    sandbox.bird_send("+12025550102", text="B")
    assert sandbox.truth("bird")["received_twice"] == [{"address": "+12025550102", "text": "A", "times": 2}]
    assert sandbox.truth("octopush")["received_twice"] == []


def test_the_overview_shows_fictional_data_in_full_and_loads_nothing_from_elsewhere(wire):
    sandbox = wire()
    sandbox.bird_send(text="<b>Hello & welcome</b>", reference="run7-000123")
    page = sandbox.request("GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "+12025550101" in page.text
    assert "&lt;b&gt;Hello &amp; welcome&lt;/b&gt;" in page.text
    assert "fictional" in page.text
    assert "src=" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_settings_change_at_once_and_others_stay(wire):
    sandbox = wire(octopush={"rate": 5})
    answer = sandbox.request("PATCH", "/settings", json={"octopush": {"send_status": 201}, "bird": {"credit": 0}})
    assert answer.status_code == 200
    assert (answer.json()["octopush"]["send_status"], answer.json()["octopush"]["rate"]) == (201, 5)
    assert answer.json() == sandbox.request("GET", "/settings").json()
    assert sandbox.octopush_send().status_code == 201
    assert sandbox.truth("bird")["credit"] == 0


def test_changing_the_credit_sets_the_account_and_other_switches_leave_it(wire):
    sandbox = wire(octopush={"credit": 10})
    sandbox.octopush_send()
    sandbox.request("PATCH", "/settings", json={"octopush": {"rate": 5}})
    assert sandbox.truth("octopush")["credit"] == 9.95
    sandbox.request("PATCH", "/settings", json={"octopush": {"credit": 20}})
    assert sandbox.truth("octopush")["credit"] == 20


@pytest.mark.parametrize(
    ("changes", "where", "allowed"),
    [
        ({"octopus": {}}, "octopus", "octopush"),
        ({"octopush": {"respnd": "normal"}}, "octopush.respnd", "respond"),
        ({"bird": {"validation": "sync_422"}}, "bird.validation", "validate"),
        ({"bird": {"validate": "later"}}, "bird.validate", "sync_422"),
        ({"octopush": {"stop_literal": "code:x"}}, "octopush.stop_literal", "xxxxx"),
        ({"octopush": {"respond": "lose"}}, "octopush.respond.", "lose_after"),
        ({"octopush": {"respond": ["lose"]}}, "octopush.respond.", "lose_after"),
        ({"octopush": {"faults": {"drop": 0.1}}}, "octopush.faults.drop", ""),
        ({"octopush": {"faults": {"throttle": 1.1}}}, "octopush.faults.throttle", "1"),
        ({"octopush": {"faults": {"throttle": 0.6, "drop_after": 0.6}}}, "octopush.faults", "1"),
        ({"bird": {"delivery_script": ["accepted", "done"]}}, "bird.delivery_script", "delivered"),
        ({"bird": {"delivery_script": ["sent:7"]}}, "bird.delivery_script", "delivered"),
        ({"bird": {"delivery_script": []}}, "bird.delivery_script", "1"),
        ({"bird": {"rate_post": 0}}, "bird.rate_post", "1"),
        ({"bird": 7}, "bird", "object"),
        ([], ".", "object"),
    ],
)
def test_unknown_switches_and_values_are_422_and_name_what_is_allowed(wire, changes, where, allowed):
    sandbox = wire()
    before = sandbox.request("GET", "/settings").json()
    answer = sandbox.request("PATCH", "/settings", json=changes)
    assert answer.status_code == 422
    found = {path: text for path, text in answer.json()["problems"].items() if path.startswith(where)}
    assert any(allowed in text for text in found.values()), answer.json()
    assert sandbox.request("GET", "/settings").json() == before


def test_settings_that_are_not_json_are_422(wire):
    assert wire().request("PATCH", "/settings", content=b"{").status_code == 422


def test_what_settings_shows_can_be_sent_back(wire):
    sandbox = wire(bird={"suppressed_numbers": ["+12025550101"]}, octopush={"stop_literal": "code:36180"})
    shown = sandbox.request("GET", "/settings").json()
    assert sandbox.request("PATCH", "/settings", json=shown).json() == shown


def test_a_reset_forgets_everything_and_restores_the_switches(wire):
    sandbox = wire(octopush={"credit": 10})
    sandbox.octopush_send(list_name="batch-0001")
    sandbox.request("PATCH", "/settings", json={"octopush": {"rate": 1}})
    assert sandbox.request("POST", "/reset").status_code == 204
    truth = sandbox.truth("octopush")
    assert (truth["requests"], truth["recipients"], truth["warnings"], truth["credit"]) == (0, [], [], 10)
    assert sandbox.request("GET", "/settings").json()["octopush"]["rate"] == "off"
    sandbox.octopush_send(list_name="batch-0001")
    assert sandbox.truth("octopush")["warnings"] == []


def test_settings_come_from_a_file(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"bird": {"rate_post": 7}}))
    assert SandboxSettings.from_file(path).as_json()["bird"]["rate_post"] == 7
    path.write_text("[]")
    with pytest.raises(SettingsError):
        SandboxSettings.from_file(path)


def test_one_sandbox_does_not_use_up_the_settings_of_another(wire):
    settings = SandboxSettings(bird={"respond": ["http:500"]})
    first, second = wire(), wire()
    first.app, second.app = create_app(settings), create_app(settings)
    assert [first.bird_send().status_code, second.bird_send().status_code] == [500, 500]


def test_warnings_are_bounded_and_the_rest_is_counted(wire):
    sandbox = wire()
    recipients = [{"phone_number": "+4917139200001", **{f"field_{n}": n for n in range(10_010)}}]
    sandbox.octopush_send(recipients=recipients)
    truth = sandbox.truth("octopush")
    assert (len(truth["warnings"]), truth["warnings_left_out"]) == (10_000, 10)
