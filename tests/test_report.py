"""The markdown that people see in the Prefect UI."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from tasks.messaging.content import Content
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.plan import Plan
from tasks.prepare import PreparedAudience
from tasks.report import account_as_markdown, plan_as_markdown
from tasks.store.account import RunAccount
from tasks.store.tables import RunState


def account(**changes):
    values = {
        "run_id": 1,
        "key": "spring/1",
        "provider": "octopush",
        "state": RunState.HANDED_OVER,
        "error": None,
        "digest": "abc",
        "created_at": datetime(2026, 3, 20, 10, 30, tzinfo=UTC),
        "rows_read": 1_010,
        "statuses": {MessageStatus.ACCEPTED: 990, MessageStatus.REJECTED: 10},
        "exclusions": {ExclusionReason.DUPLICATE: 10},
        "troubles": {(MessageStatus.REJECTED, "bad_destination", "117"): 10},
        "countries": {"US": (1_000, 1_200, Decimal(60))},
        "errors": ["code 117: no valid number"],
        "dropped_unnamed": 0,
        "residual_credit": None,
    }
    return RunAccount(**values | changes)


def plan(**changes):
    values = {
        "directory": "",
        "file": "list.csv",
        "notes": ["CSV"],
        "columns": [("phone", "Mobile", "a mobile number")],
        "source_sha256": "",
        "digest": "abc",
        "rows_read": 3,
        "messages": 2,
        "exclusions": Counter({ExclusionReason.DUPLICATE: 1}),
        "countries": Counter({"US": 2}),
        "examples": {ExclusionReason.DUPLICATE: ["row 4: the same address as row 2"]},
        "sample_texts": ["Hi Ann"],
    }
    content = Content(channel="sms", purpose="marketing", text="Hi")
    return Plan("spring/1", "octopush", content, PreparedAudience(**values | changes), requests=1)


def test_the_balance_comes_first_and_is_spelled_out():
    text = account_as_markdown(account())
    assert "**1,010 rows read = 1,000 messages + 10 excluded**" in text


def test_an_account_that_does_not_close_is_impossible_to_overlook():
    assert "THE ACCOUNT DOES NOT CLOSE" in account_as_markdown(account(rows_read=1_011))


def test_what_the_provider_said_is_shown():
    text = account_as_markdown(account())
    assert "| rejected | bad\\_destination | 117 | 10 |" in text
    assert "code 117: no valid number" in text


def test_a_stopped_run_says_why_and_what_to_do():
    assert "**Stopped:** no credit. The same command resumes." in account_as_markdown(account(error="no credit"))


def test_a_cost_that_the_provider_does_not_tell_is_not_shown_as_nothing():
    assert "not told" in account_as_markdown(account(countries={"US": (1, 1, Decimal(0))}))


def test_recipients_that_a_provider_left_out_unnamed_are_mentioned():
    assert "left 3 recipients out" in account_as_markdown(account(dropped_unnamed=3))


def test_a_plan_says_that_nothing_was_sent_and_how_to_approve_it():
    text = plan_as_markdown(plan())
    assert "nothing was sent" in text
    assert "`--approve abc`" in text
    assert "row 4: the same address as row 2" in text


def test_what_stands_in_a_contact_file_cannot_become_markup():
    text = plan_as_markdown(plan(sample_texts=["Hi <img src=x> *you* | [click](http://x)\n# Big"]))
    assert "- Hi \\<img src=x\\> \\*you\\* \\| \\[click\\](http://x) \\# Big" in text


def test_advice_is_shown_where_there_is_some():
    assert "## Advice" not in plan_as_markdown(plan())
    assert "write 'e' instead" in plan_as_markdown(plan(advice=["'ê' forces UCS-2: write 'e' instead"]))
