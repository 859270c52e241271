"""Cells that a spreadsheet must not run.

A cell of a rejected row is somebody else's text, and a spreadsheet runs text that begins with = + - or @ (CSV
injection, OWASP). The usual remedy is an apostrophe in front, which a spreadsheet takes as "this is text".
Phone numbers begin with +, so the reader must take the apostrophe off again; and so that both are exact
opposites, a cell that already looks guarded gets one more.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_DANGEROUS = r"'*\s*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|'*[\t\r\n]"  # RE2 syntax, also full-width = + - @
_DANGEROUS_CELL = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")


def guard(cell: str) -> str:
    """The cell, with an apostrophe in front if a spreadsheet could take it for a formula."""
    return f"'{cell}" if _DANGEROUS_CELL.match(cell) else cell


def unguard(cells: pa.Array) -> pa.Array:
    """A column of text without the apostrophes that `guard` put there (or a spreadsheet, for the same reason)."""
    if not pc.any(pc.starts_with(cells, "'")).as_py():
        return cells
    return pc.replace_substring_regex(cells, pattern=rf"\A'({_DANGEROUS})", replacement=r"\1")
