"""What people see of a plan before anything is sent: an artifact in the Prefect UI, and lines for the terminal."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.concealment import concealed_errors
from tasks.contacts.masking import mask_text
from tasks.costs import COST_COLUMNS, CostEstimate, estimate_cost
from tasks.estimate import add_up, estimate_handing_over
from tasks.identity import RunIdentity
from tasks.markdown import plain, table
from tasks.messaging.content import Content
from tasks.messaging.parts import Encoding
from tasks.messaging.text_warnings import find_text_warnings
from tasks.plan import Plan, count_requests
from tasks.prepare import PreparedAudience
from tasks.store.runs import run_key_of


@task(name="publish plan", task_run_name="publish plan", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def publish_plan(
    identity: RunIdentity, prepared: PreparedAudience, chunk_size: int, planned_at: datetime | None = None
) -> Plan:
    """Say what a prepared audience would become, and publish it as an artifact of the flow run."""
    requests = count_requests(identity, prepared, chunk_size)
    key = run_key_of(identity.name, identity.run_key)
    parts = [identity.through(provider) for provider in identity.providers]
    of_providers = (part.adapter.find_warnings(part.content, part.provider_options) for part in parts)
    warnings = list(
        dict.fromkeys(
            [
                *prepared.hours_notes,
                *prepared.consent_warnings,
                *find_text_warnings(identity.content),
                *chain.from_iterable(of_providers),
            ]
        )
    )
    estimate = add_up(
        {
            part.provider: estimate_handing_over(requests[part.provider], part.capabilities)
            for part in parts
            if requests[part.provider] or not any(requests.values())
        }
    )
    costs = (
        estimate_cost(
            prepared.shares(identity.routing(prepared.prices)), identity.content.channel, prepared.prices
        )
        if prepared.prices is not None or identity.routes
        else None
    )
    plan = Plan(
        key,
        ", ".join(identity.providers),
        identity.content,
        prepared,
        sum(requests.values()),
        estimate,
        planned_at,
        warnings,
        costs,
    )
    create_markdown_artifact(
        plan_as_markdown(plan),
        key="rollcall-plan",
        description=f"Plan of {plan.key} through {plan.provider}: nothing was sent",
    )
    return plan


def say_if_planned(plan: Plan) -> list[str]:
    """What becomes of the plan when there is a run under this key already."""
    if plan.planned_at is None:
        return []
    when = f"{plan.planned_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"Planned already, on {when}: without --dry-run that run is resumed, and nobody gets a second message.",
        "To send the campaign again, give it another run key.",
    ]


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
    return facts


_HOW_TO_APPROVE = (
    "Give it as `approve` in the form, or as `--approve`, to send exactly this: it is refused if the file, the "
    "text, the audience or the suppressions changed."
)
_ENCODINGS = {
    Encoding.GSM7: "GSM-7",
    Encoding.GSM7_SPANISH: "GSM-7 with the Spanish table",
    Encoding.UCS2: "UCS-2",
}


def describe_size(plan: Plan) -> list[str]:
    """How much it is, and how long it takes; plain sentences. Empty when nobody would get it."""
    prepared = plan.prepared
    if not prepared.messages:
        return []
    encodings = ", ".join(f"{n:,} in {_ENCODINGS[Encoding(name)]}" for name, n in prepared.encodings.most_common())
    parts = f"{prepared.parts:,} SMS parts ({encodings}) in " if prepared.parts else ""
    return [f"{parts}{plan.requests:,} requests", str(plan.estimate)]


def plan_in_short(plan: Plan) -> str:
    """What somebody must know who decides about it at once; the artifact has the rest."""
    return "\n\n".join(
        [
            f"## {plain(plan.key)} through {plan.provider}: nothing was sent yet",
            *_essentials(plan),
            "### Texts, for example",
            _list(map(mask_text, plan.prepared.sample_texts)),
            "The whole plan is under Artifacts.",
        ]
    )


def _essentials(plan: Plan) -> list[str]:
    prepared = plan.prepared
    warnings = [*plan.warnings, *prepared.advice]
    return [
        f"**{prepared.rows_read:,} rows read = {prepared.messages:,} messages + {prepared.excluded:,} excluded**",
        _list([*describe_content(plan.content), *describe_size(plan)]),
        *(["## Look at this first", _list(warnings)] if warnings else []),
        "## Excluded rows",
        table(("reason", "rows"), ((reason, f"{n:,}") for reason, n in prepared.exclusions.most_common())),
    ]


def plan_as_markdown(plan: Plan) -> str:
    """What would be sent, and what would not."""
    prepared = plan.prepared
    sections = [
        f"# Plan of {plain(plan.key)} through {plan.provider}: nothing was sent",
        *say_if_planned(plan),
        f"Digest `{prepared.digest}`. {_HOW_TO_APPROVE}",
        *_essentials(plan),
        *(
            f"**{reason}**, for example:\n" + _list(prepared.examples[reason])
            for reason, _ in prepared.exclusions.most_common()
        ),
        "## Countries",
        table(("country", "messages"), ((c or "unknown", f"{n:,}") for c, n in prepared.countries.most_common())),
        *([] if plan.costs is None else _cost_sections(plan.costs)),
        "## Texts, for example",
        _list(map(mask_text, prepared.sample_texts)),
        "## How the file was read",
        _list(prepared.notes),
        table(("meaning", "column", "because"), prepared.columns),
    ]
    return "\n\n".join(sections)


def _cost_sections(costs: CostEstimate) -> list[str]:
    return ["## Cost, estimated", table(COST_COLUMNS, costs.cells()), *map(plain, costs.sentences())]


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)
