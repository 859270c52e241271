"""Hooks of Dripcel, in whatever form their body was written."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox import SandboxSettings
from deployments.sandbox.dripcel.switches import HOOK_BODY
from deployments.sandbox.server import running_sandbox
from tasks.messaging.statuses import Channel, EventKind
from tasks.providers.dripcel.callbacks import IDEMPOTENCY_HEADERS, RECOMMENDED_BODY, DripcelCallbacks
from tasks.providers.dripcel.options import DripcelCredentials
from tasks.providers.dripcel.reader import DripcelReader
from tasks.providers.reports import (
    CallbackRequest,
    ConsentReport,
    ReceivedEvent,
    ReplyReport,
    Report,
    UnreadableEvent,
)
from tests.sandbox.test_dripcel_hooks import Listener, reply_to, send_to

ADA = "+27711234567"
ARRIVED = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RECEIVED = "2026-01-05T11:20:00.000Z"
HOOKS = DripcelCallbacks()
MEMBERS = {
    "_id": "r-1",
    "Msisdn": "27711234567",
    "kind": "optOut",
    "campaign_id": "000000000000000000000c01",
    "UserReference": "s-1",
    "Received": RECEIVED,
    "Message": "Stop it",
}


def request_of(
    body: bytes | str | Mapping[str, Any] = b"",
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> CallbackRequest:
    if isinstance(body, Mapping):
        body = json.dumps(body)
    return CallbackRequest(
        url="https://rollcall.example.com/callbacks/dripcel/secret",
        headers=headers or {},
        query=query or {},
        body=body.encode() if isinstance(body, str) else body,
    )


def reports_of(event: ReceivedEvent) -> Sequence[Report]:
    # As the ledger gives it back.
    return HOOKS.read(json.loads(json.dumps(dict(event.payload))), ARRIVED)


def told(text: str = "Stop it", key: str = "reply:r-1", at: datetime | None = None) -> ReplyReport:
    at = at or datetime.fromisoformat(RECEIVED)
    return ReplyReport(channel=Channel.SMS, address=ADA, text=text, at=at, dedupe_key=key)


def consent(*, is_opt_in: bool = False, at: datetime | None = None) -> ConsentReport:
    at = at or datetime.fromisoformat(RECEIVED)
    if not is_opt_in:
        at += timedelta(microseconds=1)
    return ConsentReport(channel=Channel.SMS, address=ADA, is_opt_in=is_opt_in, at=at, source="hook")


@pytest.mark.parametrize(
    "request_",
    [
        request_of(MEMBERS),
        request_of(urlencode(MEMBERS)),
        request_of(query=MEMBERS),
        request_of({"reply": MEMBERS}),
        request_of({f"reply.{name}": value for name, value in MEMBERS.items()}),
        request_of(MEMBERS, query={"source": "console"}),
        request_of("\ufeff" + json.dumps(MEMBERS)),
        request_of(json.dumps({**MEMBERS, "Message": "Stop{}it"}).replace("{}", " ")),
        request_of(
            {
                "replyId": "r-1",
                "cell": 27711234567,
                "text": "Stop it",
                "type": "opt_out",
                "received_at": RECEIVED,
            }
        ),
    ],
    ids=["JSON", "form", "query", "nested", "dotted", "both", "BOM", "spaces", "other names"],
)
def test_a_reply_is_understood_in_every_form(request_: CallbackRequest) -> None:
    event = HOOKS.receive(request_)
    assert (event.kind, event.dedupe_key, event.error) == (EventKind.OPT_OUT, "reply:r-1", None)
    assert reports_of(event) == [told(), consent()]


@pytest.mark.parametrize("header", IDEMPOTENCY_HEADERS)
def test_attempts_of_one_hook_are_one_event_by_either_spelling_of_the_header(header: str) -> None:
    first, again = (
        HOOKS.receive(request_of({**MEMBERS, "at": attempt}, headers={header: "k-1"})) for attempt in "12"
    )
    assert first.dedupe_key == again.dedupe_key != "reply:r-1"
    assert reports_of(first) == [told(), consent()], "the reply is known by its own id all the same"


def test_another_reply_or_another_hook_is_another_event() -> None:
    keys = [
        HOOKS.receive(request_of({**MEMBERS, **members}, headers={IDEMPOTENCY_HEADERS[0]: key})).dedupe_key
        for members, key in (
            ({}, "k-1"),
            ({}, "k-2"),
            ({"_id": "r-2"}, "k-1"),
            ({"_id": ""}, "k-1"),
            ({"_id": "", "Message": "Stop"}, "k-1"),
        )
    ]
    assert len(set(keys)) == len(keys)


def test_a_key_of_any_length_fits() -> None:
    keys = {
        HOOKS.receive(request_of({**MEMBERS, **members}, headers=headers)).dedupe_key
        for members, headers in (
            ({}, {IDEMPOTENCY_HEADERS[0]: "k" * 5000}),
            ({}, {IDEMPOTENCY_HEADERS[0]: "k" * 5001}),
            ({"_id": "r" * 5000}, {}),
        )
    }
    assert len(keys) == 3
    assert max(map(len, keys)) <= 150


def test_templates_that_were_not_filled_in_are_missing_members() -> None:
    template = json.loads(RECOMMENDED_BODY)
    events = [
        HOOKS.receive(request_of({**template, "Msisdn": "27711234567", "Message": text}))
        for text in ("STOP", "YES", "Perhaps")
    ]
    assert len({event.dedupe_key for event in events}) == 3
    assert [event.kind for event in events] == [EventKind.OPT_OUT, EventKind.REPLY, EventKind.REPLY]
    assert reports_of(events[1]) == [
        told("YES", events[1].dedupe_key, ARRIVED),
        consent(is_opt_in=True, at=ARRIVED),
    ]
    assert reports_of(events[2]) == [told("Perhaps", events[2].dedupe_key, ARRIVED)]


@pytest.mark.parametrize(
    ("text", "is_opt_in"),
    [
        ("STOP", False),
        ("yes", True),
        ("Yes, stop", False),
        ("please opt-out.", False),
        ("No!", False),
        ("I know", None),
        ("eyes", None),
        ("", None),
    ],
)
def test_without_a_kind_the_words_decide_and_stop_wins(text: str, is_opt_in: bool | None) -> None:
    _, *consents = reports_of(HOOKS.receive(request_of({**MEMBERS, "kind": "", "Message": text})))
    assert [one.is_opt_in for one in consents if isinstance(one, ConsentReport)] == (
        [] if is_opt_in is None else [is_opt_in]
    )


@pytest.mark.parametrize(("kind", "is_opt_in"), [("optIn", [True]), ("optOut", [False]), ("unknown", [])])
def test_the_kind_that_dripcel_gives_is_believed_whatever_the_words(kind: str, is_opt_in: list[bool]) -> None:
    _, *consents = reports_of(HOOKS.receive(request_of({**MEMBERS, "kind": kind, "Message": "no yes stop"})))
    assert [one.is_opt_in for one in consents if isinstance(one, ConsentReport)] == is_opt_in


def test_a_time_that_cannot_be_is_that_of_the_arrival() -> None:
    later = (ARRIVED + timedelta(hours=2)).isoformat()
    for received in (later, "", "Mon Jan 05 2026", "0001-01-01", "9999-12-31T23:59:59-10:00"):
        [reply, _] = reports_of(HOOKS.receive(request_of({**MEMBERS, "Received": received})))
        assert isinstance(reply, ReplyReport)
        assert reply.at == ARRIVED


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('He said "STOP"', 'He said "STOP"'),
        ('"STOP"', '"STOP"'),
        ("two\nlines", "two\nlines"),
        ('\\"STOP\\"\nnow', '"STOP"\nnow'),
        ("a \\ b", "a \\ b"),
        ('x", "Msisdn": "27711234568', "x"),
        ('x", "Msisdn": "27711234568", "y', "x"),
        ('x", "Msisdn": "27711234568", "kind": "optIn', "x"),
    ],
)
def test_a_text_that_tears_the_body_costs_no_opt_out_and_forges_nothing(text: str, read: str) -> None:
    body = RECOMMENDED_BODY
    for name, value in {**MEMBERS, "Message": text}.items():
        body = body.replace(f"{{{{reply.{name}}}}}", value)
    event = HOOKS.receive(request_of(body))
    assert (event.kind, event.error) == (EventKind.OPT_OUT, None)
    assert reports_of(event) == [told(read), consent()]


@pytest.mark.parametrize(
    "members", [{}, {"Msisdn": ""}, {"Msisdn": "{{reply.Msisdn}}"}, {"Msisdn": "Dripcel"}, {"Msisdn": None}]
)
def test_a_reply_of_nobody_is_kept_with_an_error(members: dict[str, Any]) -> None:
    event = HOOKS.receive(request_of({"Message": "STOP", **members}))
    assert (event.kind, event.error) == (EventKind.UNKNOWN, "Msisdn is missing, or no phone number")
    assert event.payload["Message"] == "STOP"
    with pytest.raises(UnreadableEvent, match="Msisdn"):
        reports_of(event)


@pytest.mark.parametrize(
    "body", [b"", b"STOP", b"[]", b"{}", b"null", b'{"a":' + b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_has_no_members_is_kept_with_an_error(body: bytes) -> None:
    event = HOOKS.receive(request_of(body))
    assert (event.kind, event.error is None) == (EventKind.UNKNOWN, False)
    with pytest.raises(UnreadableEvent):
        reports_of(event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MEMBERS, "x"]), inner),
    max_leaves=8,
)


@given(
    body=st.binary() | st.dictionaries(st.sampled_from([*MEMBERS, "reply"]), JSON).map(json.dumps),
    query=st.dictionaries(st.text(), st.text(), max_size=2),
    headers=st.dictionaries(st.sampled_from(IDEMPOTENCY_HEADERS), st.text()),
)
def test_whatever_comes_is_received_and_can_be_kept(
    body: bytes | str, query: dict[str, str], headers: dict[str, str]
) -> None:
    request = request_of(body, query=query, headers=headers)
    event = HOOKS.receive(request)
    assert event == HOOKS.receive(request)
    assert len(event.dedupe_key.encode()) <= 500
    assert len(event.dedupe_key) <= 150
    json.dumps(dict(event.payload), allow_nan=False).encode()
    if event.error is None:
        assert reports_of(event)
        assert "\0" not in json.dumps(dict(event.payload), ensure_ascii=False)


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("quoting", ["escaped", "raw"])
async def test_a_hook_and_a_search_tell_of_the_same_reply(method: str, quoting: str) -> None:
    with Listener() as listener:
        settings = SandboxSettings(
            dripcel={"hook_url": listener.url, "hook_method": method, "hook_quoting": quoting}
        )
        with (
            running_sandbox(settings) as sandbox,
            httpx.Client(base_url=sandbox.url, headers={"Authorization": "Bearer sandbox-dripcel-key"}) as client,
        ):
            send_to(client, campaign_id="000000000000000000000c01")
            reply_to(client, 'Please "STOP" & go')
            [(_, path, headers, body)] = listener.wait_for(1)
            reader = DripcelReader(
                DripcelCredentials.model_validate(
                    {"base_url": f"{sandbox.url}/dripcel", "api_key": "sandbox-dripcel-key"}
                )
            )
            async with reader:
                since = datetime.now(UTC) - timedelta(days=1)
                [polled] = [page async for page in reader.fetch_opt_outs(since)]
    event = HOOKS.receive(
        request_of(
            body,
            query=dict(parse_qsl(urlsplit(path).query)),
            headers={name.lower(): value for name, value in headers.items()},
        )
    )
    assert (event.kind, event.dedupe_key.startswith("hook:")) == (EventKind.OPT_OUT, True)
    pushed_reply, pushed_consent = HOOKS.read(event.payload, datetime.now(UTC))
    polled_reply, polled_consent = polled
    assert pushed_reply == polled_reply
    assert isinstance(pushed_consent, ConsentReport)
    assert isinstance(polled_consent, ConsentReport)
    assert (pushed_consent.address, pushed_consent.at) == (polled_consent.address, polled_consent.at)


def test_the_sandbox_is_told_the_recommended_body() -> None:
    assert json.loads(HOOK_BODY) == json.loads(RECOMMENDED_BODY)
