"""`python -m deployments.receiver` as a process."""

import signal
import socket
import threading

import httpx
import pytest

from deployments.receiver.__main__ import main
from tests.receiver.receiver_process import SECRET, VARIABLES, receiver_process

BODY = b'{"message_id": "sms_1", "number": "+12025550123", "status": "DELIVERED", "delivery_date": "2026-01-05"}'


@pytest.fixture
def database_url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def refusal(database_url, monkeypatch, capsys):
    """What it prints when it does not start."""

    def start(*arguments, **variables):
        for name, value in {"ROLLCALL_DATABASE_URL": database_url, **VARIABLES, **variables}.items():
            monkeypatch.setenv(name, value)
        assert main(list(arguments)) == 2
        printed, complained = capsys.readouterr()
        assert printed == ""
        return complained

    return start


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("secret", ["", "short-secret-15", "a secret with spaces in it"])
def test_it_does_not_start_without_a_good_secret(refusal, secret):
    printed = refusal(ROLLCALL_CALLBACK_SECRET=secret)
    assert "ROLLCALL_CALLBACK_SECRET must be at least 16 characters" in printed
    assert not secret or secret not in printed


def test_it_does_not_start_on_a_taken_port_or_with_an_address_that_is_none(refusal):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refusal("--port", port) == f"receiver: port {port} is taken\n"
    assert "cannot be opened" in refusal(ROLLCALL_DATABASE_URL="sqlite:////dev/null/ledger.db")
    assert "ROLLCALL_CALLBACK_URL must be" in refusal(ROLLCALL_CALLBACK_URL="hooks.example.com")


def test_it_tells_nobody_who_called_and_warns_where_it_cannot_verify(database_url):
    with receiver_process(database_url, ROLLCALL_BIRD_SIGNING_KEY="") as started:
        with httpx.Client(base_url=started.url, trust_env=False) as client:
            assert client.post(f"/callbacks/octopush/{SECRET}", content=BODY).status_code == 200
            assert client.post(f"/callbacks/octopush/{SECRET}x", content=BODY).status_code == 401
            assert client.post("/callbacks/bird", content=BODY).status_code == 503
            assert client.get("/health").json()["unverifiable"] == ["bird"]
        with socket.create_connection(("127.0.0.1", started.port)) as connection:
            connection.sendall(f"nonsense {SECRET}\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        started.process.terminate()
        printed, warned = started.process.communicate()
    assert printed == ""
    [warning] = warned.splitlines()
    assert "ROLLCALL_BIRD_SIGNING_KEY is not set" in warning


def test_told_to_stop_it_commits_and_answers_what_it_took_and_takes_no_more(database_url, ledger, kept):
    statuses = []
    with receiver_process(database_url) as started:
        url = f"{started.url}/callbacks/octopush/{SECRET}"
        sender = threading.Thread(
            target=lambda: statuses.append(httpx.post(url, content=BODY, timeout=30, trust_env=False).status_code)
        )
        with ledger.writing():
            sender.start()
            while httpx.get(f"{started.url}/health", trust_env=False).json()["waiting"] != 1:
                threading.Event().wait(0.01)
            started.process.send_signal(signal.SIGTERM)
            while is_listening(started.port):
                threading.Event().wait(0.01)
        sender.join()
        assert started.process.wait() == 0
    assert statuses == [200]
    assert len(kept()) == 1
