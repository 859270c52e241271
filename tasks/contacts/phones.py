"""Phone numbers: text of a cell -> E.164 (ITU-T), or a reason why not.

phonenumbers (Google's libphonenumber metadata) decides what is a number and of what type. What stands here is the
order in which a text may be read, and when two readings disagree. The rule above all others: a number that could
be somebody else's is not a number.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import phonenumbers
import pyarrow as pa
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from tasks.contacts.cell_verdicts import CellVerdict, CellVerdicts
from tasks.contacts.masking import mask_address
from tasks.contacts.phone_cells import Damage, PhoneText, clean_cell, read_number, show_masked, split_numbers
from tasks.contacts.sure_phones import read_sure
from tasks.messaging.statuses import ExclusionReason

TEXTABLE_TYPES = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""Types to which an SMS is sent.

VOIP and PERSONAL_NUMBER are not among them: in most countries carriers do not route texts to them (German 032,
French 09), British 070 is charged as premium. Excluding them is visible in the report and costs nothing;
sending is paid for and lost.
"""

_TYPE_NAMES = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOIP: "an internet-telephony number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal (forwarding) number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company's universal number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}

_MOST_DIGITS_E164 = 15
_WORTH_A_COLUMN = 200
"""From so many cells on, reading what is sure column by column takes less time than reading cell by cell."""
_LONGEST_CELL_CHARS = 500


@dataclass(frozen=True, slots=True)
class _Reading:
    number: PhoneNumber
    kind: int
    e164: str


def normalise_phones(
    raw: "pd.Series[str]", country: "pd.Series[str] | str | None", *, textable: bool
) -> pd.DataFrame:
    """Phone cells as E.164 numbers.

    How a text is read:

    * With a + (or `tel:+`, or the international prefix of its country, or 00): as international.
    * Without: as a national number of `country`, which is never guessed. If it is written as that country writes
      its numbers, that is the answer.
    * Otherwise something may be missing: a + or a leading 0 that a spreadsheet took. It is put back only if
      exactly one reading is a valid number; if two are, the address is `damaged_address` and the detail shows
      both.
    * A cell with several numbers (all of one contact) gives its first usable one, which the detail then says.

    Args:
        raw: Text of each row, "" where there is none.
        country: ISO 3166-1 alpha-2 of each row ("" where unknown), or one for all, or None.
        textable: Refuse numbers to which no SMS can be sent (see `TEXTABLE_TYPES`) and numbers with an extension.

    Returns:
        A frame indexed like `raw`, all str: `address` (E.164, or ""), `country` (ISO region of the number, "" for
        none or international networks), `reason` (an `ExclusionReason`, or ""), `detail` (a sentence, addresses
        masked; for accepted rows only where another than the first number of the cell was used).
    """
    written = country if isinstance(country, pd.Series) else pd.Series(country or "", index=raw.index, dtype="str")
    cells = raw.to_numpy(dtype=object)
    codes, names = pd.factorize(written.to_numpy(dtype=object))
    regions = [str(name).strip().upper() for name in names]
    verdicts = CellVerdicts(len(raw), "address", "country", "reason", "detail")
    if len(raw) >= _WORTH_A_COLUMN:
        sure = read_sure(pa.array(cells, pa.string()), regions, codes.astype(np.int64))
        verdicts.accept(
            sure.rows,
            address=sure.addresses.to_numpy(zero_copy_only=False),
            country=sure.countries.to_numpy(zero_copy_only=False),
        )
    left = np.flatnonzero(verdicts.is_open)
    # Country by country: phonenumbers compiles its patterns anew when it has used many others meanwhile.
    ordered = left[np.argsort(codes[left], kind="stable")].tolist()
    verdicts.judge_rest(
        ((row, (str(cells[row]), regions[codes[row]])) for row in ordered),
        lambda key: judge_cell(*key, textable=textable),
    )
    return verdicts.as_frame(raw.index)


def judge_cell(cell: str, region: str, *, textable: bool) -> CellVerdict:
    """One cell by phonenumbers alone; the rules are those of `normalise_phones`.

    Args:
        cell: As it is written.
        region: ISO 3166-1 alpha-2 in capitals, or "".
        textable: Refuse numbers to which no SMS can be sent.
    """
    text = clean_cell(cell[: _LONGEST_CELL_CHARS + 1])
    if not text:
        return CellVerdict(reason=ExclusionReason.MISSING_ADDRESS, detail="the phone number is empty")
    if len(cell) > _LONGEST_CELL_CHARS:
        return _refuse(text, f"is not a phone number: it has more than {_LONGEST_CELL_CHARS} characters")
    parts = split_numbers(text)
    first = _judge_number(parts[0], region, textable=textable)
    if not first.reason:
        return first
    for place, part in enumerate(parts[1:], 2):
        verdict = _judge_number(part, region, textable=textable)
        if not verdict.reason:
            detail = f"number {place} of {len(parts)} in the cell was used, because {first.detail}"
            return CellVerdict(verdict.address, verdict.country, "", detail)
    return first


def _judge_number(part: str, region: str, *, textable: bool) -> CellVerdict:
    number_text = read_number(part)
    if number_text.damage is Damage.DIGITS_LOST:
        why = "is a number in scientific notation: digits are lost; export the column as text"
        return _refuse(part, why, ExclusionReason.DAMAGED_ADDRESS)
    if why := _unreadable(number_text, region):
        return _refuse(part, why)
    readings = _read(number_text, region)
    if len(readings) > 1:
        shown = " or ".join(sorted(mask_address(reading.e164) for reading in readings))
        why = f"has lost its + or its leading 0, and can be {shown}: write it with + and the country code"
        return _refuse(part, why, ExclusionReason.DAMAGED_ADDRESS)
    if not readings:
        return _refuse(part, _why_not(number_text, region))
    return _accept(part, readings[0], number_text, textable=textable)


def _unreadable(number_text: PhoneText, region: str) -> str:
    """Why a text is not even tried, "" when it is."""
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        return f"cannot be read: '{region}' is not a country code with phone numbers"
    if number_text.has_letters:
        return "has letters in it"
    if not number_text.digits:
        return "has no digits"
    return "looks like two numbers run together" if _ends_with_stub(number_text.text) else ""


def _accept(part: str, reading: _Reading, number_text: PhoneText, *, textable: bool) -> CellVerdict:
    if textable and reading.kind not in TEXTABLE_TYPES:
        what = _TYPE_NAMES.get(reading.kind, "a number of unknown type")
        return _refuse(part, f"is {what}: it gets no SMS", ExclusionReason.NOT_TEXTABLE)
    if textable and (number_text.has_extension or reading.number.extension):
        return _refuse(part, "has an extension: a switchboard gets no SMS", ExclusionReason.NOT_TEXTABLE)
    region = phonenumbers.region_code_for_number(reading.number) or ""
    return CellVerdict(reading.e164, "" if region == "001" else region)


def _read(number_text: PhoneText, region: str) -> list[_Reading]:
    """The valid readings of a text that cannot be told apart; one means it is sure."""
    text, digits = number_text.text, number_text.digits
    if text.lstrip("(").startswith("+"):
        # No country calling code begins with 0: "+00 46" can only be a prefix written twice.
        return _valid(_without_trunk_zero("+" + digits.removeprefix("00") if digits.startswith("00") else text))
    if not region:
        # A national number of an unknown country is never guessed; 00 is no national prefix anywhere.
        return _valid("+" + digits[2:]) if digits.startswith("00") else []
    national = _valid(text, region)
    if not national and digits.startswith("00"):
        return _valid("+" + digits[2:])
    international = [] if digits.startswith("0") else _valid("+" + digits)
    if national and _is_written_as_usual(national[0].number, digits):
        # The usual form of this country is not damaged, so a foreign reading is no rival (Chinese mobiles read
        # as American numbers in 8 of 10 cases). Its own calling code in front is one, and so is any if the
        # cell was a number.
        international = [
            reading
            for reading in international
            if reading.number.country_code == national[0].number.country_code
            or number_text.damage is Damage.NUMERIC
        ]
        return _distinct(national + international)
    return _distinct(
        national + international + (_valid("0" + digits, region) if not digits.startswith("0") else [])
    )


def _valid(text: str, region: str | None = None) -> list[_Reading]:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return []
    # What is_valid_number asks as well; asked once, its answer is needed for the type.
    kind = phonenumbers.number_type(number)
    return [] if kind == PhoneNumberType.UNKNOWN else [_Reading(number, kind, _e164(number))]


def _without_trunk_zero(text: str) -> str:
    """`+39 (0)347 ...`: phonenumbers drops a trunk prefix, and keeps the (0) where zeros count (Italy)."""
    return text.replace("(0)", " ") if "(0)" in text and not _valid(text) else text


def _is_written_as_usual(number: PhoneNumber, digits: str) -> bool:
    usual = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, usual)) == digits


def _distinct(readings: list[_Reading]) -> list[_Reading]:
    return list({reading.e164: reading for reading in readings}.values())


def _ends_with_stub(text: str) -> bool:
    """`07700 900123 / 4` and `..., 4`: short for a second number. Read as one it can be a stranger's."""
    for separator in "/,;|":
        head, found, tail = text.rpartition(separator)
        if found and head and sum(map(str.isdigit, tail)) < 4:  # noqa: PLR2004 - shorter than any subscriber number
            return True
    return False


def _why_not(number_text: PhoneText, region: str) -> str:
    digits = number_text.digits
    if len(digits) > _MOST_DIGITS_E164 + 2:
        return f"has {len(digits)} digits, more than a phone number can have"
    if number_text.text.lstrip("(").startswith("+"):
        return "is not a number that is in use in its country's numbering plan"
    if not region:
        return "has no country code: set audience.default_country, or name a country column"
    return f"is not a valid number of {region}, and not an international one"


def _refuse(part: str, why: str, reason: ExclusionReason = ExclusionReason.INVALID_ADDRESS) -> CellVerdict:
    return CellVerdict(reason=reason, detail=f"{show_masked(part)} {why}")


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
