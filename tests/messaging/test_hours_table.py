import pytest

from tests.messaging.hours_table import CASES, RULES, as_markdown


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.place or 'nowhere'} {case.asked}")
def test_the_first_allowed_instant_is_the_one_that_a_person_worked_out(case):
    assert case.is_as_expected(), f"{case.why}: {case.actual()}"


def test_every_rule_of_the_example_table_has_a_case():
    assert {case.rule for case in CASES} == set(range(len(RULES)))


def test_the_table_says_of_every_case_that_expected_and_actual_agree():
    _, _, *lines = as_markdown().splitlines()
    assert len(lines) == len(CASES)
    assert all(" | yes | " in line for line in lines)
