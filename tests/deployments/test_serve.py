"""All of Rollcall on one machine: it starts, sends, stops without a trace, and goes on with the same data."""

import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from deployments.demo import calm_life, sandbox_variables
from deployments.processes import descendants
from deployments.serve import ServeError, callback_secret, free_port, locked, variables_of
from tasks.store.session import Ledger
from tests.flows.conftest import AREA_CODES
from tests.served import Served

PEOPLE = 40
GOOD_ENDS = {"Completed", "PartlySent"}
LEASE_RENEWED_WITHIN_SECONDS = 230
"""Prefect renews the lease of a deployment's `concurrency_limit` after three quarters of five minutes."""


@pytest.fixture
def serve(tmp_path, monkeypatch):
    for name in ("ROLLCALL_DATABASE_URL", "ROLLCALL_REPORT_DIRECTORY", *sandbox_variables("")):
        monkeypatch.delenv(name, raising=False)
    started = []

    def starting() -> Served:
        started.append(Served(tmp_path / "kept"))
        return started[-1]

    yield starting
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
            served.process.wait(120)


def send(api: str, contacts: Path, **parameters):
    """Start the deployment send-campaign; returns the id of its run."""
    deployment = httpx.get(f"{api}/deployments/name/send-campaign/send-campaign").raise_for_status().json()
    campaign = {
        "name": "served",
        "channel": "sms",
        "provider": "bird",
        "purpose": "transactional",
        "text": "Hello {{ first_name }}",
        "audience": {"path": str(contacts)},
    }
    run = httpx.post(
        f"{api}/deployments/{deployment['id']}/create_flow_run",
        json={"parameters": {"campaign": campaign, **parameters}, "state": {"type": "SCHEDULED"}},
    )
    return run.raise_for_status().json()["id"]


def people(path: Path, count: int) -> Path:
    rows = [f"Person{n},+1{AREA_CODES[n // 100]}55501{n % 100:02d}" for n in range(count)]
    path.write_text("\n".join(["First name,Mobile", *rows]), encoding="utf-8")
    return path


def runs_of(api: str, deployment: str):
    body = {"flows": {"name": {"any_": [deployment]}}}
    return httpx.post(f"{api}/flow_runs/filter", json=body).raise_for_status().json()


def state_of(api: str, run: str):
    return httpx.get(f"{api}/flow_runs/{run}").raise_for_status().json()["state"]


def state_at_end(api: str, run: str):
    state = state_of(api, run)
    return state if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None


@pytest.mark.long
def test_a_campaign_is_sent_from_the_deployment_by_several_runs_and_nothing_is_left_running(serve, tmp_path):
    served = serve()
    api = served.url("Prefect UI") + "/api"
    sandbox = served.url("Sandbox")
    # Slow enough for the helpers, which are runs of their own, to come in time.
    httpx.patch(f"{sandbox}/settings", json={"bird": {"faults": {"latency_seconds": 3}}}).raise_for_status()
    run = send(api, people(tmp_path / "contacts.csv", PEOPLE), workers=2, chunk_size=2)
    assert served.wait_for(lambda: state_at_end(api, run), "the run did not end")["name"] in GOOD_ENDS
    (helper,) = runs_of(api, "hand-over-chunks")
    assert helper["deployment_id"]
    truth = httpx.get(f"{sandbox}/truth").raise_for_status().json()["bird"]["recipients"]
    with Ledger(f"sqlite:///{served.directory / 'rollcall.db'}") as ledger, ledger.reading() as connection:
        told = connection.execute(text("SELECT address FROM message WHERE status <> 'planned'")).scalars().all()
    assert sorted(told) == sorted(one["address"] for one in truth)
    assert len(told) == PEOPLE

    def helper_ended():
        return runs_of(api, "hand-over-chunks")[0]["state"]["type"] == "COMPLETED"

    served.wait_for(helper_ended, "who helped did not end")
    assert count_tasks(api, helper["id"]) > 0
    # With SQLAlchemy 2.1, Prefect 3.8's scheduler fails each time, and only its log says so.
    served.wait_for(lambda: runs_of(api, "reconcile-deliveries"), "nothing is scheduled")
    assert served.stop(signal.SIGINT) == 0


@pytest.mark.long
def test_a_campaign_that_waits_for_an_answer_for_longer_than_a_lease_is_sent_when_it_comes(serve, tmp_path):
    served = serve()
    api = served.url("Prefect UI") + "/api"
    run = send(api, people(tmp_path / "contacts.csv", 3), pause_for_approval=True)
    served.wait_for(lambda: state_of(api, run)["type"] == "PAUSED", "nobody is asked")
    time.sleep(LEASE_RENEWED_WITHIN_SECONDS)
    assert state_of(api, run)["type"] == "PAUSED"
    answer = {"run_input": {"answer": "send"}}
    httpx.post(f"{api}/flow_runs/{run}/resume", json=answer, timeout=60).raise_for_status()
    assert served.wait_for(lambda: state_at_end(api, run), "the run did not end")["name"] in GOOD_ENDS
    truth = httpx.get(served.url("Sandbox") + "/truth").raise_for_status().json()
    assert len(truth["bird"]["recipients"]) == 3


@pytest.mark.long
@pytest.mark.parametrize("service", ["receiver", "sandbox"])
def test_a_service_that_ends_by_itself_ends_all_of_it_and_is_named(serve, service):
    served = serve()
    served.url("Kept in")
    (process,) = (
        pid
        for pid in descendants(served.process.pid)
        if f"deployments.{service}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(process, signal.SIGKILL)
    assert served.process.wait(120) == 1
    assert f"the {service} ended by itself" in served.printed.read_text()


def count_tasks(api: str, flow_run: str):
    body = {"flow_runs": {"id": {"any_": [flow_run]}}}
    return httpx.post(f"{api}/task_runs/count", json=body).raise_for_status().json()


@pytest.mark.long
def test_stopped_in_the_middle_of_a_campaign_it_goes_on_at_the_second_start(serve, tmp_path):
    contacts = people(tmp_path / "contacts.csv", PEOPLE)
    first = serve()
    sandbox = first.url("Sandbox")
    httpx.patch(f"{sandbox}/settings", json={"bird": {"faults": {"latency_seconds": 2}}}).raise_for_status()
    send(first.url("Prefect UI") + "/api", contacts, chunk_size=2)

    def received():
        return httpx.get(f"{sandbox}/truth").raise_for_status().json()["bird"]["recipients"]

    first.wait_for(received, "nothing was sent")
    assert first.stop(signal.SIGTERM) == 0
    second = serve()
    api = second.url("Prefect UI") + "/api"
    assert not [line for line in second.printed.read_text().splitlines() if line.startswith("made")]
    run = send(api, contacts, chunk_size=2)
    assert second.wait_for(lambda: state_at_end(api, run), "the run did not end")["name"] in GOOD_ENDS
    with Ledger(f"sqlite:///{second.directory / 'rollcall.db'}") as ledger, ledger.reading() as connection:
        counted = dict(connection.execute(text("SELECT status, count(*) FROM message GROUP BY status")).all())
    assert counted.get("planned", 0) == 0
    assert sum(counted.values()) == PEOPLE
    assert second.stop(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_named_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"port {port} .* --sandbox-port N"):
            free_port(port, "--sandbox-port")
    assert free_port(0, "--port") > 0


def test_the_same_data_is_served_once(tmp_path):
    with locked(tmp_path), pytest.raises(ServeError, match="it runs already"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_the_secret_is_made_once_and_kept_from_others(tmp_path, monkeypatch):
    monkeypatch.delenv("ROLLCALL_CALLBACK_SECRET", raising=False)
    (tmp_path / "callback-secret").touch(mode=0o600)  # a start that was ended before it had written it
    made = callback_secret(tmp_path)
    assert made
    assert callback_secret(tmp_path) == made
    assert (tmp_path / "callback-secret").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("ROLLCALL_CALLBACK_SECRET", "given-by-the-operator")
    assert callback_secret(tmp_path) == "given-by-the-operator"


def test_what_the_user_set_for_rollcall_holds_and_his_own_prefect_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://somewhere/ledger")
    monkeypatch.setenv("PREFECT_API_KEY", "of-somebody-else")
    variables = variables_of(tmp_path, "http://127.0.0.1:4210")
    assert variables["ROLLCALL_DATABASE_URL"] == "postgresql://somewhere/ledger"
    assert "PREFECT_API_KEY" not in variables
    assert variables["PREFECT_API_URL"] == "http://127.0.0.1:4210/api"


def test_nothing_goes_wrong_in_a_calm_life():
    assert not [switch for switches in calm_life().values() for switch in switches if "fault" in switch]
