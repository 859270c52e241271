"""Callback requests that began as documented ones."""

import gzip
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tasks.providers.reports import CallbackRequest
from tests.hostile.mutation import mutate, mutate_json

BODIES: tuple[dict[str, Any], ...] = (
    {
        "service": "channels",
        "event": "sms.outbound",
        "payload": {
            "id": "00000000-0000-4000-8000-000000000001",
            "reference": "rc-1",
            "status": "delivered",
            "direction": "outgoing",
            "lastStatusAt": "2026-03-20T10:00:00.000Z",
            "failure": {"code": 1, "description": "x", "source": {"code": "7"}},
            "receiver": {"contacts": [{"identifierValue": "+46701740605"}]},
            "body": {"type": "text", "text": {"text": "Hello"}},
        },
    },
    {
        "service": "channels",
        "event": "sms.inbound",
        "payload": {
            "id": "00000000-0000-4000-8000-000000000002",
            "direction": "incoming",
            "createdAt": "2026-03-20T10:00:00Z",
            "sender": {"contact": {"identifierValue": "+46701740605"}},
            "replyTo": {"id": "00000000-0000-4000-8000-000000000001"},
            "body": {"type": "text", "text": {"text": "STOP"}},
        },
    },
    {
        "message_id": "sms_1",
        "number": "+46701740605",
        "status": "DELIVERED",
        "reception_date": "2026-03-20 10:00:00",
        "contact_list_name": "rc-1",
        "price": "0.05",
    },
    {"message_id": "sms_1", "number": "+46701740605", "text": "STOP", "unsubscribe_date": "2026-03-20 10:00:00"},
    {"message_id": "sms_1", "number": "+46701740605", "text": "Yes", "response_date": "2026-03-20 10:00:00"},
    {
        "_id": "65f",
        "Msisdn": "+46701740605",
        "kind": "optout",
        "campaign_id": "65e",
        "UserReference": "rc-1",
        "Received": "2026-03-20T10:00:00.000Z",
        "Message": "stop",
    },
    {"reply": {"_id": "65f", "Msisdn": "46701740605", "Message": 'He said "stop"'}},
)
_AROUND = (
    *(b"", b"{}", b"[]", b"null", b'"x"', b"7", b"-", b"{", b'{"a":', b"\xff\xfe", b"\0" * 100, b"[" * 50_000),
    *(b'{"a":' * 20_000, b'{"a":1,"a":2,"a":{"a":3}}', b"[" * 5000 + b"]" * 5000, b'{"n": 1e999, "m": NaN}'),
    *(b'{"n": ' + b"9" * 200_000 + b"}", b'{"a": "' + b"\\u0000\\ud800" * 20_000 + b'"}', b"a=1&a=2&%00=%ff&=&&"),
    *(b"x=%" * 10_000, gzip.compress(b"{}" * 5000), b'{"number": "' + b"+" * 100_000 + b'"}'),
    *(
        b'{"Msisdn": "+46701740605", "Message": "' + b'"' * 50_000,
        b'"m" : "' * 9_000,
        b'{"a":"' + b"\\" * 90_001 + b'"}',
    ),
    *(b'{"Message": "' + b'x", "' * 20_000, b'{"text": "' + b"stop " * 20_000 + b'", "unsubscribe_date": "x"}'),
)
_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"content-type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-encoding": "gzip"},
    {"messagebird-signature": "\xff\xfe", "messagebird-request-timestamp": "9" * 400},
    {"dripcel-idempotency-key": "\x00" * 500},
)


def requests_of(seed: int, count: int) -> Iterator[CallbackRequest]:
    """The fixed ones, then so many mutated ones; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311  # it has to repeat itself
    for body in _AROUND:
        yield CallbackRequest(url="", headers={}, body=body)
    for _ in range(count):
        body = json.dumps(mutate_json(dice.choice(BODIES), dice)).encode()
        if dice.random() < 0.3:
            body = mutate(body, dice)
        query: dict[str, str] = {}
        if dice.random() < 0.1:
            members = mutate_json(dice.choice(BODIES), dice)
            query = {str(key): str(value) for key, value in members.items()} if isinstance(members, dict) else {}
        elif dice.random() < 0.1:
            body = urlencode({"number": body.decode("latin-1"), "text": "\0", "response_date": "x"}).encode()
        yield CallbackRequest(url="", headers=dice.choice(_HEADERS), query=query, body=body)
