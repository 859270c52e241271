"""The chaos suite in short: the most dangerous instants, one life on each database. `make chaos` has all."""

import pytest

from tests.chaos.combinations import Combination
from tests.chaos.failpoints import Action, Failpoint, Moment, Point
from tests.chaos.plans import ALWAYS, LifePlan, Step

CLAIMED = Point(Moment.AFTER_COMMIT, "tasks.sender:_claim")
ANSWERED = Point(Moment.AFTER_REQUEST, "POST")
ABOUT_TO_RECORD = Point(Moment.BEFORE_COMMIT, "tasks.sender:_record")


def kill_at(point, command="send"):
    return Step((command,), Failpoint(Action.KILL, point=point))


@pytest.mark.parametrize(
    ("combination", "sending", "learning"),
    [
        (Combination("sqlite", "bird", 1), [CLAIMED, ABOUT_TO_RECORD], "tasks.questions:_settle"),
        (Combination("postgresql", "octopush", 1), [ANSWERED], "tasks.reconcile:_drain_some"),
    ],
    ids=["bird on SQLite", "octopush on PostgreSQL"],
)
def test_killed_where_it_matters_most_nobody_is_reached_twice_and_nobody_is_lost(
    live, combination, sending, learning
):
    deaths = (*map(kill_at, sending), kill_at(Point(Moment.BEFORE_COMMIT, learning), "reconcile"))
    lived = live(LifePlan("short", combination, ALWAYS[combination.provider], steps=deaths))
    assert lived.verdict.is_good, lived.verdict
    assert lived.trouble is None
    assert len(lived.hits) == len(deaths), lived.hits
    assert lived.tally.unknown_left == 0
