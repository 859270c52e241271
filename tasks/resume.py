"""Finding the run that a campaign was planned as, and refusing to go on when it is no longer the same campaign."""

from typing import Any

from tasks.datasets.readers import DatasetError, open_contacts
from tasks.identity import RunIdentity
from tasks.store import runs
from tasks.store.erasure_key import required_key
from tasks.store.session import Ledger


class CampaignChanged(Exception):
    """The campaign file or its contacts changed since the run was planned. Nothing was sent."""


def find_run_to_resume(identity: RunIdentity, contact_file: str) -> runs.RunRecord | None:
    """The run that was planned from this very campaign, or None when there is none yet.

    Args:
        identity: What would be planned.
        contact_file: Its contact file. One that has been moved away is no obstacle: the ledger has every row.

    Raises:
        CampaignChanged: There is a run with this name and key, of something else. It says what differs.
        ErasureKeyError: Nobody can tell who was erased, so nothing may be sent.
    """
    key = runs.run_key_of(identity.name, identity.run_key)
    with Ledger() as ledger, ledger.reading() as connection:
        required_key(connection)
        run = runs.find_run(connection, key)
    if run is None:
        return None
    changes = describe_changes(run.campaign, identity.campaign)
    if not changes and (changed := _file_change(run, contact_file)):
        changes = [changed]
    if changes:
        raise CampaignChanged(
            f"{key} was planned on {run.created_at:%Y-%m-%d %H:%M} UTC from another version of this campaign:\n"
            + "\n".join(f"  - {change}" for change in changes)
            + "\nUndo the change to resume that run, or send this version as a new run: --run-key NEW"
        )
    return run


def _file_change(run: runs.RunRecord, contact_file: str) -> str | None:
    try:
        with open_contacts(contact_file) as contacts:
            same = contacts.sha256 == run.source_sha256
    except DatasetError:
        return None
    return None if same else f"the contacts in {contact_file} are not those that were planned"


def describe_changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> list[str]:
    """How one campaign document differs from another, one `key: old -> new` a line."""
    changes: list[str] = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changes += describe_changes(old, new, f"{prefix}{key}.")
        elif old != new:
            changes.append(f"{prefix}{key}: {_show(old)} -> {_show(new)}")
    return changes


def _show(value: Any) -> str:
    return "(not given)" if value is None else repr(value)
