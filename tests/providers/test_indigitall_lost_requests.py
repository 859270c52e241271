"""Which sending a request became whose answer was lost, against the sandbox."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox import Clock, SandboxSettings
from deployments.sandbox.server import running_sandbox
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.errors import OutcomeUnknown
from tasks.providers.indigitall.adapter import Indigitall
from tasks.providers.indigitall.lost_requests import find_lost_requests, match_sendings
from tasks.providers.indigitall.reader import IndigitallReader
from tasks.providers.indigitall.sendings import Sending
from tasks.providers.reports import HandedOver, StatusReport, Verdict
from tests.providers.cases_indigitall import message
from tests.providers.problems_indigitall import FREE_TEXT
from tests.providers.world_indigitall import ADA, ALAN, GRACE, World, collect, credentials

pytestmark = pytest.mark.anyio


async def test_the_only_sending_that_nobody_knows_is_the_only_lost_request() -> None:
    world = World()
    before = await world.send(request="q-1")
    lost = await world.lose(ADA, ALAN, request="q-2")
    after = await world.send(request="q-3")
    async with world.reader() as reader:
        alone = [replace(one, open_requests=1) for one in lost]
        found = await collect(reader.find(alone, frozenset({"5001", "5003"})))
    assert [one.report for one in found if one.report] == [
        StatusReport(
            status=MessageStatus.SENT,
            raw_status="sent",
            at=found[0].report.at if found[0].report else None,
            reference=one.reference,
            request_reference="q-2",
            ticket="5002",
        )
        for one in lost
    ]
    assert {one.ticket for one in before + after} == {"5001", "5003"}


@pytest.mark.parametrize("how", ["lose_before", "http:503"])
async def test_a_request_that_was_not_processed_stays_undecided_and_is_never_found_absent(how: str) -> None:
    world = World()
    lost = await world.lose(how=how)
    assert await world.find(lost) == {f"q-1-{ADA}": None}


async def test_over_real_http_a_lost_answer_is_found_too() -> None:
    clock = Clock(now=lambda: time.time() - 3600)
    settings = SandboxSettings(indigitall={"respond": ["lose_after"]})
    with running_sandbox(settings, clock=clock) as sandbox:
        lost = HandedOver(
            reference="m-1",
            address=ADA,
            claimed_at=datetime.now(UTC) - timedelta(hours=1),
            channel=Channel.SMS,
            template_id="101",
            open_requests=1,
        )
        content = Content.model_validate(FREE_TEXT)
        async with Indigitall(credentials(sandbox.url), content, Indigitall.Options()) as indigitall:
            with pytest.raises(OutcomeUnknown):
                await indigitall.send([message("m-1", ADA)])
        async with IndigitallReader(credentials(sandbox.url)) as reader:
            [finding] = await collect(reader.find([lost], frozenset()))
    assert finding.report
    assert (finding.verdict, finding.report.ticket) == (Verdict.FOUND, "5001")


async def test_as_many_sendings_as_lost_requests_are_theirs_in_their_order() -> None:
    world = World()
    first = await world.lose(ADA, ALAN, request="q-1")
    second = await world.lose(GRACE, request="q-2")
    assert await world.find([*second, *first]) == {
        f"q-2-{GRACE}": "5002",
        f"q-1-{ADA}": "5001",
        f"q-1-{ALAN}": "5001",
    }


async def test_fewer_sendings_than_lost_requests_are_nobodys() -> None:
    world = World()
    first = await world.lose(request="q-1", how="lose_before")
    second = await world.lose(ALAN, request="q-2")
    assert set((await world.find(first + second)).values()) == {None}


@pytest.mark.parametrize("asked", ["q-1", "q-2"])
async def test_nothing_is_concluded_while_another_lost_request_is_not_asked_for(asked: str) -> None:
    world = World()
    lost = await world.lose(request="q-1") + await world.lose(ALAN, request="q-2", how="lose_before")
    alone = [one for one in lost if one.request_reference == asked]
    assert set((await world.find(alone, open_requests=2)).values()) == {None}
    async with world.reader() as reader:  # nor where nobody counted them
        assert [one.verdict for one in await collect(reader.find(alone, frozenset()))] == [Verdict.UNDECIDED]


async def test_lost_requests_of_different_hours_are_no_riddle_to_each_other() -> None:
    world = World()
    first = await world.lose(request="q-1", how="lose_before")
    world.ago = timedelta(minutes=30)
    second = await world.lose(ALAN, request="q-2")
    assert await world.find(first + second) == {f"q-1-{ADA}": None, f"q-2-{ALAN}": "5001"}


async def test_a_sending_that_somebody_else_made_leaves_it_undecided() -> None:
    world = World()
    lost = await world.lose()
    await world.send(ALAN, request="by hand")
    assert await world.find(lost) == {f"q-1-{ADA}": None}
    assert await world.find(lost, "5002") == {f"q-1-{ADA}": "5001"}


async def test_a_sending_of_another_campaign_is_none_of_it() -> None:
    world = World()
    lost = await world.lose()
    body = {
        "campaignId": 102,
        "contacts": [{"phoneE164": ALAN, "customFields": {"first_name": "A", "order": "1"}}],
    }
    key = {"Authorization": "ServerKey 00000000-0000-4000-8000-0000000000d1"}
    await world.ask("POST", "/indigitall/v2/sms/send/list", json=body, headers=key)
    assert await world.find(lost) == {f"q-1-{ADA}": "5001"}


async def test_a_sending_of_more_contacts_than_the_request_had_is_not_it() -> None:
    world = World()
    lost = await world.lose(how="lose_before")
    await world.send(ADA, ALAN, request="by hand")
    assert await world.find(lost) == {f"q-1-{ADA}": None}


async def test_a_sending_of_fewer_contacts_may_be_it_because_disabled_ones_are_dropped() -> None:
    world = World()
    await world.ask("PUT", "/indigitall-control/contacts", json={"phone": ADA, "enabled": False})
    lost = await world.lose(ADA, ALAN)
    assert set((await world.find(lost)).values()) == {"5001"}


async def test_nothing_is_concluded_while_a_younger_lost_request_may_have_made_the_sending() -> None:
    world = World()
    world.ago = timedelta(minutes=5)
    lost = await world.lose()
    assert await world.find(lost) == {f"q-1-{ADA}": None}


async def test_a_lost_request_for_later_is_found_by_when_it_was_made() -> None:
    world = World()
    lost = await world.lose(send_at=datetime.now(UTC) + timedelta(hours=2))
    async with world.reader() as reader:
        [finding] = await collect(reader.find([replace(one, open_requests=1) for one in lost], frozenset()))
    assert finding.report
    assert (finding.report.status, finding.report.ticket) == (MessageStatus.SCHEDULED, "5001")


async def test_a_sending_that_is_never_listed_leaves_it_undecided() -> None:
    world = World(list_lag="never")
    lost = await world.lose()
    assert await world.find(lost) == {f"q-1-{ADA}": None}


async def test_details_that_name_contacts_settle_it_at_once_whoever_else_sends() -> None:
    world = World(detail="contacts")
    world.ago = timedelta(minutes=2)
    lost = await world.lose(ADA, ALAN)
    await world.send(GRACE, request="by hand")
    missing = await world.lose(how="lose_before", request="q-2")
    assert await world.find(lost + missing) == {
        f"q-1-{ADA}": "5001",
        f"q-1-{ALAN}": "5001",
        f"q-2-{ADA}": None,
    }


async def test_where_each_contact_is_a_sending_its_name_tells_which() -> None:
    world = World(sending_unit="contact")
    lost = await world.lose(ADA, ALAN)
    assert set((await world.find(lost)).values()) == {None}
    await world.switch(detail="contacts")
    assert await world.find(lost) == {f"q-1-{ADA}": "5001", f"q-1-{ALAN}": "5002"}


async def test_emails_and_messages_without_a_campaign_stay_undecided_without_a_question() -> None:
    world = World()
    email = HandedOver(
        reference="m-1", address="ada@example.com", claimed_at=world.now, channel=Channel.EMAIL, template_id="201"
    )
    text = HandedOver(reference="m-2", address=ADA, claimed_at=world.now, channel=Channel.SMS)
    assert await world.find([email, text]) == {"m-1": None, "m-2": None}
    assert await world.count_requests() == 0


Fate = tuple[int, bool, bool]
"""Seconds after the request before, whether it was processed, whether it is asked for."""


@given(st.lists(st.tuples(st.integers(1, 1000), st.booleans(), st.booleans()), max_size=12), st.integers(-30, 30))
def test_while_only_rollcall_sends_no_lost_request_is_given_the_sending_of_another(
    fates: list[Fate], skew_seconds: int
) -> None:
    at = datetime(2026, 1, 5, 11, 20, tzinfo=UTC)
    asked, sendings = [], []
    for number, (pause_seconds, is_processed, is_asked) in enumerate(fates):
        at += timedelta(seconds=pause_seconds)
        if is_asked:
            asked.append(
                HandedOver(
                    reference=str(number),
                    address=ADA,
                    claimed_at=at,
                    channel=Channel.SMS,
                    template_id="101",
                    open_requests=len(fates),
                )
            )
        if is_processed:
            began_at = at + timedelta(seconds=skew_seconds)
            sendings.append(Sending(str(number), "101", began_at, None, is_cancelled=False, size=1, contacts=None))
    found = match_sendings(
        find_lost_requests(asked),
        sendings,
        asked_at=at + timedelta(hours=1),
        grace=IndigitallReader.lookup_grace,
    )
    assert all(reference == sending.id for reference, sending in found.items())
    if all(is_processed and is_asked for _, is_processed, is_asked in fates):
        assert len(found) == len(fates)
