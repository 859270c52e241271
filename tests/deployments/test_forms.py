from deployments.forms import form_of
from flows.import_contacts import import_contacts
from flows.send_campaign import send_campaign


def test_what_is_optional_is_a_box_that_may_stay_empty():
    properties = form_of(send_campaign)["properties"]
    assert "anyOf" not in properties["approve"]
    assert "default" not in properties["approve"]
    assert (properties["limit"]["type"], properties["limit"]["minimum"]) == ("integer", 1)


def test_titles_are_words_and_descriptions_come_from_the_docstring():
    properties = form_of(send_campaign)["properties"]
    assert properties["dry_run"]["title"] == "Dry run"
    assert all(of_property["description"] for of_property in properties.values())
    assert form_of(import_contacts)["properties"]["default_country"]["title"] == "Default country"


def test_addresses_are_not_asked_for_because_prefect_would_not_keep_them():
    assert "only" not in form_of(send_campaign)["properties"]


def test_descriptions_have_no_marks_that_would_be_shown():
    form = form_of(send_campaign)
    assert "hand-over-chunks" in form["properties"]["workers"]["description"]
    assert "`" not in str(form)
