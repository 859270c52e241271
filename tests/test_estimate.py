from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.estimate import Estimate, add_up, estimate_handing_over
from tests.test_plan_report import CAPABILITIES


def test_a_documented_rate_decides():
    estimate = estimate_handing_over(96_000, replace(CAPABILITIES, max_requests_per_second=100))
    assert estimate.duration == timedelta(seconds=1_000)
    assert str(estimate) == "about 16 min to hand over: the provider allows 100 requests a second"


def test_without_one_it_is_answers_and_says_what_was_assumed():
    estimate = estimate_handing_over(101, replace(CAPABILITIES, max_requests_per_second=None))
    assert estimate.duration == timedelta(seconds=5.5)
    assert str(estimate) == "about 6 s to hand over: 10 requests at once, if each takes half a second"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.1, "1 s"), (59, "59 s"), (60, "1 min"), (7_260, "2 h 1 min"), (90_000, "25 h 0 min")]
)
def test_a_duration_is_said_as_people_say_it(seconds, said):
    assert str(Estimate(timedelta(seconds=seconds), "x")) == f"about {said} to hand over: x"


def test_several_providers_are_added_up_as_one_process_hands_over_to_one_after_the_other():
    one, other = Estimate(timedelta(seconds=40), "x"), Estimate(timedelta(seconds=50), "y")
    assert str(add_up({"bird": one, "octopush": other})) == "about 1 min to hand over: bird: x; octopush: y"
    assert add_up({"bird": one}) is one
