"""What happens in a life, drawn by its seed; and the walk over all points at which a process can die."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import gcd
from typing import Any

from tests.chaos.combinations import Combination
from tests.chaos.failpoints import Action, Failpoint, Moment, Point

_GOLDEN = 0.618

_ALL_DIE = 0.3
"""Share of the deaths in which all that run die: the machine, not the process."""

_HELPER_DIES = 0.4
"""Share of the first deaths that may be another process's than the leader's, whose points the walk is over."""

_POINTS_OF_HELPER = 16
"""That a process surely passes which gets a chunk or two."""

_ALL_START = 0.15
"""Share of the lives of several workers in which the same command is started by all of them at once."""

_LATENCY_SECONDS = 0.15
"""Of each answer, where several processes send: else one of them is done before the others have started."""

FAULTS = {"throttle": 0.3, "error_before": 0.025, "error_after": 0.025, "drop_after": 0.02}


@dataclass(frozen=True, slots=True)
class Step:
    """Processes that are started together.

    Attributes:
        commands: Words of `life.COMMANDS`.
        failpoint: What happens in one of them, and where.
        victim: Which one.
        kill_after_seconds: The victim is killed so long after its first point, wherever it is then.
        all_die: Whoever else runs is killed when the victim ends, as in a power cut.
        down_seconds: The provider goes away so long after the victim's first point, and comes back.
        cut_after_seconds: All connections to the database are ended then.
        crash_after_seconds: The database server ends at once then, and starts again.
    """

    commands: tuple[str, ...]
    failpoint: Failpoint | None = None
    victim: int = 0
    kill_after_seconds: float | None = None
    all_die: bool = False
    down_seconds: tuple[float, float] | None = None
    cut_after_seconds: tuple[float, ...] = ()
    crash_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LifePlan:
    """One life.

    Attributes:
        name: Seed, combination and number: the same name is the same plan.
        switches: Of the provider's sandbox.
        faults: Chances of its faults during the steps; while everything is settled there are none.
        steps: What happens before that.
        is_settled_at_end: Whether the commands are run again until nothing is left to do.
    """

    name: str
    combination: Combination
    switches: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    is_settled_at_end: bool = True

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def plan_of_json(text: str) -> LifePlan:
    """The plan that `as_json` wrote."""
    plan = json.loads(text)
    return LifePlan(
        plan["name"],
        Combination(**plan["combination"]),
        plan["switches"],
        plan["faults"],
        tuple(_step_of(step) for step in plan["steps"]),
        plan["is_settled_at_end"],
    )


def _step_of(step: dict[str, Any]) -> Step:
    failpoint = step["failpoint"]
    if failpoint is not None:
        point = failpoint["point"]
        failpoint = Failpoint(
            Action(failpoint["action"]),
            failpoint["number"],
            None if point is None else Point(Moment(point["moment"]), point["where"]),
            failpoint["passing"],
        )
    return Step(
        **step
        | {
            "commands": tuple(step["commands"]),
            "failpoint": failpoint,
            "down_seconds": step["down_seconds"] and tuple(step["down_seconds"]),
            "cut_after_seconds": tuple(step["cut_after_seconds"]),
        }
    )


@dataclass(slots=True)
class Walk:
    """Walks over the points of one kind of process, all of them in turn, with large steps: so all kinds come soon.

    Attributes:
        points: How many there are.
        first: Where it begins, from 0.
        walked: How many it has been at.
    """

    points: int
    first: int = 0
    walked: int = 0

    def step(self) -> int:
        """The number of the next point."""
        number = (self.first + self.walked * self._stride()) % max(1, self.points) + 1
        self.walked += 1
        return number

    def _stride(self) -> int:
        """About the golden section: wherever the walk ends, no large part was left out."""
        stride = max(1, round(self.points * _GOLDEN))
        while gcd(stride, self.points) > 1:
            stride += 1
        return stride


SWITCHES: dict[str, Sequence[dict[str, Any]]] = {
    "octopush": [
        {"callbacks": "once"},
        {"callbacks": "final_only"},
        {"callbacks": {"duplicate": 0.3, "reorder": 0.3, "before_response": 0.3}},
        {"callbacks": {"before_response": 1.0}},
    ],
    "bird": [
        {"webhooks": "in_order"},
        {"webhooks": {"duplicate": 0.3, "reorder": 0.3}, "before_response": 0.3},
        {"webhooks": {"lost": 0.3, "duplicate": 0.2, "bad_signature": 0.2}, "before_response": 0.5},
        {"webhooks": "lost"},
    ],
    "dripcel": [{}],
    "indigitall": [{}],
}
ALWAYS: dict[str, dict[str, Any]] = {
    "octopush": {
        "callback_delay_seconds": 0,
        # Whoever is called has his own troubles with the database.
        "callback_retry": 12,
        "callback_retry_seconds": 0.05,
        "outcomes": {
            "DELIVERED": 0.8,
            "NOT_DELIVERED": 0.1,
            "BLACKLISTED_NUMBER": 0.05,
            "UNKNOWN_DELIVERY": 0.05,
        },
    },
    "bird": {
        "delivery_step_seconds": 0,
        "retry_seconds": 0.05,
        "outcomes": {"delivered": 0.8, "delivery_failed": 0.2},
    },
    "dripcel": {
        "delivery_steps": "by_time",
        "delivery_step_seconds": 0.001,
        "rate_per_minute": 100_000,
        "outcomes": {"delivered": 0.8, "undelivered": 0.2},
    },
    "indigitall": {"delivery_seconds": 0, "rate": "off", "outcomes": {"DELIVRD": 0.8, "UNDELIV": 0.2}},
}


def undisturbed(combination: Combination, seed: int) -> LifePlan:
    """The life in which points are counted: nothing happens."""
    return LifePlan(
        f"{seed}/{combination}/undisturbed",
        combination,
        ALWAYS[combination.provider],
        {"latency_seconds": _LATENCY_SECONDS} if combination.workers > 1 else {},
        (Step(_senders(combination)), Step(("reconcile",))),
        is_settled_at_end=False,
    )


def started_twice(combination: Combination, seed: int, number: int) -> LifePlan:
    """A life in which nothing happens but that the same command is started twice at the same instant."""
    return LifePlan(
        f"{seed}/{combination}/twice/{number}",
        combination,
        ALWAYS[combination.provider],
        {"latency_seconds": _LATENCY_SECONDS},
        (Step(("send", "send")),),
    )


def draw_plan(combination: Combination, seed: int, number: int, sending: Walk, reconciling: Walk) -> LifePlan:
    """The so manieth life of a combination: two deaths of the walk, and what else the dice say."""
    name = f"{seed}/{combination}/{number}"
    dice = random.Random(name)  # noqa: S311  # not cryptography
    senders = _senders(combination)
    if combination.workers > 1 and dice.random() < _ALL_START:
        senders = ("send",) * combination.workers
    victim = dice.randrange(len(senders)) if dice.random() < _HELPER_DIES else 0
    at = sending.step() if victim == 0 else dice.randint(1, _POINTS_OF_HELPER)
    steps = [
        Step(
            senders,
            Failpoint(_how_it_dies(combination, dice), at),
            victim=victim,
            all_die=dice.random() < _ALL_DIE,
        ),
        _again(combination, dice, senders, sending.points // 2),
        _other_trouble(combination, dice, senders),
        Step(("reconcile",), Failpoint(_how_it_dies(combination, dice), reconciling.step())),
        _again(combination, dice, senders, sending.points // 3),
        _again(combination, dice, ("reconcile",), reconciling.points),
    ]
    if dice.random() < 0.3:
        victim = dice.randrange(2)
        points = (sending, reconciling)[victim].points
        both = Failpoint(Action.KILL, dice.randint(1, max(1, points)))
        steps.append(Step(("send", "reconcile"), both, victim=victim))
    return LifePlan(
        name,
        combination,
        ALWAYS[combination.provider] | dice.choice(SWITCHES[combination.provider]),
        FAULTS | {"seed": dice.randrange(2**31), "latency_seconds": _latency_seconds(combination, dice)},
        tuple(steps),
    )


def _latency_seconds(combination: Combination, dice: random.Random) -> float:
    if combination.workers > 1:
        return _LATENCY_SECONDS
    return dice.choice([0, 0, 0.02])


def _senders(combination: Combination) -> tuple[str, ...]:
    return ("send", *["join"] * (combination.workers - 1))


def _how_it_dies(combination: Combination, dice: random.Random) -> Action:
    if combination.database == "postgresql" and dice.random() < 0.25:
        return Action.CUT
    return Action.KILL


def _again(combination: Combination, dice: random.Random, commands: tuple[str, ...], points: int) -> Step:
    """A death somewhere: what was begun before makes other things happen at the same points."""
    victim = dice.randrange(len(commands))
    most = points if victim == 0 else _POINTS_OF_HELPER
    at = Failpoint(_how_it_dies(combination, dice), dice.randint(1, max(1, most)))
    return Step(commands, at, victim=victim, all_die=dice.random() < _ALL_DIE)


def _other_trouble(combination: Combination, dice: random.Random, senders: tuple[str, ...]) -> Step:
    number, victim = dice.randint(2, 30), dice.randrange(len(senders))
    at = {word: Step(senders, Failpoint(action, number), victim=victim) for word, action in _SIGNALLED.items()}
    full = dice.choice([Action.FILL_DISK, Action.LIMIT_FILES])
    begins = dice.uniform(0, 0.5)
    troubles = {
        **at,
        "nothing": Step(senders),
        "killed": Step(senders, kill_after_seconds=dice.uniform(0, 0.8), victim=victim),
        "down": Step(senders, down_seconds=(begins, begins + dice.uniform(0.3, 1.0))),
    }
    if combination.database == "sqlite":
        troubles["database"] = Step(senders, Failpoint(full, number), victim=victim)
    elif dice.random() < _CRASHES:
        troubles["database"] = Step(senders, crash_after_seconds=begins)
    else:
        troubles["database"] = Step(senders, cut_after_seconds=(begins, begins + dice.uniform(0, 0.5)))
    return troubles[dice.choice([*troubles, "killed", "database"])]


_CRASHES = 0.3
"""Share of the troubles of a database server in which it ends, instead of its connections alone."""

_SIGNALLED = {"terminated": Action.TERMINATE, "stalled": Action.STALL}
