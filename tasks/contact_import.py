"""Bringing a contact file into the registry, a batch at a time. Every row is accounted for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection

from tasks.concealment import concealed_errors
from tasks.contact_rows import ContactRow, FileMemory, RefusedRow, RegistryRows, RowOutcome
from tasks.contacts.addresses import external_address
from tasks.contacts.audience import Audience
from tasks.contacts.columns import ColumnMap, Meaning, recognise_columns
from tasks.contacts.countries import country_codes
from tasks.contacts.emails import normalise_emails
from tasks.contacts.masking import mask_text
from tasks.contacts.phones import normalise_phones
from tasks.corrections import ROLLCALL_COLUMNS
from tasks.datasets.batches import RowBatch
from tasks.datasets.writers import write_rejected_rows
from tasks.messaging.statuses import Channel
from tasks.report import report_directory
from tasks.store import consent, contacts, hashed_suppressions, registry
from tasks.store.session import Ledger
from tasks.store.texts import storable

_EXAMPLES = 10
_NAMES = ("external_code", "first_name", "last_name", "timezone")
_ADDRESSES = (str(Meaning.PHONE), str(Meaning.EMAIL))
_VERDICT_COLUMNS = ("rollcall_row", "rollcall_status", "rollcall_detail")
_ERASED = "erased on request: an import does not bring anybody back"


@dataclass(slots=True)
class Imported:
    """What became of the rows of a contact file. No address stands in it in full.

    Attributes:
        path: The file.
        rows_read: All its rows: the sum of `outcomes`.
        outcomes: Rows by what became of them.
        refusals: Refused rows by reason.
        examples: The first refused rows, with the reason.
        switched_off: Rows that say that the contact is disabled, and contacts that refused rows switched off.
        suppressed: Addresses that rows say opted out; a number is forbidden for SMS and MMS.
        left_out: Rows whose other address cannot be read: they were taken over without it.
        refused_file: Where the refused rows are, to be corrected and imported again; "" when there are none.
    """

    path: str
    rows_read: int = 0
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    switched_off: int = 0
    suppressed: int = 0
    left_out: int = 0
    refused_file: str = ""

    def sentences(self) -> list[str]:
        """For people."""
        count = self.outcomes
        said = [
            f"{self.rows_read:,} rows read = {' + '.join(f'{count[word]:,} {word}' for word in RowOutcome)}.",
            f"Switched off by the file: {self.switched_off:,} contacts. Opted out: {self.suppressed:,} addresses.",
        ]
        if self.left_out:
            said.append(f"{self.left_out:,} rows have another address that cannot be read: it was left out.")
        said += [f"Refused, {number:,}: {reason}" for reason, number in self.refusals.most_common()]
        said += [f"For example {example}" for example in self.examples]
        if self.refused_file:
            said.append(f"Correct the refused rows and import them again: {self.refused_file}")
        return said


class ContactImport:
    """One import: how its columns are read, what was seen of it, and the account of its rows.

    Args:
        audience: The file and its default country.
        channel: Which address every row must have.
        header: Of the file.

    Raises:
        ColumnError: The needed column is missing or ambiguous.
    """

    def __init__(self, audience: Audience, channel: Channel, header: list[str]) -> None:
        self.account = Imported(audience.path)
        self.memory = FileMemory()
        self._suppressed_unnamed: set[str] = set()
        self._country = audience.default_country
        self._channel = channel
        needed, other = (Meaning.PHONE, Meaning.EMAIL)[:: -1 if channel is Channel.EMAIL else 1]
        self._columns = recognise_columns(header, overrides={}, needed=needed)
        # A column may speak of one channel only ("Email Opt Out"): each address is judged by its own columns.
        self._by_address: dict[Meaning, ColumnMap] = {needed: self._columns}
        if any(meaning == other for meaning, _, _ in self._columns.describe()):
            self._by_address[other] = recognise_columns(header, overrides={}, needed=other)
        self._header = [name for name in header if name not in ROLLCALL_COLUMNS]
        self._others = [name for name in self._columns.other_columns if name not in ROLLCALL_COLUMNS]

    def take_over(self, ledger: Ledger, batch: RowBatch) -> pd.DataFrame:
        """Bring one batch into the registry, in one transaction.

        Returns:
            The refused rows as in the file, with `_VERDICT_COLUMNS`. Rows of erased people have no cells.
        """
        rows = self._read(batch.frame)
        refusals = {int(str(number)): str(why) for number, why in batch.torn["detail"].items()}
        found: Counter[RowOutcome] = Counter()
        with ledger.writing() as connection:
            contacts.hold_back_other_imports(connection)
            erased = _find_erased(connection, rows)
            refusals |= dict.fromkeys(erased, _ERASED)
            known = RegistryRows(
                contacts.find_entries(
                    connection, *(set(rows[key]) - {""} for key in ("external_code", "phone", "email"))
                ),
                self.memory,
            )
            for number, row, reason in zip(rows.index, _as_rows(rows), rows["reason"], strict=True):
                if number in refusals:
                    continue
                if reason:
                    refusals[number] = reason
                    known.refuse(row)
                    continue
                try:
                    found[known.take_over(row)] += 1
                except RefusedRow as refused:
                    refusals[number] = str(refused)
            newest_id = contacts.newest_id(connection)
            contacts.write_entries(connection, known.new, known.changed)
            # Nobody else adds a contact meanwhile, but campaigns may between two batches.
            self.memory.note_added(range(newest_id + 1, contacts.newest_id(connection) + 1))
            suppressed = self._suppress(connection, rows.drop(index=erased), known)
        self._count(rows, found, refusals)
        self.account.switched_off += known.switched_off_unnamed
        self.account.suppressed += suppressed
        return self._refused_rows(batch.frame, refusals, erased)

    def _read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows as the registry writes them: texts, `fields`, `is_enabled`, `reason`, `is_left_out`."""
        cells = self._columns.extract(frame)
        countries = country_codes(cells["country"])
        blank = cells["country"].str.strip() == ""
        is_email = self._channel is Channel.EMAIL
        phones = normalise_phones(
            cells["phone"], countries.mask(blank, self._country or ""), textable=not is_email
        )
        emails = normalise_emails(cells["email"])
        needed, other, raw = (emails, phones, "phone") if is_email else (phones, emails, "email")
        names = [name for name in _NAMES if name in self._columns.variables]
        values = self._columns.variable_values(frame, names).reindex(columns=list(_NAMES), fill_value="")
        rows = values.map(storable)
        rows["phone"], rows["email"] = phones["address"], emails["address"]
        rows["country"] = phones["country"].where(phones["country"] != "", countries.fillna(""))
        others = zip(*(frame[name].str.strip() for name in self._others), strict=True)
        if self._others:
            rows["fields"] = pd.Series(
                [{k: v for k, v in zip(self._others, cells, strict=True) if v} for cells in others],
                index=rows.index,
                dtype=object,
            )
        else:
            rows["fields"] = pd.Series([{} for _ in rows.index], index=rows.index, dtype=object)
        disabled = cells["disabled"].to_numpy(dtype=bool)
        explicit = self._columns.says_enabled(frame)
        rows["is_enabled"] = np.where(disabled, "no", np.where(explicit, "yes", ""))
        rows["reason"] = needed["detail"].where(needed["address"] == "", "").map(mask_text)
        rows["is_left_out"] = (other["address"] == "") & (cells[raw].str.strip() != "")
        for meaning in (Meaning.PHONE, Meaning.EMAIL):
            columns = self._by_address.get(meaning)
            flags = False if columns is None else columns.extract(frame)["opted_out"]
            rows[f"{meaning}_opted_out"] = flags
        return rows

    def _suppress(self, connection: Connection, rows: pd.DataFrame, known: RegistryRows) -> int:
        """Opt-outs of refused rows count too: who asked for peace does not care how his row is written.

        Nor whether it has the address: then it is the one that the registry knows by now.
        """
        count = 0
        for meaning, channel in ((Meaning.PHONE, Channel.SMS), (Meaning.EMAIL, Channel.EMAIL)):
            addresses = set(rows.loc[rows[f"{meaning}_opted_out"], str(meaning)]) - {""}
            unnamed = known.find_opted_out(str(meaning)) - addresses
            count += len(addresses) + len(unnamed - self._suppressed_unnamed)
            self._suppressed_unnamed |= unnamed
            addresses |= unnamed
            if addresses:
                consent.add_suppressions(
                    connection, channel, addresses, reason="opted_out", source=f"import of {self.account.path}"
                )
        return count

    def _count(self, rows: pd.DataFrame, found: Counter[RowOutcome], refusals: dict[int, str]) -> None:
        account = self.account
        taken = ~rows.index.isin(list(refusals))
        account.outcomes.update(found)
        account.outcomes[RowOutcome.REFUSED] += len(refusals)
        account.rows_read += found.total() + len(refusals)
        account.refusals.update(_kind(refusals[number]) for number in refusals)
        account.switched_off += int((taken & (rows["is_enabled"] == "no")).sum())
        account.left_out += int((taken & rows["is_left_out"]).sum())
        for number in sorted(refusals)[: _EXAMPLES - len(account.examples)]:
            account.examples.append(f"row {number}: {refusals[number]}")

    def _refused_rows(
        self, frame: pd.DataFrame, refusals: dict[int, str], erased: "pd.Index[int]"
    ) -> pd.DataFrame:
        wanted = sorted(refusals)
        # A torn row has no cells that could be trusted; what an erased person's row says is not written down.
        cells = frame[self._header].drop(index=erased).reindex(wanted, fill_value="").rename_axis(index=None)
        verdicts = [[str(number), RowOutcome.REFUSED.value, refusals[number]] for number in wanted]
        return cells.join(pd.DataFrame(verdicts, columns=list(_VERDICT_COLUMNS), index=wanted, dtype="str"))


def refused_file_of(path: str) -> Path:
    """Where the refused rows of a file are written, in a directory that is made if need be.

    Never the file itself: each round of correction has a longer name.
    """
    directory = report_directory("contact imports", Path(path).stem)
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{directory.name}.refused.csv"


@task(name="import rows", task_run_name="import rows", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def import_rows(batch: Callable[[], RowBatch], work: ContactImport, refused: Path) -> None:
    """Bring one batch of a contact file into the registry, and add its refused rows to a file.

    Args:
        batch: Gives the rows. A function, because Prefect looks into whatever else it is given.
        work: The import that it belongs to; its account grows.
        refused: Where refused rows are added, below those of earlier batches.
    """
    with Ledger() as ledger:
        rows = work.take_over(ledger, batch())
    write_rejected_rows(refused, rows, append=refused.stat().st_size > 0)


@task(name="publish import", task_run_name="publish import", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def publish_import(account: Imported) -> None:
    """Publish what became of the rows as an artifact of the flow run."""
    lines = "\n".join(f"- {mask_text(sentence)}" for sentence in account.sentences())
    create_markdown_artifact(
        f"# Contact import\n\n{lines}", key="rollcall-contact-import", description="Account of a contact import"
    )


def _find_erased(connection: Connection, rows: pd.DataFrame) -> "pd.Index[int]":
    hashed_suppressions.stored_addresses(connection, ())  # from here on nobody is erased until this is over
    # The list's own key stands for an address where only the provider knows it: it was erased with the others.
    codes = rows["external_code"].map(external_address)
    hashes = registry.find_hashes(
        connection, {*rows["phone"], *rows["email"], *codes} - {"", external_address("")}
    )
    erased = hashed_suppressions.find_erased(connection, hashes)
    return rows.index[rows["phone"].isin(erased) | rows["email"].isin(erased) | codes.isin(erased)]


def _as_rows(rows: pd.DataFrame) -> list[ContactRow]:
    columns = [rows[name].to_numpy(dtype=object) for name in contacts.TEXT_COLUMNS]
    says = {"yes": True, "no": False}
    phone, email = ((rows[f"{name}_opted_out"] & (rows[name] == "")).tolist() for name in _ADDRESSES)
    return [
        ContactRow(
            {name: cell for name, cell in zip(contacts.TEXT_COLUMNS, cells, strict=True) if cell},
            fields,
            says.get(is_enabled),
            unnamed,
        )
        for cells, fields, is_enabled, unnamed in zip(
            zip(*columns, strict=True),
            rows["fields"],
            rows["is_enabled"],
            (tuple(compress(_ADDRESSES, flags)) for flags in zip(phone, email, strict=True)),
            strict=True,
        )
    ]


def _kind(reason: str) -> str:
    """The part of a reason that rows have in common: without what stands in the cell."""
    return reason.split("' ", 1)[-1] if reason.startswith("'") else reason
