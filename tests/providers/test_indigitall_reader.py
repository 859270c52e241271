"""Asking indigitall, against the sandbox: what became of sendings, who is disabled."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.errors import ConfigurationError, CredentialsRejected, OutcomeUnknown
from tasks.providers.http import RetryPolicy
from tasks.providers.indigitall.reader import IndigitallReader
from tasks.providers.registry import load_reader
from tasks.providers.reports import HandedOver, StatusReport
from tests.providers.world_indigitall import ADA, ALAN, AREA_CODES, GRACE, LONG_AGO, World, collect, credentials

pytestmark = pytest.mark.anyio


def test_the_registry_knows_the_reader() -> None:
    assert load_reader("indigitall") is IndigitallReader


async def test_one_page_tells_of_many_sendings() -> None:
    world = World()
    messages = [one for number in range(5) for one in await world.send(ADA, ALAN, request=f"q-{number}")]
    requests = await world.count_requests()
    reports = await world.statuses(messages)
    assert [(report.ticket, report.status, report.raw_status) for report in reports] == [
        (str(sending_id), MessageStatus.SENT, "sent") for sending_id in range(5005, 5000, -1)
    ]
    assert all(report.at and abs(report.at - world.now) < timedelta(minutes=1) for report in reports)
    assert all(report.reference is None and report.address is None for report in reports)
    # The list, and one detail to learn whether it names contacts.
    assert await world.count_requests() == requests + 2


async def test_that_details_name_no_contacts_is_learnt_once() -> None:
    world = World()
    messages = await world.send()
    async with world.reader() as reader:
        await collect(reader.fetch_statuses(messages))
        requests = await world.count_requests()
        await collect(reader.fetch_statuses(messages))
    assert await world.count_requests() == requests + 1


async def test_a_sending_far_down_in_the_list_is_read_alone() -> None:
    world = World()
    messages = await world.send()
    for number in range(200):
        await world.send(ALAN, request=f"other-{number}")
    requests = await world.count_requests()
    [report] = await world.statuses(messages)
    assert (report.ticket, report.status) == ("5001", MessageStatus.SENT)
    assert await world.count_requests() == requests + 2


async def test_of_a_sending_still_to_come_nothing_new_is_told() -> None:
    world = World()
    messages = await world.send(send_at=datetime.now(UTC) + timedelta(hours=2))
    assert await world.statuses(messages) == []


async def test_a_cancelled_sending_cancels_all_of_its_messages() -> None:
    world = World()
    messages = await world.send(ADA, ALAN, send_at=datetime.now(UTC) + timedelta(hours=2))
    await world.ask("POST", "/indigitall-control/sendings/5001/cancel")
    assert await world.statuses(messages) == [
        StatusReport(status=MessageStatus.CANCELLED, raw_status="cancelled", ticket="5001")
    ]


async def test_details_that_name_contacts_tell_what_became_of_each() -> None:
    world = World(detail="contacts", delivery_scripts={ALAN: "UNDELIV", GRACE: "LOST"})
    messages = await world.send(ADA, ALAN, GRACE)
    of_all, *of_contacts = await world.statuses(messages)
    assert (of_all.reference, of_all.status) == (None, MessageStatus.SENT)
    assert [(report.reference, report.status, report.raw_status, report.ticket) for report in of_contacts] == [
        (f"q-1-{ADA}", MessageStatus.DELIVERED, "DELIVRD", "5001"),
        (f"q-1-{ALAN}", MessageStatus.UNDELIVERED, "UNDELIV", "5001"),
        (f"q-1-{GRACE}", None, "LOST", "5001"),
    ]


@pytest.mark.parametrize("lag", [7200, "never"])
async def test_a_sending_that_is_not_listed_yet_is_no_error(lag: float | str) -> None:
    world = World(list_lag=lag)
    assert await world.statuses(await world.send()) == []


async def test_of_emails_and_of_messages_without_an_id_nothing_is_asked() -> None:
    world = World()
    without_id = await world.lose()
    email = HandedOver(
        reference="m-1", address="ada@example.com", claimed_at=world.now, channel=Channel.EMAIL, ticket="5001"
    )
    requests = await world.count_requests()
    assert await world.statuses([email, *without_id]) == []
    assert await world.count_requests() == requests


async def test_a_question_whose_answer_was_lost_is_asked_again() -> None:
    world = World()
    messages = await world.send()
    await world.switch(respond=["lose_after", "http:503", "http:429"], retry_after="on")
    assert [report.status for report in await world.statuses(messages)] == [MessageStatus.SENT]


@pytest.mark.parametrize("question", ["fetch_statuses", "find", "fetch_opt_outs"])
async def test_without_an_application_id_it_says_what_to_set(question: str) -> None:
    world = World()
    messages = await world.send()
    requests = await world.count_requests()
    async with world.reader(application_id=None) as reader:
        asked = {
            "fetch_statuses": reader.fetch_statuses(messages),
            "find": reader.find(messages, frozenset()),
            "fetch_opt_outs": reader.fetch_opt_outs(LONG_AGO),
        }
        with pytest.raises(ConfigurationError, match="ROLLCALL_INDIGITALL_APPLICATION_ID"):
            await collect(asked[question])
    assert await world.count_requests() == requests


async def test_another_application_is_refused() -> None:
    world = World()
    messages = await world.send()
    async with world.reader(application_id=7) as reader:
        with pytest.raises(CredentialsRejected, match="no access to this application"):
            await collect(reader.fetch_statuses(messages))


async def test_the_reader_asks_nothing_that_a_strict_reader_objects_to() -> None:
    world = World(detail="contacts")
    messages = await world.send()
    await world.find(await world.lose(request="q-2"))
    await world.statuses(messages)
    async with world.reader() as reader:
        await collect(reader.fetch_opt_outs(LONG_AGO))
    assert (await world.ask("GET", "/truth"))["indigitall"]["warnings"] == []


async def test_disabled_contacts_are_opt_outs_of_when_they_were_changed() -> None:
    world = World()
    await world.send(ADA, ALAN, GRACE)
    await world.ask("GET", "/indigitall-control/unsubscribe/1")
    world.ago = timedelta(minutes=30)
    await world.ask("GET", "/indigitall-control/unsubscribe/3")
    async with world.reader() as reader:
        everybody = await collect(reader.fetch_opt_outs(LONG_AGO))
        recent = await collect(reader.fetch_opt_outs(datetime.now(UTC) - timedelta(minutes=45)))
    assert [(one.address, one.channel) for one in everybody] == [(ADA, Channel.SMS), (GRACE, Channel.SMS)]
    assert [one.address for one in recent] == [GRACE]
    assert recent[0].at
    assert abs(recent[0].at - world.now) < timedelta(minutes=1)


async def test_all_pages_of_contacts_are_read() -> None:
    world = World()
    numbers = [f"+1{area}55501{digits:02}" for area in AREA_CODES for digits in range(100)]
    await world.send(*numbers[:600])
    await world.send(*numbers[600:])
    await world.ask("PUT", "/indigitall-control/contacts", json={"external_code": "C-1", "enabled": False})
    for number in (numbers[0], numbers[-1]):
        await world.ask("PUT", "/indigitall-control/contacts", json={"phone": number, "enabled": False})
    async with world.reader() as reader:
        pages = [page async for page in reader.fetch_opt_outs(LONG_AGO)]
    assert [[one.address for one in page] for page in pages] == [[numbers[0]], [numbers[-1]]]


def contact(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "phone": f"20255501{number:02}", "countryCode": "1", "enabled": False, **fields}


class Lists(httpx.AsyncBaseTransport):
    """Answers with these bodies in turn, then with the last one for ever."""

    def __init__(self, *bodies: Any) -> None:
        self.bodies = list(bodies)
        self.pages: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.pages.append(request.url.params["page"])
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        return httpx.Response(200, text=json.dumps({"statusCode": 200, "message": "OK", **body}))

    async def opt_outs(self, since: datetime = LONG_AGO) -> list[str]:
        async with IndigitallReader(credentials(), transport=self, retry=RetryPolicy(attempts=1)) as reader:
            return [one.address for one in await collect(reader.fetch_opt_outs(since))]


def listed(*contacts: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    return {"data": {"contacts": list(contacts)}, **envelope}


async def test_pages_that_are_shorter_than_asked_for_are_not_the_end() -> None:
    lists = Lists(listed(contact(1), count=3), listed(contact(2), count=3), listed(contact(3), count=3))
    assert await lists.opt_outs() == ["+12025550101", "+12025550102", "+12025550103"]
    assert lists.pages == ["1", "2", "3"]


async def test_a_list_that_ignores_the_page_ends() -> None:
    lists = Lists(listed(contact(1)))
    assert await lists.opt_outs() == ["+12025550101"]
    assert lists.pages == ["1", "2"]


@pytest.mark.parametrize("data", [None, {"contacts": []}])
async def test_an_empty_list_ends_at_once(data: Any) -> None:
    lists = Lists({"data": data})
    assert await lists.opt_outs() == []
    assert lists.pages == ["1"]


@pytest.mark.parametrize("data", [{"people": []}, {"contacts": None}, {"contacts": ["C-1"]}, [], "none"])
async def test_a_list_in_another_form_is_an_error_not_an_empty_list(data: Any) -> None:
    with pytest.raises(OutcomeUnknown, match=r"without `data\.contacts`"):
        await Lists({"data": data}).opt_outs()


async def test_a_disabled_contact_counts_if_it_does_not_say_since_when() -> None:
    lists = Lists(
        listed(
            contact(1, updatedAt=None),
            contact(2, updatedAt="2026-01-05T11:20:00.000Z"),
            contact(3, enabled=True),
            contact(4, enabled=None),
            count=4,
        )
    )
    assert await lists.opt_outs(datetime(2026, 1, 6, tzinfo=UTC)) == ["+12025550101"]
