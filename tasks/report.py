"""What people see of a plan and of a run: markdown for the Prefect UI. No full address in it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.contacts.masking import mask_text
from tasks.datasets.spool import Spool
from tasks.identity import RunIdentity
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus, Purpose
from tasks.plan import Plan, count_requests
from tasks.prepare import PreparedAudience
from tasks.store.account import RunAccount, read_account
from tasks.store.runs import run_key_of
from tasks.store.session import Ledger

STATUS_MEANINGS = {
    MessageStatus.PLANNED: "not handed over yet",
    MessageStatus.SENDING: "being handed over",
    MessageStatus.UNKNOWN: "handed over or not: cannot be known yet",
    MessageStatus.ACCEPTED: "the provider took it",
    MessageStatus.SCHEDULED: "the provider holds it until its time",
    MessageStatus.SENT: "on its way",
    MessageStatus.DELIVERED: "arrived",
    MessageStatus.UNDELIVERED: "the carrier could not deliver it",
    MessageStatus.REJECTED: "the provider refused it",
    MessageStatus.FAILED: "could not be handed over",
    MessageStatus.CANCELLED: "withdrawn before it was sent",
    MessageStatus.UNCONFIRMED: "accepted, and no receipt came",
}


@task(name="publish report", cache_policy=NO_CACHE, persist_result=False)
def publish_report(run_id: int, handed_over_before: int) -> RunAccount:
    """Count a run, and publish the account as an artifact of the flow run.

    Args:
        run_id: The run.
        handed_over_before: Messages that earlier commands had handed over.
    """
    with Ledger() as ledger, ledger.reading() as connection:
        account = replace(read_account(connection, run_id), handed_over_before=handed_over_before)
    create_markdown_artifact(
        account_as_markdown(account),
        key=f"rollcall-run-{run_id}",
        description=f"Account of {account.key} through {account.provider}",
    )
    return account


@task(name="publish plan", cache_policy=NO_CACHE, persist_result=False)
def publish_plan(
    identity: RunIdentity, prepared: PreparedAudience, chunk_size: int, planned_at: datetime | None = None
) -> Plan:
    """Say what a prepared audience would become, and publish it as an artifact of the flow run."""
    requests = count_requests(Spool(Path(prepared.directory)).text_keys(), chunk_size, identity.capabilities)
    key = run_key_of(identity.name, identity.run_key)
    warnings = identity.adapter.find_warnings(identity.content, identity.provider_options)
    plan = Plan(key, identity.provider, identity.content, prepared, requests, planned_at, warnings)
    create_markdown_artifact(
        plan_as_markdown(plan),
        key="rollcall-plan",
        description=f"Plan of {plan.key} through {plan.provider}: nothing was sent",
    )
    return plan


def say_what_was_done(account: RunAccount) -> list[str]:
    """What this command did, and what is special about the run; plain sentences."""
    sentences = []
    if account.is_simulated:
        sentences.append("Test mode: the provider only pretended, and nobody got a message.")
    if account.handed_over_before:
        before, now = account.handed_over_before, account.handed_over - account.handed_over_before
        sentences.append(
            f"{now:,} messages were handed over now, {before:,} before."
            if now
            else f"Nothing was sent now: {before:,} messages were handed over before."
        )
    return sentences


def account_as_markdown(account: RunAccount) -> str:
    """The balance, the statuses, the reasons and the countries of a run."""
    balance = (
        f"**{account.rows_read:,} rows read = {account.messages:,} messages + {account.excluded:,} excluded**"
        if account.is_balanced
        else f"**THE ACCOUNT DOES NOT CLOSE: {account.rows_read:,} rows, {account.messages:,} messages, "
        f"{account.excluded:,} excluded**"
    )
    sections = [
        f"# {account.key}",
        f"Through {account.provider}, planned {account.created_at:%Y-%m-%d %H:%M} UTC. Digest `{account.digest}`.",
        balance,
        *say_what_was_done(account),
        *([f"**Stopped:** {account.error}. The same command resumes."] if account.error else []),
        "## Messages",
        _table(
            ("status", "messages", "meaning"),
            ((status, f"{count:,}", STATUS_MEANINGS[status]) for status, count in account.statuses.items()),
        ),
        "## Excluded rows",
        _table(("reason", "rows"), ((reason, f"{count:,}") for reason, count in account.exclusions.items())),
    ]
    if account.troubles:
        sections += [
            "## What the provider said",
            _table(
                ("status", "reason", "provider's word", "messages"),
                ((status, why, raw or "", f"{n:,}") for (status, why, raw), n in account.troubles.items()),
            ),
        ]
        sections += [f"> {_plain(error)}" for error in account.errors]
    if account.dropped_unnamed:
        sections.append(f"The provider left {account.dropped_unnamed:,} recipients out without saying which.")
    sections += [
        "## Countries",
        _table(
            ("country", "messages", "parts", "cost"),
            (
                (code or "unknown", f"{n:,}", f"{parts:,}", f"{cost:.2f}" if cost else "not told")
                for code, (n, parts, cost) in account.countries.items()
            ),
        ),
    ]
    return "\n\n".join(sections)


def say_if_planned(plan: Plan) -> list[str]:
    """What becomes of the plan when there is a run under this key already."""
    if plan.planned_at is None:
        return []
    when = f"{plan.planned_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"Planned already, on {when}: without --dry-run that run is resumed, and nobody gets a second message.",
        "To send the campaign again, give it another run key.",
    ]


_WAY_OUT = re.compile(r"\b(stop|unsubscribe|opt.?out|abmelden|baja|avregistrera)", re.IGNORECASE)


def describe_content(content: Content, now: datetime | None = None) -> list[str]:
    """How it would be sent: as what, as whom, and when; plain sentences.

    Args:
        content: What the messages share.
        now: The current instant; taken from the clock when not given.
    """
    facts = [f"{content.purpose} {content.channel}, sender: {content.sender or 'the default of the provider'}"]
    if content.send_at is None:
        facts.append("to be sent at once")
    else:
        ahead = content.send_at - (now or datetime.now(UTC))
        when = f"in {ahead.days} days and {ahead.seconds // 3600} hours"
        facts.append(f"to be sent {content.send_at:%Y-%m-%d %H:%M %Z}, {when}")
    if content.test_mode:
        facts.append("test mode: the provider would only pretend")
    if content.purpose is Purpose.MARKETING and content.text and not _WAY_OUT.search(content.text):
        facts.append("marketing text without a way to opt out: tell recipients how, for example: Reply STOP")
    return facts


def plan_as_markdown(plan: Plan) -> str:
    """What would be sent, and what would not."""
    prepared = plan.prepared
    sections = [
        f"# Plan of {plan.key} through {plan.provider}: nothing was sent",
        *say_if_planned(plan),
        f"Digest `{prepared.digest}`: send exactly this with `--approve {prepared.digest}`.",
        f"**{prepared.rows_read:,} rows read = {prepared.messages:,} messages + {prepared.excluded:,} excluded**",
        "\n".join(f"- {_plain(fact)}" for fact in (*describe_content(plan.content), *plan.warnings)),
        f"{prepared.parts:,} SMS parts in {plan.requests:,} requests.",
        "## Excluded rows",
        _table(("reason", "rows"), ((reason, f"{n:,}") for reason, n in prepared.exclusions.most_common())),
        *(
            f"**{reason}**, for example:\n"
            + "\n".join(f"- {_plain(example)}" for example in prepared.examples[reason])
            for reason, _ in prepared.exclusions.most_common()
        ),
        "## Countries",
        _table(("country", "messages"), ((c or "unknown", f"{n:,}") for c, n in prepared.countries.most_common())),
        "## Texts, for example",
        "\n".join(f"- {_plain(mask_text(text))}" for text in prepared.sample_texts),
        "## How the file was read",
        "\n".join(f"- {_plain(note)}" for note in prepared.notes),
        _table(("meaning", "column", "because"), prepared.columns),
    ]
    if prepared.advice:
        sections += ["## Advice", "\n".join(f"- {_plain(advice)}" for advice in prepared.advice)]
    return "\n\n".join(sections)


_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def _plain(text: str) -> str:
    """Text of a contact file or a campaign, which markdown must show as it stands."""
    return " ".join(text.translate(_MARKUP).split())


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(_plain(str(cell)) for cell in line) + " |" for line in (header, *rows)]
    return "\n".join([lines[0], "|" + " --- |" * len(header), *lines[1:]])
