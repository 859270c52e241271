"""Campaigns that Octopush would refuse or change."""

from tests.providers.cases import ProblemCase

SMS = {"channel": "sms", "purpose": "transactional", "text": "Hello"}
MARKETING = {"channel": "sms", "purpose": "marketing", "text": "Sale! STOP au XXXXX"}

PROBLEMS = [
    ProblemCase(
        id="channel and content",
        content={
            "channel": "mms",
            "purpose": "transactional",
            "media": [{"url": "https://example.com/a.png"}],
        },
        problems=[("channel", "mms"), ("media", "no pictures")],
    ),
    ProblemCase(
        id="a provider's template",
        content={"channel": "sms", "purpose": "transactional", "template": {"id": "1"}},
        problems=[("template", "lives at the provider")],
    ),
    ProblemCase(id="subject", content={**SMS, "subject": "Hi"}, problems=[("subject", "no title")]),
    ProblemCase(
        id="two senders",
        content={**SMS, "sender": "Shop"},
        options={"sender": "Store"},
        problems=[("sender", "options.octopush.sender")],
    ),
    *(
        ProblemCase(id=f"sender {sender}", content={**SMS, "sender": sender}, problems=[("sender", words)])
        for sender, words in [
            ("My Shop", "space"),
            ("ab", "3 to 11"),
            ("a" * 12, "3 to 11"),
            ("Café", "3 to 11"),
            ("Shop!", "3 to 11"),
        ]
    ),
    ProblemCase(
        id="a sender that France does not see",
        content={**SMS, "sender": "Shop"},
        options={"with_replies": True},
        countries=frozenset({"FR", "DE"}),
        problems=[("sender", "short number")],
    ),
    ProblemCase(
        id="a sender that is seen elsewhere",
        content={**SMS, "sender": "Shop"},
        options={"with_replies": True},
        countries=frozenset({"DE"}),
        problems=[],
    ),
    ProblemCase(
        id="two names that disagree",
        content=SMS,
        options={"auto_delete_optout_contacts": True, "auto_remove_blacklisted_numbers": False},
        problems=[("options.octopush.auto_remove_blacklisted_numbers", "opposite")],
    ),
    ProblemCase(
        id="what only the direct send has",
        content={**SMS, "test_mode": True},
        options={"two_phase": True, "recipient_tracking": False, "send_request_id": True},
        problems=[
            ("test_mode", "options.octopush.two_phase"),
            ("options.octopush.recipient_tracking", "two-phase"),
            ("options.octopush.send_request_id", "two-phase"),
        ],
    ),
    *(
        ProblemCase(id=f"no {key}", content={**SMS, key: value}, problems=[(key, "octopush has no")])
        for key, value in [("tags", ["a"]), ("flash", True), ("track_links", True)]
    ),
    ProblemCase(
        id="no validity", content={**SMS, "validity_seconds": 60}, problems=[("validity", "octopush has no")]
    ),
    ProblemCase(id="long text", content={**SMS, "text": "x" * 1225}, problems=[("text", "1224")]),
    ProblemCase(id="longest text", content={**SMS, "text": "x" * 1224}, problems=[]),
    ProblemCase(id="a template is measured later", content={**SMS, "text": "{{ a }}" + "x" * 1224}, problems=[]),
    ProblemCase(
        id="single braces", content={**SMS, "text": "Hi {first_name}"}, problems=[("text", "{{ first_name }}")]
    ),
    ProblemCase(id="double braces", content={**SMS, "text": "Hi {{first_name}} {name}"}, problems=[]),
    ProblemCase(
        id="STOP mention missing",
        content={**MARKETING, "text": "Sale! STOP au 36180"},
        countries=frozenset({"FR"}),
        problems=[("text", "`STOP au XXXXX`")],
    ),
    ProblemCase(
        id="STOP mention in other letters",
        content={**MARKETING, "text": "Sale! Stop au XXXXX"},
        countries=frozenset({"FR"}),
        problems=[("text", "exactly so")],
    ),
    ProblemCase(id="STOP mention", content=MARKETING, countries=frozenset({"FR"}), problems=[]),
    ProblemCase(
        id="STOP mention of low cost",
        content=MARKETING,
        options={"type": "sms_low_cost"},
        countries=frozenset({"FR"}),
        problems=[("text", "`no PUB=STOP`")],
    ),
    ProblemCase(
        id="STOP mention of one's own",
        content={**MARKETING, "text": "Sale! STOP au 36180"},
        options={"stop_mention": "STOP au 36180"},
        countries=frozenset({"FR"}),
        problems=[],
    ),
    ProblemCase(
        id="STOP check switched off",
        content={**MARKETING, "text": "Sale!"},
        options={"stop_mention": None},
        countries=frozenset({"FR"}),
        problems=[],
    ),
    ProblemCase(id="STOP outside France", content={**MARKETING, "text": "Sale!"}, problems=[]),
    ProblemCase(id="STOP in an alert", content=SMS, countries=frozenset({"FR"}), problems=[]),
]
