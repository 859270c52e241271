"""Octopush calls about deliveries, STOPs and replies: what each body is called, and what it says."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, EventKind, MessageStatus
from tasks.providers.octopush.adapter import Octopush
from tasks.providers.octopush.callbacks import OctopushCallbacks, is_stop_word
from tasks.providers.octopush.statuses import STATUSES
from tasks.providers.registry import load_callbacks
from tasks.providers.reports import (
    CallbackRequest,
    ConsentReport,
    ReceivedEvent,
    ReplyReport,
    StatusReport,
    UnreadableEvent,
)

RECEIVED_AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
DELIVERY: dict[str, Any] = {
    "channel": "sms",
    "message_id": "sms_5f3fbce61266e",
    "list_name": "batch-0001",
    "number": "+491713920001",
    "status": "DELIVERED",
    "unit_price": 0.05,
    "delivery_date": "2026-01-05 11:46:06",
    "meta_data": {},
}
STOP = {
    "message_id": "sms_5f3fbce61266e",
    "number": "+491713920001",
    "text": "stop",
    "stop_date": "2026-01-05 11:11:45",
}
REPLY = {
    "message_id": "sms_5f3fbce61266e",
    "number": "+491713920001",
    "text": "When do you open?",
    "sim_card_number": "12345",
    "reception_date": "2026-01-05 11:11:45",
}
KINDS = [(DELIVERY, EventKind.DELIVERY), (STOP, EventKind.OPT_OUT), (REPLY, EventKind.REPLY)]


def receive(body: dict[str, Any] | bytes) -> ReceivedEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OctopushCallbacks().receive(CallbackRequest(url="https://example.com/x", headers={}, body=raw))


def read(payload: dict[str, Any], **settings: Any) -> list[Any]:
    return list(OctopushCallbacks(**settings).read(payload, RECEIVED_AT))


def test_the_registry_finds_them() -> None:
    callbacks = load_callbacks("octopush")
    assert isinstance(callbacks, OctopushCallbacks)
    assert not callbacks.is_signed


@pytest.mark.parametrize(("body", "kind"), KINDS)
def test_the_name_of_the_date_tells_the_kind(body: dict[str, Any], kind: EventKind) -> None:
    event = receive(body)
    assert (event.kind, event.payload, event.error) == (kind, body, None)


def test_both_names_of_a_replys_date_are_known() -> None:
    other = {"answer_date" if name == "reception_date" else name: value for name, value in REPLY.items()}
    assert receive(other).kind is EventKind.REPLY
    assert receive(other).dedupe_key == receive(REPLY).dedupe_key
    assert read(other) == read(REPLY)


def test_a_date_that_holds_nothing_does_not_tell_the_kind() -> None:
    assert receive({**STOP, "delivery_date": None}).kind is EventKind.OPT_OUT
    assert receive({**DELIVERY, "delivery_date": None}).kind is EventKind.DELIVERY


@pytest.mark.parametrize("body", [DELIVERY, STOP, REPLY])
def test_a_form_says_the_same_as_json(body: dict[str, Any]) -> None:
    form = receive(urlencode({name: value for name, value in body.items() if value != {}}).encode())
    assert (form.kind, form.error) == (receive(body).kind, None)
    assert form.dedupe_key == receive(body).dedupe_key
    assert read(dict(form.payload)) == read(body)


def test_a_plus_that_a_form_lost_is_put_back() -> None:
    form = "&".join(f"{name}={quote_plus(str(value), safe='+')}" for name, value in STOP.items()).encode()
    assert b"number=+49" in form
    assert receive(form).dedupe_key == receive(STOP).dedupe_key
    assert [report.address for report in read(dict(receive(form).payload))] == ["+491713920001"] * 2


def test_a_delivery_says_what_became_of_a_message() -> None:
    assert read(DELIVERY) == [
        StatusReport(
            status=MessageStatus.DELIVERED,
            raw_status="DELIVERED",
            at=datetime(2026, 1, 5, 10, 46, 6, tzinfo=UTC),
            request_reference="batch-0001",
            ticket="sms_5f3fbce61266e",
            address="+491713920001",
            cost=Decimal("0.05"),
        )
    ]


@pytest.mark.parametrize("absent", [{"list_name": None, "unit_price": None}, {"list_name": ""}])
def test_the_older_form_is_read_too(absent: dict[str, Any]) -> None:
    older = {name: value for name, value in DELIVERY.items() if name not in {"list_name", "unit_price"}}
    [report] = read(older)
    assert (report.request_reference, report.cost, report.status) == (None, None, MessageStatus.DELIVERED)
    assert read({**older, **absent}) == [report]
    # The same event, in whichever form it comes.
    assert receive(older).dedupe_key == receive(DELIVERY).dedupe_key


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("PROCESSED", "accepted", None),
        ("ACK", "sent", None),
        ("TRANSMITTED", "sent", None),
        ("ISP_SEND", "sent", None),
        ("DELIVERED", "delivered", None),
        ("READ", "delivered", "read"),
        ("OPENED", "delivered", "opened"),
        ("CLICKED", "delivered", "clicked"),
        ("NOT_DELIVERED", "undelivered", "not_delivered"),
        ("BAD_DESTINATION", "undelivered", "bad_destination"),
        ("NOT_ALLOWED", "rejected", "not_allowed"),
        ("BLACKLISTED_NUMBER", "rejected", "opted_out"),
        ("SPAM_PRESUMPTION", "rejected", "spam_suspected"),
        ("UNKNOWN_DELIVERY", "unconfirmed", "no_receipt"),
        ("UNDEFINED", "unconfirmed", "no_receipt"),
    ],
)
def test_every_documented_word_has_its_status(word: str, status: str, reason: str | None) -> None:
    report = read({**DELIVERY, "status": word})[0]
    assert (report.status, report.reason, report.raw_status) == (MessageStatus(status), reason, word)
    assert word in STATUSES


def test_no_word_is_in_the_table_that_is_not_documented() -> None:
    assert len(STATUSES) == 15


def test_a_word_in_another_case_is_the_same_word() -> None:
    report = read({**DELIVERY, "status": "delivered"})[0]
    assert (report.status, report.raw_status) == (MessageStatus.DELIVERED, "delivered")


def test_an_unknown_word_is_kept_and_changes_nothing() -> None:
    [report] = read({**DELIVERY, "status": "LOST_IN_SPACE"})
    assert (report.status, report.reason, report.raw_status) == (None, None, "LOST_IN_SPACE")


def test_a_blacklisted_number_is_an_opt_out() -> None:
    report, consent = read({**DELIVERY, "status": "BLACKLISTED_NUMBER"})
    assert report.reason == "opted_out"
    assert consent == ConsentReport(
        channel=Channel.SMS,
        address="+491713920001",
        source="BLACKLISTED_NUMBER receipt",
    )


def test_a_stop_is_an_opt_out_and_a_reply() -> None:
    at = datetime(2026, 1, 5, 10, 11, 45, tzinfo=UTC)
    consent, reply = read(STOP)
    assert consent == ConsentReport(channel=Channel.SMS, address="+491713920001", source="STOP callback")
    assert isinstance(reply, ReplyReport)
    assert (reply.text, reply.at, reply.ticket) == ("stop", at, "sms_5f3fbce61266e")


def test_a_reply_names_the_ticket_where_it_was_found() -> None:
    [reply] = read(REPLY)
    assert (reply.text, reply.ticket) == ("When do you open?", "sms_5f3fbce61266e")
    assert read({**REPLY, "message_id": ""})[0].ticket is None
    assert read({name: value for name, value in REPLY.items() if name != "message_id"})[0].ticket is None


def test_a_stop_that_is_told_as_a_reply_too_is_one_reply() -> None:
    twin = {**REPLY, "text": STOP["text"], "reception_date": STOP["stop_date"]}
    assert {report.dedupe_key for report in read(STOP) + read(twin) if isinstance(report, ReplyReport)} == {
        read(STOP)[1].dedupe_key
    }
    assert receive(twin).dedupe_key != receive(STOP).dedupe_key


@pytest.mark.parametrize(
    "text", ["STOP", " stop. ", "Arrêt !", "ARRET", "Stop SMS", "STOP au 36111", "stop 36111", "Désabonnement"]
)
def test_a_reply_that_is_a_stop_word_is_an_opt_out(text: str) -> None:
    consent, reply = read({**REPLY, "text": text})
    assert isinstance(reply, ReplyReport)
    assert (consent.address, consent.is_opt_in) == ("+491713920001", False)
    assert consent.source == "stop word in a reply"


@pytest.mark.parametrize(
    "text",
    ["", "!", "36111", "Don't stop", "stop writing so late", "bus stop", "end of June?", "yes", "stop" * 11],
)
def test_a_reply_that_says_anything_else_is_no_opt_out(text: str) -> None:
    assert [type(report) for report in read({**REPLY, "text": text})] == [ReplyReport]


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-01-05 11:46:06", "2026-01-05T10:46:06"),
        ("2026-07-05 11:46:06", "2026-07-05T09:46:06"),
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00"),  # comes twice: the earlier of the two
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00"),  # never comes
        ("2026-01-05T11:46:06+00:00", "2026-01-05T11:46:06"),
        ("2026-01-05", "2026-01-04T23:00:00"),
    ],
)
def test_a_date_without_a_zone_is_of_paris(local: str, utc: str) -> None:
    [report] = read({**DELIVERY, "delivery_date": local})
    assert report.at == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert report.at.tzinfo is UTC


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/New_York")])
def test_another_zone_shifts_times_and_nothing_else(zone: Any) -> None:
    [ours], [theirs] = read(DELIVERY), read(DELIVERY, zone=zone)
    assert ours.at != theirs.at
    assert (ours.status, ours.ticket, ours.address) == (theirs.status, theirs.ticket, theirs.address)


@pytest.mark.parametrize("date", [None, "", "yesterday", "2026-13-01 00:00:00", "0001-01-01 00:00:00", 7, [], {}])
def test_without_a_usable_date_the_time_of_the_callback_counts(date: Any) -> None:
    for body, name in ((DELIVERY, "delivery_date"), (STOP, "stop_date"), (REPLY, "reception_date")):
        reports = [report for report in read({**body, name: date}) if not isinstance(report, ConsentReport)]
        assert {report.at for report in reports} == {RECEIVED_AT}


@pytest.mark.parametrize(
    "number",
    ["+491713920001", "491713920001", 491713920001, "00491713920001", " +49 171 39 20 001 ", "+49 (171) 3920-001"],
    ids=repr,
)
def test_a_number_is_read_as_e164(number: Any) -> None:
    assert read({**DELIVERY, "number": number})[0].address == "+491713920001"
    assert receive({**DELIVERY, "number": number}).dedupe_key == receive(DELIVERY).dedupe_key


@pytest.mark.parametrize("price", [None, "", "free", -1, "NaN", "Infinity", 1e300, True, [], {}])
def test_a_price_that_is_none_is_left_out(price: Any) -> None:
    assert read({**DELIVERY, "unit_price": price})[0].cost is None


@pytest.mark.parametrize(("price", "cost"), [(0.1, "0.1"), ("0.05", "0.05"), (0, "0"), (1, "1")])
def test_a_price_is_exact(price: Any, cost: str) -> None:
    assert read({**DELIVERY, "unit_price": price})[0].cost == Decimal(cost)


@pytest.mark.parametrize(
    ("payload", "missing"),
    [
        ({}, "delivery_date"),
        ({**DELIVERY, "number": None}, "number"),
        ({**DELIVERY, "number": "0639980012"}, "number"),
        ({**DELIVERY, "number": "Octopush"}, "number"),
        ({**DELIVERY, "number": ["+491713920001"]}, "number"),
        ({**DELIVERY, "number": True}, "number"),
        ({**DELIVERY, "status": None}, "status"),
        ({**STOP, "number": ""}, "number"),
    ],
)
def test_what_cannot_be_read_names_the_member_and_no_number(payload: dict[str, Any], missing: str) -> None:
    with pytest.raises(UnreadableEvent, match=missing) as unreadable:
        read(payload)
    assert not any(letter.isdigit() for letter in str(unreadable.value))


@pytest.mark.parametrize(
    "body",
    [
        {**DELIVERY, "status": "ACK"},
        {**DELIVERY, "message_id": "sms_other"},
        {**DELIVERY, "number": "+491713920002"},
        {**DELIVERY, "delivery_date": "2026-01-05 11:46:07"},
        {**STOP, "number": "+491713920002"},
        {**STOP, "stop_date": "2026-01-05 11:11:46"},
        {**STOP, "message_id": "sms_other"},
        {**REPLY, "number": "+491713920002"},
        {**REPLY, "reception_date": "2026-01-05 11:11:46"},
        {**REPLY, "text": "When do you close?"},
    ],
)
def test_other_events_have_other_names(body: dict[str, Any]) -> None:
    assert receive(body).error is None
    assert receive(body).dedupe_key not in {receive(event).dedupe_key for event, _ in KINDS}


@pytest.mark.parametrize(
    ("body", "again"),
    [
        (DELIVERY, {**DELIVERY, "meta_data": {"x": 1}}),
        (DELIVERY, {**DELIVERY, "unit_price": 0.06}),
        (STOP, {**STOP, "text": "STOP"}),
        (REPLY, {**REPLY, "message_id": "sms_other"}),
        (REPLY, dict(reversed(REPLY.items()))),
    ],
)
def test_the_same_event_has_the_same_name(body: dict[str, Any], again: dict[str, Any]) -> None:
    assert receive(body).dedupe_key == receive(again).dedupe_key


@pytest.mark.parametrize("body", [{**event, "text": "x" * 5000} for event, _ in KINDS] + [b"x" * 5000])
def test_a_name_is_short_and_tells_no_number(body: Any) -> None:
    name = receive(body).dedupe_key
    assert len(name) <= 150
    assert "3920001" not in name


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "neither"),
        (b"null", "neither"),
        (b"[]", "neither"),
        (b"\xff\xfe", "neither"),
        (b"number=1&status=2", "neither"),
        (b"{" * 100_000, "neither"),
        ({}, "none of delivery_date"),
        ({"status": "DELIVERED"}, "none of delivery_date"),
        ({"delivery_date": "2026-01-05 11:46:06"}, "no number, status"),
        ({"stop_date": "2026-01-05 11:46:06"}, "no number"),
        ({**DELIVERY, "status": {}}, "no status"),
    ],
)
def test_what_means_nothing_is_kept_with_the_reason(body: Any, error: str) -> None:
    event = receive(body)
    assert error in str(event.error)
    assert event.dedupe_key.startswith("unreadable:")
    assert event.dedupe_key == receive(body).dedupe_key
    assert event.payload == (body if isinstance(body, dict) else {"raw": event.payload["raw"]})


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = sorted({*DELIVERY, *STOP, *REPLY, "answer_date"})


@given(st.binary())
def test_any_bytes_are_an_event(body: bytes) -> None:
    event = receive(body)
    assert event.dedupe_key == receive(body).dedupe_key
    assert len(event.dedupe_key) <= 150


@given(st.dictionaries(st.sampled_from(MEMBERS), ANY_JSON))
def test_members_of_any_type_are_an_event_that_reads_or_says_why_not(body: dict[str, Any]) -> None:
    event = receive(body)
    assert len(event.dedupe_key) <= 150
    try:
        reports = read(dict(event.payload))
    except UnreadableEvent:
        return
    assert event.error is None
    assert reports
    for report in reports:
        for value in asdict(report).values():
            assert "\0" not in str(value).encode().decode()


def test_what_no_database_takes_is_replaced() -> None:
    [reply] = read(json.loads(rb'{"number": "+491713920001", "text": "a\ud800b\u0000c", "reception_date": ""}'))
    assert reply.text == "a?b\N{REPLACEMENT CHARACTER}c"


def test_a_word_is_kept_in_part_where_it_is_none() -> None:
    [report] = read({**DELIVERY, "status": "x" * 5000})
    assert report.raw_status == "x" * 100


@given(st.text(max_size=60))
def test_any_text_is_a_stop_word_or_not(text: str) -> None:
    assert is_stop_word(text) in {True, False}


@pytest.mark.parametrize(
    ("options", "test_mode", "gives"),
    [
        ({}, False, True),
        ({"two_phase": True}, False, True),
        ({"type": "sms_low_cost"}, False, False),
        ({}, True, False),
    ],
)
def test_receipts_exist_only_of_premium_messages_that_are_really_sent(
    options: dict[str, Any], test_mode: bool, gives: bool
) -> None:
    content = {"channel": "sms", "purpose": "transactional", "text": "Hello", "test_mode": test_mode}
    assert Octopush.capabilities.pushes_status
    assert (
        Octopush.gives_receipts(Content.model_validate(content), Octopush.Options.model_validate(options)) is gives
    )
