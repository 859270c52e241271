"""Clients that keep the receiver waiting, over real sockets."""

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from deployments.receiver.intake import Intake
from deployments.receiver.server import running_receiver
from deployments.receiver.settings import ReceiverSettings
from tests.receiver.readers import Plain

SECRET = "a-secret-of-the-receiver"
SETTINGS = ReceiverSettings(secret=SECRET, header_seconds=0.4, body_seconds=0.4)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    database = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with running_receiver(
        SETTINGS, database_url=f"sqlite:///{database}", intakes=[Intake("plain", Plain())]
    ) as running:
        yield running


def _connect(receiver):
    parts = urlsplit(receiver.url)
    client = socket.create_connection((parts.hostname, parts.port), timeout=30)
    return closing(client)


def _until_closed(client):
    """What comes until the other side hangs up; the socket's own limit ends the wait where it does not."""
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def _is_well(receiver):
    return httpx.get(f"{receiver.url}/health", trust_env=False, timeout=30).status_code == 200


def _path(receiver):
    return urlsplit(receiver.callback_urls["plain"]).path


def test_a_connection_without_a_request_is_closed(receiver):
    with _connect(receiver) as client:
        assert _until_closed(client) == b""
    assert _is_well(receiver)


def _drip(client):
    for _ in range(600):
        client.sendall(b"a")
        time.sleep(0.05)


def test_a_header_that_comes_byte_by_byte_is_not_waited_for(receiver):
    with _connect(receiver) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        with pytest.raises(OSError, match=r"reset|Broken pipe|aborted"):
            _drip(client)
    assert _is_well(receiver)


def test_the_next_request_of_a_kept_connection_has_the_same_limit(receiver):
    with _connect(receiver) as client:
        client.sendall(f"POST {_path(receiver)} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(b"POST / HTTP/1.1\r\nX-Slow: ")
        assert _until_closed(client) == b""
    assert _is_well(receiver)


def test_a_slow_body_is_answered_and_the_connection_closed(receiver):
    with _connect(receiver) as client:
        client.sendall(f"POST {_path(receiver)} HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n{{".encode())
        assert _until_closed(client).startswith(b"HTTP/1.1 408")
    assert _is_well(receiver)


REQUESTS = {
    "a path of 200 kB": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    "20,000 headers": b"POST / HTTP/1.1\r\n" + b"X-Many: a\r\n" * 20_000 + b"\r\n",
    "no HTTP": b"\xff\xfe\0\0" * 100 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01" + bytes(500) + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    "a length below 0": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a body of 11 MB": b"POST PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 11000000\r\n\r\n" + b"x" * 11_000_000,
    "chunks that are none": b"POST PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "1,500 parameters": b"GET PATH?" + b"%00=%ff&" * 1500 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_request_ends_the_receiver(receiver, name):
    with _connect(receiver) as client:
        try:
            client.sendall(REQUESTS[name].replace(b"PATH", _path(receiver).encode()))
            answer = _until_closed(client)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer[:12] in {
        b"",
        b"HTTP/1.1 400",
        b"HTTP/1.1 404",
        b"HTTP/1.1 405",
        b"HTTP/1.1 413",
        b"HTTP/1.1 200",
    }
    assert _is_well(receiver)


def test_the_limit_of_the_head_does_not_cut_what_is_being_answered(receiver):
    with httpx.Client(trust_env=False, timeout=30) as client:
        for _ in range(4):
            assert client.post(receiver.url + _path(receiver), content=b'{"a": 1}').status_code == 200
            time.sleep(0.15)
