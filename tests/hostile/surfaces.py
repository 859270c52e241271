"""What a stranger's input goes through, and what may come of it: an ordinary end, or a refusal for people."""

import contextlib
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from deployments.receiver.intake import Intake
from flows.parameters import Campaign, parse_campaign, read_campaign
from flows.terminal import REFUSALS
from tasks.datasets.readers import open_contacts
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, Purpose
from tasks.messaging.templates import RenderError, compile_text
from tasks.opt_outs import read_suppression_list
from tasks.prepare import prepare_audience
from tasks.providers.registry import PROVIDER_NAMES, load_callbacks, load_provider
from tasks.reconcile import drain_inbox
from tasks.report_import import import_report, providers_with_reports
from tasks.store.inbox import add_events
from tasks.store.session import Ledger
from tasks.store.tables import ProviderEvent
from tests.hostile.callback_bodies import requests_of

_MOST_MESSAGE_CHARS = 4_000
_NOT_FOR_TERMINALS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Misbehaved(AssertionError):
    """The input was not dealt with as it should be."""


def texting_provider() -> str:
    """Any provider that takes a text for an SMS."""
    content = Content(channel=Channel.SMS, purpose=Purpose.TRANSACTIONAL, text="Hello")
    for name in PROVIDER_NAMES:
        provider = load_provider(name)
        if not provider.find_problems(content, provider.Options(), frozenset()):
            return name
    raise AssertionError("no provider takes a text")


def _campaign(path: Path) -> Campaign:
    return parse_campaign(
        {
            "name": "hostile",
            "channel": "sms",
            "provider": texting_provider(),
            "purpose": "transactional",
            "text": "Hello",
            "audience": {"path": str(path), "default_country": "SE"},
        }
    )


def read_rows(path: Path) -> str:
    """Every row of a contact file."""
    rows = 0
    with open_contacts(str(path)) as file:
        for batch in file.batches():
            rows += len(batch.frame) + len(batch.torn)
    return f"{rows} rows"


def prepare(path: Path) -> str:
    """A contact file, to messages and exclusions."""
    campaign = _campaign(path)
    with tempfile.TemporaryDirectory() as spool:
        prepared = prepare_audience.fn(campaign.identity, campaign.audience, spool)
    if prepared.rows_read != prepared.messages + prepared.excluded:
        raise Misbehaved("the account does not close")
    return f"{prepared.messages} messages, {prepared.excluded} excluded"


def suppress(path: Path) -> str:
    """The same file as a list of people who must not be contacted."""
    return f"{read_suppression_list.fn(str(path), Channel.SMS, 'SE')} suppressed"


def report(path: Path) -> str:
    """The same file as a report of a provider's console."""
    imported, _ = import_report.fn(
        providers_with_reports()[0], str(path), {"status": "a"} if path.stem < "m" else None
    )
    return f"{imported.rows} rows"


def plan_campaign(path: Path) -> str:
    """A campaign file, to what the ledger keeps of it and the provider says to it."""
    campaign = read_campaign(path)
    json.dumps(campaign.identity.campaign)
    return f"{len(campaign.find_problems(datetime(2026, 3, 20, tzinfo=UTC)))} problems"


def render(source: str, values: tuple[str, ...]) -> str:
    """A text, for each value in every column that it reads."""
    compiled = compile_text(source)
    rendered = 0
    for value in ("", *values):
        cells = dict.fromkeys(compiled.variables, value)
        compiled.missing(cells)
        with contextlib.suppress(RenderError):
            text = compiled.render(cells)
            rendered += 1
            if value and value == "{{ 7 * 7 }}" and "49" in text and "7 * 7" not in source:
                raise Misbehaved("a contact's value was evaluated")
    return f"{rendered} rendered"


def call_back(seed: int, count: int = 150) -> str:
    """Mutated callbacks of every provider into the inbox, and the inbox into the ledger."""
    readers = [(name, load_callbacks(name)) for name in PROVIDER_NAMES]
    intakes = [Intake(name, reader) for name, reader in readers if reader is not None]
    table = ProviderEvent.__table__  # type: ignore[attr-defined]
    with Ledger() as ledger:
        for part in (
            itertools.batched(requests_of(seed, count), 500)
            if hasattr(itertools, "batched")
            else [list(requests_of(seed, count))]
        ):
            for intake in intakes:
                events = [intake.event_of(request) for request in part]
                with ledger.writing() as connection:
                    add_events(connection, events)
        findings = drain_inbox.fn()
        with ledger.reading() as connection:
            left = connection.execute(
                select(func.count()).where(table.c.processed_at.is_(None), table.c.next_try_at.is_(None))
            ).scalar_one()
    if left:
        raise Misbehaved(f"{left} events were held back")
    return f"{findings.taken} events"


FILE_SURFACES: dict[str, Callable[[Path], str]] = {
    "rows": read_rows,
    "prepare": prepare,
    "suppress": suppress,
    "report": report,
    "campaign": plan_campaign,
}


def judge(work: Callable[[], str]) -> tuple[bool, str]:
    """Whether it ended as it should, and what came of it.

    A refusal has to be of a documented class, short, and without what a terminal would obey.
    """
    try:
        return True, work()
    except REFUSALS as error:
        message = str(error)
        if len(message) > _MOST_MESSAGE_CHARS:
            return False, f"a refusal of {len(message)} characters: {message[:80]!r}"
        if found := _NOT_FOR_TERMINALS.search(message):
            return False, f"a refusal with {found[0]!r}: {message[:200]!r}"
        return True, f"refused: {message[:160]}"
    except Exception as error:  # noqa: BLE001  # that is what is looked for
        return False, f"{type(error).__module__}.{type(error).__name__}: {str(error)[:200]}"


def each_surface_of(kind: str) -> Iterator[str]:
    """The surfaces that a file of a kind is put to."""
    yield from ("campaign",) if kind == "campaign" else ("rows", "prepare", "suppress", "report")
