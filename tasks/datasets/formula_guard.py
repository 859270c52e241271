"""Cells that a spreadsheet must not run.

A cell of a rejected row is somebody else's text, and a spreadsheet runs text that begins with = + - or @ (CSV
injection, OWASP). The usual remedy is an apostrophe in front, which a spreadsheet takes as "this is text".
Phone numbers begin with +, so the reader must take the apostrophe off again; and so that both are exact
opposites, a cell that already looks guarded gets one more.

A spreadsheet whose list separator is the semicolon or the tab ends our cells there and not at our quotation marks.
So a cell is taken as segments between these and line breaks, and each segment is guarded by itself.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_BREAKS = ";\t\r\n"
# Blanks and what cannot be seen: some programs strip it before they look at the first character. Spelled out
# because RE2, which reads, and Python, which writes, differ in what a blank is. No break is among them: segments
# stay apart.
_SKIPPED = (
    " \x0b\x0c\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000"
    "\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\ufe00-\ufe0f\ufeff"
)
_FORMULA = f"'*[{_SKIPPED}]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"  # also full-width = + - @
_GUARDED = f"(\\A|[{_BREAKS}])'({_FORMULA})"
_GUARDED_BREAK = "\\A'('*[\t\r\n])"

_UNGUARDED_CELL = re.compile(f"(\\A|[{_BREAKS}])(?={_FORMULA})")
_UNGUARDED_BREAK_CELL = re.compile("\\A(?='*[\t\r\n])")
_GUARDED_CELL = re.compile(_GUARDED)
_GUARDED_BREAK_CELL = re.compile(_GUARDED_BREAK)


def guard(cell: str) -> str:
    """The cell, with an apostrophe wherever a spreadsheet could see the beginning of a formula."""
    return _UNGUARDED_BREAK_CELL.sub("'", _UNGUARDED_CELL.sub(r"\1'", cell))


def unguard(cells: pa.Array) -> pa.Array:
    """A column of text without the apostrophes that `guard` put there (or a spreadsheet, for the same reason)."""
    if not pc.any(pc.match_substring(cells, "'")).as_py():
        return cells
    # In this order: the second pattern takes the break that the first one begins with.
    cells = pc.replace_substring_regex(cells, pattern=_GUARDED, replacement=r"\1\2")
    return pc.replace_substring_regex(cells, pattern=_GUARDED_BREAK, replacement=r"\1")


def unguard_cell(cell: str) -> str:
    """The same for one cell."""
    return _GUARDED_BREAK_CELL.sub(r"\1", _GUARDED_CELL.sub(r"\1\2", cell))
