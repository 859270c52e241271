"""Send a campaign: prepare -> plan -> hand over -> account.

From the command line `python -m flows.send_campaign data/campaigns/NAME.yaml`; from Python
`from flows.send_campaign import send_campaign`; as a Prefect deployment `flows.send_campaign.send_campaign`.
"""

import sys
from tempfile import TemporaryDirectory
from typing import Annotated, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.parameters import Campaign, CampaignError
from tasks.blocks import load_credentials
from tasks.dispatch import hand_over_run
from tasks.messaging.statuses import MessageStatus
from tasks.ownership import owned_run
from tasks.plan import DEFAULT_CHUNK_SIZE, Plan, plan_run
from tasks.prepare import check_audience, prepare_audience, refresh_suppressions
from tasks.report import publish_plan, publish_report
from tasks.resume import find_run_to_resume
from tasks.stopping import stopping_on_sigterm
from tasks.store import runs
from tasks.store.account import RunAccount

NOT_WELL = (MessageStatus.FAILED, MessageStatus.REJECTED, MessageStatus.UNKNOWN, MessageStatus.PLANNED)
"""Statuses that make a run `PartlySent` instead of `Completed`."""


class RunStopped(Exception):
    """The run stopped midway; the same command resumes it.

    Attributes:
        account: What became of every row so far.
    """

    def __init__(self, reason: str, account: RunAccount) -> None:
        super().__init__(f"{account.key} stopped: {reason.rstrip('.')}. The same command resumes it.")
        self.account = account


class NotApproved(Exception):
    """What would be sent is not what was approved. Nothing was sent."""


@flow(
    name="send-campaign",
    flow_run_name="{campaign.name} {campaign.run_key}",
    persist_result=False,
)
def send_campaign(
    campaign: Campaign,
    *,
    dry_run: bool = False,
    approve: str | None = None,
    chunk_size: Annotated[int, Field(ge=1)] = DEFAULT_CHUNK_SIZE,
) -> RunAccount | Plan:
    """Send a campaign, or resume it where it stopped.

    Args:
        campaign: What is said, to whom, through which provider.
        dry_run: Only say what would be sent.
        approve: The digest of a dry run; refuse if anything changed since.
        chunk_size: Most messages that one task run hands over.

    Returns:
        The account of the run; in a dry run, the plan. The final state is `Completed`, or `PartlySent` when some
        messages were refused, are unknown, or are held.

    Raises:
        RunStopped: No credit, credentials refused, or the provider is down: the rest is planned.
        CampaignError, CampaignChanged, NotApproved: And the errors of its files: refused, nothing was sent.
    """
    run = check_campaign(campaign, needs_credentials=not dry_run)
    identity = campaign.identity
    if run is not None and not dry_run:
        _check_approval(approve, run.digest)
        refresh_suppressions(run.key, campaign.content.channel, campaign.audience)
        return _hand_over(run.id)
    with TemporaryDirectory(prefix="rollcall-") as directory:
        prepared = prepare_audience(identity, campaign.audience, directory)
        _refuse(campaign, campaign.find_problems(countries=frozenset(prepared.countries)))
        if dry_run:
            return publish_plan(identity, prepared, chunk_size, None if run is None else run.created_at)
        _check_approval(approve, prepared.digest)
        try:
            run_id = plan_run(identity, prepared, chunk_size)
        except runs.RunExists:  # another process was quicker; it is told apart from a changed campaign here
            run = find_run_to_resume(identity, campaign.audience.path)
            if run is None:
                raise
            run_id = run.id
    return _hand_over(run_id)


def check_campaign(campaign: Campaign, *, needs_credentials: bool) -> runs.RunRecord | None:
    """Refuse early and cheaply what cannot be sent: provider rules, credentials, columns, variables.

    Returns:
        The run that it would resume, if there is one.
    """
    _refuse(campaign, campaign.find_problems())
    if needs_credentials:
        load_credentials(campaign.provider)
    run = find_run_to_resume(campaign.identity, campaign.audience.path)
    if run is None:  # else everybody is in the ledger, and the file may have gone
        check_audience(campaign.identity, campaign.audience)
    return run


def _refuse(campaign: Campaign, problems: list[str]) -> None:
    if problems:
        raise CampaignError(f"campaign {campaign.name}", problems)


def _check_approval(approved: str | None, digest: str) -> None:
    if approved not in {None, digest}:
        raise NotApproved(
            f"approved was {approved}, but now it would be {digest}: the campaign, its contacts, or the "
            "suppressions changed. Look at it again with --dry-run."
        )


def _hand_over(run_id: int) -> RunAccount:
    with owned_run(run_id) as ownership, stopping_on_sigterm():
        ownership.error = hand_over_run(run_id, ownership.owner)
    account = publish_report(run_id, ownership.handed_over_before)
    if ownership.error is not None:
        raise RunStopped(ownership.error, account)
    if any(account.statuses.get(status) for status in NOT_WELL):
        final: State[RunAccount] = Completed(
            name="PartlySent", message=f"{account.key}: some messages need attention", data=account
        )
    else:
        final = Completed(message=f"{account.key}: {account.handed_over} messages handed over", data=account)
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("RunAccount", final)


if __name__ == "__main__":
    from flows.terminal import main_send_campaign

    sys.exit(main_send_campaign())
