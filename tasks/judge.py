"""Deciding about every row of a contact file, a batch at a time: one message, or one exclusion with its reason.

The order of the questions is the order of the reasons: is it an address, is it new in this file, may we write to
it, does the content fit. A row is excluded for the first question that it fails.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii

import pandas as pd
from sqlalchemy import Connection

from tasks.address_files import address_by_code, normalise_addresses
from tasks.compose import Composer
from tasks.contacts.addresses import (
    ERASED_PREFIX,
    external_address,
    is_external,
    reachable_address,
    suppressed_code,
)
from tasks.contacts.audience import Audience, UnknownContacts
from tasks.contacts.columns import ColumnMap
from tasks.contacts.countries import country_codes
from tasks.contacts.deduplicate import AddressIndex
from tasks.contacts.emails import normalise_emails
from tasks.contacts.time_zones import zones_of_contacts
from tasks.datasets.readers import RowBatch
from tasks.messaging.content import Content
from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.statuses import Channel, ExclusionReason
from tasks.providers.capabilities import Capabilities
from tasks.routes import Routing
from tasks.same_contacts import Refusals, SameContacts
from tasks.store import frequency, hashed_suppressions, registry
from tasks.store.session import Ledger
from tasks.verdicts import Verdicts

_MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class RunCap:
    """A frequency cap, and what it is judged by.

    Attributes:
        run_key: Key of the run that is judged: its own messages do not count when it was planned already.
        now: One instant for the whole file: its rows must not be judged by different days.
    """

    cap: FrequencyCap
    run_key: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Seeds:
    """Who is in the seed file of a campaign.

    Attributes:
        codes: Their external codes, as `SameContacts.keys` has them.
    """

    addresses: AddressIndex = field(default_factory=AddressIndex)
    codes: AddressIndex = field(default_factory=AddressIndex)


class AudienceJudge:
    """Decides about the rows of one contact file. Batches must come in the order of the file.

    Args:
        content: What is said.
        audience: How the file is read.
        columns: Which column means what.
        composer: Writes the text of every row that may get one.
        capabilities: The limits that all its providers share.
        routing: Who takes a message to which country.
        suppressed: Addresses of the campaign's suppression file.
        seeds: Who is in its seed file: they got the message before.
        ledger: Known contacts, suppressions, and what people were sent before.
        cap: How much marketing one person may get; None is no limit.
        has_hours: Whether it matters where each recipient may be.
    """

    def __init__(
        self,
        content: Content,
        audience: Audience,
        columns: ColumnMap,
        *,
        composer: Composer,
        capabilities: Capabilities,
        routing: Routing,
        suppressed: AddressIndex,
        seeds: Seeds,
        ledger: Ledger,
        cap: RunCap | None = None,
        has_hours: bool = False,
    ) -> None:
        self._content = content
        self._audience = audience
        self._columns = columns
        self._composer = composer
        self._can = capabilities
        self._routing = routing
        self._suppressed = suppressed
        self._seeds = seeds
        self._ledger = ledger
        self._cap = cap
        self._has_hours = has_hours
        self._seen = AddressIndex()
        self._erased: set[str] = set()
        self.same_contacts = SameContacts(capabilities)
        with ledger.reading() as connection:  # what comes after this, the claim of each message sees
            self._codes_are_suppressed = registry.has_suppressed_codes(connection)
        self._late_refusals: Refusals = {}
        self.time_zone_problems: Counter[str] = Counter()
        """Rows whose time zone cell could not be used, by why."""
        self.time_zone_examples: list[int] = []
        """The first few of these rows."""

    @property
    def late_refusals(self) -> Refusals:
        """Addresses that another row says no for: their messages, if there are any, have to be withdrawn."""
        return self._late_refusals | self.same_contacts.refused_addresses

    def judge(self, batch: RowBatch) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Decide about one batch.

        Returns:
            Messages and exclusions with the columns that `SpoolWriter` takes. Together they are all rows.
        """
        cells = self._columns.extract(batch.frame)
        found = normalise_addresses(cells, self._content.channel, self._audience.default_country)
        if self._can.addresses_external_codes:
            found = address_by_code(found, cells["external_code"])
        verdicts = Verdicts(found["reason"], found["detail"])
        self._exclude_duplicates(found["address"], verdicts)
        if self.same_contacts.is_needed:
            self.same_contacts.exclude_repeats(cells, found["address"], verdicts)
        self._exclude_seeds(found["address"], self._seeds.addresses, verdicts)
        if self._can.sends_to_external_codes:
            self._exclude_seeds(self.same_contacts.keys(cells["external_code"]), self._seeds.codes, verdicts)
        elif self._can.addresses_external_codes:
            has_code_only = found["address"].map(is_external)
            self._exclude_seeds(cells["external_code"].where(has_code_only, ""), self._seeds.codes, verdicts)
            self._exclude_seeds(cells["external_code"].map(external_address), self._seeds.addresses, verdicts)
        disabled, opted_out = cells["disabled"], cells["opted_out"]
        why = cells["eligibility_detail"]
        verdicts.exclude(cells.index[disabled], ExclusionReason.DISABLED, why)
        verdicts.exclude(cells.index[opted_out], ExclusionReason.OPTED_OUT, why)
        self._remember_late_refusals(found["address"], disabled, opted_out, why, verdicts)
        self._exclude_suppressed_codes(cells["external_code"], verdicts)
        known = self._look_up(found["address"], verdicts)
        self._exclude_unsupported_countries(found["country"], verdicts)
        open_rows = verdicts.open_rows
        values = self._columns.variable_values(batch.frame.loc[open_rows], self._composer.names)
        composed, refused = self._composer.compose(values)
        for reason, rows in refused.groupby("reason", sort=False):
            verdicts.exclude(rows.index, ExclusionReason(str(reason)), rows["detail"])
        accepted = verdicts.open_rows
        new = accepted[~found.loc[accepted, "address"].isin(set(known))]
        messages = pd.DataFrame(
            {
                "row_number": accepted,
                "address": found.loc[accepted, "address"],
                "country": found.loc[accepted, "country"].replace("", None),
                "external_code": cells.loc[accepted, "external_code"].replace("", None),
            },
            index=accepted,
        ).join([composed, self._describe_contacts(batch.frame, cells, found, new).reindex(accepted)])
        messages["is_new"] = accepted.isin(new)
        messages[["hours_country", "zones"]] = self._find_zones(cells.loc[accepted], found.loc[accepted], known)
        excluded = verdicts.reason.index.difference(accepted, sort=False)
        raw = cells["email" if self._content.channel is Channel.EMAIL else "phone"]
        exclusions = pd.DataFrame(
            {
                "row_number": excluded,
                "address": found.loc[excluded, "address"].where(
                    found.loc[excluded, "address"] != "", raw.loc[excluded]
                ),
                "reason": verdicts.reason.loc[excluded],
                "detail": verdicts.detail.loc[excluded],
            }
        )
        self._leave_no_trace(exclusions, found["address"])
        torn = pd.DataFrame(
            {
                "row_number": batch.torn.index,
                "address": None,
                "reason": ExclusionReason.DAMAGED_ADDRESS.value,
                "detail": batch.torn["detail"],
            }
        )
        return messages, pd.concat([exclusions, torn]).sort_index()

    def _exclude_duplicates(self, addresses: "pd.Series[str]", verdicts: Verdicts) -> None:
        earlier = self._seen.first_rows(addresses.loc[verdicts.open_rows]).dropna()
        verdicts.exclude(
            earlier.index,
            ExclusionReason.DUPLICATE,
            "the same address as row " + earlier.astype("int64").astype(str),
        )

    def _exclude_seeds(self, keys: "pd.Series[str]", of_seeds: AddressIndex, verdicts: Verdicts) -> None:
        if not len(of_seeds):
            return
        open_keys = keys.loc[verdicts.open_rows]
        verdicts.exclude(
            open_keys.index[of_seeds.contains(open_keys)],
            ExclusionReason.DUPLICATE,
            f"gets it first, as one of the seeds in {self._audience.seeds}",
        )

    def _remember_late_refusals(
        self,
        addresses: "pd.Series[str]",
        disabled: "pd.Series[bool]",
        opted_out: "pd.Series[bool]",
        why: "pd.Series[str]",
        verdicts: Verdicts,
    ) -> None:
        """Rows that repeat an address and say no: the first row wins in everything but consent."""
        repeats = verdicts.reason == ExclusionReason.DUPLICATE.value
        for flags, reason in ((opted_out, ExclusionReason.OPTED_OUT), (disabled, ExclusionReason.DISABLED)):
            for row in addresses.index[repeats & flags]:
                said = f"row {row} has the same address, and there {why[row]}"
                self._late_refusals.setdefault(addresses[row], (reason, said))

    def _find_zones(
        self, cells: pd.DataFrame, found: pd.DataFrame, known: Mapping[str, registry.KnownContact]
    ) -> pd.DataFrame:
        """Where the recipients may be, as the hours need it: `hours_country, zones`; None without hours."""
        if not self._has_hours:
            return pd.DataFrame(None, index=cells.index, columns=["hours_country", "zones"], dtype=object)
        given = cells["timezone"].str.strip()
        remembered = [known[address].timezone if address in known else "" for address in found["address"]]
        given = given.where(given != "", pd.Series(remembered, index=given.index, dtype="str"))
        numbers = found["address"].where(found["address"].str.startswith("+"), "")
        countries = found["country"].where(numbers != "", country_codes(cells["country"]))
        zones = zones_of_contacts(given, numbers, countries)
        wrong = zones.loc[zones["timezone_problem"] != "", "timezone_problem"]
        self.time_zone_problems.update(wrong.tolist())
        self.time_zone_examples += wrong.index[: max(0, _MOST_EXAMPLES - len(self.time_zone_examples))].tolist()
        return pd.DataFrame({"hours_country": countries, "zones": zones["zones"]})

    def _look_up(self, addresses: "pd.Series[str]", verdicts: Verdicts) -> dict[str, registry.KnownContact]:
        """Ask the ledger and the suppression file; returns the known contacts by address."""
        wanted = addresses.loc[verdicts.open_rows]
        asked = wanted.to_numpy(dtype=object).tolist()
        channel, purpose = self._content.channel, self._content.purpose
        with self._ledger.reading() as connection:
            hashes = registry.find_hashes(connection, set(addresses) - {""})
            self._erased |= hashed_suppressions.find_erased(connection, hashes)
            known = registry.find_contacts(connection, channel, asked)
            suppressed = registry.find_suppressions(connection, channel, purpose, asked, hashes)
            capped = {} if self._cap is None else _find_capped(connection, channel, asked, self._cap)
        if self._audience.unknown_contacts is UnknownContacts.SKIP:
            verdicts.exclude(
                wanted.index[~wanted.isin(set(known))],
                ExclusionReason.NOT_A_CONTACT,
                "not in the contact registry, and the campaign says `unknown_contacts: skip`",
            )
        switched_off = {address for address, contact in known.items() if not contact.enabled}
        verdicts.exclude(
            wanted.index[wanted.isin(switched_off)],
            ExclusionReason.DISABLED,
            "switched off in the contact registry",
        )
        self._exclude_listed(wanted, suppressed, verdicts)
        self._exclude_suppressed(wanted, verdicts)
        if self._cap is not None:
            rows = wanted.index[wanted.isin(capped)]
            verdicts.exclude(
                rows, ExclusionReason.FREQUENCY_CAPPED, wanted.loc[rows].map(_describe(capped, self._cap.cap))
            )
        return known

    def _exclude_suppressed_codes(self, codes: "pd.Series[str]", verdicts: Verdicts) -> None:
        """Rows to contacts that a suppression names by the list's own key alone, whatever else they have."""
        codes = codes.loc[verdicts.open_rows]
        addresses = codes[codes != ""].map(suppressed_code)
        if self._codes_are_suppressed and len(addresses):
            channel, purpose = self._content.channel, self._content.purpose
            with self._ledger.reading() as connection:
                found = registry.find_suppressions(connection, channel, purpose, addresses.tolist(), {})
            self._exclude_listed(addresses, found, verdicts)
        self._exclude_suppressed(addresses, verdicts)

    def _exclude_listed(
        self, addresses: "pd.Series[str]", suppressed: Mapping[str, str], verdicts: Verdicts
    ) -> None:
        on_list = addresses.index[addresses.isin(suppressed)]
        verdicts.exclude(
            on_list,
            ExclusionReason.OPTED_OUT,
            "on the suppression list, from " + addresses.loc[on_list].map(suppressed),
        )

    def _exclude_suppressed(self, addresses: "pd.Series[str]", verdicts: Verdicts) -> None:
        verdicts.exclude(
            addresses.index[self._suppressed.contains(addresses)],
            ExclusionReason.OPTED_OUT,
            f"in the suppression file {self._audience.suppressions}",
        )

    def _leave_no_trace(self, exclusions: pd.DataFrame, addresses: "pd.Series[str]") -> None:
        """Rows of people who were erased and are in a list again: they are counted, and not written down."""
        if not self._erased:
            return
        is_theirs = exclusions.index[addresses.loc[exclusions.index].isin(self._erased)]
        exclusions.loc[is_theirs, "address"] = ERASED_PREFIX + exclusions.loc[is_theirs, "row_number"].astype(str)
        exclusions.loc[is_theirs, "detail"] = "erased on request"

    def _exclude_unsupported_countries(self, countries: "pd.Series[str]", verdicts: Verdicts) -> None:
        allowed = self._can.media_countries
        if self._content.channel is Channel.MMS and allowed is not None:
            rows = countries.index[~countries.isin(allowed)]
            verdicts.exclude(
                rows,
                ExclusionReason.UNSUPPORTED_COUNTRY,
                "multimedia messages go to " + ", ".join(sorted(allowed)) + " only, not to " + countries.loc[rows],
            )
        for country in countries.loc[verdicts.open_rows].unique():
            if not self._routing.candidates(country):
                rows = countries.index[countries == country]
                why = self._routing.explain_no_route(country)
                verdicts.exclude(rows, ExclusionReason.UNSUPPORTED_COUNTRY, why)

    def _describe_contacts(
        self, frame: pd.DataFrame, cells: pd.DataFrame, found: pd.DataFrame, new: "pd.Index[int]"
    ) -> pd.DataFrame:
        """What the registry shall know of these rows, beside what their messages say."""
        is_email = self._content.channel is Channel.EMAIL
        addresses = found.loc[new, "address"].map(reachable_address)
        others = [name for name in frame.columns if name not in self._columns.contact_columns]
        return (
            pd.DataFrame(
                {
                    "phone": "" if is_email else addresses,
                    "email": addresses if is_email else normalise_emails(cells.loc[new, "email"])["address"],
                    "first_name": cells.loc[new, "first_name"],
                    "last_name": cells.loc[new, "last_name"],
                    "timezone": cells.loc[new, "timezone"],
                },
                index=new,
            )
            .replace("", None)
            .assign(fields=_as_json_objects(frame.loc[new, others]))
        )


def _find_capped(
    connection: Connection, channel: Channel, addresses: list[str], cap: RunCap
) -> dict[str, frequency.Capped]:
    return frequency.find_capped(connection, channel, addresses, cap.cap, now=cap.now, except_run=cap.run_key)


def _describe(capped: Mapping[str, frequency.Capped], cap: FrequencyCap) -> dict[str, str]:
    """`had 3 marketing messages in the last 7 days; free again on 2026-11-25`, by address. The date is in UTC."""
    days = "24 hours" if cap.days == 1 else f"{cap.days} days"
    return {
        address: f"had {had.messages:,} marketing message{'s' * (had.messages > 1)} in the last {days}; "
        f"free again on {had.free_at.astimezone(UTC):%Y-%m-%d}"
        for address, had in capped.items()
    }


def _as_json_objects(frame: pd.DataFrame) -> list[str]:
    """The filled cells of each row, by column."""
    columns = []
    for name in frame.columns:
        key = encode_basestring_ascii(str(name))
        cells = frame[name].to_numpy(dtype=object)
        columns.append([f"{key}: {encode_basestring_ascii(cell)}" if cell else "" for cell in cells])
    if not columns:
        return ["{}"] * len(frame)
    return ["{" + ", ".join(filter(None, row)) + "}" for row in zip(*columns, strict=True)]
