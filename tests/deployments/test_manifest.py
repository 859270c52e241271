"""The deployments that are promised: their flows exist, and nothing in the file is ignored."""

import re
from pathlib import Path

import pytest
import yaml

from deployments.manifest import HOME_VARIABLE, PREFECT_FILE, ManifestError, read_manifest
from flows.hand_over_chunks import DEPLOYMENT

ENTRIES = {entry.name: entry for entry in read_manifest().deployments}


def changed(tmp_path, **changes) -> Path:
    """The file with the first deployment changed."""
    document = yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8"))
    document["deployments"][0] |= changes
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entrypoint_is_a_flow_of_that_name_with_those_parameters(name):
    flow = ENTRIES[name].load_flow()
    assert flow.name == name
    assert not set(ENTRIES[name].parameters) - set(flow.parameters.properties)


def test_helpers_are_found_by_the_name_under_which_they_are_deployed():
    flow = ENTRIES["hand-over-chunks"].load_flow()
    assert f"{flow.name}/{ENTRIES['hand-over-chunks'].name}" == DEPLOYMENT


def test_a_campaign_waits_its_turn_and_a_job_that_looks_at_everything_does_not():
    strategies = {
        name: entry.concurrency_limit.collision_strategy
        for name, entry in ENTRIES.items()
        if entry.concurrency_limit is not None
    }
    assert {name for name, strategy in strategies.items() if strategy == "ENQUEUE"} == {"import-contacts"}
    assert read_manifest().work_queues == {
        ENTRIES["send-campaign"].work_pool: 4,
        ENTRIES["hand-over-chunks"].work_pool: 16,
    }
    assert all(ENTRIES[name].schedules for name, strategy in strategies.items() if strategy == "CANCEL_NEW")


def test_what_may_send_for_hours_holds_no_lease_that_prefect_could_take_away():
    leased = {name for name, entry in ENTRIES.items() if entry.concurrency_limit is not None}
    assert not leased & {"send-campaign", "hand-over-chunks", "send-held"}


def test_a_limit_of_none_at_once_is_refused(tmp_path):
    document = yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8"))
    document["definitions"]["work_queue_limits"]["campaigns"] = 0
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"work_queue_limits\.campaigns"):
        read_manifest(path)


def test_workers_say_where_rollcall_is():
    (step,) = read_manifest().pull
    assert re.findall(r"\$(\w+)", str(step)) == [HOME_VARIABLE]


def test_a_misspelt_key_is_refused_by_name(tmp_path):
    with pytest.raises(ManifestError, match=r"deployments\.0\.paramaters"):
        read_manifest(changed(tmp_path, paramaters={}))


@pytest.mark.parametrize("entrypoint", ["flows.nothing.here", "flows.send_campaign.nothing", "nothing"])
def test_an_entrypoint_that_names_nothing_is_refused(tmp_path, entrypoint):
    with pytest.raises(ManifestError, match="there is no"):
        read_manifest(changed(tmp_path, entrypoint=entrypoint)).deployments[0].load_flow()


def test_an_entrypoint_that_is_no_flow_is_refused(tmp_path):
    path = changed(tmp_path, entrypoint="flows.send_campaign.check_campaign")
    with pytest.raises(ManifestError, match="is not a flow"):
        read_manifest(path).deployments[0].load_flow()
