"""The page of a report: what stands in it, that it needs nothing else, that nobody can write markup into it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.report_page import CorrectionFile, render_report_page
from tasks.store.account import MOST_KINDS, Tally
from tasks.store.rerouting import ReroutedMessages
from tasks.store.windows import Held
from tests.accounts import make_account

MOVED = ReroutedMessages("octopush", "bird", 40, "down", datetime(2026, 3, 20, 12, 2, tzinfo=UTC))
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What a browser would make of the page; elements that are not closed properly are errors."""

    def __init__(self, html) -> None:
        super().__init__()
        self.tags, self.open, self.text, self.attributes = [], [], "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        self.text += " "
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


FILES = [CorrectionFile("excluded.csv", 10, "rows"), CorrectionFile("not_delivered.csv", 10, "messages")]


def render(account=None, files=FILES, *, has_original_columns=True):
    return render_report_page(
        account or make_account(),
        files,
        has_original_columns=has_original_columns,
        made_at=datetime(2026, 3, 21, tzinfo=UTC),
    )


def words(**changes):
    return Page(render(make_account(**changes))).words


HOSTILE = "<script>alert(1)</script>\"'>&{{ 7*7 }}</td></svg>"


def test_what_a_provider_or_a_campaign_says_is_text_and_never_markup():
    page = Page(
        render(
            make_account(
                name=HOSTILE,
                key=HOSTILE,
                run_key=HOSTILE,
                error=HOSTILE,
                digest=HOSTILE,
                contact_file=HOSTILE,
                provider=HOSTILE,
                troubles={(MessageStatus.REJECTED, HOSTILE, HOSTILE): 1},
                unknown_words={HOSTILE: 1},
                unreadable_events={HOSTILE: 1},
                errors=[HOSTILE],
                countries={"<b": Tally(1, 1, 1, None)},
                providers={HOSTILE: Tally(1, 1, 1, None)},
                statuses_by_provider={HOSTILE: {MessageStatus.UNKNOWN: 1}, "bird": {}},
                reroutings=[replace(MOVED, from_provider=HOSTILE, why=HOSTILE)],
                statuses={MessageStatus.UNKNOWN: 1},
            )
        )
    )
    assert "script" not in page.tags
    assert page.words.count("{{ 7*7 }}") > 10
    assert {name for _, name, _ in page.attributes if name.startswith("on")} == set()


def test_the_page_asks_nobody_for_anything():
    html = render()
    page = Page(html)
    assert not {"script", "iframe", "img", "object", "embed", "form"} & set(page.tags)
    assert [value for tag, name, value in page.attributes if tag == "link" and name == "href"] == ["data:,"]
    assert {value for tag, name, value in page.attributes if tag == "a" and name == "href"} == {
        "excluded.csv",
        "not_delivered.csv",
    }
    assert not re.search(r"@import|url\((?!#)", html)
    assert set(re.findall(r"https?://[^\s\"]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in html


def test_a_screen_reader_is_told_what_everybody_sees():
    page = Page(render())
    assert ("html", "lang", "en") in page.attributes
    assert "<title>Report of spring/1</title>" in render()
    figures = [value for tag, name, value in page.attributes if tag == "figure" and name == "aria-label"]
    assert [re.split("[:,]", said)[0] for said in figures] == ["Funnel", "Status over time", "Messages by country"]
    scopes = [value for tag, name, value in page.attributes if tag == "th" and name == "scope"]
    assert page.tags.count("th") == len(scopes)
    assert page.tags.count("h1") == 1
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_balance_is_spelled_out():
    assert "1,010 rows read = 1,000 messages + 10 excluded" in words()
    assert "Every row is answered for." in words()


def test_an_account_that_does_not_close_is_impossible_to_overlook():
    assert "The account does not close." in words(rows_read=1_011)
    assert "\u2260" in words(rows_read=1_011)
    assert "Every row" not in words(rows_read=1_011)


def test_addresses_are_masked():
    shown = words(
        troubles={(MessageStatus.REJECTED, "bad_destination", "no route to +12025550143"): 1},
        unknown_words={"+12025550144 away": 1},
        unreadable_events={"from ada@example.com": 1},
        errors=["+12025550145 is blocked"],
        error="+12025550146",
    )
    assert not re.search(r"555014\d|ada@", shown)
    assert shown.count("+1202555") == 4


def test_no_password_of_a_contact_files_address_stands_in_it():
    shown = words(contact_file="https://me:secret@example.com/list.csv?signature=abc")
    assert "secret" not in shown
    assert "abc" not in shown.replace("digest abc", "")
    assert "https://example.com/list.csv" in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_simulated": True}, "Test mode: the provider only pretended"),
        ({"error": "no credit"}, "Stopped: no credit. The same command resumes."),
        ({"statuses": {MessageStatus.UNKNOWN: 1}}, "1 message waits for a decision"),
        ({"statuses": {MessageStatus.UNKNOWN: 2}}, "--campaign spring --run-key 1 --unknown resend"),
        ({"unknown_words": {"ASLEEP": 7}}, "ASLEEP 7"),
        ({"unreadable_events": {"no `status`": 3}}, "no `status` 3"),
        ({"replies": 4}, "Replies 4"),
        ({"opt_outs": 5}, "Opt-outs 5"),
        ({"dropped_unnamed": 6}, "left 6 recipients out of requests"),
        ({"requests_cost": Decimal("12.5")}, "told a cost of 12.50 in all"),
        ({"providers": {"octopush": Tally(9, 3, 9, None)}}, "all through octopush 9 3 33.3% 9 not told"),
        ({"countries": {"ZA": Tally(9, 3, 9, Decimal("0.0123"))}}, "South Africa ZA 9 3 33.3% 9 0.0123"),
        ({"residual_credit": Decimal(7)}, "credit left 7.00"),
        (
            {"providers": {"octopush": Tally(9, 3, 9, None), "bird": Tally(1, 1, 1, None)}},
            "through octopush, bird",
        ),
        (
            {
                "statuses_by_provider": {
                    "bird": {MessageStatus.SENT: 7},
                    "octopush": {MessageStatus.DELIVERED: 993},
                }
            },
            "bird sent 7 octopush delivered 993",
        ),
        ({"reroutings": [MOVED]}, "(down): 40 messages went to bird instead."),
        ({"exclusions": {ExclusionReason.TOO_LONG: 10}}, "too_long 10 1.0% the text is longer"),
        ({}, "delivered 990 99.0% arrived"),
        ({}, "rejected bad_destination 117 10"),
        ({}, "code 117: no valid number"),
    ],
)
def test_the_page_says(changes, said):
    assert said in words(**changes)


def test_of_an_account_in_order_nothing_is_said_that_worries():
    calm = words(troubles={}, errors=[])
    for worry in ("decision", "Not understood", "did not arrive", "Test mode", "Stopped"):
        assert worry not in calm


def test_a_share_is_never_rounded_to_all_or_to_nothing():
    statuses = {MessageStatus.DELIVERED: 999_999, MessageStatus.FAILED: 1}
    shown = words(rows_read=1_000_000, statuses=statuses, exclusions={})
    assert "999,999 delivered >99.9%" in shown
    assert "1 not delivered <0.1%" in shown


def test_many_countries_fold_up_and_many_words_are_cut_openly():
    countries = {f"{chr(65 + n // 26)}{chr(65 + n % 26)}": Tally(9, 8, 9, Decimal(1)) for n in range(200)}
    kinds = {(MessageStatus.REJECTED, "bad_destination", f"word {n}"): 1 for n in range(MOST_KINDS)}
    page = Page(render(make_account(countries=countries, troubles=kinds)))
    assert "185 more countries" in page.words
    assert f"The {MOST_KINDS} most frequent are shown." in page.words


def test_files_say_whether_they_have_the_columns_of_the_list():
    assert "as they stand in the contact file" in Page(render()).words
    assert "gone or has changed" in Page(render(has_original_columns=False)).words


@pytest.mark.parametrize(
    "changes",
    [
        {"rows_read": 0, "statuses": {}, "exclusions": {}, "countries": {}, "providers": {}, "timeline": None},
        {"rows_read": 10, "statuses": {}, "countries": {}, "providers": {}, "timeline": None, "troubles": {}},
        {"rows_read": 1, "statuses": {MessageStatus.DELIVERED: 1}, "exclusions": {}},
        {"rows_read": 12_000_010, "statuses": dict.fromkeys(MessageStatus, 1_000_000), "name": "x" * 200},
    ],
)
def test_no_row_nobody_left_one_message_and_millions_are_pages_too(changes):
    page = Page(render(make_account(**changes)))
    assert "Every row is answered for." in page.words
    assert "None" not in re.sub(r"None\.", "", page.words)


UNTIL = datetime(2026, 11, 23, 8, tzinfo=UTC)
HELD = Held({UNTIL: {"FR": 3}}, {})
IS_HELD = "3 messages are held until 2026-11-23 08:00 UTC (FR)"


def test_what_sending_hours_hold_is_said_once_and_who_goes_on_with_it():
    said = words(held=HELD, error=IS_HELD, waits_until=UNTIL)
    assert f"Stopped: {IS_HELD}. python -m flows.send_held goes on with it then" in said
    assert said.count(IS_HELD) == 1
    assert f"Held by the sending hours: {IS_HELD}." in words(held=HELD, error="no credit")
    assert "Stopped: no credit. The same command resumes." in words(held=HELD, error="no credit")


def test_of_a_run_of_which_all_that_is_left_is_held_for_good_nothing_resumes():
    held = Held({}, {"no zone": 2})
    statuses = {MessageStatus.PLANNED: 2}
    assert "resumes" not in words(held=held, error=held.sentence, statuses=statuses)
    assert "The same command resumes." in words(
        held=held, error=held.sentence, statuses={MessageStatus.PLANNED: 3}
    )
