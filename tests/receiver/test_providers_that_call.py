"""The providers that there are, through the doors that the registry gives them."""

import json
import time

import httpx
import pytest

from deployments.receiver.server import running_receiver
from tasks.messaging.statuses import EventKind
from tasks.providers.bird.callbacks import sign
from tests.receiver.receiver_process import SECRET, VARIABLES

DELIVERY = {
    "message_id": "sms_1",
    "number": "+12025550123",
    "status": "DELIVERED",
    "delivery_date": "2026-01-05 11:11:45",
}
STOP = {"message_id": "sms_1", "number": "+12025550123", "text": "stop", "stop_date": "2026-01-05 11:11:45"}
HOOK = {"_id": "65a1", "Msisdn": "27820000000", "Message": "hello", "Received": "2026-01-05T11:11:45Z"}
OUTBOUND = {"service": "channels", "event": "sms.outbound", "payload": {"id": "m1", "status": "delivered"}}


@pytest.fixture
def urls(database_url, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    with running_receiver() as receiver:
        yield receiver.callback_urls


def test_each_has_its_own_door(urls):
    paths = {provider: httpx.URL(url).path for provider, url in urls.items()}
    assert paths == {
        "bird": "/callbacks/bird",
        "dripcel": f"/callbacks/dripcel/{SECRET}",
        "octopush": f"/callbacks/octopush/{SECRET}",
    }


def test_what_each_sends_is_kept_under_its_own_name(urls, kept):
    body = json.dumps(OUTBOUND).encode()
    now = str(int(time.time()))
    signature = sign(VARIABLES["ROLLCALL_BIRD_SIGNING_KEY"], now, urls["bird"], body)
    signed = {"MessageBird-Request-Timestamp": now, "MessageBird-Signature": signature}
    forged = {**signed, "MessageBird-Signature": signature.swapcase()}
    with httpx.Client(trust_env=False) as client:
        answers = [
            client.post(urls["octopush"], json=DELIVERY),
            client.post(urls["octopush"], json=DELIVERY),
            client.post(urls["octopush"], json=STOP),
            client.post(urls["dripcel"], json=HOOK),
            client.get(urls["dripcel"], params=HOOK),
            client.post(urls["bird"], content=body, headers=forged),
            client.post(urls["bird"], content=body, headers=signed),
            client.post(urls["octopush"], content=b"gossip"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 401, 200, 200]
    assert {answer.content for answer in answers} == {b""}
    assert [(event.provider, event.kind, event.error is None) for event in kept()] == [
        ("octopush", EventKind.DELIVERY, True),
        ("octopush", EventKind.OPT_OUT, True),
        ("dripcel", EventKind.REPLY, True),
        ("bird", EventKind.DELIVERY, True),
        ("octopush", EventKind.UNKNOWN, False),
    ]
    assert all(event.dedupe_key.startswith(f"{event.provider}:") for event in kept())
