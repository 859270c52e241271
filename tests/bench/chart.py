"""The ratios of a benchmark as a picture for docs/measured.md."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from tests.bench.measurement import Measurement

_INK, _BAR, _RULE = "#5c6875", "#0f6fb3", "#93a1af"  # to be read on a light page and on a dark one


def draw_chart(measurements: Sequence[Measurement], path: Path) -> None:
    """One bar for each measurement: how many times as good as what it is compared with."""
    shown = list(reversed(measurements))
    with mpl.rc_context({"svg.hashsalt": "rollcall", "svg.fonttype": "none", "font.size": 9.5}):
        figure = Figure(figsize=(9.2, 0.9 + 0.32 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        bars = axes.barh(
            [one.what for one in shown],
            [one.advantage - 1 for one in shown],
            left=1,  # a bar on such a scale has no zero to begin at
            color=[_BAR if one.advantage >= 1 else _RULE for one in shown],
            height=0.6,
        )
        axes.bar_label(bars, [f"{one.advantage:.2f}" for one in shown], padding=4, color=_INK)
        axes.axvline(1, color=_INK, linewidth=1)
        axes.margins(x=0.15)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("times as fast, or as small, as what it is compared with (a floor, or a peer)", color=_INK)
        axes.tick_params(colors=_INK, length=0)
        axes.spines[:].set_visible(False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
