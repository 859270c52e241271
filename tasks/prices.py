"""Reading a table of prices: strictly, because a wrong price chooses a wrong provider or approves a wrong sum."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tasks.contacts.countries import is_country
from tasks.datasets.locations import describe_location
from tasks.datasets.readers import DatasetError, open_contacts
from tasks.messaging.prices import EVERY_COUNTRY, Price, PriceKey, PriceTable
from tasks.messaging.statuses import Channel
from tasks.messaging.strict_model import nearest
from tasks.providers.registry import PROVIDER_NAMES

COLUMNS = ("provider", "country", "channel", "price_per_part", "currency", "note")
"""Of the table; `note` is for people, and may be left out."""

_NEEDED = COLUMNS[:-1]
_PRICE = re.compile(r"\d{1,6}(\.\d{1,8})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_PROBLEMS = 5
_MOST_SHOWN_CHARS = 40


class PriceError(DatasetError):
    """A table of prices cannot be used. Nothing was sent."""


def read_prices(path: str) -> PriceTable:
    """Read a table of prices: CSV, Excel or Parquet with the columns `COLUMNS`, in any order.

    Args:
        path: A path or URL, as of a contact file.

    Raises:
        PriceError: It names the file, and for each fault the row, the column, and what to write instead.
        DatasetError: The file cannot be read as a table.
    """
    where = describe_location(path)
    with open_contacts(path) as file:
        _check_header(where, file.header)
        prices: dict[PriceKey, Price] = {}
        rows: dict[PriceKey, int] = {}
        problems: list[str] = []
        for batch in file.batches():
            problems += [f"row {row}: {detail}" for row, detail in batch.torn["detail"].items()]
            names = list(batch.frame.columns)
            for row, *cells in batch.frame.itertuples(name=None):
                line = dict(zip(names, map(str.strip, cells), strict=True))
                if faults := list(_faults_of(line)):
                    problems += [f"row {row}, column {fault}" for fault in faults]
                    continue
                key, price = _as_price(line)
                if key in rows:
                    problems.append(
                        f"row {row}: the same provider, country and channel as row {rows[key]}; remove one of them"
                    )
                rows.setdefault(key, int(row))
                prices[key] = price
    _refuse(where, problems)
    return PriceTable(where, prices)


def _check_header(where: str, header: Sequence[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in _NEEDED if name not in header]
    _refuse(
        where,
        [
            *(f"row 1, column {_shown(name)}: is not known; {nearest(name, COLUMNS)}" for name in unknown),
            *(f"row 1: the column `{name}` is missing; the columns are {', '.join(COLUMNS)}" for name in missing),
        ],
    )


def _faults_of(cells: Mapping[str, str]) -> Iterator[str]:
    """`column: what is wrong; what to write instead`."""
    if cells["provider"] not in PROVIDER_NAMES:
        yield f"provider: {_shown(cells['provider'])} is none; {nearest(cells['provider'], PROVIDER_NAMES)}"
    if cells["country"] != EVERY_COUNTRY and not is_country(cells["country"]):
        yield (
            f"country: {_shown(cells['country'])} is not an ISO 3166-1 alpha-2 country code; write FR, US or ZA, "
            f"or {EVERY_COUNTRY} for all that have no row"
        )
    channels = [channel.value for channel in Channel]
    if cells["channel"] not in channels:
        yield f"channel: {_shown(cells['channel'])} is none; {nearest(cells['channel'], channels)}"
    if not _PRICE.fullmatch(cells["price_per_part"]):
        yield (
            f"price_per_part: {_shown(cells['price_per_part'])} is no price; write it with a point and without a "
            "currency, for example 0.045"
        )
    if not _CURRENCY.fullmatch(cells["currency"]):
        yield f"currency: {_shown(cells['currency'])} is not an ISO 4217 code; write EUR, USD or ZAR, for example"


def _as_price(cells: Mapping[str, str]) -> tuple[PriceKey, Price]:
    key = (cells["provider"], cells["country"], Channel(cells["channel"]))
    return key, Price(Decimal(cells["price_per_part"]), cells["currency"], cells.get("note", ""))


def _shown(cell: str) -> str:
    return f"`{cell[:_MOST_SHOWN_CHARS]}`" if cell else "an empty cell"


def _refuse(where: str, problems: Sequence[str]) -> None:
    if not problems:
        return
    more = len(problems) - _MOST_PROBLEMS
    shown = "; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more:,} more" if more > 0 else "")
    raise PriceError(f"{where}, {shown}")
