"""What the documentation claims: its commands, examples, variables and figures exist."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from flows.parameters import Campaign, parse_campaign, read_campaign
from flows.terminal import ExitCode
from tasks.blocks import variable_name
from tasks.contacts.audience import Audience
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.providers.matrix import feature_rows, matrix_as_markdown
from tasks.providers.registry import PROVIDER_NAMES, load_provider

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_that_is_named_exists(name):
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", DOCUMENTS[name], re.MULTILINE))
    assert {target for pair in named for target in pair if target} <= MAKE_TARGETS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_that_is_run_exists(name):
    for module in re.findall(r"python -m ([a-z_.]+[a-z_])", DOCUMENTS[name]):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_linked_or_named_exists(name):
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", DOCUMENTS[name])
    named = re.findall(r"`((?:tasks|flows|data|deployments|tests)/[\w./-]+\.\w+)`", DOCUMENTS[name])
    for path in (path for path in linked + named if "NAME" not in path):
        assert (ROOT / path).exists(), path


def test_the_campaign_in_the_readme_is_one():
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    parse_campaign(yaml.safe_load(example))


@pytest.mark.parametrize("path", sorted((ROOT / "data/campaigns").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_campaign_can_be_sent_as_it_is(path):
    assert read_campaign(path).find_problems() == []


def test_every_key_of_a_campaign_file_is_in_the_readme():
    for key in Campaign.model_fields:
        if key not in {"audience", "schedule", "options"}:
            assert f"`{key}`" in README, key
    for key in Audience.model_fields:
        assert f"`audience.{key}`" in README, key


def test_every_environment_variable_is_in_the_readme_and_every_one_in_the_readme_exists():
    in_code = {
        found
        for folder in ("tasks", "flows", "deployments")
        for path in (ROOT / folder).rglob("*.py")
        for found in re.findall(r'"(ROLLCALL_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    of_providers = {
        variable_name(name, field)
        for name in PROVIDER_NAMES
        for field in load_provider(name).Credentials.model_fields
    }
    # `${ROLLCALL_...}` stands for any variable of the reader's own.
    in_readme = set(re.findall(r"(?<!\{)ROLLCALL_[A-Z_]+", README))
    assert in_readme <= in_code | of_providers
    assert in_code | of_providers <= in_readme


def test_the_body_of_hooks_in_the_readme_is_the_one_that_is_read_best():
    from tasks.providers.dripcel.callbacks import RECOMMENDED_BODY  # noqa: PLC0415  # a provider's own

    assert f"```json\n{RECOMMENDED_BODY}\n```" in README


def test_every_exclusion_reason_status_and_exit_code_is_in_the_readme():
    for word in [*MessageStatus, *ExclusionReason]:
        assert f"`{word}`" in README, word
    for code in ExitCode:
        assert f"| {code.value} |" in README


def test_the_feature_matrix_is_what_the_capabilities_say():
    block = README.partition("<!-- matrix")[2].partition("-->")[2].partition("<!-- end of matrix")[0]
    # Put the output of `python -m tasks.providers --markdown` there.
    assert block.strip() == matrix_as_markdown(feature_rows())


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])


def test_the_lock_has_a_hash_for_every_package_and_no_address():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^[a-z0-9][\w.-]*==[^\n]*", lock, re.MULTILINE)
    assert len(packages) > 50
    assert all(line.rstrip().endswith("\\") for line in packages)
    assert "://" not in lock
