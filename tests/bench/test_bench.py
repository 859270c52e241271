"""The benchmark still runs: its smallest pieces. Its figures are nobody's promise here."""

import json

import pandas as pd
import pytest
from rich.console import Console
from sqlalchemy import create_engine, text

from tasks.contacts.phones import normalise_phones
from tests.bench import (
    callback_rate,
    dispatch_rate,
    flow_clock,
    people,
    preparations,
    prepare_rate,
    receipt_rate,
)
from tests.bench.chart import draw_chart
from tests.bench.crowd import COUNTRIES, write_crowd
from tests.bench.measurement import (
    Measurement,
    as_json,
    as_markdown,
    as_table,
    describe_floors,
    describe_machine,
    find_regressions,
    put_between_marks,
)
from tests.bench.places import REPOSITORY

SOME = Measurement("send x", 12.0, 4.0, "s", "an empty Prefect flow")


def test_preparing_and_handing_over_are_measured(tmp_path):
    crowd = write_crowd(tmp_path, 1_000, suppressed=200)
    measured = [
        prepare_rate.measure_phones(crowd, times=1),
        *dispatch_rate.measure_bird(tmp_path, people=200, times=1),
        *dispatch_rate.measure_octopush(tmp_path, people=20, times=1),
    ]
    assert all(one.rollcall > 0 and one.floor > 0 for one in measured)


@pytest.mark.long
def test_handing_over_in_a_flow_is_measured_by_the_million(tmp_path):
    [measured] = dispatch_rate.measure_million(tmp_path, people=400, times=1)
    assert measured.rollcall > 0
    assert measured.floor > 0


@pytest.mark.long
def test_keeping_callbacks_is_measured_and_nothing_is_missing(tmp_path):
    measured = callback_rate.measure(tmp_path, events=1_000, steady_seconds=1)
    assert all(one.rollcall > 0 and one.floor > 0 for one in measured)


def test_reading_callbacks_is_measured_and_all_of_them_land(database_url):
    measured = receipt_rate.measure_on("either", database_url, messages=2_000)
    assert measured.rollcall > 0
    assert measured.floor > 0


def test_a_crowd_is_untidy_the_same_every_time_and_has_who_opted_out_in_it(tmp_path):
    one, two = (write_crowd(tmp_path, 2_000, suppressed=400) for _ in range(2))
    assert one == two
    frame = pd.read_csv(one.contacts, dtype="str", keep_default_na=False)
    found = normalise_phones(frame["Mobile"], frame["Country"], textable=True)
    assert set(frame["Country"]) == set(COUNTRIES)
    assert 0.005 < (found["address"] == "").mean() < 0.05
    assert 0.03 < found["address"].duplicated().mean() < 0.1
    assert 0.01 < found["address"].isin(one.suppressed).mean() < 0.05


@pytest.mark.parametrize("way", list(preparations.WAYS))
def test_each_way_of_preparing_accounts_for_the_same_people(tmp_path, monkeypatch, way):
    url = f"sqlite:///{tmp_path / way}.db"
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", url)
    crowd = write_crowd(tmp_path, 1_000, suppressed=200)
    assert preparations.WAYS[way](crowd.contacts, crowd.suppressed) > 0
    table = {"rollcall": "message", "floor": "floor", "plain": "plainmessage"}[way]
    with create_engine(url).connect() as connection:
        rows = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  # names of ours
    assert rows == 1_000 if way == "floor" else 850 < rows < 950


def test_people_have_distinct_numbers():
    assert len(set(people.fictional_numbers(30_000))) == 30_000


def test_the_campaigns_of_the_wall_clock_are_there():
    for campaign in (flow_clock.OCTOPUSH, flow_clock.BIRD):
        assert (REPOSITORY / campaign).exists()


def test_the_table_goes_between_its_marks():
    readme = "a\n<!-- benchmarks: the last run of make bench -->\nold\n<!-- end of benchmarks -->\nb\n"
    written = put_between_marks(readme, as_markdown([SOME], "a machine"))
    assert "| send x | 12.00 | 4.00 | s | **3.00** |  |" in written
    assert "old" not in written
    assert written.startswith("a\n")
    assert written.endswith("-->\nb\n")
    with pytest.raises(ValueError, match="has no"):
        put_between_marks("a", "b")


def test_what_is_worse_than_in_the_last_run_is_found_by_ratio_and_not_by_seconds():
    last = as_json([SOME, Measurement("rate", 10.0, 10.0, "rows/s", "x")], "a machine")
    slower_machine = [Measurement("send x", 24.0, 8.0, "s", "x"), Measurement("rate", 5.0, 5.5, "rows/s", "x")]
    assert find_regressions(slower_machine, last) == []
    worse = [Measurement("send x", 24.0, 4.0, "s", "x"), Measurement("rate", 5.0, 10.0, "rows/s", "x")]
    assert find_regressions([*worse, Measurement("new", 1.0, 9.0, "rows/s", "x")], last) == [
        "send x: the ratio is 6.00, and was 3.00",
        "rate: the ratio is 0.50, and was 1.00",
    ]


def test_several_turns_give_medians_and_the_range_of_their_ratios():
    one = Measurement.of_turns("x", [1.0, 2.0, 9.0], [4.0, 4.0, 6.0], "rows/s", "a floor")
    assert (one.rollcall, one.floor, one.range_of_ratios) == (2, 4, "0.25-1.50")
    assert json.loads(as_json([one], "a machine"))["measurements"][0]["ratios"] == [0.25, 0.5, 1.5]


def test_the_chart_has_a_bar_with_its_figure_for_each_measurement(tmp_path):
    draw_chart([SOME, Measurement("rate", 5.0, 10.0, "rows/s", "x")], tmp_path / "chart.svg")
    drawn = (tmp_path / "chart.svg").read_text("utf-8")
    assert [word in drawn for word in ("send x", ">0.33<", "rate", ">0.50<")] == [True] * 4


def test_the_result_is_a_ratio_with_its_floor_and_its_machine():
    console = Console(width=100)
    with console.capture() as shown:
        console.print(as_table([SOME]))
    assert "3.00" in shown.get()
    assert describe_floors([SOME]) == "floor in s: an empty Prefect flow"
    assert "prefect 3." in describe_machine()
