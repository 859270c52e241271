"""The markdown of a plan, as people see it in the Prefect UI."""

from collections import Counter

from tasks.estimate import estimate_handing_over
from tasks.messaging.content import Content
from tasks.messaging.statuses import ExclusionReason
from tasks.plan import Plan
from tasks.plan_report import plan_as_markdown, plan_in_short
from tasks.prepare import PreparedAudience
from tasks.providers.capabilities import Capabilities

CAPABILITIES = Capabilities(
    channels=frozenset(),
    contents=frozenset(),
    max_recipients_per_request=1,
    recommended_recipients_per_request=(1, 1),
    max_requests_in_flight=10,
    max_requests_per_second=80,
)


def plan(of_plan=None, **changes):
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
    of_plan = {"estimate": estimate_handing_over(1, CAPABILITIES), "warnings": [], **(of_plan or {})}
    content = Content(channel="sms", purpose="marketing", text="Hi")
    return Plan("spring/1", "octopush", content, PreparedAudience(**values | changes), requests=1, **of_plan)


def test_a_plan_says_that_nothing_was_sent_and_how_to_approve_it():
    text = plan_as_markdown(plan())
    assert "nothing was sent" in text
    assert "Digest `abc`." in text
    assert "row 4: the same address as row 2" in text


def test_what_stands_in_a_contact_file_cannot_become_markup():
    text = plan_as_markdown(plan(sample_texts=["Hi <img src=x> *you* | [click](http://x)\n# Big"]))
    assert "- Hi \\<img src=x\\> \\*you\\* \\| \\[click\\](http://x) \\# Big" in text


def test_what_to_look_at_comes_before_how_to_send_it():
    assert "## Look at this first" not in plan_as_markdown(plan())
    text = plan_as_markdown(plan({"warnings": ["no way out"]}, advice=["'ê' forces UCS-2: write 'e' instead"]))
    assert text.index("- no way out\n- 'ê' forces UCS-2: write 'e' instead") < text.index("## Excluded rows")


def test_the_size_and_the_time_it_takes_are_said():
    text = plan_as_markdown(plan(parts=4, encodings=Counter({"gsm7": 2})))
    assert "- 4 SMS parts (2 in GSM-7) in 1 requests\n- about 1 s to hand over: the provider allows" in text
    assert "requests" not in plan_as_markdown(plan(messages=0))


def test_who_decides_at_once_sees_what_matters_and_nothing_about_other_ways_to_send_it():
    text = plan_in_short(plan({"warnings": ["no way out"]}))
    for said in ("3 rows read", "- no way out", "| duplicate | 1 |", "- Hi Ann", "under Artifacts"):
        assert said in text
    assert "approve" not in text
