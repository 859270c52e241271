"""The report that a person exports from the console: what became of each SMS.

Its columns are known, its header words are not, so they are recognised tolerantly or named by the person.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain

from tasks.contacts.column_names import normal_name
from tasks.providers.indigitall.moments import read_moment
from tasks.providers.indigitall.names import REPORT_HEADERS, ReportColumn
from tasks.providers.indigitall.phones import e164_of
from tasks.providers.indigitall.statuses import read_word
from tasks.providers.reader import UnreadableReport
from tasks.providers.reports import StatusReport

_MOST_HEADERS = 40
_MOST_HEADER_CHARS = 60
_SMALL_WORDS = frozenset({"a", "de", "del", "el", "la", "of", "the"})
_AMOUNT = re.compile(r"[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+")
_LAST_SEPARATOR = re.compile(r"[.,](?=[0-9]*$)")


def read_console_report(
    rows: Iterable[Mapping[str, str]], columns: Mapping[str, str] | None = None
) -> Iterator[StatusReport]:
    """Read the rows of a report; a row without a status is left out.

    Each names its message by custom data (our reference), and by the sending's id with the phone number. A row
    that has neither pair is told all the same, to be counted among those that fit no message.

    Args:
        rows: Cells by header, as text; every row has the same headers.
        columns: Header by `ReportColumn`, where the header is not recognised.

    Raises:
        UnreadableReport: The status, or all that names a message, has no column; or `columns` names one that does
            not exist.
    """
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        return iter(())
    headers = _find_headers(list(first), columns or {})
    return _read_rows(chain([first], remaining), headers)


def _read_rows(rows: Iterable[Mapping[str, str]], headers: Mapping[ReportColumn, str]) -> Iterator[StatusReport]:
    for row in rows:
        cells = {column: (row.get(header) or "").strip() for column, header in headers.items()}
        if cells[ReportColumn.STATUS]:
            yield _read_row(cells)


def _read_row(cells: Mapping[ReportColumn, str]) -> StatusReport:
    def cell(column: ReportColumn) -> str:
        return cells.get(column, "")

    status, reason = read_word(cell(ReportColumn.STATUS), cell(ReportColumn.ERROR_DESCRIPTION))
    reference = cell(ReportColumn.CUSTOM_DATA) or None
    address = e164_of(cell(ReportColumn.PHONE), cell(ReportColumn.COUNTRY_CODE))
    return StatusReport(
        status=status,
        raw_status=cell(ReportColumn.STATUS),
        reason=reason,
        at=read_moment(cell(ReportColumn.SENT_AT)),
        reference=reference,
        # Not alone: what became of one recipient would be said of all of the sending.
        ticket=(cell(ReportColumn.SENDING_ID) or None) if reference or address else None,
        address=address,
        cost=_read_cost(cell(ReportColumn.COST)),
    )


def _read_cost(cell: str) -> Decimal | None:
    """`0.05`, `0,05` or `EUR 1.234,50`: the last separator is the decimal one, as no SMS costs thousands."""
    amounts = _AMOUNT.findall(cell)
    if len(amounts) != 1 or "-" in cell:
        return None
    whole, *fraction = _LAST_SEPARATOR.split(amounts[0])
    digits = re.sub(r"[.,]", "", whole)
    return Decimal(f"{digits or 0}.{fraction[0] or 0}" if fraction else digits)


def _find_headers(headers: list[str], named: Mapping[str, str]) -> dict[ReportColumn, str]:
    if unknown := named.keys() - set(ReportColumn):
        raise UnreadableReport(
            f"no such column: {', '.join(sorted(unknown))}; there are {', '.join(ReportColumn)}"
        )
    for column, header in named.items():
        if header not in headers:
            raise UnreadableReport(f"{column}: the report has no column {header!r}; it has {_listed(headers)}")
    known = {_key(header): header for header in reversed(headers)}
    found = {ReportColumn(column): header for column, header in named.items()}
    for column, names in REPORT_HEADERS.items():
        recognised = next((known[_key(name)] for name in names if _key(name) in known), None)
        if recognised is not None and recognised not in found.values():
            found.setdefault(column, recognised)
    if missing := _missing(found):
        ways = ", ".join(f'--column {column}="My header"' for column in missing)
        raise UnreadableReport(
            f"the report has no column for {', '.join(missing)}; it has {_listed(headers)}. Name it: {ways}"
        )
    return found


def _missing(found: Mapping[ReportColumn, str]) -> list[ReportColumn]:
    missing = [] if ReportColumn.STATUS in found else [ReportColumn.STATUS]
    pair = (ReportColumn.SENDING_ID, ReportColumn.PHONE)
    if ReportColumn.CUSTOM_DATA not in found and not all(column in found for column in pair):
        # Custom data first: it alone is enough, and names the message even where the number was dressed up.
        missing += [ReportColumn.CUSTOM_DATA, *(column for column in pair if column not in found)]
    return missing


def _key(header: str) -> str:
    return "".join(word for word in normal_name(header).split() if word not in _SMALL_WORDS)


def _listed(headers: Sequence[str]) -> str:
    shown = ", ".join(repr(header[:_MOST_HEADER_CHARS]) for header in headers[:_MOST_HEADERS])
    return shown if len(headers) <= _MOST_HEADERS else f"{shown} and {len(headers) - _MOST_HEADERS:,} more"
