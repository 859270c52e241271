"""What is decided about messages of which nothing more is heard, and the state of the run that follows from it."""

from datetime import datetime, timedelta
from enum import StrEnum

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import ValidationError

from tasks.concealment import concealed_errors
from tasks.identity import identity_of
from tasks.messaging.statuses import MessageStatus
from tasks.providers.registry import load_provider
from tasks.store import control, leadership, outstanding, runs
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import RunState, utc_now
from tasks.store.withdrawals import RESEND_DECIDED

CLOSED_AT_ONCE = 10_000
"""Messages that one transaction closes."""


class UnknownChoice(StrEnum):
    """What an operator can decide about messages that stay `unknown`."""

    RESEND = "resend"
    """Hand them over again: whoever got the first one gets a second."""
    CLOSE = "close"
    """Hand them over no more: whoever did not get the first one gets none."""


_REASONS = {UnknownChoice.RESEND: RESEND_DECIDED, UnknownChoice.CLOSE: "closed_by_operator"}


class UnknownCountChanged(Exception):
    """There are not as many unknown messages as the operator was shown. Nothing was done."""


@task(name="settle run", task_run_name="settle run {run_id}", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def settle_run(run_id: int, receipt_window: timedelta | None = None) -> RunState:
    """Close what will get no receipt any more, and bring the run into the state that its messages are in.

    Messages of lost answers whose ticket a callback has told are accepted ones. Those that were accepted and got
    no receipt within their provider's window become `unconfirmed`; at once where there are no receipts at all.

    Args:
        run_id: The run.
        receipt_window: Instead of the providers'; what a message may wait for its recipient comes on top of it.
    """
    with Ledger() as ledger:
        return _settle(ledger, run_id, receipt_window)


def _settle(ledger: Ledger, run_id: int, receipt_window: timedelta | None) -> RunState:
    # In short transactions: a sender whose heartbeat waits for the run's row for too long stops sending.
    _settle_state(ledger, run_id)
    with ledger.reading() as connection:
        run = runs.get_run(connection, run_id)
    for provider in run.providers:
        sent_before, reason = _closing_time(run, provider, utc_now(), receipt_window)
        while (
            sent_before is not None
            and _close_some(ledger, run_id, provider, sent_before, reason) == CLOSED_AT_ONCE
        ):
            pass
    return _settle_state(ledger, run_id)


@again_while_busy
def _settle_state(ledger: Ledger, run_id: int) -> RunState:
    with ledger.writing() as connection:
        leadership.lock_run(connection, run_id)
        outstanding.settle_by_ticket(connection, run_id)
        return leadership.settle_run(connection, run_id)


@again_while_busy
def _close_some(ledger: Ledger, run_id: int, provider: str, sent_before: datetime, reason: str) -> int:
    with ledger.writing() as connection:
        return outstanding.close_without_receipt(
            connection, run_id, provider, reason=reason, claimed_before=sent_before, limit=CLOSED_AT_ONCE
        )


def _closing_time(
    run: runs.RunRecord, provider: str, now: datetime, receipt_window: timedelta | None
) -> tuple[datetime | None, str]:
    """Messages of one provider whose request left before that instant are closed, and why; None while none are."""
    send_at = datetime.fromisoformat(run.content["send_at"]) if run.content.get("send_at") else None
    if not _gives_receipts(run, provider):
        return (now if send_at is None or send_at <= now else None), "no_receipts"
    window = load_provider(provider).receipt_window if receipt_window is None else receipt_window
    sent_before = now - window - timedelta(seconds=run.content.get("validity_seconds") or 0)
    # A scheduled message is sent later than its request left.
    return (sent_before if send_at is None or send_at <= sent_before else None), "no_receipt"


def _gives_receipts(run: runs.RunRecord, provider: str) -> bool:
    try:
        part = identity_of(run).through(provider)
        return part.adapter.gives_receipts(part.content, part.provider_options)
    except ValidationError:  # planned by an older version, whose campaigns had other members
        return True


@task(
    name="decide about unknown messages",
    task_run_name="decide about unknown messages",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@concealed_errors()
def decide_about_unknown(run_id: int, choice: UnknownChoice, expected: int | None = None) -> int:
    """Do what the operator decided about the messages of a run that nobody can say anything about.

    Args:
        run_id: The run.
        choice: What to do with all of them.
        expected: How many the operator was shown; None when he was not asked to look.

    Returns:
        How many it was done with.

    Raises:
        UnknownCountChanged: There are not as many.
    """
    with Ledger() as ledger:
        with ledger.reading() as connection:
            before = runs.count_reason(connection, run_id, _REASONS[choice])
        return _decide(ledger, run_id, choice, expected, before)


@again_while_busy
def _decide(ledger: Ledger, run_id: int, choice: UnknownChoice, expected: int | None, before: int) -> int:
    with ledger.writing() as connection:
        leadership.lock_run(connection, run_id)
        # An earlier try may have been committed, and only the answer to that lost. What is unknown now are others,
        # which nobody was shown.
        if (done := runs.count_reason(connection, run_id, _REASONS[choice]) - before) > 0:
            return done
        if choice is UnknownChoice.RESEND:
            if held_back := leadership.read_standing(connection, run_id).held_back:
                raise control.ControlRefused(f"{held_back}. Nothing of it is sent again")
            done = outstanding.plan_again(connection, run_id, None, reason=_REASONS[choice])
        else:
            done = outstanding.close_without_receipt(
                connection,
                run_id,
                reason=_REASONS[choice],
                claimed_before=utc_now(),
                statuses=(MessageStatus.UNKNOWN,),
            )
        # Counted by what was changed, not before: another sender may lose an answer in between. Raising undoes it.
        if expected not in {None, done}:
            key = runs.get_run(connection, run_id).key
            raise UnknownCountChanged(
                f"{key} has {done:,} unknown messages, not {expected:,}: look again, and decide about those"
            )
        leadership.settle_run(connection, run_id)
        return done
