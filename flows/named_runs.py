"""Runs as people name them: by campaign and run key."""

from flows.parameters import CampaignError
from tasks.messaging.statuses import MessageStatus
from tasks.store import runs
from tasks.store.runs import FOLLOWED_STATES, RunRecord
from tasks.store.session import Ledger
from tasks.store.tables import RunState


def find_run(campaign: str, run_key: str | None = None) -> RunRecord:
    """The run that is meant: the named one, else the only one of the campaign that is not over.

    Raises:
        CampaignError: There is none, or more than one.
    """
    with Ledger() as ledger, ledger.reading() as connection:
        found = runs.list_runs(connection, name=campaign, run_key=run_key)
    if len(found) > 1:
        found = [run for run in found if run.state not in {RunState.HANDED_OVER, RunState.FINISHED}] or found
    if len(found) != 1:
        keys = ", ".join(run.key for run in found)
        raise CampaignError(
            _shown(campaign, run_key),
            [
                f"run_key: name one of {keys}"
                if found
                else "the ledger has no such run; check its name and its run key"
            ],
        )
    return found[0]


def find_runs(campaign: str | None, run_key: str | None, *, has_decision: bool) -> list[RunRecord]:
    """The runs that are meant.

    Args:
        campaign: A campaign's name; None means all runs that are not finished.
        run_key: One run of it.
        has_decision: A decision about unknown messages goes with it: that is for one run, the only one that is
            named, or the only one of those named that has any.

    Raises:
        CampaignError: There is none; or more than one that a decision could be for.
    """
    with Ledger() as ledger, ledger.reading() as connection:
        if campaign is None:
            followed = runs.list_runs(connection, states=FOLLOWED_STATES)
        else:
            followed = runs.list_runs(connection, name=campaign, run_key=run_key)
        if has_decision and len(followed) > 1:
            followed = [
                run for run in followed if runs.count_statuses(connection, run.id).get(MessageStatus.UNKNOWN)
            ]
    where = _shown(campaign or "", run_key)
    if campaign is not None and not followed:
        raise CampaignError(where, ["the ledger has no such run; check its name and its run key"])
    if has_decision and (campaign is None or len(followed) != 1):
        keys = ", ".join(run.key for run in followed) or "none"
        raise CampaignError(
            where,
            [f"unknown: decide about one run at a time, by campaign and run_key; with unknown messages: {keys}"],
        )
    return followed


def _shown(campaign: str, run_key: str | None) -> str:
    return f"campaign {campaign}" if run_key is None else f"campaign {campaign}/{run_key}"
