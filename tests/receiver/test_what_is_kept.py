"""What is in the table afterwards, whatever the body was: on both databases."""

import json

from tasks.messaging.statuses import EventKind

UNREADABLE = {
    b"": "the receiver failed: KeyError",
    b"\xff\xfe": "the body is not JSON",
    b"[" * 100_000: "the body is not JSON",
    b"[1]": "the receiver failed: AttributeError",
    b'{"no": "id"}': "the receiver failed: KeyError",
    b'{"id": 5}': "the receiver failed: TypeError",
    b'{"id": "e1", "kind": "gossip"}': "the receiver failed: ValueError",
    b'{"id": "e1", "cost": NaN}': "the receiver failed: ValueError",
    b'{"id": "e1", "cost": 1e999}': "the receiver failed: ValueError",
}

UNSTORABLE = {
    b'{"id": "e1", "a\\u0000": ["\\u0000x"]}': {"id": "e1", "a\ufffd": ["\ufffdx"]},
    b'{"id": "e2", "a": {"b": "\\ud83d!"}}': {"id": "e2", "a": {"b": "\ufffd!"}},
    b'{"id": "e3", "a": "\\ud83d\\ude00 \\\\u0000"}': {"id": "e3", "a": "\U0001f600 \\u0000"},
    b"{\0}": {"raw": "{\ufffd}"},
}

UNNAMEABLE = ("x" * 500, "\u0000", "\u00e9", "\ud800")


def test_what_cannot_be_read_is_taken_and_kept_raw_once_with_its_error(wire, kept):
    for body in (*UNREADABLE, *UNREADABLE):
        answer = wire.plain(body)
        assert (answer.status_code, answer.content) == (200, b"")
    events = kept()
    assert [event.error for event in events] == list(UNREADABLE.values())
    for event, body in zip(events, UNREADABLE, strict=True):
        assert event.kind is EventKind.UNKNOWN
        assert event.payload == {"raw": body[:20_000].decode("utf-8", "backslashreplace")}
        assert event.processed_at == event.received_at


def test_characters_that_a_database_cannot_hold_are_replaced(wire, kept):
    for body in UNSTORABLE:
        assert wire.plain(body).status_code == 200
    assert [event.payload for event in kept()] == list(UNSTORABLE.values())


def test_a_name_that_no_column_can_hold_is_digested(wire, kept):
    for name in (*UNNAMEABLE, *UNNAMEABLE):
        assert wire.plain(json.dumps({"id": name}).encode()).status_code == 200
    events = kept()
    assert [event.payload["id"][0] for event in events] == ["x", "\ufffd", "\u00e9", "\ufffd"]
    assert {event.dedupe_key[:13] for event in events} == {"plain:digest:"}
