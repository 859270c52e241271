import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd
import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from tasks.contacts.time_zones import (
    SEPARATOR,
    ZoneSource,
    zones_of_contact,
    zones_of_contacts,
    zones_of_country,
    zones_of_number,
)

SWEDISH, IDAHO = "+46701740605", "+12085550123"


def test_the_time_zone_of_the_list_comes_first():
    found = zones_of_contact("America/New_York", SWEDISH, "SE")
    assert (found.zones, found.source, found.problem) == (("America/New_York",), ZoneSource.CELL, "")


@pytest.mark.parametrize("cell", [" europe/paris ", "Europe/Paris", "EUROPE/PARIS"])
def test_a_zone_is_understood_in_any_case(cell):
    assert zones_of_contact(cell, "", "").zones == ("Europe/Paris",)


def test_a_blank_for_the_underscore_is_understood():
    assert zones_of_contact("America/New York", "", "").zones == ("America/New_York",)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("Europe/Pariss", "not a name of the IANA database"),
        ("GMT+2", "not a name of the IANA database"),
        ("../../etc/passwd", "not a name of the IANA database"),
        ("America", "not a name of the IANA database"),
        ("UTC", "an offset and not a place"),
        ("EST", "an offset and not a place"),
        ("Etc/GMT+5", "an offset and not a place"),
    ],
)
def test_a_cell_that_says_no_place_is_a_problem_and_the_number_decides(cell, why):
    found = zones_of_contact(cell, SWEDISH, "SE")
    assert (found.zones, found.source) == (("Europe/Stockholm",), ZoneSource.NUMBER)
    assert why in found.problem
    assert cell not in found.problem


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        (SWEDISH, "Europe/Stockholm"),
        ("+12025550123", "America/New_York"),
        (IDAHO, "America/Boise,America/Denver,America/Los_Angeles"),
        ("+18505550123", "America/Chicago,America/New_York"),  # Florida, east and west of the Apalachicola
        ("+18765550123", "America/Jamaica"),
        ("+447624123456", "Europe/Isle_of_Man"),
        ("+213551234567", "Africa/Algiers"),  # Europe/Paris to phonenumbers, an hour off in summer
        ("+38344123456", "Europe/Belgrade"),  # Kosovo has no code of ISO's own
        ("+3906698", "Europe/Vatican"),
        ("+88212345678", ""),  # a network of no country
        ("+99912345678", ""),
        ("0701740605", ""),
        ("+", ""),
    ],
)
def test_a_number_is_in_all_zones_of_its_area_or_country(number, zones):
    assert SEPARATOR.join(zones_of_number(number)) == zones


def test_an_australian_mobile_may_be_anywhere_from_cocos_to_lord_howe():
    zones = set(zones_of_number("+61491570156"))
    assert zones >= {"Indian/Cocos", "Australia/Perth", "Australia/Eucla", "Australia/Lord_Howe"}


def test_kazakhstan_shares_a_calling_code_with_russia_and_no_zones():
    kazakh, russian = set(zones_of_number("+77710009998")), set(zones_of_number("+79123456789"))
    assert kazakh == set(zones_of_country("KZ"))
    assert russian == set(zones_of_country("RU"))
    assert not kazakh & russian


def test_a_number_without_a_place_in_north_america_may_be_anywhere_in_it():
    assert set(zones_of_number("+18005550199")) >= {"Pacific/Honolulu", "America/St_Johns"}


def test_without_a_number_the_country_decides_and_with_one_it_does_not():
    assert zones_of_contact("", "", "SE").source is ZoneSource.COUNTRY
    assert zones_of_contact("", "", "PT").zones == ("Atlantic/Azores", "Atlantic/Madeira", "Europe/Lisbon")
    assert zones_of_contact("", "+88212345678", "SE").zones == ()


@pytest.mark.parametrize("country", ["", "ZZ", "fr"])
def test_where_nothing_is_known_there_is_no_zone(country):
    found = zones_of_contact("", "", country)
    assert (found.zones, found.source, found.problem) == ((), ZoneSource.NOTHING, "")


def test_every_country_with_phone_numbers_has_zones_that_this_machine_knows():
    known = available_timezones()
    for country in phonenumbers.SUPPORTED_REGIONS:
        assert zones_of_country(country), country
        assert set(zones_of_country(country)) <= known


def test_every_mobile_number_that_the_library_has_an_example_of_has_all_clocks_of_its_country():
    for country in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
        if example is not None:
            zones = zones_of_number(phonenumbers.format_number(example, PhoneNumberFormat.E164))
            assert clocks(zones) >= clocks(zones_of_country(country)) or country in {"US", "CA"}, country


def clocks(zones):
    """What the clocks of some zones show in each month of 2026."""
    moments = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]
    return {tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in moments) for zone in zones}


def test_in_north_america_no_clock_of_the_library_is_missing():
    dice = random.Random(7)  # noqa: S311  # no secret
    areas = sorted({digits[:4] for digits in TIMEZONE_DATA if digits.startswith("1") and len(digits) > 1})
    for area in areas:
        number = f"+{area}555{dice.randint(100, 199):04}"
        theirs = time_zones_for_number(phonenumbers.parse(number))
        if theirs != TIMEZONE_DATA["1"] and theirs != (UNKNOWN_TIMEZONE,):
            assert set(theirs) <= set(zones_of_number(number)), number
            assert clocks(theirs) <= clocks(zones_of_number(number))


def test_a_column_says_what_each_contact_says():
    dice = random.Random(11)  # noqa: S311  # no secret
    cells = ["", "", "", "Europe/Paris", "UTC", "nowhere"]
    numbers = ["", SWEDISH, IDAHO, "+18505550123", "+61491570156", "+3906698", "+390612345678", "+77710009998"]
    numbers += [f"+4477{dice.randint(0, 9)}0900{dice.randint(0, 999):03}" for _ in range(50)] + ["+4475624", "x"]
    countries = ["", "SE", "US", "PT"]
    rows = [(dice.choice(cells), dice.choice(numbers), dice.choice(countries)) for _ in range(500)]
    frame = pd.DataFrame(rows, columns=["cell", "number", "country"], dtype="str", index=range(7, 507))
    found = zones_of_contacts(frame["cell"], frame["number"], frame["country"])
    assert list(found.index) == list(frame.index)
    for row, answer in zip(rows, found.itertuples(index=False), strict=True):
        alone = zones_of_contact(*row)
        assert tuple(answer) == (SEPARATOR.join(alone.zones), str(alone.source), alone.problem)


def test_an_empty_column_has_no_zones():
    nothing = pd.Series([], dtype="str")
    assert zones_of_contacts(nothing, nothing, nothing).empty


def test_the_digits_that_a_column_looks_at_are_enough():
    # Behind what the column looks at, no digit changes what the library says of the country.
    examples = [
        phonenumbers.example_number_for_type(country, kind)
        for country in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    ]
    numbers = [phonenumbers.format_number(example, PhoneNumberFormat.E164) for example in examples if example]
    column = pd.Series(numbers, dtype="str")
    nothing = pd.Series([""] * len(numbers), dtype="str")
    for number, zones in zip(numbers, zones_of_contacts(nothing, column, nothing)["zones"], strict=True):
        country = phonenumbers.region_code_for_number(phonenumbers.parse(number))
        if not number.startswith("+1"):
            assert clocks(zones.split(SEPARATOR)) >= clocks(zones_of_country(country)), number
