"""What indigitall would refuse or drop in a campaign."""

from typing import Any

from tests.providers.cases import ProblemCase

# The ids of campaigns are those of the sandbox: 102 has these two fields, 101 and 201 the one.
ORDER: dict[str, Any] = {
    "channel": "sms",
    "purpose": "transactional",
    "template": {"id": "102", "fields": {"first_name": "{{ first_name }}", "order": "{{ order }}"}},
}
FREE_TEXT: dict[str, Any] = {
    "channel": "sms",
    "purpose": "transactional",
    "template": {"id": "101", "fields": {"text": "{{ text }}"}},
}
EMAIL: dict[str, Any] = {
    "channel": "email",
    "purpose": "transactional",
    "template": {"id": "201", "fields": {"first_name": "{{ first_name }}"}},
}

PROBLEMS = [
    ProblemCase(
        id="a text of one's own",
        content={"channel": "sms", "purpose": "transactional", "text": "Hello"},
        problems=[("text", "no text that Rollcall renders")],
    ),
    ProblemCase(
        id="media as MMS",
        content={
            "channel": "mms",
            "purpose": "transactional",
            "media": [{"url": "https://example.com/a.png"}],
        },
        problems=[("channel", "mms"), ("media", "no pictures")],
    ),
    *(
        ProblemCase(id=f"no {key}", content={**FREE_TEXT, key: value}, problems=[(key, "indigitall has no")])
        for key, value in [
            ("subject", "Hi"),
            ("sender", "Shop"),
            ("test_mode", True),
            ("tags", ["a"]),
            ("replies", True),
            ("track_links", True),
        ]
    ),
    ProblemCase(
        id="no validity", content={**FREE_TEXT, "validity_seconds": 60}, problems=[("validity", "no validity")]
    ),
    ProblemCase(id="a flashing e-mail", content={**EMAIL, "flash": True}, problems=[("flash", "no flash SMS")]),
    ProblemCase(
        id="flash and no flash",
        content={**FREE_TEXT, "flash": True},
        options={"flash": False},
        problems=[("flash", "opposite")],
    ),
    *(
        ProblemCase(
            id=f"campaign {id!r}",
            content={**FREE_TEXT, "template": {"id": id}},
            problems=[("template.id", "number of a campaign")],
        )
        for id in ("welcome", "-1", "1.5", "٣", "1" * 19)  # noqa: A001  # as in the campaign file
    ),
    ProblemCase(
        id="version and locale",
        content={**FREE_TEXT, "template": {"id": "1", "version": "2", "locale": "en"}},
        problems=[("template.version", "remove"), ("template.locale", "remove")],
    ),
    ProblemCase(
        id="e-mail options of an SMS",
        content=FREE_TEXT,
        options={"cc": ["a@example.com"], "bcc": ["b@example.com"], "smart_time_config": {}, "blacklist": [1]},
        problems=[
            (f"options.indigitall.{key}", "belongs to channel email")
            for key in ("cc", "bcc", "smart_time_config", "blacklist")
        ],
    ),
    ProblemCase(
        id="SMS options of an e-mail",
        content=EMAIL,
        options={
            "phone_form": "e164",
            "flash": False,
            "nls": "auto",
            "send_type_override": "list",
            "origin_data": {},
        },
        problems=[
            (f"options.indigitall.{key}", "belongs to channel sms")
            for key in ("phone_form", "flash", "nls", "send_type_override", "origin_data")
        ],
    ),
]
