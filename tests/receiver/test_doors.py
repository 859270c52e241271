"""Who is let in, and what is refused. One receiver for all of these; its table is empty at the start of each."""

import re
import socket

import pytest
from sqlalchemy import delete

from tasks.messaging.statuses import EventKind
from tasks.store.session import Ledger
from tasks.store.tables import ProviderEvent
from tests.receiver.conftest import SETTINGS, serving
from tests.receiver.readers import sign
from tests.receiver.receiver_process import SECRET


@pytest.fixture(scope="module")
def url_of_database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('doors') / 'ledger.db'}"


@pytest.fixture(scope="module")
def wire(url_of_database):
    with serving(url_of_database) as started:
        yield started


@pytest.fixture
def ledger(url_of_database, wire):
    with Ledger(url_of_database) as opened:
        with opened.writing() as connection:
            connection.execute(delete(ProviderEvent))
        yield opened


def signed(wire, body, *, key="key", query=""):
    url = f"{wire.url}/callbacks/signing{query}"
    return wire.request("POST", url, content=body, headers={"Signature": sign(url, body, key)})


def test_an_event_is_kept_as_it_came_and_answered_with_an_empty_200(wire, kept):
    answer = wire.plain(b'{"id": "e1", "text": "Z\\u00fcrich"}')
    assert (answer.status_code, answer.content) == (200, b"")
    assert "set-cookie" not in answer.headers
    [event] = kept()
    assert (event.provider, event.kind, event.dedupe_key) == ("plain", EventKind.DELIVERY, "plain:e1")
    assert event.payload == {"id": "e1", "text": "Zürich"}
    assert event.received_at.tzinfo is not None
    assert (event.processed_at, event.error) == (None, None)


def test_an_event_in_the_query_is_kept(wire, kept):
    answer = wire.request("GET", f"/callbacks/plain/{SECRET}?id=q1&text=50%25+off")
    assert (answer.status_code, answer.content) == (200, b"")
    assert [event.payload for event in kept()] == [{"id": "q1", "text": "50% off"}]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_somebody_who_only_looks_leaves_nothing(wire, kept, method):
    assert wire.request(method, f"/callbacks/plain/{SECRET}").status_code == 200
    assert kept() == []


def test_repetitions_are_taken_and_kept_once(wire, kept):
    assert [wire.plain(b'{"id": "e1"}').status_code for _ in range(3)] == [200] * 3
    assert [event.dedupe_key for event in kept()] == ["plain:e1"]


def test_equal_names_of_two_providers_are_two_events(wire, kept):
    assert wire.plain(b'{"id": "e1"}').status_code == signed(wire, b'{"id": "e1"}').status_code == 200
    assert [event.dedupe_key for event in kept()] == ["plain:e1", "signing:e1"]


@pytest.mark.parametrize("secret", ["another-secret-in-it", SECRET[:-1], f"{SECRET}x", "%C3%A9"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_wrong_secret_is_refused_and_nothing_is_kept(wire, kept, method, secret):
    answer = wire.request(method, f"/callbacks/plain/{secret}?id=e1")
    assert (answer.status_code, answer.content) == (401, b"")
    assert kept() == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/callbacks/plain",
        f"/callbacks/plain/{SECRET}/",
        f"/callbacks/nobody/{SECRET}",
        f"/callbacks/signing/{SECRET}",
        "/docs",
        "/redoc",
        "/openapi.json",
    ],
)
def test_nothing_else_is_there(wire, kept, path):
    assert wire.request("POST", path, content=b'{"id": "e1"}').status_code == 404
    assert wire.request("GET", path).status_code == 404
    assert kept() == []


def test_a_signature_is_all_that_a_signing_provider_needs(wire, kept):
    assert signed(wire, b'{"id": "e1"}', query="?a=b%20c").status_code == 200
    assert [event.provider for event in kept()] == ["signing"]


@pytest.mark.parametrize("signature", ["", "wrong", "stumble"])
def test_a_wrong_signature_is_refused_and_nothing_is_kept(wire, kept, signature):
    headers = {"Signature": signature} if signature else {}
    answer = wire.request("POST", "/callbacks/signing", content=b'{"id": "e1"}', headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert kept() == []


def test_behind_a_proxy_a_signature_covers_the_public_address(url_of_database, kept):
    body = b'{"id": "e1"}'
    with serving(url_of_database, public_url="https://hooks.example.com/rollcall/") as wire:
        for base, status in (("https://hooks.example.com/rollcall", 200), (wire.url, 401)):
            signature = sign(f"{base}/callbacks/signing", body, "key")
            answer = wire.request("POST", "/callbacks/signing", content=body, headers={"Signature": signature})
            assert answer.status_code == status
    assert len(kept()) == 1


@pytest.mark.parametrize("provider", ["unset", "keyless"])
def test_what_cannot_be_verified_is_neither_kept_nor_taken_for_wrong(wire, kept, provider):
    answer = wire.request("POST", f"/callbacks/{provider}", content=b'{"id": "e1"}', headers={"Signature": "x"})
    assert (answer.status_code, answer.content) == (503, b"")
    assert kept() == []


def chunked(body):
    yield from (body[at : at + 50_000] for at in range(0, len(body), 50_000))


@pytest.mark.parametrize("pieces", [lambda body: body, chunked], ids=["with_length", "chunked"])
def test_a_body_over_the_limit_is_refused_however_it_comes(wire, kept, pieces):
    head, tail = b'{"id": "e1", "text": "', b'"}'
    longest = head + b"x" * (SETTINGS.max_body_bytes - len(head) - len(tail)) + tail
    assert wire.plain(pieces(longest)).status_code == 200
    answer = wire.plain(pieces(longest + b" "))
    assert (answer.status_code, answer.content) == (413, b"")
    assert len(kept()) == 1
    assert wire.plain(b'{"id": "e2"}').status_code == 200


def half_a_request(wire):
    host, port = wire.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    path = f"/callbacks/plain/{SECRET}"
    connection.sendall(f'POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 13\r\n\r\n{{"id": '.encode())
    return connection


def test_a_body_that_does_not_come_is_not_waited_for(url_of_database, kept):
    with serving(url_of_database, body_seconds=0.1) as wire, half_a_request(wire) as connection:
        answer = b"".join(iter(lambda: connection.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert kept() == []


def test_half_a_body_is_not_an_event(wire, kept):
    half_a_request(wire).close()
    assert wire.plain(b'{"id": "e2"}').status_code == 200
    assert [event.dedupe_key for event in kept()] == ["plain:e2"]


def test_no_log_tells_who_called_about_whom(wire, caplog):
    caplog.set_level(0)
    body = b'{"no": "+12025550123"}'
    for secret in (SECRET, "another-secret-in-it"):
        wire.plain(body, secret=secret)
        wire.request("GET", f"/callbacks/plain/{secret}?number=%2B12025550123")
    wire.request("POST", "/callbacks/signing", content=body, headers={"Signature": "stumble"})
    receivers = [record for record in caplog.records if not record.name.startswith("http")]
    assert [record.getMessage() for record in receivers if "KeyError" in record.getMessage()]
    for record in receivers:
        assert not re.search(r"secret|5550123|/callbacks", caplog.handler.format(record))
