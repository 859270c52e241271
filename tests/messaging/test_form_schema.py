from datetime import datetime, timedelta

from tasks.messaging.strict_model import StrictModel


class Inner(StrictModel):
    depth: int = 0


class Outer(StrictModel):
    title: str | None = None
    at: datetime | None = None
    after: timedelta | None = None
    price: float | None = 2.5
    inner: Inner | None = None
    either: int | str | None = None
    words: list[str] | None = None


PROPERTIES = Outer.model_json_schema()["properties"]


def test_an_optional_text_date_or_number_is_a_box_that_may_stay_empty():
    assert PROPERTIES["title"] == {"type": "string", "title": "Title"}
    assert PROPERTIES["at"] == {"type": "string", "format": "date-time", "title": "At"}
    assert PROPERTIES["price"] == {"type": "number", "title": "Price", "default": 2.5}


def test_a_duration_is_written_as_people_write_it():
    assert PROPERTIES["after"] == {"type": "string", "title": "After"}


def test_groups_lists_and_real_choices_keep_their_buttons():
    for name in ("inner", "either", "words"):
        assert {"type": "null"} in PROPERTIES[name]["anyOf"]
