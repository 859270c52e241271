"""Bird's webhooks: whose they are, what they are called, what they say."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.statuses import Channel, EventKind, MessageStatus
from tasks.providers.bird.callbacks import BirdCallbacks, sign
from tasks.providers.bird.keywords import OPT_IN_KEYWORDS, OPT_OUT_KEYWORDS, find_keyword
from tasks.providers.bird.options import BirdCredentials
from tasks.providers.bird.statuses import STATUSES
from tasks.providers.errors import ConfigurationError
from tasks.providers.registry import load_callbacks
from tasks.providers.reports import (
    CallbackRequest,
    ConsentReport,
    ReceivedEvent,
    ReplyReport,
    StatusReport,
    UnreadableEvent,
)
from tests.providers.test_against_sandbox import CREDENTIALS

URL = "https://hooks.example.com/bird"
KEY = "sandbox-signing-key"
SIGNED_AT = 1_735_689_600
DOCUMENTED_BODY = (
    b'{"service":"channels","event":"sms.outbound","payload":'
    b'{"id":"00000000-0000-4000-8000-000000000001","status":"delivered"}}'
)
DOCUMENTED_SIGNATURE = "hVEwA0zFg6c1TQHixDtXDHRtx/ZHjMcPsRuu97a5rWU="
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ID = "00000000-0000-4000-8000-000000000001"


def credentials(signing_key: str | None = KEY) -> BirdCredentials:
    return BirdCredentials.model_validate({**CREDENTIALS["bird"], "signing_key": signing_key})


def signed(
    body: bytes = DOCUMENTED_BODY,
    *,
    url: str = URL,
    timestamp: str = str(SIGNED_AT),
    signature: str = DOCUMENTED_SIGNATURE,
) -> CallbackRequest:
    headers = {"messagebird-signature": signature, "messagebird-request-timestamp": timestamp}
    return CallbackRequest(url=url, headers=headers, body=body)


def is_genuine(request: CallbackRequest, seconds_later: float = 0, key: str | None = KEY) -> bool:
    return BirdCallbacks(now=lambda: SIGNED_AT + seconds_later).is_genuine(request, credentials(key))


def receive(body: Any) -> ReceivedEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BirdCallbacks().receive(CallbackRequest(url=URL, headers={}, body=raw))


def outbound(**message: Any) -> dict[str, Any]:
    return {"service": "channels", "event": "sms.outbound", "payload": {"id": ID, "status": "sent", **message}}


def inbound(text: str | None = "Hello", **message: Any) -> dict[str, Any]:
    payload = {
        "id": ID,
        "status": "delivered",
        "direction": "incoming",
        "sender": {"contact": {"identifierKey": "phonenumber", "identifierValue": "+12025550101"}},
        "body": {"type": "text", "text": {"text": text}},
        "createdAt": "2026-01-05T11:20:00.5Z",
        **message,
    }
    return {"service": "channels", "event": "sms.inbound", "payload": payload}


def read(payload: dict[str, Any]) -> list[Any]:
    return list(BirdCallbacks().read(payload, NOW))


def test_the_registry_knows_them_and_they_are_signed() -> None:
    callbacks = load_callbacks("bird")
    assert isinstance(callbacks, BirdCallbacks)
    assert callbacks.is_signed


def test_the_documented_signature_is_genuine() -> None:
    assert len(DOCUMENTED_BODY) == 122
    assert sign(KEY, str(SIGNED_AT), URL, DOCUMENTED_BODY) == DOCUMENTED_SIGNATURE
    assert is_genuine(signed())


@pytest.mark.parametrize(
    "request_",
    [
        signed(DOCUMENTED_BODY + b"\n"),
        signed(DOCUMENTED_BODY.replace(b'":"', b'": "')),
        signed(url=f"{URL}/"),
        signed(timestamp=str(SIGNED_AT + 1)),
        signed(timestamp=""),
        signed(signature=""),
        signed(signature=DOCUMENTED_SIGNATURE.lower()),
        signed(signature="é\udcff\0"),
        CallbackRequest(url=URL, headers={}, body=DOCUMENTED_BODY),
    ],
)
def test_anything_changed_is_not_genuine(request_: CallbackRequest) -> None:
    assert not is_genuine(request_)


def test_another_key_is_not_genuine() -> None:
    assert not is_genuine(signed(), key="another")


@pytest.mark.parametrize("timestamp", ["soon", "-1", "1.5", "١٢٣", "9" * 13, "9" * 5000, "\udcff"])
def test_a_signed_timestamp_that_is_no_time_is_not_genuine(timestamp: str) -> None:
    signature = sign(KEY, timestamp, URL, DOCUMENTED_BODY)
    assert not is_genuine(signed(timestamp=timestamp, signature=signature))


@pytest.mark.parametrize(
    ("later", "genuine"),
    [
        (timedelta(hours=24), True),
        (timedelta(hours=48), True),
        (timedelta(hours=49), False),
        (timedelta(minutes=-59), True),
        (timedelta(hours=-2), False),
    ],
)
def test_a_retry_keeps_its_first_timestamp_and_stays_genuine_for_two_days(
    later: timedelta, *, genuine: bool
) -> None:
    assert is_genuine(signed(), later.total_seconds()) == genuine


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_setting_is_named(key: str | None) -> None:
    with pytest.raises(ConfigurationError, match="ROLLCALL_BIRD_SIGNING_KEY"):
        is_genuine(signed(), key=key)


@given(
    st.binary(),
    st.dictionaries(st.sampled_from(["messagebird-signature", "messagebird-request-timestamp"]), st.text()),
)
def test_no_bytes_and_no_headers_are_genuine_by_luck(body: bytes, headers: dict[str, str]) -> None:
    assert not BirdCallbacks().is_genuine(CallbackRequest(url=URL, headers=headers, body=body), credentials())


def test_a_receipt_is_named_by_message_status_and_failure() -> None:
    names = [
        receive(outbound()).dedupe_key,
        receive(outbound(status="delivered")).dedupe_key,
        receive(outbound(status="delivery_failed", failure={"code": 15001})).dedupe_key,
        receive(outbound(status="delivery_failed", failure={"code": 15005})).dedupe_key,
        receive(outbound(id="another")).dedupe_key,
        receive(inbound()).dedupe_key,
    ]
    assert len(set(names)) == len(names)
    again = receive(outbound(updatedAt="2026-01-05T11:20:00Z"))
    assert (again.kind, again.dedupe_key, again.error) == (EventKind.DELIVERY, names[0], None)


def test_a_reply_is_named_by_its_message() -> None:
    first, again = receive(inbound()), receive(inbound(status="read"))
    assert (first.kind, first.error) == (EventKind.REPLY, None)
    assert first.dedupe_key == again.dedupe_key


@pytest.mark.parametrize("message_id", ["x" * 5000, "é" * 60, "a\0b", "\ud800"])
def test_a_name_fits_the_ledger_whatever_the_id_is(message_id: str) -> None:
    for event in receive(outbound(id=message_id)), receive(inbound(id=message_id)):
        assert event.error is None
        assert len(event.dedupe_key) <= 150
        assert event.dedupe_key.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"payload": NaN}',
        b'{"a": 1e999, "event": "sms.outbound", "payload": {"id": "1", "status": "sent"}}',
        {},
        {"event": "sms.outbound"},
        {"event": "sms.outbound", "payload": None},
        {"event": "sms.outbound", "payload": {}},
        {"event": "sms.outbound", "payload": {"id": ID}},
        {"event": "sms.outbound", "payload": {"id": ID, "status": 7}},
        {"event": "sms.outbound", "payload": {"status": "sent"}},
        {"event": "sms.interaction", "payload": {"id": ID, "status": "sent"}},
        {"event": ["sms.outbound"], "payload": {"id": ID, "status": "sent"}},
        {"payload": {"id": ID, "status": "sent", "direction": ["incoming"]}},
        {"event": "sms.inbound", "payload": {"id": ID}},
        {"event": "sms.inbound", "payload": {"id": ID, "sender": {"contact": {"identifierValue": " "}}}},
        {"event": "whatsapp.inbound", "payload": inbound()["payload"]},
    ],
)
def test_what_cannot_be_read_is_kept_with_an_error(body: Any) -> None:
    event = receive(body)
    assert event.kind is EventKind.UNKNOWN
    assert event.error
    assert event.payload or body == {}
    assert event.dedupe_key == receive(body).dedupe_key
    json.dumps(event.payload, allow_nan=False)


@given(st.binary())
def test_no_bytes_make_receiving_fail(body: bytes) -> None:
    event = BirdCallbacks().receive(CallbackRequest(url=URL, headers={}, body=body))
    assert event.kind is EventKind.UNKNOWN


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = (
    "id",
    "status",
    "direction",
    "reference",
    "failure",
    "sender",
    "receiver",
    "body",
    "createdAt",
    "replyTo",
)
_MESSAGES = st.dictionaries(
    st.sampled_from(_MEMBERS),
    _JSON
    | st.sampled_from(
        ["incoming", "outgoing", "rejected", {"contact": {"identifierValue": "+12025550101"}}, {"code": 15005}]
    ),
)


@given(
    st.fixed_dictionaries(
        {"payload": _MESSAGES | _JSON},
        optional={"event": _JSON | st.sampled_from(["sms.outbound", "sms.inbound", "email.inbound"])},
    )
)
def test_what_is_received_without_an_error_can_be_read(body: dict[str, Any]) -> None:
    event = receive(body)
    assert len(event.dedupe_key) <= 150
    if event.error is None:
        assert read(dict(event.payload))
    else:
        with pytest.raises(UnreadableEvent):
            read(dict(event.payload))


@pytest.mark.parametrize("word", [*STATUSES, "buffered"])
def test_a_receipt_keeps_the_word_and_says_what_it_means(word: str) -> None:
    payload = outbound(
        status=word, reference="run7-1", lastStatusAt="2026-01-05T11:20:00+01:00", failure={"code": 15001}
    )
    [report] = read(payload)
    status, reason = STATUSES.get(word, (None, None))
    failed = {MessageStatus.REJECTED, MessageStatus.FAILED, MessageStatus.UNDELIVERED}
    assert report == StatusReport(
        status=status,
        raw_status=word,
        reason=reason or ("network_error" if status in failed else None),
        at=datetime(2026, 1, 5, 10, 20, tzinfo=UTC),
        reference="run7-1",
        provider_message_id=ID,
    )


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        (14999, {"details": "receiver opted out"}, "opted_out"),
        (14001, {}, "account_or_policy"),
        (15005, {"failure": {"code": 15005, "source": {"code": "1"}}}, "bad_destination"),
        (15001, {"reason": "DLR not received"}, "expired"),
        (99999, {}, "delivery_failed"),
    ],
)
def test_a_failed_receipt_says_why(code: int, said: dict[str, Any], reason: str) -> None:
    [report] = read(outbound(**{"status": "delivery_failed", "failure": {"code": code}, **said}))
    assert (report.status, report.reason) == (MessageStatus.UNDELIVERED, reason)


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ({"lastStatusAt": "2026-01-05T11:20:00.123456789Z"}, datetime(2026, 1, 5, 11, 20, 0, 123456, tzinfo=UTC)),
        ({"lastStatusAt": "soon", "updatedAt": "2026-01-05T11:20:00Z"}, datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ({"lastStatusAt": 5, "createdAt": "2026-01-05T11:20:00"}, datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ({"lastStatusAt": "0001-01-01T00:00:00+23:59"}, NOW),
        ({}, NOW),
    ],
)
def test_a_receipt_without_a_time_is_from_when_it_came(times: dict[str, Any], at: datetime) -> None:
    assert read(outbound(**times))[0].at == at


def test_a_delivered_message_that_came_in_is_a_reply_and_no_receipt() -> None:
    payload = inbound("Merci !", replyTo={"id": "m-1", "type": "message"})
    payload["event"] = "sms.outbound"
    assert read(payload) == [
        ReplyReport(
            channel=Channel.SMS,
            address="+12025550101",
            text="Merci !",
            at=datetime(2026, 1, 5, 11, 20, 0, 500_000, tzinfo=UTC),
            dedupe_key=ID,
            provider_message_id="m-1",
        )
    ]


@pytest.mark.parametrize("envelope", ["payload", "data", "message", None])
def test_other_envelopes_are_opened_too(envelope: str | None) -> None:
    message = inbound()["payload"]
    body = message if envelope is None else {envelope: message}
    assert receive(body).kind is EventKind.REPLY
    assert isinstance(read(body)[0], ReplyReport)
    assert (
        receive({"type": "sms", "payload": outbound(direction="outgoing")["payload"]}).kind is EventKind.DELIVERY
    )


@pytest.mark.parametrize("event", ["mms.outbound", "email.outbound", "whatsapp.outbound"])
def test_receipts_of_other_channels_are_read_alike(event: str) -> None:
    assert isinstance(read({**outbound(), "event": event})[0], StatusReport)


def test_a_reply_by_mms_may_have_no_text_and_a_number_gets_its_plus() -> None:
    sender = {"contact": {"identifierValue": "12025550101"}}
    body = {"type": "image", "image": {"images": [{"mediaUrl": "https://media.example.com/1.png"}]}}
    [reply] = read({**inbound(sender=sender, body=body), "event": "mms.inbound"})
    assert (reply.channel, reply.address, reply.text) == (Channel.MMS, "+12025550101", "")


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP", "stop"),
        (" stop.\n", "stop"),
        ("« Arrêt ! »", "arret"),
        ("Stop All", "stopall"),
        ("opt-out", "optout"),
        ("\uff33\uff34\uff2f\uff30", "stop"),
        ("STOP 🛑", "stop"),
        ("Остановить", "остановить"),
        ("Non arrêt", "nonarret"),
        ("start", "start"),
        ("Please stop calling it a sale", None),
        ("stop 2", None),
        ("", None),
        ("!", None),
        ("yes", None),
        ("help", None),
        ("stop" + " " * 5000, None),
    ],
)
def test_a_keyword_is_a_whole_message(text: str, keyword: str | None) -> None:
    assert find_keyword(text) == keyword


def test_every_keyword_is_found_in_any_case() -> None:
    for keyword in OPT_OUT_KEYWORDS | OPT_IN_KEYWORDS:
        assert find_keyword(keyword.upper()) == keyword
    assert OPT_OUT_KEYWORDS.isdisjoint(OPT_IN_KEYWORDS)


@pytest.mark.parametrize(
    ("text", "is_opt_in", "source"), [("Stop!", False, "reply STOP"), ("start", True, "reply START")]
)
def test_a_keyword_is_a_reply_and_a_wish(text: str, source: str, *, is_opt_in: bool) -> None:
    reply, consent = read(inbound(text))
    assert reply.text == text
    assert consent == ConsentReport(
        channel=Channel.SMS, address="+12025550101", is_opt_in=is_opt_in, at=reply.at, source=source
    )
