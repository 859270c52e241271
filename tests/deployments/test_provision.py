"""What provisioning makes in a real Prefect server, and that it makes it once."""

import pytest
from prefect import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from pydantic import SecretStr

from deployments.demo import sandbox_variables
from deployments.manifest import read_manifest
from deployments.provision import Outcome, main, provision
from tasks.blocks import credentials_block, load_credentials
from tasks.providers.registry import PROVIDER_NAMES

AUTOMATIONS = ["rollcall: a campaign needs a look", "rollcall: a job failed", "rollcall: a run went silent"]
SEND = "send-campaign/send-campaign"
RECONCILE = "reconcile-deliveries/reconcile-deliveries"


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as opened:
        yield opened


def outcomes(client) -> set[Outcome]:
    return {step.outcome for step in provision(client)}


def test_what_is_made_once_is_found_the_second_time_and_nothing_is_touched(client, monkeypatch, capsys):
    monkeypatch.setenv("ROLLCALL_ALERT_URL", "https://hooks.example.com/secret-part")
    assert main([]) == 0
    assert "secret-part" not in capsys.readouterr().out

    def as_it_is():
        deployments = [
            client.read_deployment_by_name(f"{entry.name}/{entry.name}") for entry in read_manifest().deployments
        ]
        return (
            [(one.id, one.updated, [line.id for line in one.schedules]) for one in deployments],
            [one.model_dump() for name in AUTOMATIONS for one in client.read_automations_by_name(name)],
            client.read_work_pool("rollcall").updated,
            sorted((one.slug, one.updated) for one in client.read_block_types() if "rollcall" in one.slug),
        )

    before = as_it_is()
    assert len(before[1]) == len(AUTOMATIONS)
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines()[:-1] if not line.startswith(Outcome.THERE)] == []
    assert as_it_is() == before


def test_what_differs_is_changed_and_what_an_operator_switched_off_stays_off(client):
    list(provision(client))
    there = client.read_deployment_by_name(RECONCILE)
    client.update_deployment_schedule(there.id, there.schedules[0].id, active=False)
    client.update_deployment(there.id, DeploymentUpdate(tags=["somebody"]))
    changed = [step for step in provision(client) if step.outcome is Outcome.CHANGED]
    assert [(step.thing, step.detail) for step in changed] == [(f"deployment {RECONCILE}", "tags")]
    after = client.read_deployment_by_name(RECONCILE)
    assert after.id == there.id
    assert after.tags == ["rollcall"]
    assert [line.active for line in after.schedules] == [False]


@pytest.mark.parametrize("slug", [None, "mondays"])
def test_what_somebody_added_to_a_deployment_stays(client, slug):
    """A campaign every Monday, made in the UI; and where its runs differ from others on the machine."""
    list(provision(client))
    there = client.read_deployment_by_name(SEND)
    weekly = {"schedule": {"cron": "0 9 * * 1", "timezone": "Europe/Paris"}, "parameters": {"dry_run": True}}
    client.request(
        "POST", "/deployments/{id}/schedules", path_params={"id": there.id}, json=[{**weekly, "slug": slug}]
    ).raise_for_status()
    job_variables = {"env": {"TZ": "UTC"}}
    client.update_deployment(there.id, DeploymentUpdate(job_variables=job_variables))

    def as_it_is():
        found = client.read_deployment_by_name(SEND)
        of_schedules = [(one.slug, one.active, one.schedule.cron, one.parameters) for one in found.schedules]
        return of_schedules, found.job_variables

    before = as_it_is()
    assert before == ([(slug, True, "0 9 * * 1", {"dry_run": True})], job_variables)
    assert outcomes(client) == {Outcome.THERE, Outcome.LEFT_OUT}
    assert as_it_is() == before
    client.update_deployment(there.id, DeploymentUpdate(tags=["somebody"]))  # what differs is changed, and no more
    assert Outcome.CHANGED in outcomes(client)
    assert as_it_is() == before
    client.delete_deployment(there.id)


def test_the_form_and_the_limits_are_those_of_the_file(client):
    list(provision(client))
    deployed = client.read_deployment_by_name(SEND)
    assert "campaign" in deployed.parameter_openapi_schema["properties"]
    assert (deployed.work_pool_name, deployed.work_queue_name) == ("rollcall", "campaigns")
    assert queue_of_campaigns(client)["concurrency_limit"] == 4
    reconciling = client.read_deployment_by_name(RECONCILE)
    assert reconciling.global_concurrency_limit.limit == 1
    assert reconciling.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert client.read_work_pool("rollcall").type == "process"


def queue_of_campaigns(client):
    path = {"work_pool_name": "rollcall", "name": "campaigns"}
    return client.request("GET", "/work_pools/{work_pool_name}/queues/{name}", path_params=path).json()


def test_who_waits_for_an_approval_holds_no_lease_that_a_pause_would_take_away(client):
    """A run of a deployment with a limit is cancelled when it renews its lease, which pausing has given back."""
    list(provision(client))
    there = client.read_deployment_by_name(SEND)
    client.update_deployment(there.id, DeploymentUpdate(concurrency_limit=4))  # as an earlier version made it
    queue = queue_of_campaigns(client)["id"]
    client.request("PATCH", "/work_queues/{id}", path_params={"id": queue}, json={"concurrency_limit": 9})
    changed = {step.thing: step.detail for step in provision(client) if step.outcome is Outcome.CHANGED}
    assert changed == {
        f"deployment {SEND}": "concurrency_limit",
        "work queue rollcall/campaigns": "concurrency_limit",
    }
    assert client.read_deployment_by_name(SEND).global_concurrency_limit is None
    assert queue_of_campaigns(client)["concurrency_limit"] == 4
    assert Outcome.CHANGED not in outcomes(client)


def test_without_an_address_for_alerts_there_are_none_and_it_says_so(client, monkeypatch):
    monkeypatch.delenv("ROLLCALL_ALERT_URL", raising=False)
    (left_out,) = [step for step in provision(client) if step.outcome is Outcome.LEFT_OUT]
    assert "ROLLCALL_ALERT_URL" in left_out.detail


def test_an_address_for_alerts_that_is_none_is_refused_without_showing_it(client, monkeypatch, capsys):
    monkeypatch.setenv("ROLLCALL_ALERT_URL", "hooks.example.com/secret-part")
    assert main([]) == 2
    printed = capsys.readouterr()
    assert "ROLLCALL_ALERT_URL" in printed.err
    assert "secret-part" not in printed.err + printed.out


def test_a_server_that_does_not_answer_is_named(monkeypatch, capsys):
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main([]) == 2
    assert "http://127.0.0.1:9/api does not answer" in capsys.readouterr().err


def test_credentials_of_the_sandbox_stand_in_and_follow_it_to_another_port(client, monkeypatch):
    for variable in sandbox_variables(""):
        monkeypatch.delenv(variable, raising=False)

    def of_blocks(port):
        steps = provision(client, sandbox_url=f"http://127.0.0.1:{port}")
        return {step.outcome for step in steps if step.thing.startswith("block rollcall-")}

    assert of_blocks(8765) == {Outcome.MADE}
    assert of_blocks(8765) == {Outcome.THERE}
    assert of_blocks(8766) == {Outcome.CHANGED}
    for provider in PROVIDER_NAMES:
        assert "127.0.0.1:8766" in str(load_credentials(provider).base_url)


def test_credentials_that_somebody_gave_are_left_alone(client, monkeypatch):
    for variable in sandbox_variables(""):
        monkeypatch.delenv(variable, raising=False)
    provider, *_ = PROVIDER_NAMES
    list(provision(client, sandbox_url="http://127.0.0.1:8766"))
    block = credentials_block(provider).load("rollcall")
    secret = next(name for name, value in block if isinstance(value, SecretStr))
    setattr(block, secret, SecretStr("11111111-1111-4111-8111-111111111111"))
    block.save("rollcall", overwrite=True)
    list(provision(client, sandbox_url="http://127.0.0.1:8767"))
    kept = credentials_block(provider).load("rollcall").as_mapping()
    assert kept[secret] == "11111111-1111-4111-8111-111111111111"
    assert "127.0.0.1:8766" in str(kept["base_url"])
