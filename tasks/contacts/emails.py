"""E-mail addresses: text of a cell -> one normal form, or a reason why not. Never asks DNS."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email
from numpy.typing import NDArray

from tasks.contacts.cell_verdicts import CellVerdict, CellVerdicts
from tasks.contacts.masking import mask_text, printable
from tasks.contacts.phone_cells import clean_cell
from tasks.messaging.statuses import ExclusionReason

_LONGEST_CELL_CHARS = 1000
_LONGEST_SHOWN_CHARS = 60

# Most addresses, and only ones that email-validator accepts unchanged (a test compares the two): plain ASCII
# words, no hyphen at a label's edge or in its third place (xn--), no special-use top-level domain.
_PLAIN = re.compile(
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:[a-z0-9][a-z0-9]{1,30}(?:-[a-z0-9]{1,20})?\.){1,3}(?:com|net|org|[a-z]{2})"
)
_PLAIN_MOST_CHARS = 64
_WORTH_A_COLUMN = 50
"""Cells; fewer are read one by one."""

_NAMED = re.compile(r"<\s*([^<>]*)\s*>")
_BETWEEN_ADDRESSES = re.compile(r"\s*(?::::|[;,|\n\r]|\s/\s|\s(?=\S+@))\s*")


def normalise_emails(raw: "pd.Series[str]") -> pd.DataFrame:
    """E-mail cells as addresses.

    The address is lower-cased entirely, also left of the @: RFC 5321 lets a server tell `Ada@` from `ada@`,
    none in use does, and one person must not get two messages. International domains become ASCII (IDNA 2008), so
    that both spellings are one address. `Name <ada@example.com>`, `mailto:`, angle brackets and stray blanks are
    taken off. Of several addresses in a cell (all of one contact) the first valid one is used, which the
    detail then says.

    Args:
        raw: Text of each row, "" where there is none.

    Returns:
        A frame indexed like `raw`, all str: `address`, `reason` (an `ExclusionReason`, or ""), `detail` (a
        sentence, addresses masked).
    """
    cells = raw.to_numpy(dtype=object)
    verdicts = CellVerdicts(len(raw), "address", "reason", "detail")
    if len(raw) >= _WORTH_A_COLUMN:
        is_plain, addresses = _read_plain(cells)
        verdicts.accept(is_plain, address=addresses)
    left = np.flatnonzero(verdicts.is_open).tolist()
    verdicts.judge_rest(((row, str(cells[row])) for row in left), _judge_cell)
    return verdicts.as_frame(raw.index)


def _read_plain(cells: NDArray[np.object_]) -> tuple[NDArray[np.bool_], NDArray[np.object_]]:
    """Which cells are plain addresses, and those addresses."""
    lowered = pc.ascii_lower(pc.ascii_trim_whitespace(pa.array(cells, pa.string())))
    is_plain = pc.and_(
        pc.less_equal(pc.binary_length(lowered), _PLAIN_MOST_CHARS),
        pc.match_substring_regex(lowered, f"^(?:{_PLAIN.pattern})$"),
    )
    plain: NDArray[np.bool_] = is_plain.to_numpy(zero_copy_only=False)
    return plain, lowered.filter(is_plain).to_numpy(zero_copy_only=False)


def _judge_cell(cell: str) -> CellVerdict:
    lowered = cell.strip().lower()
    if len(lowered) <= _PLAIN_MOST_CHARS and _PLAIN.fullmatch(lowered):
        return CellVerdict(lowered)
    text = clean_cell(cell[: _LONGEST_CELL_CHARS + 1]).strip("'\"`").strip()
    if not text:
        return CellVerdict(reason=ExclusionReason.MISSING_ADDRESS, detail="the e-mail address is empty")
    if len(cell) > _LONGEST_CELL_CHARS:
        return _refuse(text, f"is not an e-mail address: it has more than {_LONGEST_CELL_CHARS} characters")
    parts = _split_addresses(text)
    first = _judge_address(parts[0])
    if not first.reason:
        return first
    for place, part in enumerate(parts[1:], 2):
        verdict = _judge_address(part)
        if not verdict.reason:
            detail = f"address {place} of {len(parts)} in the cell was used, because {first.detail}"
            return CellVerdict(verdict.address, detail=detail)
    return first


def _split_addresses(text: str) -> list[str]:
    if named := _NAMED.findall(text):
        return [part for part in named if part] or [text]
    text = re.sub(r"\s*@\s*", "@", text)
    parts = [part for part in _BETWEEN_ADDRESSES.split(text) if part]
    return parts if len(parts) > 1 and all("@" in part for part in parts) else [text]


def _judge_address(part: str) -> CellVerdict:
    address = re.sub(r"^mailto:", "", part.strip(), flags=re.IGNORECASE).partition("?")[0].strip().rstrip(".,;")
    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        return _refuse(part, f"is not an e-mail address: {_without_addresses(str(error))}")
    return CellVerdict(f"{valid.local_part}@{valid.ascii_domain}".lower())


def _without_addresses(sentence: str) -> str:
    sentence = mask_text(sentence).rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _refuse(part: str, why: str) -> CellVerdict:
    local, at, domain = clean_cell(part)[:_LONGEST_SHOWN_CHARS].partition("@")
    shown = f"{local[:1]}••••@{domain}" if at else mask_text(local)
    return CellVerdict(reason=ExclusionReason.INVALID_ADDRESS, detail=f"'{printable(shown)}' {why}")
