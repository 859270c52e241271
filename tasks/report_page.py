"""The report of a run as one HTML file: no script, no request to anywhere, light and dark, good on paper."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pycountry
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from tasks import charts
from tasks.contacts.masking import mask_text
from tasks.datasets.locations import describe_location
from tasks.funnel import EXCLUDED, funnel_of
from tasks.meanings import EXCLUSION_MEANINGS, RUN_STATE_MEANINGS, STATUS_MEANINGS
from tasks.messaging.statuses import MessageStatus
from tasks.operator_commands import settle_commands
from tasks.store.account import MOST_KINDS, RunAccount

_TEMPLATE = "report_page.html.jinja"

_STRIP = (
    ("delivered", "delivered", (MessageStatus.DELIVERED,)),
    (
        "open",
        "open",
        (
            MessageStatus.PLANNED,
            MessageStatus.SENDING,
            MessageStatus.ACCEPTED,
            MessageStatus.SCHEDULED,
            MessageStatus.SENT,
        ),
    ),
    ("unknown", "unknown", (MessageStatus.UNKNOWN,)),
    ("unconfirmed", "unconfirmed", (MessageStatus.UNCONFIRMED,)),
    ("lost", "not delivered", (MessageStatus.UNDELIVERED, MessageStatus.REJECTED, MessageStatus.FAILED)),
    ("cancelled", "withdrawn", (MessageStatus.CANCELLED,)),
)


@dataclass(frozen=True, slots=True)
class CorrectionFile:
    """A file beside the page that can be corrected and sent again."""

    name: str
    rows: int
    holds: str


def render_report_page(
    account: RunAccount,
    files: Sequence[CorrectionFile],
    *,
    has_original_columns: bool,
    made_at: datetime,
) -> str:
    """The whole page.

    Args:
        account: What it shows. Addresses that providers' words contain are masked; every text is escaped.
        files: The CSV files that lie in the same directory.
        has_original_columns: Whether those begin with the columns of the contact file.
        made_at: When the account was read.
    """
    steps = funnel_of(account)
    pictures = {"funnel": charts.draw_funnel(steps)}
    if account.timeline is not None:
        pictures["timeline"] = charts.draw_timeline(account.timeline)
    if account.messages:
        pictures["countries"] = charts.draw_countries(account.countries)
    return _template().render(
        account=account,
        made_at=made_at,
        palettes={"light": charts.LIGHT, "dark": charts.DARK},
        pictures=pictures,
        steps=steps,
        strip=_strip(account),
        state=RUN_STATE_MEANINGS[account.state],
        statuses=[
            (status, charts.colour_role(status), count, STATUS_MEANINGS[status])
            for status, count in account.statuses.items()
        ],
        exclusions=[(why, count, EXCLUSION_MEANINGS[why]) for why, count in account.exclusions.items()],
        troubles=[
            (status, charts.colour_role(status), why, raw or "", count)
            for (status, why, raw), count in account.troubles.items()
        ],
        countries=[(code, _country_name(code), tally) for code, tally in account.countries.items()],
        step_length=charts.describe_step(account.timeline.step) if account.timeline else "",
        commands=settle_commands(account),
        files=files,
        has_original_columns=has_original_columns,
        most_kinds=MOST_KINDS,
    )


def _strip(account: RunAccount) -> list[tuple[str, str, int]]:
    """Every row of the file as one band: (colour, word, count), counts above 0 only."""
    band = [(role, word, account.count(*statuses)) for role, word, statuses in _STRIP]
    return [part for part in (*band, (EXCLUDED, EXCLUDED, account.excluded)) if part[2]]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "role": charts.colour_role,
        "share": charts.share_of,
        "money": _money,
        "masked": mask_text,
        "location": lambda path: mask_text(describe_location(path)),
        "instant": lambda instant: f"{instant:%Y-%m-%d %H:%M} UTC",
        "svg": lambda picture: Markup(picture.inline()),  # noqa: S704  # drawn by us, from our own words
        "more_than_shown": _more_than_shown,
    }
    return environment.get_template(_TEMPLATE)


def _money(amount: Decimal | None) -> str:
    """At least two decimal places, and as many more as a price below one hundredth needs."""
    if amount is None:
        return "not told"
    return f"{amount:,.2f}" if not amount or abs(amount) >= Decimal("0.1") else f"{amount:,.4f}"


def _more_than_shown(kinds: Iterable[Any]) -> bool:
    return len(list(kinds)) >= MOST_KINDS


@cache
def _country_name(code: str) -> str:
    found = pycountry.countries.get(alpha_2=code) if code else None
    name: str = getattr(found, "common_name", found.name) if found else code
    return name
