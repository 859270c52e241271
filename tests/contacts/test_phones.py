"""Phone cells as people and spreadsheets write them."""

import pandas as pd
import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tasks.contacts.phones import normalise_phones

MOBILE = "+46701740605"


def judge(cell, country="SE", *, textable=True):
    found = normalise_phones(pd.Series([cell], dtype="str"), country, textable=textable)
    return found.iloc[0]


@pytest.mark.parametrize(
    "cell",
    [
        "+46701740605",
        "+46 70 174 06 05",
        "+46 (0)70-174 06 05",
        "0046701740605",
        "+0046701740605",
        "070-174 06 05",
        "070/1740605",
        "701740605",
        "46701740605",
        "46701740605.0",
        "4.6701740605E+10",
        "4,6701740605E+10",
        "46,701,740,605",
        "'+46701740605",
        '="+46701740605"',
        '"+46701740605"',
        "tel:+46-70-174-06-05",
        "sms:+46701740605",
        "Mob: 070-174 06 05",
        "\u00a0+46\u00a070\u00a0174\u00a006\u00a005\u200b",
        "\u202a+46 70 174 06 05\u202c",
        "\uff0b\uff14\uff16\uff17\uff10\uff11\uff17\uff14\uff10\uff16\uff10\uff15",
        "\u0660\u0667\u0660\u0661\u0667\u0664\u0660\u0666\u0660\u0665",
        "070\u2013174\u201106\u201105",
    ],
)
def test_what_surrounds_a_number_is_taken_off(cell):
    found = judge(cell)
    assert (found["address"], found["country"], found["reason"], found["detail"]) == (MOBILE, "SE", "", "")


@pytest.mark.parametrize(
    ("cell", "country", "reason", "words"),
    [
        ("", "SE", "missing_address", "empty"),
        (" \u200b ", "SE", "missing_address", "empty"),
        ("4.67E+10", "SE", "damaged_address", "scientific notation"),
        ("4.67017E+10", None, "damaged_address", "digits are lost"),
        ("0701740605", None, "invalid_address", "default_country"),
        ("46701740605", None, "invalid_address", "default_country"),
        ("07700 900123", "GB", "invalid_address", "not a valid number of GB"),
        ("+33 6 39 98 00 12", None, "invalid_address", "not a number that is in use"),
        ("1-800-FLOWERS", "US", "invalid_address", "letters"),
        ("see notes", "SE", "invalid_address", "letters"),
        ("---", "SE", "invalid_address", "no digits"),
        ("12", "SE", "invalid_address", "not a valid number"),
        ("070 174 06 05 / 6", "SE", "invalid_address", "run together"),
        ("0" * 40, "SE", "invalid_address", "40 digits"),
        ("9" * 501, "SE", "invalid_address", "500 characters"),
        ("0701740605", "XX", "invalid_address", "'XX' is not a country code"),
        ("08-465 004 12", "SE", "not_textable", "a landline"),
        ("+46 70 174 06 05 x12", "SE", "not_textable", "extension"),
        ("+46 70 174 06 05 ext. 12", "SE", "not_textable", "extension"),
        ("tel:+46701740605;ext=12", "SE", "not_textable", "extension"),
    ],
)
def test_what_is_no_mobile_number_gets_a_reason_and_a_sentence(cell, country, reason, words):
    found = judge(cell, country)
    assert (found["address"], found["reason"]) == ("", reason)
    assert words in found["detail"]


@pytest.mark.parametrize("cell", ["070/174/06/05/99", "08-465 004 12", "0701740605x1", "07017406051234567890123"])
def test_a_sentence_never_shows_a_whole_number(cell):
    digits = "".join(filter(str.isdigit, cell))
    assert digits not in "".join(filter(str.isdigit, judge(cell)["detail"]))


def test_a_lost_plus_is_restored_only_when_lossless():
    assert judge("14155550142", "SE")["address"] == "+14155550142"
    # Eleven digits that are an American number, and a German one that has lost its 0.
    ambiguous = judge("15123456789", "DE")
    assert (ambiguous["address"], ambiguous["reason"]) == ("", "damaged_address")
    assert "+1512345" in ambiguous["detail"]
    assert "+4915123" in ambiguous["detail"]


def test_a_number_as_its_country_writes_it_is_not_damaged():
    # +1 313 123 4567 would be valid as well, but no Chinese mobile number would be left.
    assert judge("13123456789", "CN")["address"] == "+8613123456789"
    # The same digits from a cell that was a number may have had a + in front.
    assert judge("13123456789.0", "CN")["reason"] == "damaged_address"


def test_a_lost_leading_zero_is_restored_where_one_reading_is_left():
    assert judge("711234567", "ZA")["address"] == "+27711234567"
    assert judge("123456789", "CI")["address"] == "+2250123456789"


def test_the_first_textable_number_of_a_cell_is_used_and_said():
    both = judge("070-174 06 05 ::: 070-174 06 06")
    assert (both["address"], both["detail"]) == (MOBILE, "")
    second = judge("08-465 004 12 / 070-174 06 05")
    assert second["address"] == MOBILE
    assert "number 2 of 2" in second["detail"]


def test_the_country_of_each_row_decides():
    cells = pd.Series(["0701740605", "0491 570 156", "0701740605"], index=[7, 9, 12], dtype="str")
    found = normalise_phones(cells, pd.Series(["SE", "AU", ""], index=cells.index, dtype="str"), textable=True)
    assert found["address"].tolist() == [MOBILE, "+61491570156", ""]
    assert found.index.tolist() == [7, 9, 12]
    assert [str(kind) for kind in found.dtypes] == ["str"] * 4


def test_landlines_are_numbers_where_nothing_is_texted():
    assert judge("08-465 004 12", textable=False)["address"] == "+46846500412"


def test_no_rows_are_no_rows():
    assert normalise_phones(pd.Series([], dtype="str"), "SE", textable=True).empty


def renderings(number, region):
    """Every way in which phonenumbers writes a number."""
    for form in (
        PhoneNumberFormat.E164,
        PhoneNumberFormat.INTERNATIONAL,
        PhoneNumberFormat.NATIONAL,
        PhoneNumberFormat.RFC3966,
    ):
        yield phonenumbers.format_number(number, form)
    yield "00" + phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
    yield phonenumbers.format_out_of_country_calling_number(number, region)
    yield phonenumbers.format_number_for_mobile_dialing(number, region, with_formatting=True)


def damaged_renderings(number):
    """What a spreadsheet leaves of them."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = "".join(filter(str.isdigit, national)).lstrip("0")
    yield e164[1:]
    yield f"{e164[1:]}.0"
    yield digits
    yield f"{digits}.0"
    yield f"{float(e164[1:]):.15E}"
    yield f"{float(e164[1:]):.2E}"


def examples():
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if number is not None:
            yield region, number


def test_every_rendering_of_every_regions_mobile_number_comes_back():
    cells = [
        (text, region, phonenumbers.format_number(number, PhoneNumberFormat.E164))
        for region, number in examples()
        for text in renderings(number, region)
        if text
    ]
    raw, regions, expected = (pd.Series(column, dtype="str") for column in zip(*cells, strict=True))
    found = normalise_phones(raw, regions, textable=True)
    wrong = found["address"] != expected
    assert (
        list(zip(raw[wrong], regions[wrong], found["address"][wrong], found["detail"][wrong], strict=True)) == []
    )
    assert len(cells) > 1500


def test_a_spreadsheet_damaged_mobile_number_never_becomes_another_number():
    cells = [
        (text, region, phonenumbers.format_number(number, PhoneNumberFormat.E164))
        for region, number in examples()
        for text in damaged_renderings(number)
    ]
    raw, regions, expected = (pd.Series(column, dtype="str") for column in zip(*cells, strict=True))
    found = normalise_phones(raw, regions, textable=True)
    wrong = (found["address"] != "") & (found["address"] != expected)
    assert list(zip(raw[wrong], regions[wrong], found["address"][wrong], expected[wrong], strict=True)) == []
    refused = found["address"] == ""
    assert set(found["reason"][refused]) <= {"damaged_address", "invalid_address"}
    lost_plus = pd.Series([text.isdigit() and f"+{text}" == e164 for text, _, e164 in cells])
    assert (found["address"][lost_plus] != "").mean() > 0.95
