"""The files for containers, which no test can run here: what they refer to exists."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from deployments.manifest import HOME_VARIABLE, read_manifest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deployments/Dockerfile").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "deployments/compose.yaml").read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(COMPOSE)
SERVICES = DOCUMENT["services"]
POOL = read_manifest().work_pools[0]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def commands() -> dict[str, list[str]]:
    in_file = {"Dockerfile": yaml.safe_load(instructions("CMD")[0])}
    return in_file | {name: service["command"] for name, service in SERVICES.items() if "command" in service}


def test_what_is_copied_exists_and_is_not_kept_out_of_the_image():
    ignored = (ROOT / "deployments/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in instructions("COPY"):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored


@pytest.mark.parametrize("campaign", sorted((ROOT / "data/campaigns").glob("*.yaml")), ids=lambda path: path.name)
def test_what_an_example_campaign_reads_is_not_kept_out_of_the_image(campaign):
    ignored = (ROOT / "deployments/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    named = re.findall(r"\bdata/[\w/.]+\.(?:csv|yaml)\b", campaign.read_text(encoding="utf-8"))
    assert named
    for path in named:
        assert {f"!{path}", f"!{'/'.join(path.split('/')[:2])}"} & set(ignored), path


def test_the_lock_is_installed_as_the_makefile_does_it():
    """Without --no-deps pip resolves the lock again, and refuses the newer versions that it finds."""
    (in_makefile,) = re.findall(r"pip install (.+) -r requirements\.lock$", MAKEFILE, re.MULTILINE)
    (in_image,) = re.findall(r"pip install (.+) --requirement requirements\.lock$", DOCKERFILE, re.MULTILINE)
    assert {"--require-hashes", "--no-deps"} <= set(in_makefile.split()) & set(in_image.split())


def test_all_code_is_in_the_image_and_workers_find_it():
    assert {"flows", "tasks", "deployments", "data"} <= {line.split()[0] for line in instructions("COPY")}
    (home,) = re.findall(rf"{HOME_VARIABLE}=(\S+)", DOCKERFILE)
    assert instructions("WORKDIR") == [home]


@pytest.mark.parametrize("service", commands())
def test_every_command_is_one_of_ours_or_of_prefects(service):
    program, *arguments = commands()[service]
    if program == "python":
        assert arguments[0] == "-m"
        assert importlib.util.find_spec(arguments[1])
    else:
        assert program == "prefect"
        assert arguments[:2] in (["worker", "start"], ["server", "start"])
    if "--pool" in arguments:
        assert arguments[arguments.index("--pool") + 1] == POOL


def test_services_wait_only_for_services_that_exist_and_can_be_waited_for():
    for service in SERVICES.values():
        for name, awaited in service.get("depends_on", {}).items():
            if awaited["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] == "on-failure"


def test_volumes_and_configs_that_are_used_are_there():
    for service in SERVICES.values():
        mounted = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in mounted if not name.startswith("../")} <= set(DOCUMENT["volumes"])
        assert {config["source"] for config in service.get("configs", [])} <= set(DOCUMENT["configs"])


def test_addresses_inside_name_services_and_the_ports_that_these_listen_at():
    hosts = {found for _, found in re.findall(r"(@|http://)([a-z-]+)[:/]", COMPOSE)}
    assert hosts == {"database", "prefect-server"}
    assert SERVICES["prefect-server"]["command"][-1] == "4200"
    assert SERVICES["receiver"]["command"][-1] == "8770"


def test_the_database_is_healthy_only_when_others_can_connect():
    """PostgreSQL's image makes the databases with a server that listens at its socket alone, and is up by then."""
    assert "--host" in SERVICES["database"]["healthcheck"]["test"]


def test_workers_can_read_the_operators_lists_and_not_change_them():
    lists = [volume for volume in SERVICES["worker"]["volumes"] if volume.endswith("/data/lists:ro")]
    assert lists == [f"../data/lists:{instructions('WORKDIR')[0]}/data/lists:ro"]


def test_ports_are_published_to_this_machine_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_variable_is_one_that_rollcall_reads():
    page = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    for variable in set(re.findall(r"ROLLCALL_[A-Z_]+", COMPOSE + DOCKERFILE)):
        assert f"`{variable}`" in page, variable


def test_no_secret_has_a_default():
    assert re.findall(r"\$\{(?:POSTGRES_PASSWORD|ROLLCALL_CALLBACK_SECRET)(?!:\?\})", COMPOSE) == []
    build = SERVICES["worker"]["build"]
    assert (ROOT / "deployments" / build["context"] / build["dockerfile"]).resolve().exists()
