"""What people answer: listed among the messages, and heeded."""

import pytest

from tests.sandbox.wire import MESSAGES, bird_message

NUMBER = "+12025550101"


def reply(sandbox, text, number=NUMBER):
    answer = sandbox.request("POST", "/bird-control/replies", json={"from": number, "text": text})
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(sandbox, **query):
    return sandbox.bird("GET", params=query).json()


def status_of_next(sandbox, number=NUMBER):
    message_id = sandbox.bird_send(number).json()["id"]
    return sandbox.bird("GET", f"{MESSAGES}/{message_id}").json()["status"]


def test_a_reply_is_listed_as_incoming_and_is_no_recipient(wire):
    sandbox = wire()
    sandbox.bird_send()
    came_in = reply(sandbox, "Thank you")
    assert (came_in["direction"], came_in["status"]) == ("incoming", "delivered")
    assert came_in["sender"]["contact"]["identifierValue"] == NUMBER
    assert came_in["body"]["text"]["text"] == "Thank you"
    assert sandbox.bird("GET", f"{MESSAGES}/{came_in['id']}").json() == came_in
    assert {one["direction"] for one in listed(sandbox, phonenumber=NUMBER)["results"]} == {"incoming", "outgoing"}
    assert listed(sandbox, phonenumber="+12025550102")["results"] == []
    assert listed(sandbox, status="delivered")["results"] == [came_in]
    assert len(sandbox.truth("bird")["recipients"]) == 1


def test_a_reply_is_on_the_channel_of_the_last_message_to_them(wire):
    sandbox = wire()
    other = MESSAGES.replace("000c1", "000c2")
    sandbox.bird("POST", other, bird_message(NUMBER))
    came_in = reply(sandbox, "Hello")
    assert sandbox.bird("GET", other, params={"limit": "1"}).json()["results"] == [came_in]
    assert listed(sandbox) == {"results": []}


def test_replies_and_messages_share_the_pages_of_the_list(wire):
    sandbox = wire()
    for n in range(7):
        sandbox.bird_send(reference=f"r{n}")
        sandbox.now += 60
        reply(sandbox, f"answer {n}")
        sandbox.now += 60
    seen, query = [], {"limit": "3"}
    while True:
        page = listed(sandbox, **query)
        seen += [one.get("reference") or one["body"]["text"]["text"] for one in page["results"]]
        sandbox.bird_send(reference="meanwhile")
        reply(sandbox, "meanwhile")
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert seen == [name for n in range(6, -1, -1) for name in (f"answer {n}", f"r{n}")]


def test_a_reply_appears_in_lists_after_the_lag(wire):
    sandbox = wire(bird={"list_lag": 5})
    came_in = reply(sandbox, "Hello")
    assert listed(sandbox) == {"results": []}
    sandbox.now += 5
    assert listed(sandbox) == {"results": [came_in]}


def test_who_replies_stop_is_suppressed_until_they_reply_start(wire):
    sandbox = wire(bird={"delivery_step_seconds": 0})
    reply(sandbox, "Hello")
    assert status_of_next(sandbox) == "delivered"
    reply(sandbox, "Stop")
    assert status_of_next(sandbox) == "rejected"
    assert sandbox.request("GET", "/settings").json()["bird"]["suppressed_numbers"] == [NUMBER]
    # Other switches leave it as it is.
    sandbox.request("PATCH", "/settings", json={"bird": {"price": 0.02}})
    assert status_of_next(sandbox, "+12025550102") == "delivered"
    assert status_of_next(sandbox) == "rejected"
    reply(sandbox, "START")
    assert status_of_next(sandbox) == "delivered"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"from": "+12025550101"}', b'{"from": "", "text": "Stop"}'])
def test_a_reply_of_another_shape_is_refused(wire, body):
    assert wire().request("POST", "/bird-control/replies", content=body).status_code == 422
