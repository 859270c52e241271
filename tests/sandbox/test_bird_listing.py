"""Expectations read from the provider's page: reading messages back."""

from typing import Any

import pytest

from tests.sandbox.wire import MESSAGES, bird_message


def listed(sandbox, **query: Any):
    answer = sandbox.bird("GET", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def references(sandbox, **query: Any):
    return [message["reference"] for message in listed(sandbox, **query)["results"]]


@pytest.fixture
def filled(wire):
    """25 messages to three numbers, a minute apart: r0 to r24."""

    def made(**switches: Any):
        sandbox = wire(bird={"rate_post": 1000, "rate_get": 1000, **switches})
        for n in range(25):
            sandbox.bird_send(f"+1202555010{n % 3}", reference=f"r{n}")
            sandbox.now += 60
        return sandbox

    return made


def test_ten_messages_are_listed_newest_first(filled):
    assert references(filled()) == [f"r{n}" for n in range(24, 14, -1)]


def test_pages_follow_each_other_without_gaps_or_repetitions(filled):
    sandbox = filled()
    page = listed(sandbox, limit=10)
    seen = [message["reference"] for message in page["results"]]
    while "nextPageToken" in page:
        sandbox.bird_send(reference="meanwhile")
        page = listed(sandbox, limit=10, pageToken=page["nextPageToken"])
        seen += [message["reference"] for message in page["results"]]
    assert seen == [f"r{n}" for n in range(24, -1, -1)]


def test_a_full_last_page_has_no_next_page(filled):
    assert "nextPageToken" not in listed(filled(), limit=25)


@pytest.mark.parametrize(
    ("switch", "limit", "count"),
    [("accept", 100, 100), ("accept", 120, 120), ("cap_100", 120, 100), ("accept", 5000, 120)],
)
def test_big_limits(wire, switch, limit, count):
    sandbox = wire(bird={"big_limit": switch})
    batch = [bird_message(reference=f"r{n}") for n in range(60)]
    for _ in range(2):
        sandbox.bird("POST", MESSAGES.replace("/messages", "/batch/messages"), {"messageRequests": batch})
    assert len(listed(sandbox, limit=limit)["results"]) == count


@pytest.mark.parametrize(
    ("switch", "query", "status"),
    [
        ("error_422", {"limit": "101"}, 422),
        ("accept", {"limit": "0"}, 422),
        ("accept", {"limit": "ten"}, 422),
        ("accept", {"pageToken": "tomorrow"}, 400),
        ("accept", {"startAt": "yesterday"}, 400),
        ("accept", {"startAt": "2026-01-01T00:00:00"}, 400),
        ("accept", {"startAt": "2025-12-29T11:19:59Z"}, 400),
        ("accept", {"startAt": "2025-12-29T11:20:00Z"}, 200),
        ("accept", {"startAt": "2025-01-01T00:00:00Z", "endAt": "2025-01-08T00:00:00Z"}, 200),
        ("accept", {"startAt": "2025-01-01T00:00:00Z", "endAt": "2025-01-08T00:00:01Z"}, 400),
        ("accept", {"endAt": "2026-01-05T11:20:00Z"}, 200),
    ],
)
def test_queries_that_are_refused(wire, switch, query, status):
    assert wire(bird={"big_limit": switch}).bird("GET", params=query).status_code == status


def test_messages_are_found_by_number_and_time(filled):
    sandbox = filled()
    assert references(sandbox, phonenumber="+12025550101", limit=3) == ["r22", "r19", "r16"]
    window = {"startAt": "2026-01-05T11:24:00Z", "endAt": "2026-01-05T11:30:00.000Z"}
    assert references(sandbox, **window) == ["r10", "r9", "r8", "r7", "r6", "r5", "r4"]
    assert references(sandbox, phonenumber="+12025550101", **window) == ["r10", "r7", "r4"]
    assert references(sandbox, phonenumber="+12025550199") == []


def test_a_plus_that_was_not_escaped_finds_nothing_and_is_objected_to(filled):
    sandbox = filled()
    answer = sandbox.bird("GET", f"{MESSAGES}?phonenumber=+12025550101")
    assert answer.json()["results"] == []
    assert sandbox.warned_fields("bird") == ["phonenumber"]


def test_messages_are_found_by_their_status_now(wire):
    sandbox = wire(bird={"delivery_scripts": {"+12025550102": ["accepted", "delivery_failed"]}})
    sandbox.bird_send(reference="good")
    sandbox.bird_send("+12025550102", reference="bad")
    assert references(sandbox, status="accepted") == ["bad", "good"]
    sandbox.now += 60
    assert references(sandbox, status="delivered") == ["good"]
    assert references(sandbox, status="delivery_failed") == ["bad"]
    assert references(sandbox, status="done") == []
    assert sandbox.warned_fields("bird") == ["status"]


def test_a_reference_filter_is_ignored_unless_it_works(filled):
    sandbox = filled()
    assert len(references(sandbox, reference="r7")) == 10
    assert sandbox.warned_fields("bird") == ["reference"]
    sandbox = filled(filter_reference="works")
    assert references(sandbox, reference="r7") == ["r7"]
    assert references(sandbox, reference="r7", phonenumber="+12025550102") == []
    assert sandbox.truth("bird")["warnings"] == []


def test_a_message_appears_in_lists_after_the_lag_and_by_id_at_once(wire):
    sandbox = wire(bird={"list_lag": 5})
    message_id = sandbox.bird_send(reference="r1").json()["id"]
    assert references(sandbox) == []
    assert sandbox.bird("GET", f"{MESSAGES}/{message_id}").status_code == 200
    sandbox.now += 5
    assert references(sandbox) == ["r1"]


def test_channels_and_workspaces_do_not_see_each_other(wire):
    sandbox = wire()
    message_id = sandbox.bird_send().json()["id"]
    other_channel = MESSAGES.replace("000c1", "000c2")
    assert sandbox.bird("GET", other_channel).json() == {"results": []}
    assert sandbox.bird("GET", MESSAGES.replace("000a1", "000a2")).json() == {"results": []}
    assert sandbox.bird("GET", f"{other_channel}/{message_id}").status_code == 404


@pytest.mark.parametrize("message_id", ["11111111-1111-4111-8111-111111111111", "x", "1"])
def test_an_unknown_message_is_404(wire, message_id):
    answer = wire().bird("GET", f"{MESSAGES}/{message_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


def test_an_id_that_was_not_given_yet_is_404(wire):
    sandbox = wire()
    message_id = sandbox.bird_send().json()["id"]
    assert sandbox.bird("GET", f"{MESSAGES}/{message_id[:-1]}9").status_code == 404
