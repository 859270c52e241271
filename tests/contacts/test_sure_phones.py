"""Reading columns never says anything else than phonenumbers says of each cell."""

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tasks.contacts.sure_phones import read_sure
from tests.contacts.compare_phones import compare


@pytest.mark.parametrize("cells", [10_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_columns_are_read_as_phonenumbers_reads_each_cell(cells):
    done = compare(cells, seed=9)
    assert done.differences == []
    assert done.cells == cells
    assert done.accepted > cells / 4  # the comparison is about something


@pytest.mark.parametrize(
    ("cell", "region", "address", "country"),
    [
        ("+46701740605", "", "+46701740605", "SE"),
        ("+46 70-174 06 05", "GB", "+46701740605", "SE"),
        ("070-174 06 05", "SE", "+46701740605", "SE"),
        ("701740605", "SE", "+46701740605", "SE"),
        ("46701740605.0", "SE", "+46701740605", "SE"),
        ("0046701740605", "", "+46701740605", "SE"),
        ("0046701740605", "FR", "+46701740605", "SE"),
        ("(212) 555-0123", "US", "+12125550123", "US"),
        ("2125550123", "US", "+12125550123", "US"),
        ("+14165550123", "US", "+14165550123", "CA"),
        ("07400123456", "GB", "+447400123456", "GB"),
        ("447400123456", "GB", "+447400123456", "GB"),
        ("+393491234567", "IT", "+393491234567", "IT"),
        ("+5511961234567", "", "+5511961234567", "BR"),
    ],
)
def test_what_people_write_most_needs_no_second_look(cell, region, address, country):
    sure = read_sure(pa.array([cell]), [region], np.array([0]))
    assert (sure.addresses.to_pylist(), sure.countries.to_pylist()) == ([address], [country])


@pytest.mark.parametrize(
    ("cell", "region"),
    [
        ("4795550123.0", "US"),  # +47 95 55 01 23 is Norwegian, and a spreadsheet may have taken the +
        ("0701740605", ""),
        ("701740605", ""),
        ("+46 8 465 004 12", "SE"),  # a landline
        ("+4670174060512", "SE"),
        ("070-1740605 / 070-1740606", "SE"),
        ("+46 (0)70 174 06 05", "SE"),
        ("0701740605", "XX"),
        ("+46701740605", "XX"),
        ("", "SE"),
        ("Ada", "SE"),
    ],
)
def test_what_leaves_a_doubt_is_left_to_phonenumbers(cell, region):
    assert len(read_sure(pa.array([cell]), [region], np.array([0])).rows) == 0


def test_nearly_every_regions_mobile_numbers_are_sure():
    """Else it is of no use."""
    examples = (
        phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        for region in phonenumbers.SUPPORTED_REGIONS
    )
    cells = [phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in examples if number]
    sure = read_sure(pa.array(cells), [""], np.zeros(len(cells), dtype=np.int64))
    assert sure.addresses.to_pylist() == [cells[row] for row in sure.rows]
    assert len(sure.rows) > 0.95 * len(cells)
