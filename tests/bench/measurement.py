"""One measured thing beside its floor, and the machine that it was measured on."""

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from rich.table import Table

_BEGIN, _END = "<!-- benchmarks: the last run of make bench -->", "<!-- end of benchmarks -->"
_STILL_AS_GOOD = 0.75
"""Ratios of one run differ from those of the next by up to a fifth, even on an idle machine."""
PACKAGES = ("prefect", "httpx", "pandas", "pyarrow", "phonenumbers", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What Rollcall needs, or achieves, and the least that anybody would in the same place.

    Attributes:
        what: What was measured.
        rollcall: Rollcall's figure.
        floor: The figure of the floor, from the same minutes on the same machine.
        unit: Of both.
        floor_is: What the floor does.
        ratios: Of each turn, where there were several; the figures above are medians then.
    """

    what: str
    rollcall: float
    floor: float
    unit: str
    floor_is: str
    ratios: tuple[float, ...] = ()

    @classmethod
    def of_turns(
        cls, what: str, ours: Sequence[float], floors: Sequence[float], unit: str, floor_is: str
    ) -> "Measurement":
        """From the figures of each turn."""
        ratios = tuple(mine / floor for mine, floor in zip(ours, floors, strict=True))
        return cls(what, median(ours), median(floors), unit, floor_is, ratios)

    @property
    def ratio(self) -> float:
        """Rollcall to floor: the result, because it hardly depends on the machine."""
        return self.rollcall / self.floor

    @property
    def advantage(self) -> float:
        """How many times as good as the floor: more of what is counted a second, less of everything else."""
        return self.ratio if self.unit.endswith("/s") else 1 / self.ratio

    @property
    def range_of_ratios(self) -> str:
        """`0.28-0.33`, or nothing for a single turn."""
        return f"{min(self.ratios):.2f}-{max(self.ratios):.2f}" if len(self.ratios) > 1 else ""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a piece of work took: wall clock, and CPU of this process with all its threads."""

    wall_seconds: float
    cpu_seconds: float


def spent_on(work: Callable[[], object]) -> Spent:
    """Do it, and say what it took."""
    started, cpu_before = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - started, time.process_time() - cpu_before)


def in_turns(times: int, *works: Callable[[], Spent]) -> list[list[Spent]]:
    """What each took, every time; they take turns, so that a busy minute of the machine meets all of them."""
    turns = [[work() for work in works] for _ in range(times)]
    return [list(of_one) for of_one in zip(*turns, strict=True)]


def describe_machine() -> str:
    """Date, cores and how busy they are, Python, and the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}), "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {packages}"
    )


def _digits_of(one: Measurement) -> int:
    return 0 if one.unit.endswith("/s") or one.unit == "MB" else 2


def as_table(measurements: list[Measurement]) -> Table:
    """One row per measurement."""
    table = Table("", "Rollcall", "floor", "", "ratio", "of each turn", show_edge=False, pad_edge=False)
    for column in (1, 2, 4, 5):
        table.columns[column].justify = "right"
    for column in table.columns:
        column.no_wrap = True
    for one in measurements:
        digits = _digits_of(one)
        table.add_row(
            one.what,
            f"{one.rollcall:,.{digits}f}",
            f"{one.floor:,.{digits}f}",
            one.unit,
            f"[bold]{one.ratio:.2f}[/]",
            one.range_of_ratios,
        )
    return table


def as_markdown(measurements: list[Measurement], machine: str) -> str:
    """The same for docs/measured.md, with what each is compared with."""
    lines = ["| | Rollcall | compared with | | ratio | of each turn |", "|---|---:|---:|---|---:|---:|"]
    for one in measurements:
        digits = _digits_of(one)
        cells = [
            one.what,
            f"{one.rollcall:,.{digits}f}",
            f"{one.floor:,.{digits}f}",
            one.unit,
            f"**{one.ratio:.2f}**",
            one.range_of_ratios,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    floors = "\n".join(f"- {one.what}: {one.floor_is}" for one in measurements)
    return "\n".join([*lines, "", machine, "", "Compared with:", "", floors])


def as_json(measurements: list[Measurement], machine: str) -> str:
    """The same for programs."""
    found = [asdict(one) for one in measurements]
    return json.dumps({"machine": machine, "measurements": found}, indent=2) + "\n"


def find_regressions(measurements: Sequence[Measurement], before: str) -> list[str]:
    """What is worse by more than a quarter, against its own floor, than in an earlier run.

    Args:
        measurements: Of this run.
        before: What `as_json` wrote of the earlier one.
    """
    known = {
        one["what"]: Measurement(**{**one, "ratios": tuple(one["ratios"])})
        for one in json.loads(before)["measurements"]
    }
    return [
        f"{one.what}: the ratio is {one.ratio:.2f}, and was {known[one.what].ratio:.2f}"
        for one in measurements
        if one.what in known and one.advantage < _STILL_AS_GOOD * known[one.what].advantage
    ]


def put_between_marks(text: str, table: str) -> str:
    """The text with this table between its marks.

    Raises:
        ValueError: It has no such marks.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the text has no {_BEGIN} with {_END} behind it")
    return f"{before}{begin}\n{table}\n{end}{after}"


def describe_floors(measurements: list[Measurement]) -> str:
    """What each figure is compared with, a line each."""
    floors = dict.fromkeys((one.unit, one.floor_is) for one in measurements)
    return "\n".join(f"floor in {unit}: {floor_is}" for unit, floor_is in floors)
