"""Expectations read from the provider's page: what it tells by itself, and what of that may go wrong."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from deployments.sandbox import Clock, SandboxSettings
from deployments.sandbox.server import RunningSandbox, running_sandbox
from deployments.sandbox.settings import SettingsError
from tests.sandbox.callback_receiver import CallbackReceiver, receiving_callbacks, wait_until
from tests.sandbox.wire import OCTOPUSH_HEADERS

START = 1_767_612_000.0  # 2026-01-05T11:20:00Z, 12:20 in Paris
NUMBER = "+4917139200001"


@dataclass
class Scene:
    """A sandbox whose time stands still until a test moves it, and whom it calls."""

    running: RunningSandbox
    client: httpx.Client
    receiver: CallbackReceiver
    time: list[float]

    @property
    def now(self) -> float:
        return self.time[0]

    @now.setter
    def now(self, unix_seconds: float) -> None:
        self.time[0] = unix_seconds

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, f"/octopush/v1/public{path}", json=body, headers=OCTOPUSH_HEADERS)

    def send(self, numbers: list[str] | None = None, **fields: Any) -> str:
        recipients = [{"phone_number": number} for number in numbers or [NUMBER]]
        body = {"text": "Hi", "recipients": recipients, "type": "sms_premium", "purpose": "alert", **fields}
        answer = self.call("POST", "/sms-campaign/send", body)
        assert answer.status_code == 200
        ticket: str = answer.json()["sms_ticket"]
        return ticket

    def control(self, what: str, body: Any) -> httpx.Response:
        return self.client.post(f"/octopush-control/{what}", json=body)

    def switch(self, **switches: Any) -> None:
        assert self.client.patch("/settings", json={"octopush": switches}).status_code == 200

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and wait until something of what is due by then was told."""
        before = self.pushed
        self.now += seconds
        wait_until(lambda: self.pushed > before)

    def let_all_be_told(self) -> None:
        """Let time pass until nothing is left to be told, and a minute more."""

        def is_all_told() -> bool:
            self.now += 1
            return not self.waiting

        wait_until(is_all_told)
        self.now += 60

    @property
    def local_time(self) -> str:
        """In Paris, in winter."""
        return datetime.fromtimestamp(self.now, timezone(timedelta(hours=1))).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def counts(self) -> Counter[str]:
        return self.running.app.providers["octopush"].pusher.counts

    @property
    def waiting(self) -> int:
        return self.counts["waiting"]

    @property
    def pushed(self) -> int:
        return self.counts["taken"] + self.counts["given_up"]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.receiver.calls]

    @property
    def words(self) -> list[str]:
        return [event["status"] for event in self.told]

    @property
    def truth(self) -> dict[str, str]:
        recipients = self.client.get("/truth").json()["octopush"]["recipients"]
        return {recipient["address"]: recipient["status"] for recipient in recipients}


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[RunningSandbox, httpx.Client, list[float]]]:
    """A sandbox, a client of it, and its time."""
    now = [START]
    clock = Clock(now=lambda: now[0], monotonic=lambda: now[0])
    with running_sandbox(clock=clock) as running, httpx.Client(base_url=running.url) as client:
        yield running, client, now


@pytest.fixture
def scene(stage: tuple[RunningSandbox, httpx.Client, list[float]]) -> Iterator[Callable[..., Scene]]:
    """`scene(callbacks="lost")`: a sandbox with these switches, ten seconds from each status to the next."""
    running, client, time = stage
    time[0] = START
    assert client.post("/reset").status_code == 204
    with receiving_callbacks() as receiver:

        def build(**switches: Any) -> Scene:
            octopush = Scene(running, client, receiver, time)
            octopush.switch(
                **{
                    "callback_url": f"{receiver.url}/callbacks/octopush/secret",
                    "callback_delay_seconds": 10,
                    "callback_timeout_seconds": 15,
                    "outcomes": {"DELIVERED": 1},
                    **switches,
                }
            )
            return octopush

        yield build


def test_by_default_nobody_is_called_and_the_truth_is_what_was_accepted(scene) -> None:
    octopush = scene(callback_url=None)
    octopush.send()
    octopush.control("stops", {"number": NUMBER})
    octopush.now += 100
    assert octopush.truth == {NUMBER: "accepted"}
    assert not octopush.counts
    assert SandboxSettings().as_json()["octopush"]["callback_url"] is None


def test_a_message_is_told_of_when_a_carrier_took_it_and_when_it_arrived(scene) -> None:
    octopush = scene()
    ticket = octopush.send(list_name="batch-0001")
    assert octopush.truth == {NUMBER: "accepted"}
    assert octopush.told == []
    octopush.pass_time(10)
    assert octopush.words == ["ACK"]
    assert octopush.truth == {NUMBER: "ACK"}
    octopush.pass_time(10)
    assert octopush.truth == {NUMBER: "DELIVERED"}
    common = {
        "channel": "sms",
        "message_id": ticket,
        "list_name": "batch-0001",
        "number": NUMBER,
        "unit_price": 0.05,
        "meta_data": {},
    }
    assert octopush.told == [
        {**common, "status": "ACK", "delivery_date": "2026-01-05 12:20:10"},
        {**common, "status": "DELIVERED", "delivery_date": "2026-01-05 12:20:20"},
    ]
    [call, _] = octopush.receiver.calls
    assert (call.method, call.path) == ("POST", "/callbacks/octopush/secret")
    assert call.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        ("once", ["ACK", "DELIVERED"]),
        ("duplicate", ["ACK", "ACK", "DELIVERED", "DELIVERED"]),
        ("reorder", ["DELIVERED", "ACK"]),
        ("final_only", ["DELIVERED"]),
        ("lost", []),
        ({"duplicate": 1}, ["ACK", "ACK", "DELIVERED", "DELIVERED"]),
        ({"duplicate": 0, "lost": 1}, []),
        ({}, ["ACK", "DELIVERED"]),
    ],
)
def test_callbacks_go_wrong_by_switch_and_the_truth_does_not(scene, callbacks, words) -> None:
    octopush = scene(callbacks=callbacks)
    octopush.send()
    octopush.let_all_be_told()
    assert octopush.words == words
    assert octopush.truth == {NUMBER: "DELIVERED"}
    repeated = [event for event in octopush.told if event["status"] == "DELIVERED"]
    assert all(event == repeated[0] for event in repeated)
    assert {event["delivery_date"] for event in repeated} <= {"2026-01-05 12:20:20"}


def test_callbacks_may_come_before_the_answer_of_the_send(scene) -> None:
    octopush = scene(callbacks="before_response")
    ticket = octopush.send([NUMBER, "+4917139200002"])
    assert octopush.words == ["ACK", "ACK", "DELIVERED", "DELIVERED"]
    assert {event["message_id"] for event in octopush.told} == {ticket}
    octopush.let_all_be_told()
    assert len(octopush.told) == 4


def test_shares_of_the_messages_go_wrong_and_always_the_same_ones(scene) -> None:
    octopush = scene(callbacks={"duplicate": 0.1, "lost": 0.1})
    numbers = [f"+336{n:08d}" for n in range(500)]
    octopush.send(numbers)
    octopush.let_all_be_told()
    finals = Counter(event["number"] for event in octopush.told if event["status"] == "DELIVERED")
    times = Counter(finals[number] for number in numbers)
    assert times[0] + times[1] + times[2] == 500
    assert 20 < times[0] < 90
    assert 20 < times[2] < 90
    assert len(octopush.told) == 2 * sum(finals.values())
    assert set(octopush.truth.values()) == {"DELIVERED"}
    octopush.send(numbers)
    octopush.let_all_be_told()
    again = Counter(event["number"] for event in octopush.told if event["status"] == "DELIVERED")
    assert again == Counter({number: 2 * count for number, count in finals.items()})


def test_outcomes_are_mixed_and_the_truth_is_what_was_told(scene) -> None:
    octopush = scene(outcomes={"DELIVERED": 8, "NOT_DELIVERED": 1, "UNKNOWN_DELIVERY": 1})
    octopush.send([f"+336{n:08d}" for n in range(500)])
    octopush.let_all_be_told()
    last = {event["number"]: event["status"] for event in octopush.told if event["status"] != "ACK"}
    assert octopush.truth == last
    shares = Counter(last.values())
    assert 340 < shares["DELIVERED"] < 460
    assert min(shares["NOT_DELIVERED"], shares["UNKNOWN_DELIVERY"]) > 20
    assert octopush.words[:500] == ["ACK"] * 500


def test_the_statuses_of_a_number_can_be_written_down(scene) -> None:
    others = ["+4917139200002", "+4917139200003"]
    octopush = scene(
        delivery_statuses={NUMBER: ["PROCESSED", "TRANSMITTED", "ACK", "SPAM_PRESUMPTION"], others[0]: []}
    )
    octopush.send([NUMBER, *others])
    octopush.let_all_be_told()
    told: dict[str, list[str]] = {}
    for event in octopush.told:
        told.setdefault(event["number"], []).append(event["status"])
    assert told == {
        NUMBER: ["PROCESSED", "TRANSMITTED", "ACK", "SPAM_PRESUMPTION"],
        others[1]: ["ACK", "DELIVERED"],
    }
    assert octopush.truth == {NUMBER: "SPAM_PRESUMPTION", others[0]: "accepted", others[1]: "DELIVERED"}


def test_there_are_no_receipts_of_low_cost_messages(scene) -> None:
    octopush = scene()
    octopush.send(type="sms_low_cost")
    octopush.let_all_be_told()
    assert octopush.told == []
    assert octopush.truth == {NUMBER: "accepted"}


@pytest.mark.parametrize(("simulation", "words"), [("no_trace", []), ("callbacks", ["ACK", "DELIVERED"])])
def test_a_simulation_leaves_no_trace_or_one_by_switch(scene, simulation, words) -> None:
    octopush = scene(simulation=simulation)
    octopush.send(simulation_mode=True)
    octopush.let_all_be_told()
    assert octopush.words == words
    assert octopush.truth == {NUMBER: "DELIVERED" if words else "accepted"}


def test_a_number_on_the_blacklist_is_told_as_such(scene) -> None:
    octopush = scene(opted_out=[NUMBER])
    octopush.send([NUMBER, "+4917139200002"])
    octopush.let_all_be_told()
    assert [event["status"] for event in octopush.told if event["number"] == NUMBER] == ["BLACKLISTED_NUMBER"]
    octopush.send([NUMBER, "+4917139200002"], auto_delete_optout_contacts=True)
    octopush.let_all_be_told()
    assert Counter(event["number"] for event in octopush.told) == {NUMBER: 1, "+4917139200002": 4}


def test_a_scheduled_campaign_is_told_of_after_its_time(scene) -> None:
    octopush = scene(callbacks="before_response")
    octopush.send(send_at="2026-01-05T12:20:00+00:00")
    octopush.now += 3600
    assert octopush.truth == {NUMBER: "scheduled"}
    assert octopush.told == []
    octopush.pass_time(10)
    octopush.pass_time(10)
    assert [(event["status"], event["delivery_date"]) for event in octopush.told] == [
        ("ACK", "2026-01-05 13:20:10"),
        ("DELIVERED", "2026-01-05 13:20:20"),
    ]


def test_a_two_phase_campaign_is_told_of_once_it_is_confirmed(scene) -> None:
    octopush = scene(confirm_again="ok")
    octopush.call("POST", "/contact/create", {"contacts": [{"phone_number": NUMBER}], "list_name": "batch-0002"})
    draft = {"list_name": "batch-0002", "text": "Hi", "type": "sms_premium", "purpose": "alert"}
    ticket = octopush.call("POST", "/sms-campaign-on-list/create", draft).json()["ticket_number"]
    octopush.let_all_be_told()
    assert octopush.told == []
    for _ in range(2):  # the second one changes nothing
        confirmed = octopush.call("POST", "/sms-campaign-on-list/send", {"ticket_number": ticket})
        assert confirmed.status_code == 200
    octopush.let_all_be_told()
    assert octopush.words == ["ACK", "DELIVERED"]
    assert {(event["message_id"], event["list_name"]) for event in octopush.told} == {(ticket, "batch-0002")}


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        ("lose_after", ["ACK", "DELIVERED"]),
        ("http_after:503", ["ACK", "DELIVERED"]),
        ("lose_before", []),
        ("http:503", []),
    ],
)
def test_a_lost_answer_is_settled_by_the_callbacks_that_name_the_list(scene, respond, words) -> None:
    octopush = scene(respond=[respond])
    body = {"text": "Hi", "recipients": [{"phone_number": NUMBER}], "purpose": "alert", "list_name": "batch-7"}
    try:
        assert octopush.call("POST", "/sms-campaign/send", body).status_code == 503
    except httpx.HTTPError:
        assert respond.startswith("lose")
    octopush.let_all_be_told()
    assert octopush.words == words
    assert all(event["list_name"] == "batch-7" and event["message_id"] for event in octopush.told)


def test_a_callback_may_be_a_form(scene) -> None:
    octopush = scene(callback_body="form")
    ticket = octopush.send(list_name="batch-0001")
    octopush.pass_time(10)
    [call] = octopush.receiver.calls
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(call.body.decode())) == {
        "channel": "sms",
        "message_id": ticket,
        "list_name": "batch-0001",
        "number": NUMBER,
        "status": "ACK",
        "unit_price": "0.05",
        "delivery_date": "2026-01-05 12:20:10",
    }


def test_a_callback_may_lack_what_older_pages_do_not_have(scene) -> None:
    octopush = scene(callback_body="old_json", date_zone="UTC")
    ticket = octopush.send(list_name="batch-0001")
    octopush.pass_time(10)
    assert octopush.told == [
        {
            "channel": "sms",
            "message_id": ticket,
            "number": NUMBER,
            "status": "ACK",
            "delivery_date": "2026-01-05 11:20:10",
            "meta_data": {},
        }
    ]


def test_a_campaign_without_a_list_is_told_of_without_one(scene) -> None:
    octopush = scene()
    octopush.send()
    octopush.pass_time(10)
    assert octopush.told[0]["list_name"] is None


@pytest.mark.parametrize(("callback_retry", "attempts"), [("none", 1), (2, 3)])
def test_a_callback_that_is_not_taken_is_repeated_by_switch(scene, callback_retry, attempts) -> None:
    octopush = scene(callback_retry=callback_retry, callback_retry_seconds=0, callbacks="final_only")
    octopush.receiver.answer = lambda _: 500
    octopush.send()
    octopush.let_all_be_told()
    assert octopush.words == ["DELIVERED"] * attempts
    assert octopush.counts["given_up"] == 1


def test_a_stop_is_told_with_the_last_ticket_and_blacklists_the_number(scene) -> None:
    octopush = scene()
    octopush.send()
    last = octopush.send([NUMBER, "+4917139200002"])
    octopush.send(["+4917139200002"])
    octopush.let_all_be_told()
    before = len(octopush.told)
    stop_date = octopush.local_time
    assert octopush.control("stops", {"number": NUMBER}).json() == {"message_id": last}
    wait_until(lambda: not octopush.waiting)
    assert octopush.told[before:] == [
        {"message_id": last, "number": NUMBER, "text": "STOP", "stop_date": stop_date}
    ]
    shown = octopush.client.get("/settings").json()["octopush"]
    assert shown["opted_out"] == [NUMBER]
    octopush.switch(credit=10)  # another switch leaves the blacklist as it is
    octopush.send()
    octopush.let_all_be_told()
    assert octopush.told[-1]["status"] == "BLACKLISTED_NUMBER"


def test_a_stop_before_any_message_has_no_ticket(scene) -> None:
    octopush = scene(callbacks="duplicate")
    assert octopush.control("stops", {"number": NUMBER, "text": "Arret"}).json() == {"message_id": None}
    wait_until(lambda: not octopush.waiting)
    event = {"message_id": "", "number": NUMBER, "text": "Arret", "stop_date": "2026-01-05 12:20:00"}
    assert octopush.told == [event, event]


@pytest.mark.parametrize("date_name", ["reception_date", "answer_date"])
def test_a_reply_is_told_under_either_name_of_its_date(scene, date_name) -> None:
    octopush = scene(reply_date_name=date_name)
    ticket = octopush.send()
    octopush.let_all_be_told()
    before = len(octopush.told)
    octopush.control("replies", {"number": NUMBER, "text": "Où ça ?"})
    octopush.control("replies", {"number": "+4917139200002", "text": "Who is it?"})
    wait_until(lambda: not octopush.waiting)
    common = {"sim_card_number": "12345", date_name: octopush.local_time}
    told = sorted(octopush.told[before:], key=lambda event: event["number"])
    assert told == [
        {"message_id": ticket, "number": NUMBER, "text": "Où ça ?", **common},
        {"number": "+4917139200002", "text": "Who is it?", **common},
    ]
    assert octopush.client.get("/settings").json()["octopush"]["opted_out"] == []


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("stops", {}),
        ("stops", []),
        ("stops", {"number": 7}),
        ("stops", {"number": NUMBER, "text": None}),
        ("replies", {"number": NUMBER}),
        ("replies", {"text": "x"}),
    ],
)
def test_a_person_needs_a_number_and_a_text(scene, what, body) -> None:
    octopush = scene()
    assert octopush.control(what, body).status_code == 422
    assert not octopush.waiting


def test_switches_turned_later_do_not_rewrite_what_happened(scene) -> None:
    octopush = scene()
    octopush.send()
    octopush.switch(outcomes={"NOT_DELIVERED": 1}, callback_url=None)
    octopush.let_all_be_told()
    octopush.send(["+4917139200002"])
    octopush.let_all_be_told()
    assert octopush.words == ["ACK", "DELIVERED"]
    assert octopush.truth == {NUMBER: "DELIVERED", "+4917139200002": "accepted"}


def test_a_reset_sandbox_calls_nobody_any_more(scene) -> None:
    octopush = scene()
    octopush.send()
    old = octopush.running.app.providers["octopush"].pusher
    assert octopush.client.post("/reset").status_code == 204
    assert old.counts["waiting"] == 0
    octopush.now += 100
    scene(callbacks="final_only", callback_delay_seconds=0)
    octopush.send()
    wait_until(lambda: bool(octopush.told))
    assert octopush.words == ["DELIVERED"]


@pytest.mark.parametrize(
    "switches",
    [
        {"callback_url": "https://example.com/"},
        {"callback_url": "example.com"},
        {"callbacks": "sometimes"},
        {"callbacks": {"lost": 1.5}},
        {"callbacks": {"lost": 0.6, "duplicate": 0.6}},
        {"outcomes": {}},
        {"outcomes": {"DELIVERED": -1}},
        {"callback_retry": 0},
        {"date_zone": "Mars/Base"},
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(switches) -> None:
    with pytest.raises(SettingsError):
        SandboxSettings(octopush=switches)
