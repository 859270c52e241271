"""The benchmark still runs: its smallest pieces. Its figures are nobody's promise here."""

import re

from rich.console import Console

from tests.bench import audience_rate, callback_rate, dispatch_rate, flow_clock, people, receipt_rate
from tests.bench.measurement import Measurement, as_table, describe_floors, describe_machine
from tests.bench.places import REPOSITORY

SOME = Measurement("send x", 12.0, 4.0, "s", "an empty Prefect flow")


def test_preparing_and_handing_over_are_measured(tmp_path):
    measured = [
        audience_rate.measure(tmp_path, copies=1, times=1),
        *dispatch_rate.measure_bird(tmp_path, people=200, times=1),
        *dispatch_rate.measure_octopush(tmp_path, people=20, times=1),
    ]
    assert all(one.rollcall > 0 and one.floor > 0 for one in measured)


def test_keeping_callbacks_is_measured_and_nothing_is_missing(tmp_path):
    measured = callback_rate.measure(tmp_path, events=1_000, steady_seconds=1)
    assert all(one.rollcall > 0 and one.floor > 0 for one in measured)


def test_reading_callbacks_is_measured_and_all_of_them_land(tmp_path):
    measured = receipt_rate.measure(tmp_path, messages=2_000)
    assert measured.rollcall > 0
    assert measured.floor > 0


def test_every_copy_of_the_sample_has_other_people_in_it(tmp_path):
    def people_of(copies):
        path = tmp_path / f"{copies}.csv"
        assert audience_rate.write_audience(path, copies) == copies * 6_090
        return {
            digits[-10:] for digits in re.findall(r"\d{10,11}", re.sub(r"[ ().-]", "", path.read_text("utf-8")))
        }

    one, three = (len({number for number in people_of(copies) if number[3:8] == "55501"}) for copies in (1, 3))
    assert three == 3 * one


def test_people_have_distinct_numbers():
    assert len(set(people.fictional_numbers(30_000))) == 30_000


def test_the_campaigns_of_the_wall_clock_are_there():
    for campaign in (flow_clock.OCTOPUSH, flow_clock.BIRD):
        assert (REPOSITORY / campaign).exists()


def test_the_result_is_a_ratio_with_its_floor_and_its_machine():
    console = Console(width=100)
    with console.capture() as shown:
        console.print(as_table([SOME]))
    assert "3.00" in shown.get()
    assert describe_floors([SOME]) == "floor in s: an empty Prefect flow"
    assert "prefect 3." in describe_machine()
