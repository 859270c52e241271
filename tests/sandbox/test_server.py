"""The sandbox behind real HTTP: what only a real connection can show."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.sandbox import SandboxSettings
from deployments.sandbox.server import running_sandbox
from tests.sandbox.wire import BIRD_HEADERS, MESSAGES, bird_message

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    with running_sandbox() as running:
        yield running


@pytest.fixture
def url(server):
    httpx.post(f"{server.url}/reset")
    return server.url


def send(url, client=httpx):
    return client.post(f"{url}/bird{MESSAGES}", json=bird_message(), headers=BIRD_HEADERS)


def switch(url, **switches: Any):
    assert httpx.patch(f"{url}/settings", json={"bird": switches}).status_code == 200


def received(url):
    return httpx.get(f"{url}/truth/summary").json()["bird"]["recipients_received"]


def test_it_listens_on_loopback_and_answers(url):
    assert url.startswith("http://127.0.0.1:")
    assert send(url).status_code == 202
    assert received(url) == 1


@pytest.mark.parametrize(("respond", "processed"), [("lose_before", 0), ("lose_after", 1)])
def test_a_lost_connection_ends_without_a_byte_of_an_answer(url, respond, processed):
    switch(url, respond=[respond])
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        send(url)
    assert received(url) == processed


def test_a_large_request_is_read_whole_before_its_connection_is_lost(url):
    switch(url, respond=["lose_before"])
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        httpx.post(f"{url}/bird{MESSAGES}", json=bird_message(text="x" * 3_000_000), headers=BIRD_HEADERS)


def test_other_connections_survive_a_lost_one(url):
    with httpx.Client() as client:
        assert send(url, client).status_code == 202
        switch(url, respond=["lose_after"])
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            send(url)
        assert send(url, client).status_code == 202
    assert received(url) == 3


def test_a_slow_answer_comes_too_late_for_an_impatient_client(url):
    switch(url, respond=["slow:0.3"])
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/bird{MESSAGES}", json=bird_message(), headers=BIRD_HEADERS, timeout=0.1)
    assert received(url) == 1


def test_an_idle_connection_is_closed_after_the_keep_alive_time():
    with running_sandbox(keep_alive_seconds=0.1) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            began = time.monotonic()
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            received = b""
            while piece := connection.recv(65536):
                received += piece
            assert received.startswith(b"HTTP/1.1 200")
            assert 0.1 <= time.monotonic() - began < 30


def test_switches_are_given_at_the_start():
    with running_sandbox(SandboxSettings(bird={"respond": "http:503"})) as running:
        assert send(running.url).status_code == 503
        assert running.app.providers["bird"].ledger.requests == 1


def start(*arguments: str):
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_listens_and_ends_cleanly(tmp_path, stop):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"bird": {"access_key": "other-key"}}))
    process = start("--port", "0", "--settings", str(settings))
    line = process.stdout.readline()
    assert line.startswith("sandbox listening on http://127.0.0.1:")
    url = line.split()[-1]
    assert send(url).status_code == 401
    process.send_signal(stop)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "192.0.2.1"),
        ("--host", "example.com"),
        ("--settings", "missing.json"),
        ("--port", "99999"),
    ],
)
def test_the_command_refuses_what_it_must_not_do(arguments):
    process = start("--port", "0", *arguments)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert "sandbox" in errors
    assert "Traceback" not in errors
