"""What phonenumbers' metadata says of numbers that are nothing but digits, for whole columns at once.

Nothing is copied: the patterns are the library's own, read when they are first needed and matched by RE2 (through
pyarrow), which takes a fraction of a microsecond where the library takes fifty. Every function here answers only
what it is sure of; `Sureness.UNSURE` rows are for the library itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, region_code_for_country_code

_Flags = NDArray[np.bool_]
_Integers = NDArray[np.int64]

_ELSEWHERE = "001"
"""The library's region of networks that belong to no country."""
_MOST_CALLING_CODE_DIGITS = 3


class Sureness(IntEnum):
    """What is known of one number in one reading."""

    NOT_VALID = 0
    TEXTABLE = 1
    """Valid, and of a type to which an SMS is sent."""
    UNSURE = 2
    """Anything else: the library has to be asked."""


@dataclass(frozen=True, slots=True)
class Readings:
    """One reading of each of some texts.

    Attributes:
        sureness: `Sureness` of each.
        calling_code: The country calling code of each; 0 where there is none.
        offset: Where in the digits the national significant number begins.
        region: ISO 3166-1 alpha-2, as a place in `REGIONS`; only for those that are textable.
    """

    sureness: NDArray[np.uint8]
    calling_code: _Integers
    offset: _Integers
    region: _Integers


REGIONS: Sequence[str] = sorted(phonenumbers.SUPPORTED_REGIONS)
_PLACES = {region: place for place, region in enumerate(REGIONS)}


def read_international(digits: pa.StringArray) -> Readings:
    """Digits that begin with a country calling code: what stands behind a +."""
    found = no_readings(len(digits))
    codes = _calling_codes()[_leading(digits)]
    for code in np.unique(codes[codes > 0]).tolist():
        rows = np.flatnonzero(codes == code)
        offset = len(str(code))
        national = pc.utf8_slice_codeunits(digits.take(rows), offset)
        main = plan_of(region_code_for_country_code(code))
        if main is None:
            found.sureness[rows] = Sureness.UNSURE
            continue
        sureness, region = _judge(code, national)
        sureness[main.prefix_lengths(national) > 0] = Sureness.UNSURE
        found.sureness[rows], found.region[rows] = sureness, region
        found.calling_code[rows], found.offset[rows] = code, offset
    return found


def read_national(digits: pa.StringArray, plan: "NumberingPlan") -> Readings:
    """Digits as somebody in this country may write them: with or without a trunk prefix, or the calling code."""
    offsets, unsure = plan.significant_from(digits)
    found = no_readings(len(digits))
    found.calling_code[:], found.offset[:] = plan.calling_code, offsets
    for offset in np.unique(offsets).tolist():
        rows = np.flatnonzero(offsets == offset)
        national = pc.utf8_slice_codeunits(digits.take(rows), offset)
        sureness, found.region[rows] = _judge(plan.calling_code, national)
        if offset:
            # The library leaves a prefix where it is if what is behind it would be too short.
            is_short = ~plan.general.has_length(national) & ~plan.general.is_too_long(national)
            at = np.flatnonzero((sureness == Sureness.NOT_VALID) & is_short)
            with_prefix, _ = _judge(plan.calling_code, digits.take(rows[at]))
            sureness[at[with_prefix != Sureness.NOT_VALID]] = Sureness.UNSURE
        found.sureness[rows] = sureness
    found.sureness[unsure] = Sureness.UNSURE
    return found


def no_readings(rows: int) -> Readings:
    """As many texts of which none is a number."""
    return Readings(np.zeros(rows, np.uint8), *(np.zeros(rows, np.int64) for _ in range(3)))


class _Pattern:
    """One description of the metadata: a regular expression and the lengths it holds for."""

    def __init__(self, description: Any) -> None:
        self.expression: str = (description and description.national_number_pattern) or ""
        self._lengths = np.array(description.possible_length if description else (), np.int64)

    def has_length(self, digits: pa.StringArray) -> _Flags:
        """Whether numbers of this length exist."""
        lengths = _lengths(digits)
        is_any: _Flags = np.isin(lengths, self._lengths) if len(self._lengths) else np.ones(len(lengths), bool)
        return is_any

    def is_too_long(self, digits: pa.StringArray) -> _Flags:
        """Whether no number is so long."""
        too_long: _Flags = _lengths(digits) > self._lengths.max(initial=0)
        return too_long

    def matches(self, digits: pa.StringArray) -> _Flags:
        """Whether the expression matches the whole, whatever its length."""
        return _matches_any(self.expression, digits)

    def describes(self, digits: pa.StringArray) -> _Flags:
        """Both."""
        return self.has_length(digits) & self.matches(digits)


class NumberingPlan:
    """The metadata of one region.

    Args:
        metadata: phonenumbers' own.
    """

    def __init__(self, metadata: Any) -> None:
        self.calling_code: int = metadata.country_code
        self.general = _Pattern(metadata.general_desc)
        both = metadata.same_mobile_and_fixed_line_pattern
        self._textable = _Pattern(metadata.fixed_line if both else metadata.mobile)
        others = (
            metadata.premium_rate,
            metadata.toll_free,
            metadata.shared_cost,
            metadata.voip,
            metadata.personal_number,
            metadata.pager,
            metadata.uan,
            metadata.voicemail,
        )
        # A mobile number may be one of these first, and then is no mobile number; a landline may be a mobile too.
        self._before = _alternatives(others)
        self._known = _alternatives((*others, metadata.fixed_line, metadata.mobile))
        self._prefix: str = metadata.national_prefix_for_parsing or ""
        self._usual_prefix: str = metadata.national_prefix or ""
        self._transforms = bool(metadata.national_prefix_transform_rule)
        self._abroad: str = metadata.international_prefix or ""
        self._leading: str | None = metadata.leading_digits
        # Regions that share a calling code write their numbers as the first of them does.
        main = PhoneMetadata.metadata_for_region(region_code_for_country_code(self.calling_code), None)
        self.keeps_digits = main is not None and all(
            not form.national_prefix_formatting_rule and _is_in_order(form.format) for form in main.number_format
        )
        """Whether the country writes its numbers without a trunk prefix, as they are."""

    @property
    def dials_00(self) -> bool:
        """Whether 00 is what one dials before a calling code here, and nothing else."""
        return self._abroad == "00"

    def judge(self, national: pa.StringArray) -> NDArray[np.uint8]:
        """The `Sureness` of national significant numbers, were they of this region."""
        textable = self._textable.describes(national)
        result = np.where(textable, Sureness.TEXTABLE, Sureness.NOT_VALID).astype(np.uint8)
        if textable.any():
            theirs = national.filter(pa.array(textable))
            special = _matches_any(self._before, theirs)
            result[textable] = np.where(
                self.general.describes(theirs),
                np.where(special, Sureness.UNSURE, Sureness.TEXTABLE),
                Sureness.NOT_VALID,
            )
        if not textable.all():
            rest = national.filter(pa.array(~textable))
            result[~textable] = np.where(_matches_any(self._known, rest), Sureness.UNSURE, Sureness.NOT_VALID)
        return result

    def claims(self, national: pa.StringArray) -> "_Flags | None":
        """Whether numbers are this region's by their first digits; None where validity decides."""
        if self._leading is None:
            return None
        return _flags(pc.match_substring_regex(national, f"^(?:{self._leading})"))

    def prefix_lengths(self, digits: pa.StringArray) -> _Integers:
        """How many digits the library would take for a trunk prefix or carrier code."""
        if not self._prefix:
            return np.zeros(len(digits), np.int64)
        if self._prefix.isdigit():
            return _flags(pc.starts_with(digits, self._prefix)) * len(self._prefix)
        expression = re.sub(r"\((?!\?)", "(?:", self._prefix)
        prefix = pc.extract_regex(digits, f"^(?P<prefix>{expression})")
        return _lengths(pc.struct_field(prefix, "prefix").fill_null(""))

    def significant_from(self, digits: pa.StringArray) -> tuple[_Integers, _Flags]:
        """Where the national significant number begins, and where that is not sure."""
        unsure = self._is_dialled_abroad(digits)
        offsets = self.prefix_lengths(digits)
        has_prefix = offsets > 0
        if has_prefix.any():
            unsure[has_prefix] |= self._is_doubtful(digits.filter(pa.array(has_prefix)), offsets[has_prefix])
        has_code = _flags(pc.starts_with(digits, str(self.calling_code)))
        if has_code.any():
            theirs = digits.filter(pa.array(has_code))
            behind = pc.utf8_slice_codeunits(theirs, len(str(self.calling_code)))
            is_code = ~self.general.matches(theirs) & self.general.matches(behind)
            is_code |= self.general.is_too_long(theirs)
            main = plan_of(region_code_for_country_code(self.calling_code)) or self
            unsure[has_code] |= (self.prefix_lengths(behind) > 0) | (main.prefix_lengths(behind) > 0)
            offsets[has_code] = np.where(is_code, len(str(self.calling_code)), offsets[has_code])
        return offsets, unsure

    def _is_dialled_abroad(self, digits: pa.StringArray) -> _Flags:
        if not self._abroad:
            return np.zeros(len(digits), bool)
        return _flags(pc.match_substring_regex(digits, f"^(?:{self._abroad})"))

    def _is_doubtful(self, digits: pa.StringArray, offsets: _Integers) -> _Flags:
        """A prefix that the library may leave where it is, or write another one for."""
        unsure = self.general.matches(digits)
        if self._transforms:
            unsure |= offsets != len(self._usual_prefix)
        return unsure


@cache
def plan_of(region: str) -> NumberingPlan | None:
    """The numbering plan of a region; None where the library has none."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return NumberingPlan(metadata) if metadata is not None else None


def _judge(calling_code: int, national: pa.StringArray) -> tuple[NDArray[np.uint8], _Integers]:
    """Validity and region: of the regions in the library's order the first that a number belongs to."""
    regions = COUNTRY_CODE_TO_REGION_CODE[calling_code]
    result, where = np.zeros(len(national), np.uint8), np.zeros(len(national), np.int64)
    still_open = np.arange(len(national))
    for region in regions:
        plan = plan_of(region)
        if plan is None or region == _ELSEWHERE:
            result[still_open] = Sureness.UNSURE
            break
        if not len(still_open):
            break
        candidates = national.take(still_open)
        sureness = plan.judge(candidates)
        claimed = plan.claims(candidates) if len(regions) > 1 else np.ones(len(candidates), bool)
        settled = sureness != Sureness.NOT_VALID if claimed is None else claimed
        rows = still_open[settled]
        result[rows], where[rows] = sureness[settled], _PLACES[region]
        still_open = still_open[~settled]
    return result, where


@cache
def _calling_codes() -> _Integers:
    """The calling code that each three digits begin with; none is the beginning of another one."""
    table = np.zeros(10**_MOST_CALLING_CODE_DIGITS, np.int64)
    for code in COUNTRY_CODE_TO_REGION_CODE:
        free = 10 ** (_MOST_CALLING_CODE_DIGITS - len(str(code)))
        table[code * free : (code + 1) * free] = code
    return table


def _leading(digits: pa.StringArray) -> _Integers:
    first = pc.utf8_slice_codeunits(digits, 0, _MOST_CALLING_CODE_DIGITS)
    leading: _Integers = pc.cast(first, pa.int64()).to_numpy(zero_copy_only=False)
    return leading


def _alternatives(descriptions: Sequence[Any]) -> str:
    found = dict.fromkeys(
        description.national_number_pattern
        for description in descriptions
        if description is not None and description.national_number_pattern
    )
    return "|".join(f"(?:{expression})" for expression in found)


def _matches_any(expression: str, digits: pa.StringArray) -> _Flags:
    if not expression:
        return np.zeros(len(digits), bool)
    return _flags(pc.match_substring_regex(digits, f"^(?:{expression})$"))


def _is_in_order(template: str | None) -> bool:
    groups = re.findall(r"\\(\d)", template or "")
    rest = re.sub(r"\\\d", "", template or "")
    return groups == sorted(set(groups)) and not any(map(str.isdigit, rest))


def _lengths(digits: pa.StringArray) -> _Integers:
    lengths: _Integers = pc.binary_length(digits).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _flags(found: Any) -> _Flags:
    flags: _Flags = found.to_numpy(zero_copy_only=False)
    return flags.copy()
