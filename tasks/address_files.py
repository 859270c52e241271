"""The addresses in files: of contacts, of people who must not be written to, of those who get a message first."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tasks.contacts.addresses import external_address, is_external, suppressed_code
from tasks.contacts.audience import Audience
from tasks.contacts.columns import Meaning, recognise_columns
from tasks.contacts.countries import country_codes
from tasks.contacts.emails import normalise_emails
from tasks.contacts.phones import normalise_phones
from tasks.datasets.readers import DatasetError, open_contacts
from tasks.messaging.statuses import Channel, ExclusionReason


def normalise_addresses(cells: pd.DataFrame, channel: Channel, default_country: str | None) -> pd.DataFrame:
    """The channel's address of every row.

    Args:
        cells: As `ColumnMap.extract` gives them.
        channel: SMS and MMS need phone numbers that take texts, e-mail needs e-mail addresses.
        default_country: For phone numbers of rows without a country (ISO 3166-1 alpha-2).

    Returns:
        `address, country, reason, detail`; the reason is "" where there is an address.
    """
    if channel is Channel.EMAIL:
        return normalise_emails(cells["email"]).assign(country="")
    countries = country_codes(cells["country"])
    blank = cells["country"].str.strip() == ""
    return normalise_phones(cells["phone"], countries.mask(blank, default_country or ""), textable=True)


def address_by_code(found: pd.DataFrame, codes: "pd.Series[str]") -> pd.DataFrame:
    """Rows without an address but with the client's own key of the contact: the provider knows the address.

    Args:
        found: As `normalise_addresses` gives it; changed in place.
        codes: External codes, "" where a row has none.
    """
    rows = found.index[(found["reason"] == ExclusionReason.MISSING_ADDRESS.value) & (codes != "")]
    found.loc[rows, "address"] = codes.loc[rows].map(external_address)
    found.loc[rows, ["reason", "detail"]] = ""
    return found


def read_suppressed_addresses(
    audience: Audience, channel: Channel, *, knows_codes: bool = False
) -> "Iterator[pd.Series[str]]":
    """The addresses of the campaign's suppression file, normalised, in batches.

    Args:
        audience: Names the file.
        channel: Of the message.
        knows_codes: The provider knows people by their external codes: a row that has nothing else is about one.

    Raises:
        DatasetError: The file cannot be read, or a row of it cannot.
        ColumnError: It has no column with addresses.
    """
    if audience.suppressions is not None:
        for rows in _read_rows(audience.suppressions, {}, audience, channel, knows_codes=knows_codes):
            is_code = rows["address"].map(is_external)
            yield rows["address"].mask(is_code, rows["external_code"].map(suppressed_code))


def read_seeds(audience: Audience, channel: Channel, *, knows_codes: bool) -> Iterator[pd.DataFrame]:
    """The recipients in the campaign's seed file, in batches: `address` (normalised), `external_code`.

    Args:
        audience: Names the file.
        channel: Of the message.
        knows_codes: A row that has only an external code is a recipient, too.

    Raises:
        DatasetError, ColumnError: As `read_suppressed_addresses`.
    """
    if audience.seeds is not None:
        yield from _read_rows(audience.seeds, audience.columns, audience, channel, knows_codes=knows_codes)


def _read_rows(
    path: str, overrides: Mapping[str, str], audience: Audience, channel: Channel, *, knows_codes: bool
) -> Iterator[pd.DataFrame]:
    needed = Meaning.EMAIL if channel is Channel.EMAIL else Meaning.PHONE
    with open_contacts(path) as file:
        columns = recognise_columns(file.header, overrides=overrides, needed=needed)
        for batch in file.batches():
            cells = columns.extract(batch.frame)
            found = normalise_addresses(cells, channel, audience.default_country)
            _refuse_unreadable(path, found, batch.torn)
            if knows_codes:
                found = address_by_code(found, cells["external_code"])
            rows = found[["address"]].assign(external_code=cells["external_code"])
            yield rows[rows["address"] != ""]


def _refuse_unreadable(path: str, found: pd.DataFrame, torn: pd.DataFrame) -> None:
    """Somebody who asked not to be contacted must not be written to because of how his number is spelled."""
    reasons = [ExclusionReason.INVALID_ADDRESS.value, ExclusionReason.DAMAGED_ADDRESS.value]
    unreadable = found.loc[found["reason"].isin(reasons), "detail"]
    examples = [f"row {row}: {detail}" for row, detail in unreadable.head(3).items()]
    examples += [str(detail) for detail in torn["detail"].head(3)]
    if examples:
        raise DatasetError(
            f"{path}: {len(unreadable) + len(torn)} rows cannot be read as addresses, so their owners could not "
            f"be left out ({'; '.join(examples)}); correct them, or give audience.default_country"
        )
