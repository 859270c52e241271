import pytest

from tasks.messaging.content import Content
from tasks.messaging.text_warnings import find_text_warnings


def warnings(text, channel="sms", purpose="transactional"):
    return find_text_warnings(Content(channel=channel, purpose=purpose, text=text))


@pytest.mark.parametrize(
    "text", ["Reply STOP", "opt-out: +1", "Désabonner : 36000", "Unsubscribe: x.example", "Abbestellen: 12345"]
)
def test_a_way_out_is_recognised(text):
    assert warnings(text, purpose="marketing") == []


def test_marketing_without_a_way_out_is_told_and_what_was_asked_for_needs_none():
    assert "Reply STOP" in warnings("Sale", purpose="marketing")[0]
    assert "Reply STOP" in warnings("Stop by our shop", purpose="marketing")[0]
    assert warnings("Your parcel is here") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see https://bit.ly/abc", "anybody can use"),
        ("see www.TinyURL.com/abc", "anybody can use"),
        ("see Bit.ly/abc", "anybody can use"),
        ("see https://bit.ly?abc", "anybody can use"),
        ("see https://t.co.", "anybody can use"),
        ("see http://shop.example/a", "begins with http:"),
        ("see https://shop.example/a", "has a link (shop.example)"),
        ("see https://{{ host }}/a", "has a link (from a column)"),
    ],
)
def test_links_are_worth_a_look(text, said):
    (warning,) = warnings(text)
    assert said in warning


@pytest.mark.parametrize("text", ["write to me@bit.ly/", "a habit.ly/ways", "at 9.30/10.30"])
def test_what_only_looks_like_a_shortener_is_none(text):
    assert warnings(text) == []


def test_an_email_may_have_links_and_a_link_is_told_once():
    assert warnings("see http://shop.example/a", channel="email") == []
    assert len(warnings("https://shop.example/a or https://shop.example/b")) == 1
