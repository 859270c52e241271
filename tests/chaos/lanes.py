"""A lane: a process in which one life is lived after the other, with a sandbox and databases of its own."""

import logging
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.combinations import Combination
from tests.chaos.command_process import IMPORTED_BEFORE
from tests.chaos.failpoints import Point
from tests.chaos.life import Life, Lived
from tests.chaos.mutants import MUTANTS, Mutant
from tests.chaos.places import Place
from tests.chaos.plans import LifePlan, Walk, draw_plan, plan_of_json, started_twice, undisturbed
from tests.chaos.verdict import Tally
from tests.forked_commands import get_ready

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

_LIVES_OF_A_MUTANT = 40


@dataclass(frozen=True, slots=True)
class Orders:
    """What all lanes are told.

    Attributes:
        until: No life begins after this instant of the monotonic clock.
        most_lives: Of each combination, instead.
        starts_twice: Nothing happens but that each campaign is started twice at once.
        repeat: One plan to be lived, instead.
        prove: Let faulty senders be found out, instead.
    """

    prefect_url: str
    prefect_home: Path
    directory: Path
    keep: Path
    seed: int
    until: float
    most_lives: int | None = None
    starts_twice: bool = False
    repeat: Path | None = None
    prove: bool = False


@dataclass(frozen=True, slots=True)
class LifeReport:
    """What a lane tells of a life.

    Attributes:
        trouble: Sentences about what is wrong; none if all is well.
        points: How many points sending and reconciling has, how many of them were walked so far.
        mutant: Which fault its sender had.
        kept: Where what it left is kept.
        passed: The points that its processes passed.
        died_at: Those at which something was made to happen.
    """

    name: str
    combination: Combination
    tally: Tally
    trouble: tuple[str, ...] = ()
    walked: tuple[int, int, int, int] = (0, 0, 0, 0)
    mutant: str | None = None
    kept: str | None = None
    passed: frozenset[str] = frozenset()
    died_at: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Progress:
    sending: Walk = field(default_factory=lambda: Walk(0))
    reconciling: Walk = field(default_factory=lambda: Walk(0))
    lives: int = 0
    seconds: float = 0.0


class Lane:
    """Lives the lives of some combinations, fairly by time."""

    def __init__(self, orders: Orders, number: int, reports: "Queue[LifeReport]", place: Place) -> None:
        self._orders = orders
        self._number = number
        self._reports = reports
        self._place = place
        self._lived = 0

    def run(self, combinations: list[Combination]) -> None:
        """Until time is up, or everybody had his lives."""
        if self._orders.repeat is not None:
            self._live(plan_of_json(self._orders.repeat.read_text(encoding="utf-8")))
            return
        if self._orders.prove:
            for combination in combinations:
                for mutant in MUTANTS:
                    self._prove(combination, mutant)
            return
        progress = {combination: _Progress() for combination in combinations}
        while time.monotonic() < self._orders.until:
            most = self._orders.most_lives
            left = [one for one in combinations if most is None or progress[one].lives < most]
            if not left:
                return
            combination = min(left, key=lambda one: progress[one].seconds)
            self._next(combination, progress[combination])

    def _next(self, combination: Combination, progress: _Progress) -> None:
        seed = self._orders.seed
        if self._orders.starts_twice:
            plan = started_twice(combination, seed, progress.lives)
        elif not progress.lives:
            plan = undisturbed(combination, seed)
        else:
            plan = draw_plan(combination, seed, progress.lives, progress.sending, progress.reconciling)
        lived = self._live(plan, progress)
        if not progress.lives and not self._orders.starts_twice:
            traces = lived.traces
            progress.sending = _walk_over(combination, "send", traces)
            progress.reconciling = _walk_over(combination, "reconcile", traces)
        progress.lives += 1
        progress.seconds += lived.tally.seconds

    def _prove(self, combination: Combination, mutant: Mutant) -> None:
        """Walk over the points of a faulty sender until it is found out."""
        progress = _Progress()
        while progress.lives < _LIVES_OF_A_MUTANT:
            if not progress.lives:
                plan = undisturbed(combination, self._orders.seed)
            else:
                drawn = draw_plan(
                    combination, self._orders.seed, progress.lives, progress.sending, progress.reconciling
                )
                plan = LifePlan(drawn.name, combination, drawn.switches, {}, drawn.steps[:1])
            lived = self._live(plan, progress, mutant)
            if not progress.lives:
                progress.sending = Walk(len(lived.traces.get("01_send", [])) or 1)
            progress.lives += 1
            if getattr(lived.tally, mutant.leads_to):
                return

    def _live(self, plan: LifePlan, progress: _Progress | None = None, mutant: Mutant | None = None) -> Lived:
        self._lived += 1
        directory = self._orders.directory / f"lane{self._number}_life{self._lived}"
        directory.mkdir(parents=True)
        lived = Life(self._place, plan, directory, mutant).live()
        (directory / "plan.json").write_text(plan.as_json(), encoding="utf-8")
        trouble = (*lived.verdict.sentences(), *([lived.trouble] if lived.trouble else []))
        kept = None
        if mutant is None and (trouble or not lived.is_good):
            kept = str(self._keep(directory, plan, lived))
        shutil.rmtree(directory)
        walks = (progress.sending, progress.reconciling) if progress else ()
        self._reports.put(
            LifeReport(
                plan.name,
                plan.combination,
                lived.tally,
                trouble,
                tuple(number for walk in walks for number in (walk.walked, walk.points)),  # type: ignore[arg-type]  # two and two
                None if mutant is None else mutant.name,
                kept,
                frozenset(str(point) for points in lived.traces.values() for point in points),
                frozenset(map(str, lived.hits.values())),
            )
        )
        return lived

    def _keep(self, directory: Path, plan: LifePlan, lived: Lived) -> Path:
        """Everything that is needed to see what happened, and to live it again."""
        kept = self._orders.keep / plan.name.replace("/", "_").replace(" ", "-")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept, ignore=shutil.ignore_patterns("reports"))
        story = [f"{lived.verdict}", f"{lived.trouble}", *(f"{name}: {hit}" for name, hit in lived.hits.items())]
        (kept / "story.txt").write_text("\n".join(story) + "\n", encoding="utf-8")
        return kept


def _walk_over(combination: Combination, command: str, traces: Mapping[str, Sequence[Point]]) -> Walk:
    """A walk that begins elsewhere for each combination."""
    points = max((len(passed) for name, passed in traces.items() if command in name), default=1)
    return Walk(points, first=random.Random(f"{combination} {command}").randrange(max(1, points)))  # noqa: S311


def run_lane(orders: Orders, combinations: list[Combination], number: int, reports: "Queue[LifeReport]") -> None:
    """The process of a lane."""
    logging.getLogger("prefect").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers that it started end with it
    try:
        get_ready(orders.prefect_url, orders.prefect_home, imported_before=IMPORTED_BEFORE)
        with Place() as place:
            Lane(orders, number, reports, place).run(combinations)
    except Exception:
        traceback.print_exc()
        raise
