"""The report's pictures, drawn by matplotlib as small SVGs.

matplotlib is imported when the first picture is drawn: it costs half a second, which `--help` must not.
Only its object-oriented side is used: pyplot keeps global state, and flows run in threads.
"""

import base64
import io
import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tasks.funnel import EXCLUDED, FunnelStep
from tasks.messaging.statuses import MessageStatus
from tasks.store.account import Tally
from tasks.store.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

_MOST_COUNTRIES = 12
_ROW_INCHES = 0.34
_WIDTH_INCHES = 9.2
_SIZE = 9.5

_GROUPS = {
    EXCLUDED: "excluded",
    MessageStatus.PLANNED: "open",
    MessageStatus.SENDING: "open",
    MessageStatus.ACCEPTED: "open",
    MessageStatus.SCHEDULED: "open",
    MessageStatus.SENT: "open",
    MessageStatus.UNKNOWN: "unknown",
    MessageStatus.UNCONFIRMED: "unconfirmed",
    MessageStatus.DELIVERED: "delivered",
    MessageStatus.UNDELIVERED: "lost",
    MessageStatus.REJECTED: "lost",
    MessageStatus.FAILED: "lost",
    MessageStatus.CANCELLED: "cancelled",
}
"""Which colour a word has. Blue and orange, not green and red: one man in twelve cannot tell those apart."""

LIGHT = {
    "ink": "#16202c",
    "muted": "#5c6875",
    "rule": "#d5dbe1",
    "card": "#ffffff",
    "delivered": "#0f6fb3",
    "passed": "#9dc6e6",
    "open": "#b9a7e0",
    "unknown": "#e5b93c",
    "unconfirmed": "#93a1af",
    "lost": "#d4572a",
    "cancelled": "#8a6d5a",
    "excluded": "#ccd3da",
}
DARK = {
    "ink": "#e8edf2",
    "muted": "#9aa7b4",
    "rule": "#33404d",
    "card": "#18212b",
    "delivered": "#4fa8e6",
    "passed": "#2c5f87",
    "open": "#8f79c9",
    "unknown": "#dfb33a",
    "unconfirmed": "#75838f",
    "lost": "#ee7c50",
    "cancelled": "#a98a75",
    "excluded": "#46535f",
}
"""The same roles on a dark page."""

# matplotlib takes no CSS variables. It draws with these, and they are replaced in the text of the SVG.
_INKS = {role: f"#fe{number:02x}ef" for number, role in enumerate(LIGHT)}


def colour_role(word: str) -> str:
    """The role, in `LIGHT` and `DARK`, of a status or of `excluded`."""
    return _GROUPS[word]


@dataclass(frozen=True, slots=True)
class Picture:
    """One SVG in placeholder colours.

    Attributes:
        name: One word, unique on a page.
        text: What it shows, for people who do not see it.
    """

    name: str
    text: str
    _svg: str

    def inline(self) -> str:
        """For a page that defines the roles of `LIGHT` as CSS variables: it follows light and dark."""
        svg = self._svg
        for role, ink in _INKS.items():
            svg = svg.replace(ink, f"var(--{role})")
        svg = _STYLE_SHEET.sub("", svg)  # inside a page it would be a rule for the whole page
        # Every picture has a `figure_1`; ids must be unique on a page.
        svg = re.sub(r'\bid="([^"]+)"', rf'id="{self.name}-\1"', svg)
        svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{self.name}-", svg)
        return svg.replace("<svg ", '<svg role="img" aria-hidden="true" focusable="false" ', 1)

    def data_uri(self) -> str:
        """For an `<img>`, on a white card: a picture cannot know whether the page around it is dark."""
        svg = self._svg
        for role, ink in _INKS.items():
            svg = svg.replace(ink, LIGHT[role])
        card = f'<rect width="100%" height="100%" rx="6" fill="{LIGHT["card"]}"/>'
        svg = re.sub(r"(<svg [^>]*>)", rf"\1{card}", svg, count=1)
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


_LEAST_SHARE = 0.001


def share_of(part: int, whole: int) -> str:
    """`98.2%`; never 0% of something, nor 100% of not all; "" of nothing."""
    if not whole:
        return ""
    if 0 < part < _LEAST_SHARE * whole:
        return f"<{_LEAST_SHARE:.1%}"
    if 0 < whole - part < _LEAST_SHARE * whole:
        return f">{1 - _LEAST_SHARE:.1%}"
    return f"{part / whole:.1%}"


def draw_funnel(steps: Sequence[FunnelStep]) -> Picture:
    """One bar a step, as long as the step before: what came this far, then what fell out, by colour."""
    figure, axes = _figure(rows=len(steps) * 1.35)
    total = max(steps[0].count, 1)
    for place, step in enumerate(steps):
        colour = "delivered" if step is steps[-1] else "passed"
        axes.barh(place, step.count, height=0.62, color=_INKS[colour])
        left = step.count
        for word, count in step.fell_out:
            axes.barh(place, count, left=left, height=0.62, color=_INKS[colour_role(word)])
            left += count
        axes.text(-0.012 * total, place, step.name, ha="right", va="center", color=_INKS["ink"])
        share = f" ({share_of(step.count, total)})" if place else ""
        axes.text(1.012 * total, place, f"{step.count:,}{share}", va="center", color=_INKS["ink"])
    axes.set_xlim(-0.155 * total, 1.22 * total)
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.axis("off")
    said = ", ".join(f"{step.count:,} {step.name}" for step in steps)
    return _picture("funnel", f"Funnel: {said}.", figure)


_STACK = (MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.UNCONFIRMED)
_NEVER_ARRIVING = (MessageStatus.REJECTED, MessageStatus.FAILED, MessageStatus.CANCELLED)


_SHORT = timedelta(seconds=8)


def draw_timeline(timeline: Timeline) -> Picture:
    """Handed over as a line, and below it what the receipts said; the gap between them is still open."""
    from matplotlib import dates  # noqa: PLC0415  # see the module's docstring
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415  # the same

    figure, axes = _figure(rows=8)
    ends = [timeline.start, *timeline.ends]
    instants = dates.date2num(ends)  # type: ignore[no-untyped-call]  # matplotlib types it partly

    def steps_of(counts: Sequence[int]) -> list[int]:
        return [0, *counts]

    nothing = [0] * len(timeline.handed_over)
    stacked = [status for status in _STACK if status in timeline.finals]
    if stacked:
        axes.stackplot(
            instants,
            *(steps_of(timeline.finals[status]) for status in stacked),
            colors=[_INKS[colour_role(status)] for status in stacked],
            linewidth=0,
        )
    axes.plot(instants, steps_of(timeline.handed_over), color=_INKS["ink"], linewidth=1.6)
    refused = [sum(counts) for counts in zip(nothing, *_finals_of(timeline, _NEVER_ARRIVING), strict=True)]
    if any(refused):
        axes.plot(instants, steps_of(refused), color=_INKS["lost"], linewidth=1.4, linestyle=(0, (4, 2)))
    # Of a few seconds matplotlib would mark parts, each with the same second below it.
    is_short = ends[-1] - ends[0] < _SHORT
    locator: dates.DateLocator = (
        dates.SecondLocator() if is_short else dates.AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # the same
    )
    formatter = dates.ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]  # the same
    # Seconds since midnight say nothing; minutes and hours of the clock do.
    formatter.formats[3:] = ["%H:%M", "%H:%M", "%H:%M:%S"]
    formatter.zero_formats[3:] = ["%d %b", "%H:%M", "%H:%M:%S"]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_xlim(instants[0], instants[-1])
    axes.set_ylim(0, max(timeline.handed_over[-1], *refused, 1) * 1.06)
    axes.grid(axis="y", color=_INKS["rule"], linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INKS["muted"], labelcolor=_INKS["muted"], length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_INKS["rule"])
    axes.set_position((0.085, 0.12, 0.865, 0.85))  # half of the last mark's time stands beside it
    finals = ", ".join(f"{counts[-1]:,} {status}" for status, counts in timeline.finals.items())
    return _picture(
        "timeline",
        f"Status over time, from {timeline.start:%Y-%m-%d %H:%M} to {ends[-1]:%Y-%m-%d %H:%M} UTC: "
        f"{timeline.handed_over[-1]:,} handed over{f'; {finals}' if finals else ''}.",
        figure,
    )


def _finals_of(timeline: Timeline, statuses: Sequence[MessageStatus]) -> list[list[int]]:
    return [timeline.finals[status] for status in statuses if status in timeline.finals]


def describe_step(step: timedelta) -> str:
    """`5 minutes`, `1 hour`."""
    seconds = round(step.total_seconds())
    units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    unit = next(unit for unit, size in units.items() if seconds % size == 0)
    count = seconds // units[unit]
    return f"{count} {unit}{'s' if count > 1 else ''}"


def draw_countries(countries: dict[str, Tally]) -> Picture:
    """The largest countries: delivered messages, and the others."""
    largest = list(countries.items())[:_MOST_COUNTRIES]
    others = list(countries.values())[_MOST_COUNTRIES:]
    bars = [(code or "no country", tally.messages, tally.delivered) for code, tally in largest]
    if others:
        bars.append(
            (
                f"{len(others)} others",
                sum(tally.messages for tally in others),
                sum(tally.delivered for tally in others),
            )
        )
    figure, axes = _figure(rows=max(len(bars), 2))
    longest = max((messages for _, messages, _ in bars), default=1)
    for place, (name, messages, delivered) in enumerate(bars):
        axes.barh(place, delivered, height=0.6, color=_INKS["delivered"])
        axes.barh(place, messages - delivered, left=delivered, height=0.6, color=_INKS["passed"])
        axes.text(-0.012 * longest, place, name, ha="right", va="center", color=_INKS["ink"])
        axes.text(
            messages + 0.012 * longest,
            place,
            f"{messages:,} ({share_of(delivered, messages)} delivered)",
            va="center",
            color=_INKS["ink"],
        )
    axes.set_xlim(-0.155 * longest, 1.36 * longest)
    axes.set_ylim(max(len(bars), 2) - 0.5, -0.5)
    axes.axis("off")
    said = ", ".join(f"{name} {messages:,}" for name, messages, _ in bars)
    return _picture("countries", f"Messages by country: {said}.", figure)


_STYLE_SHEET = re.compile(r"<style.*?</style>\s*", re.DOTALL)
_SETTINGS = threading.Lock()
"""matplotlib's settings belong to the whole process."""


def _figure(rows: float) -> "tuple[Figure, Axes]":
    # It warns about caches that it may not write; nothing about a picture depends on them.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.figure import Figure  # noqa: PLC0415  # see the module's docstring

    figure = Figure(figsize=(_WIDTH_INCHES, rows * _ROW_INCHES + 0.1))
    figure.patch.set_visible(False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.patch.set_visible(False)
    return figure, axes


_STYLE: "dict[RcKeyType, Any]" = {
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud, and the file is a tenth
    "svg.hashsalt": "rollcall",  # the same figures, the same file
    "font.size": _SIZE,
    "font.family": "DejaVu Sans",  # matplotlib brings it along; it measures with it
}
_UNWANTED = re.compile(r"<metadata>.*?</metadata>\s*|<\?xml.*?\?>\s*|<!DOCTYPE.*?>\s*", re.DOTALL)
_FONT = re.compile(r"'DejaVu Sans'(, sans-serif)?|DejaVu Sans")


def _picture(name: str, text: str, figure: "Figure") -> Picture:
    import matplotlib as mpl  # noqa: PLC0415  # see the module's docstring

    file = io.StringIO()
    with _SETTINGS, mpl.rc_context(_STYLE):
        for artist in figure.findobj(mpl.text.Text):
            artist.set_fontfamily("DejaVu Sans")
            artist.set_fontsize(_SIZE)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    # The reader's own interface font is narrower than the one that was measured with, so nothing runs out.
    svg = _FONT.sub("system-ui, sans-serif", _UNWANTED.sub("", file.getvalue()))
    return Picture(name, text, svg)
