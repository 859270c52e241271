"""What becomes of messages where no script says it, and when."""

from datetime import UTC, datetime

import pytest

from tests.sandbox.wire import MESSAGES, bird_message

NUMBER = "+12025550101"


def test_outcomes_are_mixed_as_told_alike_in_every_run_and_told_alike_by_reads_and_truth(wire):
    mix = {"delivery_failed:15001": 0.2, "read": 0.1, "rejected": 0.1}
    runs = []
    for _ in range(2):
        sandbox = wire(
            bird={
                "outcomes": mix,
                "delivery_step_seconds": 0,
                "delivery_scripts": {NUMBER: ["accepted", "skipped"]},
            }
        )
        batch = [bird_message("+12025550102", reference=f"r{n}") for n in range(100)]
        path = MESSAGES.replace("/messages", "/batch/messages")
        sandbox.bird("POST", path, {"messageRequests": batch})
        sandbox.bird_send(NUMBER, reference="scripted")
        listed = sandbox.bird("GET", params={"limit": "1000"}).json()["results"]
        runs.append({one["reference"]: one["status"] for one in sandbox.truth("bird")["recipients"]})
        assert {one["reference"]: one["status"] for one in listed} == runs[-1]
    assert runs[0] == runs[1]
    assert runs[0].pop("scripted") == "skipped"
    words = list(runs[0].values())
    counts = {word: words.count(word) for word in ("delivered", "delivery_failed", "read", "rejected")}
    assert sum(counts.values()) == 100
    assert all(count > 2 for count in counts.values())
    assert counts["delivered"] > 40
    failed = next(one for one in listed if one["status"] == "delivery_failed")
    assert failed["failure"]["code"] == 15001


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("accepted", ["accepted"]),
        ("rejected:14001", ["accepted", "rejected"]),
        ("deleted", ["accepted", "processing", "deleted"]),
        ("sending_failed", ["accepted", "processing", "sending_failed"]),
        ("sent", ["accepted", "processing", "sent"]),
        ("delivery_failed", ["accepted", "processing", "sent", "delivery_failed"]),
        ("read", ["accepted", "processing", "sent", "delivered", "read"]),
        ("?buffered", ["accepted", "processing", "sent", "buffered"]),
    ],
)
def test_an_outcome_is_come_to_by_what_leads_there(wire, outcome, words):
    sandbox = wire(bird={"outcomes": {outcome: 1}})
    message_id = sandbox.bird_send().json()["id"]
    for word in [*words, words[-1]]:
        assert sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"] == word
        sandbox.now += 1


@pytest.mark.parametrize(
    "switches",
    [
        {"outcomes": {"lost": 0.1}},
        {"outcomes": {"delivered": 0.9, "rejected": 0.2}},
        {"outcomes": {"delivered": -0.1}},
        {"outcomes": {"delivered:15001": 0.1}},
        {"webhooks": "twice"},
        {"webhooks": "late"},
        {"webhooks": {"duplicate": 0.9, "lost": 0.2}},
        {"before_response": 2},
        {"delivery_script": ["?"]},
    ],
)
def test_a_switch_that_means_nothing_is_refused(wire, switches):
    assert wire().request("PATCH", "/settings", json={"bird": switches}).status_code == 422


MARKETING = {"meta": {"extraInformation": {"useCase": "marketing"}}}


@pytest.mark.parametrize(
    ("number", "local_hour", "fields", "waits_hours"),
    [
        ("+4917139200001", 23, MARKETING, 9),
        ("+4917139200001", 3, MARKETING, 5),
        ("+4917139200001", 12, MARKETING, 0),
        ("+4917139200001", 23, {}, 0),
        ("+4917139200001", 23, {**MARKETING, "ignoreQuietHours": True}, 0),
    ],
)
def test_marketing_waits_as_processing_for_the_end_of_quiet_hours(wire, number, local_hour, fields, waits_hours):
    sandbox = wire(bird={"quiet_hours": "on"})
    sandbox.now = datetime(2026, 1, 5, local_hour - 1, 30, tzinfo=UTC).timestamp()  # Berlin is an hour ahead
    message_id = sandbox.bird_send(number, **fields).json()["id"]

    def status() -> str:
        word: str = sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"]
        return word

    assert status() == "accepted"
    sandbox.now += 1
    assert status() == "processing"
    if waits_hours:
        sandbox.now += waits_hours * 3600 - 1800 - 2
        assert status() == "processing"
    sandbox.now += 1
    assert status() == "sent"
    sandbox.now += 1
    assert status() == "delivered"
