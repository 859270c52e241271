"""From a contact file to a prepared audience on disk: every row becomes a message or an exclusion.

Works in batches, so memory does not grow with the file, and writes nothing into the ledger.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from pyarrow import csv as arrow_csv

from tasks.address_files import read_seeds, read_suppressed_addresses
from tasks.compose import Composer
from tasks.concealment import concealed_errors
from tasks.contacts.audience import Audience
from tasks.contacts.columns import ColumnMap, Meaning, recognise_columns
from tasks.contacts.deduplicate import AddressIndex
from tasks.contacts.masking import mask_address, mask_text
from tasks.costs import Share
from tasks.datasets.readers import DatasetError, open_contacts
from tasks.datasets.spool import SpoolWriter, withdraw_messages
from tasks.identity import RunIdentity
from tasks.judge import AudienceJudge, RunCap, Seeds
from tasks.list_columns import check_overrides, describe_unused, find_consent_warnings
from tasks.messaging.content import Content
from tasks.messaging.hours_rules import SendingHours
from tasks.messaging.prices import PriceTable
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import Channel, ExclusionReason
from tasks.prices import read_prices
from tasks.routes import Routing
from tasks.same_contacts import SameContacts
from tasks.sending_windows import Place, count_places, foresee_held
from tasks.store import consent
from tasks.store import contacts as contact_entries
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

MOST_SEEDS = 100
"""Seeds are the sender's own people. A list that is named here by mistake would get the message before anybody
could look at it, at any hour, and without a question."""
_EXAMPLES_PER_REASON = 3


@dataclass(slots=True)
class PreparedAudience:
    """A prepared audience: counts for people, and the spool's directory. Addresses in it are masked.

    Attributes:
        directory: Where the spool lies.
        file: The contact file.
        notes: How the file was read.
        columns: What was taken for what: (meaning, column, why).
        source_sha256: Of the contact file.
        digest: Of the campaign, every message and every exclusion; equal digests send the same.
        rows_read: Rows in the file: `messages + excluded`.
        new_contacts: People of whom the registry knew nothing.
        newest_contact_id: Of the registry before it was asked who is new to it.
        countries: Messages by country of the number.
        parts_by_country: SMS segments by the same.
        parts: SMS segments in all.
        encodings: Messages by SMS encoding.
        advice: Characters that make messages longer, with a replacement.
        prices: What messages cost; None where the campaign names no table.
        examples: A few excluded rows per reason.
        sample_texts: A few messages as their recipients would read them.
        places: Messages by where their recipients may be, of a campaign with hours.
        hours_notes: What a person has to know about the hours: what would be held, time zones that are none.
        consent_warnings: Where the list does not say whom not to write to.
    """

    directory: str
    file: str
    notes: list[str]
    columns: list[tuple[str, str, str]]
    source_sha256: str
    digest: str = ""
    rows_read: int = 0
    new_contacts: int = 0
    newest_contact_id: int = 0
    messages: int = 0
    exclusions: Counter[ExclusionReason] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    parts_by_country: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    prices: PriceTable | None = None
    encodings: Counter[str] = field(default_factory=Counter)
    advice: list[str] = field(default_factory=list)
    examples: dict[ExclusionReason, list[str]] = field(default_factory=dict)
    sample_texts: list[str] = field(default_factory=list)
    places: Counter[Place] = field(default_factory=Counter)
    hours_notes: list[str] = field(default_factory=list)
    consent_warnings: list[str] = field(default_factory=list)

    @property
    def excluded(self) -> int:
        """Rows that got no message."""
        return self.exclusions.total()

    def shares(self, routing: Routing) -> list[Share]:
        """The messages by country, and whom they are handed over to first."""
        return [
            Share(country, routing.candidates(country)[0], messages, self.parts_by_country[country])
            for country, messages in self.countries.items()
        ]

    def count(self, messages: pd.DataFrame, exclusions: pd.DataFrame) -> None:
        """Add one batch."""
        self.rows_read += len(messages) + len(exclusions)
        self.messages += len(messages)
        self.new_contacts += int(messages["is_new"].sum())
        for country, messages_there, parts_there in _count_by_country(messages):
            self.countries[country] += messages_there
            self.parts_by_country[country] += parts_there
            self.parts += parts_there
        self._count_exclusions(exclusions)

    def withdraw(self, withdrawn: pd.DataFrame) -> None:
        """Count messages as exclusions that were counted as messages."""
        self.messages -= len(withdrawn)
        for country, messages_there, parts_there in _count_by_country(withdrawn):
            self.countries[country] -= messages_there
            self.parts_by_country[country] -= parts_there
            self.parts -= parts_there
        self.countries, self.parts_by_country = +self.countries, +self.parts_by_country
        self._count_exclusions(withdrawn)

    def _count_exclusions(self, exclusions: pd.DataFrame) -> None:
        for reason, rows in exclusions.groupby("reason", sort=False):
            word = ExclusionReason(str(reason))
            self.exclusions[word] += len(rows)
            examples = self.examples.setdefault(word, [])
            for row in rows.head(_EXAMPLES_PER_REASON - len(examples)).to_dict("records"):
                examples.append(_as_example(row["row_number"], row["address"], row["detail"]))


@task(name="prepare audience", task_run_name="prepare audience", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def prepare_audience(identity: RunIdentity, audience: Audience, directory: str) -> PreparedAudience:
    """Read the contact file and decide about every row.

    Args:
        identity: What is sent, and through whom.
        audience: The contact file and how to read it.
        directory: An empty directory for the spool.

    Raises:
        DatasetError: The contact or suppression file cannot be read, or has no rows.
        ColumnError: A column that is needed is missing or ambiguous.
        TemplateError: A text is not a template, or uses a column that is not there.
        PriceError: The table of prices cannot be used.
    """
    content, capabilities = identity.content, identity.capabilities
    texts = compile_texts(identity)
    prices = _read_prices(identity)
    routing = identity.routing(prices)
    digest = hashlib.sha256(json.dumps(identity.campaign, sort_keys=True).encode())
    with (
        Ledger() as ledger,
        open_contacts(audience.path) as contacts,
        SpoolWriter(Path(directory)) as spool,
    ):
        columns = _recognise(contacts.header, content, audience, texts)
        prepared = PreparedAudience(
            directory=directory,
            file=audience.path,
            notes=contacts.notes,
            columns=columns.describe(),
            source_sha256=contacts.sha256,
            prices=prices,
            consent_warnings=find_consent_warnings(columns, content, audience),
        )
        with ledger.reading() as connection:
            prepared.newest_contact_id = contact_entries.newest_id(connection)
        prepared.notes += describe_unused(columns, texts)
        suppressed = AddressIndex()
        knows_codes = capabilities.addresses_external_codes
        for addresses in read_suppressed_addresses(audience, content.channel, knows_codes=knows_codes):
            suppressed.first_rows(addresses)
            spool.add_suppressions(addresses.to_frame("address"))
        seeds = _read_seeds(prepared, audience, identity, digest)
        composer = Composer(
            texts,
            columns.variables,
            counts_parts=content.channel is Channel.SMS,
            max_chars=capabilities.max_text_chars,
            is_bulk=identity.groups_equal_texts,
            placeholders=capabilities.placeholders,
        )
        judge = AudienceJudge(
            content,
            audience,
            columns,
            composer=composer,
            capabilities=capabilities,
            routing=routing,
            suppressed=suppressed,
            seeds=seeds,
            ledger=ledger,
            cap=None
            if identity.frequency_cap is None
            else RunCap(identity.frequency_cap, identity.key, utc_now()),
            has_hours=identity.hours is not None,
        )
        for batch in contacts.batches():
            messages, exclusions = judge.judge(batch)
            spool.add_messages(messages)
            spool.add_exclusions(exclusions)
            prepared.count(messages, exclusions)
            for frame in _frames_to_approve(messages, exclusions, has_hours=identity.hours is not None):
                digest.update(_as_csv(frame))
            if identity.hours is not None:
                prepared.places += count_places(messages["hours_country"], messages["zones"])
    refusals, refused_codes = judge.late_refusals, judge.same_contacts.refused_codes
    if refusals or refused_codes:
        ignores_case = judge.same_contacts.ignores_case
        withdrawn = withdraw_messages(Path(directory), refusals, refused_codes, ignores_case=ignores_case)
        prepared.withdraw(withdrawn)
        composer.take_back(withdrawn["variables"])
        digest.update(_as_csv(withdrawn[["row_number", "reason"]]))
        if identity.hours is not None:
            prepared.places -= count_places(withdrawn["hours_country"], withdrawn["zones"])
    if not prepared.rows_read:
        raise DatasetError(f"{audience.path} has a header but no rows: there is nobody to send to")
    if identity.hours is not None:
        prepared.hours_notes = _describe_hours(identity, identity.hours, prepared.places, judge)
    if identity.routes:  # the prices may decide, too
        digest.update(json.dumps(routing.describe(prepared.countries)).encode())
    prepared.encodings = composer.encodings
    prepared.advice = composer.advice
    prepared.sample_texts = composer.sample_texts
    prepared.digest = digest.hexdigest()[:16]
    return prepared


def _frames_to_approve(
    messages: pd.DataFrame, exclusions: pd.DataFrame, *, has_hours: bool
) -> Iterator[pd.DataFrame]:
    """What of a batch says who gets what, and when."""
    yield messages[["row_number", "address", "variables"]]
    # While a message is still to leave somewhere, the day on which its recipient is free again moves with today's.
    is_capped = exclusions["reason"] == ExclusionReason.FREQUENCY_CAPPED.value
    yield exclusions.assign(detail=exclusions["detail"].mask(is_capped, ""))
    if messages["external_code"].notna().any():  # the recipient, where a provider knows people by it
        yield messages[["row_number", "external_code"]]
    if has_hours:
        yield messages[["hours_country", "zones"]]


def _read_seeds(
    prepared: PreparedAudience, audience: Audience, identity: RunIdentity, digest: "hashlib._Hash"
) -> Seeds:
    seeds, same_contacts = Seeds(), SameContacts(identity.capabilities)
    knows_codes = identity.capabilities.addresses_external_codes
    for rows in read_seeds(audience, identity.content.channel, knows_codes=knows_codes):
        seeds.addresses.first_rows(rows["address"])
        seeds.codes.first_rows(same_contacts.keys(rows["external_code"]))
        if len(seeds.addresses) > MOST_SEEDS:
            raise DatasetError(
                f"{audience.seeds} has more than {MOST_SEEDS} seeds, who would get the message first and at any "
                "hour: it is a list of your own people, and not of recipients"
            )
        digest.update(_as_csv(rows))
    if audience.seeds is not None:
        prepared.notes.append(f"{len(seeds.addresses):,} seeds get it first: {audience.seeds}")
    return seeds


@task(
    name="refresh suppressions", task_run_name="refresh suppressions", cache_policy=NO_CACHE, persist_result=False
)
@concealed_errors()
def refresh_suppressions(identity: RunIdentity, audience: Audience) -> None:
    """Put the suppression file into the ledger once more, before a run goes on: it may have grown since planning.

    Args:
        identity: The run.
        audience: Names the file.

    Raises:
        DatasetError, ColumnError: It cannot be read; then the run must not go on.
    """
    with Ledger() as ledger:
        channel, knows_codes = identity.content.channel, identity.capabilities.addresses_external_codes
        for addresses in read_suppressed_addresses(audience, channel, knows_codes=knows_codes):
            with ledger.writing() as connection:
                consent.add_suppressions(
                    connection, channel, addresses, reason="opted_out", source=f"file of {identity.key}"
                )


def check_audience(identity: RunIdentity, audience: Audience) -> None:
    """Whether the files can be read and have the columns that are needed; looks at their headers only.

    Raises:
        DatasetError, ColumnError, TemplateError, PriceError: As `prepare_audience`.
    """
    texts = compile_texts(identity)
    _read_prices(identity)
    with open_contacts(audience.path) as contacts:
        _recognise(contacts.header, identity.content, audience, texts)
    if audience.suppressions is not None:
        with open_contacts(audience.suppressions) as suppressions:
            recognise_columns(suppressions.header, overrides={}, needed=_needed(identity.content.channel))


def compile_texts(identity: RunIdentity) -> RunTexts:
    """The content, compiled for what the provider can do.

    Raises:
        TemplateError: A text is not a template.
    """
    capabilities = identity.capabilities
    return RunTexts(identity.content, capabilities.placeholders, capabilities.placeholder_max_chars)


def _read_prices(identity: RunIdentity) -> PriceTable | None:
    return None if identity.price_file is None else read_prices(identity.price_file)


def _describe_hours(
    identity: RunIdentity, hours: SendingHours, places: Counter[Place], judge: AudienceJudge
) -> list[str]:
    notes = []
    held = foresee_held(identity, hours, places, utc_now())
    if held.messages:
        notes.append(f"hours: if it began now, {held.sentence}")
    if count := judge.time_zone_problems.total():
        why = ", or ".join(judge.time_zone_problems)
        rows = ", ".join(map(str, judge.time_zone_examples))
        notes.append(
            f"hours: the time zone of {count:,} row{'s' * (count > 1)} was not used, for example of row {rows}: "
            f"{why}; every zone that the number may be in counts instead"
        )
    return notes


def _recognise(header: list[str], content: Content, audience: Audience, texts: RunTexts) -> ColumnMap:
    check_overrides(audience.columns, texts)
    columns = recognise_columns(header, overrides=audience.columns, needed=_needed(content.channel))
    texts.check_variables([*columns.variables, *filter(columns.supplies, texts.variables)])
    return columns


def _count_by_country(messages: pd.DataFrame) -> list[tuple[str, int, int]]:
    """`country, messages, SMS segments`; the country is "" where there is none."""
    parts = messages["parts"].groupby(messages["country"].fillna(""), sort=False)
    counted = zip(parts.size().items(), parts.sum(), strict=True)
    return [(str(country), int(count), int(segments)) for (country, count), segments in counted]


def _as_csv(frame: pd.DataFrame) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    arrow_csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return sink.getvalue()


def _as_example(row_number: int, address: str | None, detail: str) -> str:
    """`row 17 +1212555••••: the same address as row 9`; what is no address is quoted in the detail already."""
    is_address = isinstance(address, str) and (address.startswith("+") or "@" in address)
    shown = f" {mask_address(str(address))}" if is_address else ""
    return f"row {row_number}{shown}: {mask_text(detail)}".replace(f": row {row_number} has", " has")


def _needed(channel: Channel) -> Meaning:
    return Meaning.EMAIL if channel is Channel.EMAIL else Meaning.PHONE
