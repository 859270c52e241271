"""Whatever a body is, there is an event that both databases take."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.receiver.intake import Intake
from tasks.providers.registry import PROVIDER_NAMES, load_callbacks
from tasks.providers.reports import CallbackRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["message_id", "number", "status", "delivery_date", "stop_date", "_id", "Msisdn", "event", "payload", "id"]
)
BODIES = st.binary(max_size=200) | (JSON | st.dictionaries(MEMBERS, JSON, max_size=6)).map(
    lambda value: json.dumps(value).encode()
)
QUERIES = st.dictionaries(MEMBERS, st.text(max_size=20), max_size=3)


@pytest.mark.parametrize("provider", [name for name in PROVIDER_NAMES if load_callbacks(name)])
@given(body=BODIES, query=QUERIES)
def test_every_body_becomes_an_event_that_can_be_stored(provider, body, query):
    intake = Intake(provider, load_callbacks(provider))
    event, again = (intake.event_of(CallbackRequest(url="", headers={}, query=query, body=body)) for _ in range(2))
    stored = json.dumps(event.payload, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in stored.replace("\\\\", "")
    stored.encode()  # no lone surrogates
    assert event.dedupe_key == again.dedupe_key
    assert event.dedupe_key.isascii()
    assert len(event.dedupe_key) <= 200
    assert "\0" not in (event.error or "")
