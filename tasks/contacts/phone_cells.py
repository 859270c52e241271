"""What people and spreadsheets put around a phone number, taken off without changing the number.

Nothing here decides whether a number is valid: that is `tasks.contacts.phones`, and there phonenumbers decides.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from tasks.contacts.masking import mask_text, printable

_LONGEST_SHOWN_CHARS = 60
_FEWEST_DIGITS_OF_A_NUMBER = 7

_EXCEL_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
_SCIENTIFIC = re.compile(r"(\+?)(\d)(?:[.,](\d*))?[eE]\+?(\d{1,3})")
_FLOAT = re.compile(r"(\+?\d{3,})[.,]0+")  # short ones too: 7290.0 (Tokelau) is not 72900
_THOUSANDS = re.compile(r"\+?\d{1,3}(?:,\d{3}){2,}|\+?\d{1,3}(?:'\d{3}){2,}")
_URI = re.compile(r"(?:tel|sms|smsto|callto|whatsapp):(?://)?", re.IGNORECASE)
_LABEL = re.compile(r"[^\W\d_]{1,12}[.:]?\s*(?=[+(\d])")
_EXTENSION = re.compile(
    r"[\s,;]*(?:\b(?:extension|extn?|poste|anexo|durchwahl|dw|int)|(?<=\d)\s*x|#|;ext=)[.:\s]*\d{1,9}$",
    re.IGNORECASE,
)
_BETWEEN_NUMBERS = re.compile(
    r"\s*(?::::|[;|\n\r,/]|\s(?:or|ou|oder|und|and|et|y|o|och|eller|&)\s)\s*", re.IGNORECASE
)
_LETTER = re.compile(r"[^\W\d_]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u30fc\uff0d]")


class Damage(StrEnum):
    """What a spreadsheet has done to a number."""

    NONE = ""
    """Nothing that can be seen."""
    NUMERIC = "numeric"
    """It went through a number: all digits are there, a leading + or 0 may be missing."""
    DIGITS_LOST = "digits_lost"
    """Digits are gone."""


@dataclass(frozen=True, slots=True)
class PhoneText:
    """One number as it stands in a cell, without what surrounds it.

    Attributes:
        text: What phonenumbers shall read: digits, punctuation, a leading + where there was one.
        damage: What the cell shows of a spreadsheet's work.
        has_extension: A number behind a switchboard.
        has_letters: Letters are left in it: a vanity number, or words.
    """

    text: str
    damage: Damage = Damage.NONE
    has_extension: bool = False
    has_letters: bool = False

    @property
    def digits(self) -> str:
        """The digits alone."""
        return re.sub(r"\D", "", self.text)


def clean_cell(cell: str) -> str:
    """The cell with ordinary digits, dashes, spaces and plus signs, without invisible characters.

    Arabic-Indic, full-width and other decimal digits become ASCII; zero-width and bidirectional marks (copied from
    chat programs and web pages) vanish; no-break spaces become spaces.
    """
    if not cell.isascii():
        cell = _DASHES.sub("-", cell).replace("\uff0b", "+").replace("\uff08", "(").replace("\uff09", ")")
        cell = "".join(_plain(character) for character in cell)
    return cell.strip()


def _plain(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Zs":
        return " "
    return "" if category == "Cf" else character


def show_masked(cell: str) -> str:
    """A cell as it may stand in a sentence: short, and with no whole number in it however it is punctuated."""
    shown = mask_text(clean_cell(cell)[:_LONGEST_SHOWN_CHARS])
    digits_left = 0
    characters = []
    for character in shown:
        digits_left += character.isdigit()
        # Slashes and commas hide a number from the masking: four digits more than an area code are never shown.
        is_hidden = character.isdigit() and digits_left > _FEWEST_DIGITS_OF_A_NUMBER and "••••" not in shown
        characters.append("•" if is_hidden else character)
    return f"'{printable(''.join(characters))}'"


def split_numbers(cell: str) -> list[str]:
    """The numbers of one cleaned cell, in order; usually one.

    Google joins several with ` ::: `, people with slashes, commas, semicolons or "or". A cell is cut only if every
    part has the digits of a whole number: `0171/3920012` is one German number, `030 901820 / 030 901821` are two.
    """
    if _URI.match(cell):
        return [cell]
    parts = [part for part in _BETWEEN_NUMBERS.split(cell) if part]
    is_list = all(sum(map(str.isdigit, part)) >= _FEWEST_DIGITS_OF_A_NUMBER for part in parts)
    return parts if len(parts) > 1 and is_list else [cell]


def read_number(part: str) -> PhoneText:
    """Take off what is not the number: quotes, formulas, labels, URI schemes, extensions, number formats."""
    text = part.strip()
    if formula := _EXCEL_TEXT_FORMULA.fullmatch(text):
        text = formula.group(1).strip()
    text = text.lstrip("'=`\u2019\"").rstrip("'\"").strip()
    damage = Damage.NONE
    if found := _SCIENTIFIC.fullmatch(text):
        plus, first, fraction, exponent = found.group(1), found.group(2), found.group(3) or "", int(found.group(4))
        # 4.47E+11 has three digits of twelve. 4.47700900123E+11 has them all.
        if len(fraction.rstrip("0")) > exponent or len(fraction) < exponent:
            return PhoneText(text, Damage.DIGITS_LOST)
        text, damage = plus + first + fraction[:exponent], Damage.NUMERIC
    elif found := _FLOAT.fullmatch(text):
        text, damage = found.group(1), Damage.NUMERIC
    elif _THOUSANDS.fullmatch(text):
        text, damage = text.replace(",", "").replace("'", ""), Damage.NUMERIC
    if scheme := _URI.match(text):
        # RFC 3966: parameters follow the first semicolon. `phone-context` would change the number's meaning.
        text, _, parameters = text[scheme.end() :].partition(";")
        return PhoneText(
            text.strip(),
            has_extension="ext=" in parameters.lower(),
            has_letters="phone-context" in parameters.lower() or bool(_LETTER.search(text)),
        )
    has_extension = False
    if extension := _EXTENSION.search(text):
        text, has_extension = text[: extension.start()].strip(), True
    label = _LABEL.match(text)
    if label and not _LETTER.search(text, label.end()):
        text = text[label.end() :]
    return PhoneText(text, damage, has_extension, bool(_LETTER.search(text)))
