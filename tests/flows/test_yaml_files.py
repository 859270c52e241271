"""What people mean by what they write in YAML."""

import pytest

from flows.parameters import read_campaign
from flows.yaml_files import read_yaml

CAMPAIGN = """
name: x
channel: sms
provider: bird
purpose: transactional
text: Hello
audience: {path: contacts.csv, default_country: NO}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "some.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_norway_is_a_country_and_no_false_thing(write):
    assert read_yaml(write("countries: [SE, NO, DK]\n")) == {"countries": ["SE", "NO", "DK"]}
    assert read_campaign(write(CAMPAIGN)).audience.default_country == "NO"


@pytest.mark.parametrize(
    ("word", "meant"), [("true", True), ("yes", True), ("on", True), ("No", False), ("off", False)]
)
def test_a_yes_or_no_is_understood_where_one_is_asked_for(write, word, meant):
    assert read_campaign(write(f"{CAMPAIGN}replies: {word}\n")).replies is meant


def test_only_true_and_false_are_true_and_false(write):
    assert read_yaml(write("[true, False, yes, y, truest, 1, null]")) == [
        True,
        False,
        "yes",
        "y",
        "truest",
        1,
        None,
    ]
