"""The ratios of a benchmark as a picture for the README."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.measurement import Measurement

_INK, _BAR, _RULE = "#5c6875", "#0f6fb3", "#93a1af"  # to be read on a light page and on a dark one


def draw_chart(measurements: Sequence[Measurement], path: Path) -> None:
    """One bar for each measurement: how many times as good as what it is compared with."""
    shown = list(reversed(measurements))
    with mpl.rc_context({"svg.hashsalt": "rollcall", "svg.fonttype": "none", "font.size": 9.5}):
        figure = Figure(figsize=(9.2, 0.9 + 0.32 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.barh([one.what for one in shown], [one.advantage for one in shown], color=_BAR, height=0.6)
        axes.bar_label(bars, [f"{one.advantage:.2f}" for one in shown], padding=4, color=_INK)
        axes.axvline(1, color=_RULE, linewidth=1)
        axes.set_xscale("log")
        axes.margins(x=0.12)
        axes.set_xlabel("times as fast, or as small, as what it is compared with", color=_INK)
        axes.tick_params(colors=_INK, length=0)
        axes.spines[:].set_visible(False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
