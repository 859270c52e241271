"""The phone cells that can be read only one way, for whole columns at once.

The rules are those of `tasks.contacts.phones`, for the forms in which nearly all numbers are written: digits with
the usual punctuation, international or national, also without their + or leading 0, also as `46701740605.0`. About
a cell that leaves any doubt nothing is said; it is read there, one by one. A differential test compares the two.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.contacts.numbering_plans import (
    REGIONS,
    NumberingPlan,
    Readings,
    Sureness,
    no_readings,
    plan_of,
    read_international,
    read_national,
)

_Flags = NDArray[np.bool_]
_Codes = NDArray[np.int64]

_DIGITS = r"^\+?[0-9]{7,17}$"
_PUNCTUATED = r"^\+?[0-9(][0-9 ().\-]{6,28}[0-9]$"
_MOST_OFFSETS = 100
_PUNCTUATION = r"[ ().\-]+"
_FLOAT = r"^\+?[0-9]{3,17}\.0+$"
"""What a spreadsheet or a data frame makes of a number."""


@dataclass(frozen=True, slots=True)
class SureNumbers:
    """Numbers to which an SMS can be sent.

    Attributes:
        rows: Places in the column, in order.
        addresses: E.164 of each.
        countries: ISO 3166-1 alpha-2 of each.
    """

    rows: _Codes
    addresses: pa.StringArray
    countries: pa.StringArray


def read_sure(cells: pa.StringArray, regions: "list[str]", region_codes: _Codes) -> SureNumbers:
    """Read what is sure; every number in the answer can be sent an SMS.

    Args:
        cells: The column.
        regions: ISO 3166-1 alpha-2, or "" for unknown.
        region_codes: For each cell, the place of its region in `regions`.
    """
    is_refused = np.array([bool(region) and plan_of(region) is None for region in regions])
    rows, digits, has_plus, was_number = _as_digits(cells, ~is_refused[region_codes])
    found = _Found(digits)
    starts_with_00 = _flags(pc.starts_with(digits, "00"))
    found.international(np.flatnonzero(has_plus & ~starts_with_00), skip=0)
    # What has no + may have lost it. All countries' at once: each calling code has its patterns.
    found.read_abroad(np.flatnonzero(~has_plus & ~_flags(pc.starts_with(digits, "0"))))
    codes = region_codes[rows]
    for place in np.unique(codes[~has_plus]).tolist():
        here = ~has_plus & (codes == place)
        plan = plan_of(regions[place]) if regions[place] else None
        if not regions[place] or (plan and plan.dials_00):
            found.international(np.flatnonzero(here & starts_with_00), skip=2)
        if plan is not None:
            found.national(np.flatnonzero(here & ~starts_with_00), plan, was_number)
    return found.numbers(rows)


def _as_digits(cells: pa.StringArray, is_wanted: _Flags) -> tuple[_Codes, pa.StringArray, _Flags, _Flags]:
    """Rows in one of the usual forms: their digits, whether there was a +, whether they were floats."""
    trimmed = pc.ascii_trim_whitespace(cells)
    is_plain = _flags(pc.match_substring_regex(trimmed, _DIGITS)) & is_wanted
    others = np.flatnonzero(~is_plain & is_wanted)
    was_number = np.zeros(len(trimmed), bool)
    plain = np.flatnonzero(is_plain)
    parts, places = [trimmed.take(plain)], [plain]
    if len(others):
        rest = trimmed.take(others)
        is_float = _flags(pc.match_substring_regex(rest, _FLOAT))
        was_number[others[is_float]] = True
        # (0) behind a calling code is a trunk prefix in some countries and a part of the number in others.
        is_punctuated = _flags(pc.match_substring_regex(rest, _PUNCTUATED)) & ~is_float
        is_punctuated &= ~_flags(pc.match_substring(rest, "(0)"))
        for chosen, dropped in ((is_float, r"\.0+$"), (is_punctuated, _PUNCTUATION)):
            bare = pc.replace_substring_regex(rest.filter(pa.array(chosen)), dropped, "")
            has_enough = _flags(pc.match_substring_regex(bare, _DIGITS))
            parts.append(bare.filter(pa.array(has_enough)))
            places.append(others[chosen][has_enough])
    rows, texts = np.concatenate(places), pa.concat_arrays(parts)
    order = np.argsort(rows, kind="stable")
    rows, texts = rows[order], texts.take(pa.array(order))
    has_plus = _flags(pc.starts_with(texts, "+"))
    return rows, pc.ascii_ltrim(texts, "+"), has_plus, was_number[rows]


class _Found:
    """The sure readings of some digits."""

    def __init__(self, digits: pa.StringArray) -> None:
        self._digits = digits
        self._calling_code = np.zeros(len(digits), np.int64)
        self._offset = np.zeros(len(digits), np.int64)
        self._region = np.zeros(len(digits), np.int64)
        self._abroad = no_readings(len(digits))

    def read_abroad(self, rows: _Codes) -> None:
        """What these rows are with a + in front."""
        readings = read_international(self._digits.take(rows))
        for name in ("sureness", "calling_code", "offset", "region"):
            getattr(self._abroad, name)[rows] = getattr(readings, name)

    def international(self, rows: _Codes, *, skip: int) -> None:
        """Rows that begin with a calling code behind `skip` digits."""
        if len(rows):
            digits = pc.utf8_slice_codeunits(self._digits.take(rows), skip)
            readings = read_international(digits)
            self._keep(rows, readings, readings.sureness == Sureness.TEXTABLE, skip=skip)

    def national(self, rows: _Codes, plan: NumberingPlan, was_number: _Flags) -> None:
        """Rows without a +, of one country."""
        if not len(rows):
            return
        digits = self._digits.take(rows)
        national = read_national(digits, plan)
        is_sure = national.sureness == Sureness.TEXTABLE
        # A leading 0 is no calling code: there is no other way to read it. Else the + or the 0 may be missing.
        is_short = ~_flags(pc.starts_with(digits, "0"))
        at = np.flatnonzero(is_short)
        abroad = _taken(self._abroad, rows[at])
        if len(at):
            own = _taken(national, at)
            is_sure[at] &= _is_only_reading(digits.take(at), own, abroad, plan, was_number[rows][at])
        self._keep(rows, national, is_sure, skip=0)
        # Not this country's, and only one in all the others.
        if len(at):
            is_foreign = (national.sureness[at] == Sureness.NOT_VALID) & (abroad.sureness == Sureness.TEXTABLE)
            chosen = np.flatnonzero(is_foreign)
            with_zero = read_national(_with_zero(digits.take(at[chosen])), plan)
            is_sure = with_zero.sureness == Sureness.NOT_VALID
            self._keep(rows[at[chosen]], _taken(abroad, chosen), is_sure, skip=0)

    def _keep(self, rows: _Codes, readings: Readings, is_sure: _Flags, *, skip: int) -> None:
        rows = rows[is_sure]
        self._calling_code[rows] = readings.calling_code[is_sure]
        self._offset[rows] = readings.offset[is_sure] + skip
        self._region[rows] = readings.region[is_sure]

    def numbers(self, rows: _Codes) -> SureNumbers:
        """What was found, in the order of the rows."""
        is_found = self._calling_code > 0
        at = np.flatnonzero(is_found)
        addresses = _e164(self._digits.take(at), self._calling_code[at], self._offset[at])
        return SureNumbers(rows[at], addresses, pa.array(REGIONS).take(pa.array(self._region[at])))


def _is_only_reading(
    digits: pa.StringArray, national: Readings, abroad: Readings, plan: NumberingPlan, was_number: _Flags
) -> _Flags:
    """Whether no other reading of a national number, with a + or a 0 in front, is another number."""
    own = _e164(digits, national.calling_code, national.offset)
    differs = abroad.sureness == Sureness.UNSURE
    differs |= (abroad.sureness == Sureness.TEXTABLE) & _flags(
        pc.not_equal(pc.binary_join_element_wise("+", digits, ""), own)
    )
    with_zero = _with_zero(digits)
    local = read_national(with_zero, plan)
    differs_locally = local.sureness == Sureness.UNSURE
    differs_locally |= (local.sureness == Sureness.TEXTABLE) & _flags(
        pc.not_equal(_e164(with_zero, local.calling_code, local.offset), own)
    )
    # As the country writes it, nothing is missing, unless a spreadsheet took it.
    is_usual = (national.offset == 0) & plan.keeps_digits
    may_be_abroad = ~is_usual | was_number | (abroad.calling_code == plan.calling_code)
    has_rival: _Flags = (differs & may_be_abroad) | (differs_locally & ~is_usual)
    return ~has_rival


def _with_zero(digits: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise("0", digits, "")


def _taken(readings: Readings, at: _Codes) -> Readings:
    return Readings(readings.sureness[at], readings.calling_code[at], readings.offset[at], readings.region[at])


def _e164(digits: pa.StringArray, calling_codes: _Codes, offsets: _Codes) -> pa.StringArray:
    """+, calling code, and the digits from the offset on."""
    pairs = calling_codes * _MOST_OFFSETS + offsets
    groups = [(pair, np.flatnonzero(pairs == pair)) for pair in np.unique(pairs).tolist()]
    if not groups:
        return pa.array([], pa.string())
    parts = []
    for pair, rows in groups:
        calling_code, offset = divmod(pair, _MOST_OFFSETS)
        national = pc.utf8_slice_codeunits(digits.take(pa.array(rows)), offset)
        parts.append(pc.binary_join_element_wise(f"+{calling_code}", national, ""))
    order = np.argsort(np.concatenate([rows for _, rows in groups]))
    return pa.concat_arrays(parts).take(pa.array(order))


def _flags(found: pa.BooleanArray) -> _Flags:
    flags: _Flags = found.to_numpy(zero_copy_only=False)
    return flags.copy()
