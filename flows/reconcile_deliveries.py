"""Find out what became of every message: inbox -> questions -> searches -> closing -> report.

From the command line `python -m flows.reconcile_deliveries`; as a Prefect deployment on a schedule
`flows.reconcile_deliveries.reconcile_deliveries`. It may run while campaigns are being sent, and several times at
once: what one of them has taken up, the others leave alone.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Annotated, cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from flows.named_runs import find_runs
from flows.parameters import CampaignError, Duration
from tasks.closing import UnknownChoice, decide_about_unknown, settle_run
from tasks.contacts.file_references import FileReference
from tasks.messaging.statuses import MessageStatus
from tasks.questions import ask_about_messages, search_for_messages
from tasks.reconcile import EVENTS_PER_TASK, Findings, drain_inbox, make_all_due
from tasks.report import publish_report
from tasks.report_import import ImportedReport, import_report, providers_with_reports
from tasks.store import runs
from tasks.store.account import RunAccount
from tasks.store.runs import RunRecord
from tasks.store.session import Ledger


@dataclass(slots=True)
class Reconciliation:
    """What a reconciliation came to.

    Attributes:
        findings: All that was learnt, counted.
        accounts: Of the runs that were asked for by name; else of those in which something changed.
        imported: What the report file came to, where one was given.
        decided: Unknown messages that the operator's decision was carried out on.
        troubles: What could not be done, for a person.
    """

    findings: Findings = field(default_factory=Findings)
    accounts: list[RunAccount] = field(default_factory=list)
    imported: ImportedReport | None = None
    decided: int = 0
    troubles: list[str] = field(default_factory=list)

    def add(self, findings: Findings) -> Findings:
        """Count what one step came to."""
        self.findings += findings
        if findings.trouble and findings.trouble not in self.troubles:
            self.troubles.append(findings.trouble)
        return findings


def _run_name() -> str:
    parameters = flow_run.parameters
    names = filter(None, (parameters.get("campaign"), parameters.get("run_key")))
    return f"reconcile {' '.join(names) or 'all that is open'}"


@flow(name="reconcile-deliveries", flow_run_name=_run_name, persist_result=False)
def reconcile_deliveries(
    campaign: str | None = None,
    run_key: str | None = None,
    *,
    unknown: UnknownChoice | None = None,
    unknown_count: Annotated[int | None, Field(ge=0)] = None,
    report: FileReference | None = None,
    report_columns: dict[str, str] | None = None,
    receipt_window: Duration | None = None,
    ask_now: bool = False,
    time_limit: Duration = timedelta(minutes=10),
) -> Reconciliation:
    """Bring every message as far as is known.

    Args:
        campaign: Name of a campaign; when empty, all runs that are not finished.
        run_key: One run of the campaign.
        unknown: What to do with messages of which nobody can say whether they arrived: needs `campaign` and
            `run_key`. `resend`: whoever got the first one gets a second. `close`: hand them over no more.
        unknown_count: Refuse to do that if there are not exactly as many.
        report: A report exported from the provider's console, to be read first: a path or URL;
            `${ROLLCALL_...}` in it is an environment variable.
        report_columns: Header by meaning, where a header of the report is not recognised.
        receipt_window: Instead of the provider's: how long after its sending a message without a receipt becomes
            `unconfirmed`.
        ask_now: Ask about every open message now, also about those that are young or were asked about lately.
        time_limit: Begin no further questions after this time; the next reconciliation goes on.

    Returns:
        What was learnt, and the accounts of the runs. The final state is `Completed`, or `Incomplete` when
        something could not be done: a provider could not be asked, for example.

    Raises:
        CampaignError: There is no such run, or a decision about unknown messages does not name one run.
        UnknownCountChanged: There are not `unknown_count` unknown messages; nothing was done with them.
        DatasetError: The report cannot be read.
    """
    done = Reconciliation()
    deadline = time.monotonic() + time_limit.total_seconds()
    followed = find_runs(campaign, run_key, has_decision=unknown is not None)
    before = {run.id: _snapshot(run.id) for run in followed}
    if report is not None:
        done.imported, findings = import_report(_report_provider(followed, report), report, report_columns)
        done.add(findings)
    if ask_now:
        make_all_due([run.id for run in followed])
    _read_inbox(done)
    for run in followed:
        settle_run(run.id, receipt_window)
    handed_over_to = [(run, provider) for run in followed for provider in run.providers]
    _ask_in_turns(
        done,
        [
            *(partial(search_for_messages, run.id, provider) for run, provider in handed_over_to),
            *(
                partial(ask_about_messages, run.id, provider, also_young=ask_now)
                for run, provider in handed_over_to
            ),
        ],
        deadline,
    )
    _read_inbox(done)  # what came meanwhile
    for run in followed:
        if unknown is not None:
            done.decided += decide_about_unknown(run.id, unknown, unknown_count)
        settle_run(run.id, receipt_window)
        if campaign is not None or _snapshot(run.id) != before[run.id]:
            done.accounts.append(publish_report(run.id))
    for sentence in (*done.findings.sentences(), *done.troubles):
        get_run_logger().info(sentence)
    final: State[Reconciliation] = (
        Completed(name="Incomplete", message="; ".join(done.troubles), data=done)
        if done.troubles
        else Completed(message=f"{len(followed)} runs looked at", data=done)
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("Reconciliation", final)


def _read_inbox(done: Reconciliation) -> None:
    while done.add(drain_inbox()).taken >= EVENTS_PER_TASK:
        pass


def _ask_in_turns(done: Reconciliation, questions: Sequence[Callable[[], Findings]], deadline: float) -> None:
    """One task run per batch, in turns, so that no long run keeps the others waiting; until time is up.

    What has nothing due any more, or cannot be asked, is left out of the next round.
    """
    while questions:
        left = []
        for ask in questions:
            if time.monotonic() >= deadline:
                return
            findings = done.add(ask())
            if findings.taken and not findings.trouble:
                left.append(ask)
        questions = left


def _report_provider(followed: list[RunRecord], report: str) -> str:
    """Whose console a report is from: the named campaign's provider, else the only one that it can be."""
    able = providers_with_reports()
    providers = {provider for run in followed for provider in run.providers if provider in able}
    candidates = providers or set(able)
    if len(candidates) != 1:
        raise CampaignError(f"report {report}", [f"campaign: name one that went through {' or '.join(able)}"])
    return candidates.pop()


def _snapshot(run_id: int) -> tuple[str, dict[MessageStatus, int]]:
    with Ledger() as ledger, ledger.reading() as connection:
        return runs.get_run(connection, run_id).state, runs.count_statuses(connection, run_id)


if __name__ == "__main__":
    from flows.reconcile_command import main_reconcile_deliveries

    sys.exit(main_reconcile_deliveries())
