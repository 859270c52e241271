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
from tests.bench.crowd import COUNTRIES, write_crowd
from tests.bench.measurement import (
    Measurement,
    as_json,
    as_markdown,
    as_table,
    describe_floors,
    describe_machine,
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
def test_keeping_callbacks_is_measured_and_nothing_is_missing(tmp_path):
    measured = callback_rate.measure(tmp_path, events=1_000, steady_seconds=1)
    assert all(one.rollcall > 0 and one.floor > 0 for one in measured)


def test_reading_callbacks_is_measured_and_all_of_them_land(tmp_path):
    measured = receipt_rate.measure(tmp_path, messages=2_000)
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
    assert "| send x | 12.00 | 4.00 | s | **3.00** |" in written
    assert "old" not in written
    assert written.startswith("a\n")
    assert written.endswith("-->\nb\n")
    with pytest.raises(ValueError, match="has no"):
        put_between_marks("a", "b")
    assert json.loads(as_json([SOME], "a machine"))["measurements"][0]["ratio"] == 3


def test_the_result_is_a_ratio_with_its_floor_and_its_machine():
    console = Console(width=100)
    with console.capture() as shown:
        console.print(as_table([SOME]))
    assert "3.00" in shown.get()
    assert describe_floors([SOME]) == "floor in s: an empty Prefect flow"
    assert "prefect 3." in describe_machine()
