"""Deciding about every row of a contact file, a batch at a time: one message, or one exclusion with its reason.

The order of the questions is the order of the reasons: is it an address, is it new in this file, may we write to
it, does the content fit. A row is excluded for the first question that it fails.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import pandas as pd

from tasks.contacts.audience import Audience, UnknownContacts
from tasks.contacts.columns import ColumnMap, Meaning, recognise_columns
from tasks.contacts.countries import country_codes
from tasks.contacts.deduplicate import AddressIndex
from tasks.contacts.emails import normalise_emails
from tasks.contacts.phones import normalise_phones
from tasks.datasets.readers import RowBatch, open_contacts
from tasks.messaging.content import Content
from tasks.messaging.parts import Charset, Encoding, Ucs2Cause, count_parts, explain_ucs2
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import Channel, ExclusionReason
from tasks.messaging.templates import RenderError
from tasks.providers.base import Capabilities
from tasks.store import registry
from tasks.store.session import Ledger

SHARED_TEXT_KEY = 0
"""`text_key` of the messages that can share the text with the provider's placeholders."""

_SAMPLE_TEXTS = 3
_MOST_ADVICE = 5


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


def read_suppressed_addresses(audience: Audience, channel: Channel) -> Iterator[pd.Series[str]]:
    """The addresses of the campaign's suppression file, normalised, in batches.

    Raises:
        DatasetError: The file cannot be read.
        ColumnError: It has no column with addresses.
    """
    if audience.suppressions is None:
        return
    needed = Meaning.EMAIL if channel is Channel.EMAIL else Meaning.PHONE
    with open_contacts(audience.suppressions) as file:
        columns = recognise_columns(file.header, overrides={}, needed=needed)
        for batch in file.batches():
            found = normalise_addresses(columns.extract(batch.frame), channel, audience.default_country)
            yield found.loc[found["address"] != "", "address"]


class _Verdicts:
    """Reason and detail of every row of a batch; the first reason stays."""

    def __init__(self, reason: pd.Series[str], detail: pd.Series[str]) -> None:
        self.reason = reason.copy()
        self.detail = detail.copy()

    @property
    def open_rows(self) -> pd.Index[int]:
        """Rows without a reason."""
        return self.reason.index[self.reason == ""]

    def exclude(self, rows: pd.Index[int], reason: ExclusionReason, detail: str | pd.Series[str]) -> None:
        """Give these rows a reason, unless they have one."""
        rows = rows.intersection(self.open_rows, sort=False)
        self.reason.loc[rows] = reason.value
        self.detail.loc[rows] = detail if isinstance(detail, str) else detail.loc[rows]


class AudienceJudge:
    """Decides about the rows of one contact file. Batches must come in the order of the file.

    Args:
        content: What is said.
        audience: How the file is read.
        columns: Which column means what.
        texts: The content, compiled.
        capabilities: The provider's limits.
        charset: The SMS alphabet that the provider is asked to use.
        suppressed: Addresses of the campaign's suppression file.
        ledger: Known contacts and suppressions.
    """

    def __init__(
        self,
        content: Content,
        audience: Audience,
        columns: ColumnMap,
        *,
        texts: RunTexts,
        capabilities: Capabilities,
        charset: Charset,
        suppressed: AddressIndex,
        ledger: Ledger,
    ) -> None:
        self._content = content
        self._audience = audience
        self._columns = columns
        self._texts = texts
        self._capabilities = capabilities
        self._charset = charset
        self._suppressed = suppressed
        self._ledger = ledger
        self._seen = AddressIndex()
        self.sample_texts: list[str] = []
        self.encodings: Counter[str] = Counter()
        self._costly_characters: dict[str, str] = {}

    @property
    def advice(self) -> list[str]:
        """Characters that make messages longer than they need be, each with a replacement."""
        return list(self._costly_characters.values())

    def judge(self, batch: RowBatch) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Decide about one batch.

        Returns:
            Messages and exclusions with the columns that `SpoolWriter` takes. Together they are all rows.
        """
        cells = self._columns.extract(batch.frame)
        found = normalise_addresses(cells, self._content.channel, self._audience.default_country)
        verdicts = _Verdicts(found["reason"], found["detail"])
        self._exclude_duplicates(found["address"], verdicts)
        disabled, opted_out = cells["disabled"], cells["opted_out"]
        why = cells["eligibility_detail"]
        verdicts.exclude(cells.index[disabled], ExclusionReason.DISABLED, why)
        verdicts.exclude(cells.index[opted_out], ExclusionReason.OPTED_OUT, why)
        known = self._look_up(found["address"], verdicts)
        self._exclude_unsupported_countries(found["country"], verdicts)
        written = self._write_messages(batch.frame, verdicts)
        accepted = verdicts.open_rows
        new = accepted[~found.loc[accepted, "address"].isin(known)]
        messages = pd.DataFrame(
            {
                "row_number": accepted,
                "address": found.loc[accepted, "address"],
                "country": found.loc[accepted, "country"].replace("", None),
                "new_contact": self._describe_new_contacts(batch.frame, cells, found, new).reindex(accepted),
            },
            index=accepted,
        ).join(written)
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
        torn = pd.DataFrame(
            {
                "row_number": batch.torn.index,
                "address": None,
                "reason": ExclusionReason.DAMAGED_ADDRESS.value,
                "detail": batch.torn["detail"],
            }
        )
        return messages, pd.concat([exclusions, torn]).sort_values("row_number", kind="stable")

    def _exclude_duplicates(self, addresses: pd.Series[str], verdicts: _Verdicts) -> None:
        earlier = self._seen.first_rows(addresses.loc[verdicts.open_rows]).dropna()
        verdicts.exclude(
            earlier.index,
            ExclusionReason.DUPLICATE,
            "the same address as row " + earlier.astype("int64").astype(str),
        )

    def _look_up(self, addresses: pd.Series[str], verdicts: _Verdicts) -> set[str]:
        """Ask the ledger and the suppression file; returns the addresses of known contacts."""
        wanted = addresses.loc[verdicts.open_rows]
        channel, purpose = self._content.channel, self._content.purpose
        with self._ledger.reading() as connection:
            known = registry.find_contacts(connection, channel, wanted.tolist())
            suppressed = registry.find_suppressions(connection, channel, purpose, wanted.tolist())
        if self._audience.unknown_contacts is UnknownContacts.SKIP:
            verdicts.exclude(
                wanted.index[~wanted.isin(known)],
                ExclusionReason.NOT_A_CONTACT,
                "not in the contact registry, and the campaign says `unknown_contacts: skip`",
            )
        switched_off = {address for address, contact in known.items() if not contact.enabled}
        verdicts.exclude(
            wanted.index[wanted.isin(switched_off)],
            ExclusionReason.DISABLED,
            "switched off in the contact registry",
        )
        on_list = wanted.index[wanted.isin(suppressed)]
        verdicts.exclude(
            on_list,
            ExclusionReason.OPTED_OUT,
            "on the suppression list, from " + wanted.loc[on_list].map(suppressed),
        )
        verdicts.exclude(
            wanted.index[self._suppressed.contains(wanted)],
            ExclusionReason.OPTED_OUT,
            f"in the suppression file {self._audience.suppressions}",
        )
        return set(known)

    def _exclude_unsupported_countries(self, countries: pd.Series[str], verdicts: _Verdicts) -> None:
        allowed = self._capabilities.media_countries
        if self._content.channel is Channel.MMS and allowed is not None:
            rows = countries.index[~countries.isin(allowed)]
            verdicts.exclude(
                rows,
                ExclusionReason.UNSUPPORTED_COUNTRY,
                "multimedia messages go to " + ", ".join(sorted(allowed)) + " only, not to " + countries.loc[rows],
            )

    def _write_messages(self, frame: pd.DataFrame, verdicts: _Verdicts) -> pd.DataFrame:
        """Render every open row; returns `variables, parts, text_key` of those that stay open."""
        names = self._texts.variables
        rows = verdicts.open_rows
        values = self._columns.variable_values(frame.loc[rows], names)
        shared, most = self._texts.shared, self._capabilities.max_text_chars
        is_bulk = self._capabilities.max_recipients_per_request > 1
        reasons: dict[int, tuple[ExclusionReason, str]] = {}
        written: list[tuple[int, str | None, int | None, int]] = []
        for row, cells in zip(
            rows, zip(*(values[name] for name in names), strict=True) if names else [()] * len(rows)
        ):
            of_row = dict(zip(names, cells, strict=True))
            if missing := self._texts.missing(of_row):
                reasons[row] = ExclusionReason.MISSING_VALUE, _say_missing(missing, self._columns.variables)
                continue
            try:
                text = self._texts.render(of_row).text
            except RenderError as error:
                reasons[row] = ExclusionReason.MISSING_VALUE, f"the text cannot be written for this row: {error}"
                continue
            if text is not None and most is not None and len(text) > most:
                reasons[row] = (
                    ExclusionReason.TOO_LONG,
                    f"the text has {len(text)} characters; at most {most} can be sent",
                )
                continue
            fits_shared = shared is not None and shared.values(of_row) is not None
            written.append(
                (
                    row,
                    json.dumps(of_row, ensure_ascii=False) if names else None,
                    self._count_parts(text),
                    SHARED_TEXT_KEY if fits_shared or not is_bulk else text_key_of(text or ""),
                )
            )
        for reason in {reason for reason, _ in reasons.values()}:
            details = pd.Series(
                {row: detail for row, (why, detail) in reasons.items() if why is reason}, dtype=str
            )
            verdicts.exclude(details.index, reason, details)
        frame_of = pd.DataFrame(written, columns=["row_number", "variables", "parts", "text_key"])
        return frame_of.set_index("row_number").astype({"parts": "Int16", "text_key": "int64"})

    def _count_parts(self, text: str | None) -> int | None:
        if text is None or self._content.channel is not Channel.SMS:
            return None
        counted = count_parts(text, charset=self._charset)
        self.encodings[counted.encoding] += 1
        if counted.encoding is Encoding.UCS2 and len(self._costly_characters) < _MOST_ADVICE:
            for cause in explain_ucs2(text, charset=self._charset):
                self._costly_characters.setdefault(cause.char, _advise(cause))
        if len(self.sample_texts) < _SAMPLE_TEXTS:
            self.sample_texts.append(text)
        return counted.parts

    def _describe_new_contacts(
        self, frame: pd.DataFrame, cells: pd.DataFrame, found: pd.DataFrame, new: pd.Index[int]
    ) -> pd.Series[str]:
        """What the registry shall know of these rows: JSON objects with the columns of `contact`."""
        is_email = self._content.channel is Channel.EMAIL
        described = pd.DataFrame(
            {
                "external_code": cells.loc[new, "external_code"],
                "first_name": cells.loc[new, "first_name"],
                "last_name": cells.loc[new, "last_name"],
                "timezone": cells.loc[new, "timezone"],
                "phone": "" if is_email else found.loc[new, "address"],
                "email": found.loc[new, "address"]
                if is_email
                else normalise_emails(cells.loc[new, "email"])["address"],
                "country": found.loc[new, "country"],
            },
            index=new,
        )
        others = frame.loc[new, self._columns.other_columns]
        return pd.Series(
            [
                json.dumps(
                    {key: value or None for key, value in contact.items()}
                    | {"fields": {key: value for key, value in fields.items() if value}},
                    ensure_ascii=False,
                )
                for contact, fields in zip(described.to_dict("records"), others.to_dict("records"), strict=True)
            ],
            index=new,
            dtype=object,
        )


def text_key_of(text: str) -> int:
    """A number that equal texts share, and that is never the key of the shared text."""
    key = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), signed=True)
    return key if key != SHARED_TEXT_KEY else 1


def _advise(cause: Ucs2Cause) -> str:
    remedy = f"write {cause.suggestion!r}" if cause.suggestion else "leave it out"
    return f"{cause.char!r} ({cause.name}) makes the message longer: {remedy}"


def _say_missing(names: Sequence[str], variables: Mapping[str, str]) -> str:
    cells = ", ".join(f"{name} (column {variables[name]!r})" for name in names)
    return f"the text needs {cells}, and the cell is empty; fill it, or give a default in the text"
