"""The suite itself: it says what is wrong, and nothing where nothing is."""

import pytest

from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.store.session import Ledger
from tests.chaos.combinations import EXCLUDED, Combination, addresses, all_combinations
from tests.chaos.failpoints import Action, Failpoint, Moment, PassedPoints, Point, read_trace
from tests.chaos.mutants import MUTANTS
from tests.chaos.plans import ALWAYS, LifePlan, Step, Walk, draw_plan, plan_of_json
from tests.chaos.verdict import Tally, judge
from tests.ledger_runs import add_run

OCTOPUSH = Combination("sqlite", "octopush", 1)
ANSWERED = Point(Moment.AFTER_REQUEST, "POST")
CLAIMED = Point(Moment.AFTER_COMMIT, "tasks.sender:_claim")


def delivered(people):
    return [{"address": address, "status": "DELIVERED"} for address in people]


@pytest.fixture
def judged(tmp_path):
    """The verdict on a ledger in which all were delivered, with changes, beside a truth."""
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("phone\n")

    def judging(truth, statuses=None, rows_read=None):
        people = addresses(OCTOPUSH.people)
        messages = [
            {
                "row_number": number,
                "address": address,
                "status": (statuses or {}).get(address, MessageStatus.DELIVERED),
            }
            for number, address in enumerate(people, start=2)
        ]
        exclusions = [
            {"row_number": 100 + n, "address": None, "reason": ExclusionReason.DUPLICATE, "detail": ""}
            for n in range(EXCLUDED)
        ]
        with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            run = add_run(ledger, contacts, messages, exclusions)
            if rows_read is not None:
                with ledger.writing() as connection:
                    connection.exec_driver_sql("UPDATE campaign_run SET rows_read = ?", (rows_read,))
            return run.key, judge(ledger, OCTOPUSH, truth, is_settled=True)

    return judging


def test_a_ledger_that_says_the_truth_is_good(judged):
    _, verdict = judged(delivered(addresses(12)))
    assert verdict.is_good
    assert verdict.sentences() == []


def test_who_was_reached_twice_is_named(judged):
    first, *_ = people = addresses(12)
    _, verdict = judged(delivered([*people, first]))
    assert verdict.twice == [first]
    assert not verdict.is_good


def test_who_counts_as_handed_over_and_got_nothing_is_lost(judged):
    first, *others = addresses(12)
    _, verdict = judged(delivered(others))
    assert verdict.lost == [first]


def test_who_got_it_and_counts_as_planned_or_as_ended_otherwise_is_a_contradiction(judged):
    first, second, *_ = people = addresses(12)
    _, verdict = judged(delivered(people), {first: MessageStatus.PLANNED, second: MessageStatus.UNDELIVERED})
    assert len(verdict.contradictions) == 2
    assert first in verdict.contradictions[0]
    assert second in verdict.contradictions[1]


def test_a_stranger_and_a_row_too_many_are_told(judged):
    key, verdict = judged(delivered([*addresses(12), "+12125550199"]), rows_read=16)
    assert verdict.contradictions == ["+12125550199 is in no run"]
    assert verdict.unbalanced == [key]


def test_what_a_receipt_rejected_was_received_all_the_same(judged):
    first, *others = addresses(12)
    truth = [*delivered(others), {"address": first, "status": "BLACKLISTED_NUMBER"}]
    _, verdict = judged(truth, {first: MessageStatus.REJECTED})
    assert verdict.is_good


@pytest.mark.parametrize(
    ("mutant", "died_at"),
    [
        pytest.param(mutant, died_at, id=mutant.name)
        for mutant, died_at in zip(MUTANTS, (None, ANSWERED, CLAIMED), strict=True)
    ],
)
@pytest.mark.long
def test_a_sender_with_a_fault_is_found_out(live, mutant, died_at):
    """Two of the faults show only where a process dies at the right point."""
    death = Failpoint(Action.KILL, point=died_at) if died_at else None
    steps = (Step(("send",), death), Step(("send",)))
    lived = live(LifePlan(mutant.name, OCTOPUSH, ALWAYS["octopush"], steps=steps), mutant)
    assert getattr(lived.tally, mutant.leads_to) > 0
    assert not lived.is_good


def test_a_walk_comes_to_every_point_once_before_it_begins_again():
    walk = Walk(40)
    assert sorted(walk.step() for _ in range(40)) == list(range(1, 41))
    assert walk.step() == 1


def test_the_same_seed_is_the_same_life_and_a_plan_can_be_kept_and_lived_again():
    for combination in all_combinations(frozenset()):
        for number in range(1, 30):
            plan, again = (draw_plan(combination, 7, number, Walk(60), Walk(16)) for _ in range(2))
            assert plan == again == plan_of_json(plan.as_json())


def test_only_what_is_named_is_tried_and_all_where_nothing_is():
    assert len(all_combinations(frozenset())) == 16
    named = all_combinations(frozenset({"sqlite", "4"}))
    assert {(one.database, one.workers) for one in named} == {("sqlite", 4)}
    assert len(named) == 4


def test_points_are_counted_and_the_one_that_was_hit_is_written_down(tmp_path):
    asked = Failpoint(Action.CUT, number=2)
    passed = PassedPoints(tmp_path / "trace", asked)
    moments = (Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT, Moment.BEFORE_REQUEST)
    assert [passed.is_hit(moment, "here") for moment in moments] == [None, Action.CUT, None]
    points, hit = read_trace(tmp_path / "trace")
    assert points == [Point(moment, "here") for moment in moments]
    assert hit == Point(Moment.AFTER_COMMIT, "here")


def test_a_goal_that_was_missed_is_named():
    assert Tally(lives=3).goals_missed(can_settle_all=True) == []
    assert Tally(twice=1, unknown_left=2).goals_missed(can_settle_all=True) == ["twice", "unknown_left"]
    assert Tally(unknown_left=2).goals_missed(can_settle_all=False) == []
