import pandas as pd
import phonenumbers
import pytest

from tasks.contacts.countries import check_country, country_code, country_codes, is_country, nearest_country


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("SE", "SE"),
        ("se", "SE"),
        ("SWE", "SE"),
        ("Sweden", "SE"),
        ("Sverige", "SE"),
        ("Su\u00e8de", "SE"),
        ("SCHWEDEN ", "SE"),
        ("+46", "SE"),
        ("UK", "GB"),
        ("United States of America", "US"),
        ("U.S.A.", "US"),
        ("Espa\u00f1a", "ES"),
        ("Tanzania", "TZ"),
        ("South Africa", "ZA"),
        ("Kosovo", "XK"),
        ("", ""),
        ("Narnia", ""),
        ("+999", ""),
    ],
)
def test_countries_are_understood_as_people_write_them(cell, code):
    assert country_code(cell) == code


def test_a_column_keeps_its_index():
    codes = country_codes(pd.Series(["France", "", "France"], index=[2, 5, 9], dtype="str"))
    assert codes.to_dict() == {2: "FR", 5: "", 9: "FR"}


def test_every_region_with_phone_numbers_is_a_country():
    assert all(
        is_country(region) and country_code(region) == region
        for region in phonenumbers.SUPPORTED_REGIONS - {"AC", "TA"}
    )


def test_a_wrong_default_country_is_refused_with_the_right_one():
    assert check_country("fr") == "FR"
    with pytest.raises(ValueError, match="did you mean GB"):
        check_country("UK")
    with pytest.raises(ValueError, match="did you mean DE"):
        check_country("Germny")
    with pytest.raises(ValueError, match="not a country code"):
        check_country("??")
    assert nearest_country("") == ""
