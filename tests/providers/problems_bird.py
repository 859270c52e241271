"""Campaigns that Bird would refuse or change."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.providers.cases import ProblemCase

PROJECT = "ce6a2fd6-b2fa-4f5a-a2cd-f3bd15883318"
ID = "123e4567-e89b-12d3-a456-426614174000"

SMS: dict[str, Any] = {"channel": "sms", "purpose": "transactional", "text": "Hello"}
MMS: dict[str, Any] = {
    "channel": "mms",
    "purpose": "transactional",
    "media": [{"url": "https://example.com/a.png"}],
}
TEMPLATE = {"channel": "sms", "purpose": "transactional", "template": {"id": PROJECT}}
VIDEO = {"url": "https://example.com/v.mp4", "content_type": "video/mp4"}

IN_FUTURE = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)

PROBLEMS = [
    ProblemCase(id="channel", content={**SMS, "channel": "email"}, problems=[("channel", "email")]),
    ProblemCase(id="test mode", content={**SMS, "test_mode": True}, problems=[("test_mode", "no test mode")]),
    ProblemCase(
        id="two senders",
        content={**SMS, "sender": "A"},
        options={"sender": {"identifier_value": "B"}},
        problems=[("sender", "options.bird.sender")],
    ),
    ProblemCase(
        id="a personal subject", content={**MMS, "subject": "{{ a }}"}, problems=[("subject", "as it stands")]
    ),
    ProblemCase(
        id="too far ahead",
        content={**SMS, "send_at": IN_FUTURE + timedelta(days=6)},
        problems=[("schedule.send_at", "35 days")],
    ),
    ProblemCase(id="past goes at once", content={**SMS, "send_at": "2026-01-05T12:00:00Z"}, problems=[]),
    ProblemCase(id="mms without media", content={**SMS, "channel": "mms"}, problems=[("channel", "`media`")]),
    ProblemCase(id="media as sms", content={**MMS, "channel": "sms"}, problems=[("media", "channel: mms")]),
    ProblemCase(
        id="eleven pictures", content={**MMS, "media": MMS["media"] * 11}, problems=[("media", "at most 10")]
    ),
    ProblemCase(
        id="media to Europe",
        content=MMS,
        countries=frozenset({"US", "FR", "DE"}),
        problems=[("media", "DE, FR")],
    ),
    ProblemCase(id="media at home", content=MMS, countries=frozenset({"US", "CA"}), problems=[]),
    ProblemCase(
        id="a file without type",
        content={**MMS, "media": [*MMS["media"], VIDEO]},
        problems=[("media", "content_type")],
    ),
    ProblemCase(
        id="template ids",
        content={**TEMPLATE, "template": {"id": "welcome", "version": "2"}},
        problems=[("template.id", "welcome"), ("template.version", "latest")],
    ),
    ProblemCase(
        id="options of another content",
        content={**TEMPLATE, "subject": "Hi"},
        options={"short_links": {}, "text": {"attachments": []}},
        problems=[
            ("options.bird.short_links", "template.short_links"),
            ("subject", "template"),
            ("options.bird.text", "template"),
        ],
    ),
    ProblemCase(
        id="template options without template",
        content=SMS,
        options={"template": {"name": "n"}},
        problems=[("options.bird.template", "no `template`")],
    ),
    ProblemCase(
        id="cap without marketing",
        content=SMS,
        options={"cap_frequency": True},
        problems=[("options.bird.cap_frequency", "marketing")],
    ),
    ProblemCase(
        id="cap for bare numbers",
        content={**SMS, "purpose": "marketing"},
        options={
            "cap_frequency": True,
            "receiver": {"identifier_key": None},
        },
        problems=[("options.bird.cap_frequency", "contacts")],
    ),
    ProblemCase(
        id="cap without a use case",
        content={**SMS, "purpose": "marketing"},
        options={"cap_frequency": True, "meta": {"extra_information": {"useCase": None}}},
        problems=[("options.bird.cap_frequency", "useCase")],
    ),
    ProblemCase(
        id="ten tags and one",
        content={**SMS, "tags": ["A"]},
        options={"tags": [f"t{n}" for n in range(10)]},
        problems=[("tags", "at most 10")],
    ),
    ProblemCase(
        id="ten tags, one twice",
        content={**SMS, "tags": ["T0"]},
        options={"tags": [f"t{n}" for n in range(10)]},
        problems=[],
    ),
    ProblemCase(
        id="two validities",
        content={**SMS, "validity_seconds": 60},
        options={"validity": 61},
        problems=[("validity", "options.bird.validity")],
    ),
    ProblemCase(
        id="link tracking asked for and switched off",
        content={**SMS, "track_links": True},
        options={"enable_link_tracking": False},
        problems=[("track_links", "enable_link_tracking")],
    ),
    ProblemCase(id="flash", content={**SMS, "flash": True}, problems=[("flash", "bird has no flash")]),
    ProblemCase(
        id="use case against purpose",
        content={**SMS, "purpose": "marketing"},
        options={"meta": {"extra_information": {"useCase": "transactional"}}},
        problems=[("options.bird.meta.extra_information.useCase", "contradicts")],
    ),
]
