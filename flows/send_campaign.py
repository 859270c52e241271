"""Send a campaign: prepare -> plan -> hand over -> account.

From the command line `python -m flows.send_campaign data/campaigns/NAME.yaml`; from Python
`from flows.send_campaign import send_campaign`; as a Prefect deployment `flows.send_campaign.send_campaign`.
"""

import sys
from contextlib import ExitStack, suppress
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed
from pydantic import Field, SecretStr

from flows.approval import is_approved
from flows.hand_over_chunks import helpers
from flows.parameters import Campaign, CampaignError, parse_addresses
from flows.seeds import campaign_for_seeds, why_seeds_stop_it
from tasks.blocks import load_credentials
from tasks.dispatch import Portion, lead_sending
from tasks.flow_run_page import tag_flow_run
from tasks.flow_run_watch import watching_flow_run
from tasks.messaging.statuses import MessageStatus
from tasks.ownership import owned_run
from tasks.plan import Plan, plan_run, usual_chunk_size
from tasks.plan_report import publish_plan
from tasks.prepare import check_audience, prepare_audience, refresh_suppressions
from tasks.report import count_run, publish_report
from tasks.resume import find_run_to_resume
from tasks.run_control import control_of
from tasks.sending_windows import look_at_held, now_in_ledger
from tasks.stopping import is_stop_requested, stopping_on_sigterm
from tasks.store import leadership, runs
from tasks.store.account import RunAccount
from tasks.store.session import Ledger, LedgerError
from tasks.store.tables import RunControl

NOT_WELL = (MessageStatus.FAILED, MessageStatus.REJECTED, MessageStatus.UNKNOWN, MessageStatus.PLANNED)
"""Statuses that make a run `PartlySent` instead of `Completed`."""


class RunStopped(Exception):
    """The run stopped midway; the same command resumes it.

    Attributes:
        account: What became of every row so far.
    """

    def __init__(self, reason: str, account: RunAccount, *, is_paused: bool = False) -> None:
        # A pause says itself how it is taken back; until then the same command is refused.
        then = "" if is_paused else " The same command resumes it."
        super().__init__(f"{account.key} stopped: {reason.rstrip('.')}.{then}")
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
    pause_for_approval: bool = False,
    chunk_size: Annotated[int, Field(ge=1)] | None = None,
    workers: Annotated[int, Field(ge=1, le=64)] = 1,
    limit: Annotated[int, Field(ge=1)] | None = None,
    only: list[SecretStr] | None = None,
) -> RunAccount | Plan:
    """Send a campaign, or resume it where it stopped.

    Args:
        campaign: What is said, to whom, through which provider.
        dry_run: Only say what would be sent.
        approve: The digest of a dry run; refuse if anything changed since.
        pause_for_approval: Show the plan first, and wait up to a day until somebody presses Resume and says so.
            A campaign that was planned before goes on without.
        chunk_size: Most messages that one task run hands over; 5,000 when not given, or 20,000 where a request
            has many recipients.
        workers: Processes that hand chunks over at once. From a deployment the further ones are runs of the
            deployment `hand-over-chunks`, on whichever machines its work pool has.
        limit: Hand over at most so many messages now; without it, the same campaign goes on with the rest.
        only: Hand over now only what goes to these addresses. From Python and the command line: Prefect does not
            keep the addresses, so a deployment does not get them.

    Returns:
        The account of the run; in a dry run, the plan. The final state is `Completed`; `PartlySent` when some
        messages were refused, are unknown, or are held; or `SentElsewhere` when another process is sending it.
        `Cancelled` when it was cancelled in Prefect, or the campaign was, or the plan was not approved: Prefect
        raises that as `CancelledRun`.

    Raises:
        RunStopped: No credit, credentials refused, the provider is down, or it was paused: the rest is planned.
        RunHeldBack: It had been paused or cancelled before.
        CampaignError, CampaignChanged, NotApproved: And the errors of its files: refused, nothing was sent.
    """
    portion = Portion(limit, None if only is None else parse_addresses(only))
    tag_flow_run(*campaign.providers, campaign.channel, *(["dry run"] if dry_run else []))
    run = check_campaign(campaign, needs_credentials=not dry_run)
    identity = campaign.identity
    if run is not None and not dry_run:
        _check_approval(approve, run.digest)
        refresh_suppressions(identity, campaign.audience)
        return _hand_over(run, workers, portion)
    chunk_size = chunk_size or usual_chunk_size(identity.capabilities)
    if not dry_run:
        _refuse(campaign, campaign.find_lateness(flow_run.scheduled_start_time))
    if pause_for_approval and not dry_run:
        plan = _plan(campaign, chunk_size)
        _check_approval(approve, plan.prepared.digest)
        _send_to_seeds_first(campaign)
        if not is_approved(plan):
            to_whom = "nothing was sent" if campaign.audience.seeds is None else "nobody got it but the seeds"
            return _end_in(Cancelled(message=f"{plan.key} was not approved: {to_whom}"))
        approve = plan.prepared.digest  # what is sent is prepared anew: it must be the same still
    with TemporaryDirectory(prefix="rollcall-") as directory:
        prepared = prepare_audience(identity, campaign.audience, directory)
        _refuse(campaign, campaign.find_problems(countries=frozenset(prepared.countries)))
        if dry_run:
            return publish_plan(identity, prepared, chunk_size, None if run is None else run.created_at)
        _check_approval(approve, prepared.digest)
        _send_to_seeds_first(campaign)
        for note in (*prepared.hours_notes, *prepared.consent_warnings):
            get_run_logger().warning(note)
        with suppress(runs.RunExists):  # another process was quicker; what it planned is compared below
            plan_run(identity, prepared, chunk_size)
    run = find_run_to_resume(identity, campaign.audience.path)
    if run is None:
        raise LedgerError(f"the run {campaign.name}/{campaign.run_key} was planned, and is not in the ledger")
    return _hand_over(run, workers, portion)


def _plan(campaign: Campaign, chunk_size: int) -> Plan:
    with TemporaryDirectory(prefix="rollcall-") as directory:
        prepared = prepare_audience(campaign.identity, campaign.audience, directory)
        _refuse(campaign, campaign.find_problems(countries=frozenset(prepared.countries)))
        return publish_plan(campaign.identity, prepared, chunk_size)


def _send_to_seeds_first(campaign: Campaign) -> None:
    """Hand the message over to the seeds, if there are any; who had it already gets no second one.

    Raises:
        RunStopped: Not all of them could be served; nobody else gets anything.
    """
    of_seeds = campaign_for_seeds(campaign)
    if of_seeds is None:
        return
    account = cast("RunAccount", send_campaign(of_seeds))
    if why := why_seeds_stop_it(account, NOT_WELL):
        raise RunStopped(why, account)


def check_campaign(campaign: Campaign, *, needs_credentials: bool) -> runs.RunRecord | None:
    """Refuse early and cheaply what cannot be sent: provider rules, credentials, columns, variables.

    Returns:
        The run that it would resume, if there is one.
    """
    _refuse(campaign, campaign.find_problems())
    if needs_credentials:
        for provider in campaign.providers:
            load_credentials(provider)
    run = find_run_to_resume(campaign.identity, campaign.audience.path)
    if run is None:  # else everybody is in the ledger, and the file may have gone
        check_audience(campaign.identity, campaign.audience)
        if of_seeds := campaign_for_seeds(campaign):
            check_audience(of_seeds.identity, of_seeds.audience)
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


def _check_portion(run: runs.RunRecord, portion: Portion) -> None:
    if portion.addresses is None:
        return
    with Ledger() as ledger, ledger.reading() as connection:
        found = runs.find_addresses(connection, run.id, portion.addresses)
    if missing := len(portion.addresses - found):
        problem = (
            f"{missing} of {len(portion.addresses)} addresses have no message in {run.key}, which is planned. "
            "Write numbers with + and the country code; who is excluded is in its report, with the reason"
        )
        raise CampaignError("only", [problem])


def _hand_over(run: runs.RunRecord, workers: int, portion: Portion) -> RunAccount:
    _check_portion(run, portion)
    try:
        stopped, cancelled, handed_over_before = lead_run(run, workers, portion)
    except leadership.RunBusy as busy:
        account = count_run(run.id, sent_by=str(busy))
        return _end_in(Completed(name="SentElsewhere", message=str(busy), data=account))
    account = publish_report(run.id, handed_over_before)
    if cancelled:
        return _end_in(Cancelled(message=stopped))
    if stopped is not None:
        raise RunStopped(stopped, account, is_paused=control_of(run.id) is RunControl.PAUSE)
    if any(account.statuses.get(status) for status in NOT_WELL):
        why = account.held.sentence if account.held else "some messages need attention"
        message = f"{account.key}: {why}"
        return _end_in(Completed(name="PartlySent", message=message, data=account))
    return _end_in(Completed(message=f"{account.key}: {account.handed_over} messages handed over", data=account))


def lead_run(
    run: runs.RunRecord, workers: int, portion: Portion, *, goes_on_by_itself: bool = False
) -> tuple[str | None, bool, int]:
    """Send a run until nothing is left, or something stops it.

    Args:
        run: The run.
        workers: Processes that hand chunks over at once.
        portion: What is handed over now.
        goes_on_by_itself: If this process is told to end, because its machine is, nobody has decided anything
            about the run: it waits for the next look at what is held. A person who cancels does decide.

    Returns:
        Why it stopped, if it did; whether that was because it was cancelled; and what had been handed over before.
        What is left because of its sending hours alone is no reason: the ledger notes until when they hold it.

    Raises:
        RunBusy, RunHeldBack: Another process sends it; somebody paused or cancelled it.
    """
    with (
        ExitStack() as after_giving_back,
        owned_run(run.id, alone=not portion.is_everything) as ownership,
        stopping_on_sigterm(),
    ):
        if portion.is_everything:
            after_giving_back.enter_context(helpers(run, workers - 1))
        with watching_flow_run(run.id, ownership.owner) as watch:
            began = now_in_ledger()
            while True:
                stopped = lead_sending(run.id, ownership.owner, portion)
                if stopped is None:
                    held, has_opened, now = look_at_held(run.id, since=began)
                    if not (has_opened and portion.is_everything):
                        break
                    began = now  # a window has opened since: what it held was passed by
                elif not watch.wait_while_paused():
                    break
        ownership.error = stopped
        if stopped is None and portion.is_everything and held is not None:
            ownership.error, ownership.waits_until = held.sentence, held.until
        elif stopped is None and not portion.is_everything:
            ownership.waits_until = run.waits_until  # whoever wanted a part now has not taken back the rest
        elif goes_on_by_itself and is_stop_requested() and not watch.is_cancelled:
            ownership.waits_until = run.waits_until
    cancelled = watch.is_cancelled or control_of(run.id) is RunControl.CANCEL
    return stopped, cancelled, ownership.handed_over_before


def _end_in(state: State[Any]) -> RunAccount:
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("RunAccount", state)


if __name__ == "__main__":
    from flows.terminal import main_send_campaign

    sys.exit(main_send_campaign())
