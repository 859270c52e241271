"""The report's pictures."""

import base64
import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from tasks import charts
from tasks.funnel import FunnelStep, funnel_of
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.store.account import Tally
from tasks.store.timeline import Timeline
from tests.accounts import PLANNED_AT, make_account

SVG = "{http://www.w3.org/2000/svg}"


def pictures(account):
    return [
        charts.draw_funnel(funnel_of(account)),
        charts.draw_timeline(account.timeline),
        charts.draw_countries(account.countries),
    ]


def texts(picture):
    return [element.text for element in ET.fromstring(picture.inline()).iter(f"{SVG}text")]  # noqa: S314  # ours


def test_texts_stay_texts_so_that_pictures_are_small_and_can_be_searched():
    for picture in pictures(make_account()):
        assert texts(picture)
        assert len(picture.inline()) < 20_000
    assert "990 (98.0%)" in " ".join(" ".join(texts(charts.draw_funnel(funnel_of(make_account())))).split())


def test_inside_a_page_colours_are_the_pages_and_ids_are_unique():
    drawn = [picture.inline() for picture in pictures(make_account())]
    ids = Counter(name for svg in drawn for name in re.findall(r'\bid="([^"]+)"', svg))
    assert max(ids.values()) == 1
    used = set(re.findall(r"var\(--([a-z]+)\)", "".join(drawn)))
    assert {"delivered", "ink", "lost", "excluded"} <= used <= set(charts.LIGHT) == set(charts.DARK)
    assert not re.search(r"#fe..ef|<style|<metadata|<\?xml|<!DOCTYPE", "".join(drawn))
    for svg in drawn:
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(re.findall(r'id="([^"]+)"', svg))


def test_by_itself_a_picture_is_a_white_card_in_plain_colours():
    for picture in pictures(make_account()):
        kind, _, data = picture.data_uri().partition(",")
        svg = base64.b64decode(data).decode()
        assert kind == "data:image/svg+xml;base64"
        assert f'fill="{charts.LIGHT["card"]}"' in svg
        assert not re.search(r"#fe..ef|var\(", svg)


def test_the_same_figures_give_the_same_picture():
    assert pictures(make_account()) == pictures(make_account())


def test_every_word_of_the_ledger_has_a_colour():
    assert {charts.colour_role(word) for word in (*MessageStatus, "excluded")} <= set(charts.LIGHT)


def test_a_picture_says_what_it_shows():
    funnel, timeline, countries = (picture.text for picture in pictures(make_account()))
    assert "1,010 rows read, 1,000 messages, 990 handed over, 990 sent, 990 delivered" in funnel
    assert "from 2026-03-20 10:30" in timeline
    assert "990 delivered" in timeline
    assert "US 1,000" in countries


def test_a_bar_is_as_long_as_the_step_before_it():
    steps = [FunnelStep("rows read", 100, ""), FunnelStep("messages", 60, "", (("excluded", 40),))]
    paths = [path.get("d") for path in ET.fromstring(charts.draw_funnel(steps).inline()).iter(f"{SVG}path")]  # noqa: S314  # ours
    edges = [[float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)] for path in paths]
    rows_read, messages, excluded = edges
    assert min(messages) == min(rows_read)
    assert max(messages) == min(excluded)
    assert max(excluded) == pytest.approx(max(rows_read))


def test_small_countries_share_a_bar():
    countries = {f"{n:02d}": Tally(300 - n, 100, 300, Decimal(1)) for n in range(200)}
    drawn = texts(charts.draw_countries(countries))
    assert "188 others" in drawn
    assert len(drawn) == 2 * 13


@pytest.mark.parametrize(
    "account",
    [
        make_account(rows_read=0, statuses={}, exclusions={}, countries={}, timeline=None),
        make_account(rows_read=1, statuses={MessageStatus.DELIVERED: 1}, exclusions={}),
        make_account(rows_read=9, statuses={}, exclusions={ExclusionReason.OPTED_OUT: 9}, countries={}),
        make_account(rows_read=12_345_678, statuses=dict.fromkeys(MessageStatus, 1_000_000)),
    ],
)
def test_no_message_one_message_nobody_left_and_millions_can_be_drawn(account):
    assert charts.draw_funnel(funnel_of(account)).inline().startswith("<svg ")
    assert charts.draw_countries(account.countries).inline().startswith("<svg ")


@pytest.mark.parametrize(
    "step", [timedelta(seconds=1), timedelta(minutes=5), timedelta(hours=6), timedelta(days=9)]
)
@pytest.mark.parametrize("steps", [1, 2, 120])
def test_a_timeline_of_any_length_can_be_drawn(step, steps):
    finals = {status: [1] * steps for status in MessageStatus if status.is_final}
    drawn = texts(charts.draw_timeline(Timeline(PLANNED_AT, step, [7] * steps, finals)))
    assert len(drawn) > 5


def test_steps_are_named_as_people_do():
    assert [charts.describe_step(timedelta(seconds=n)) for n in (1, 30, 60, 300, 3_600, 7_200, 172_800)] == [
        "1 second",
        "30 seconds",
        "1 minute",
        "5 minutes",
        "1 hour",
        "2 hours",
        "2 days",
    ]


def test_the_seconds_of_a_short_run_are_marked_once_each():
    timeline = Timeline(PLANNED_AT, timedelta(milliseconds=300), [3, 6, 9], {})
    marks = [text for text in texts(charts.draw_timeline(timeline)) if text and text.count(":") == 2]
    assert len(marks) == len(set(marks))
