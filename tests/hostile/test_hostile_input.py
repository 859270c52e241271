"""The whole corpus, in a process whose time and memory are limited; `make fuzz` also tries mutations of it."""

import random

import pytest

from tests.hostile.__main__ import LARGE, SMALL, cases_of, mutations, text_cases
from tests.hostile.confined import Confined

# The machine may be busy with other things: what is looked for takes minutes, or all memory.
SLACK = 6.0


@pytest.fixture(scope="module")
def confined(tmp_path_factory):
    with Confined(tmp_path_factory.mktemp("ledger")) as worker:
        yield worker


def _not_dealt_with(confined, cases):
    found = []
    for case in cases:
        outcome = confined.attempt(case.surface, case.argument, input_bytes=case.input_bytes, slack=SLACK)
        if not outcome.is_fine:
            found.append((case.surface, case.name, outcome.what))
    return found


def test_every_small_file_is_read_or_refused_with_a_sentence(confined, tmp_path):
    cases = cases_of(SMALL, tmp_path)
    # Each file as rows or campaign, and in turns as one of the other things that a file can be.
    chosen = [
        case
        for number, case in enumerate(cases)
        if case.surface in {"rows", "campaign"} or number % 11 == 0
        if _not_dealt_with(confined, [case])
    ]
    assert chosen == []


@pytest.mark.parametrize(
    "name",
    [
        "one line of 100 MB in utf-16.csv",
        "100,000 equal columns.csv",
        "bomb of lines.csv.gz",
        "one row of cells.xlsx",
        "one text in every row.parquet",
    ],
)
def test_a_large_file_takes_neither_all_memory_nor_all_day(confined, tmp_path, name):
    makers = {"contacts": {name: LARGE["contacts"][name]}}
    assert _not_dealt_with(confined, (case for case in cases_of(makers, tmp_path) if case.surface == "rows")) == []


def test_no_text_leaves_the_sandbox_or_grows_without_bound(confined):
    assert _not_dealt_with(confined, text_cases()) == []


def test_no_callback_holds_the_others_back(confined):
    assert confined.attempt("callbacks", "1", input_bytes=1 << 20, slack=SLACK).what.endswith("events")


@pytest.mark.long
def test_mutated_files_are_read_or_refused(confined, tmp_path):
    some = (case for case, _ in zip(mutations(tmp_path, random.Random(5)), range(60), strict=False))  # noqa: S311  # it has to repeat itself
    assert _not_dealt_with(confined, some) == []
