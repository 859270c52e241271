"""Erasing people: who is meant, the ledger, its storage, and the files that were written about them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from tasks.address_files import read_suppressed_addresses
from tasks.concealment import concealed_errors
from tasks.contacts.addresses import is_external
from tasks.contacts.audience import Audience
from tasks.contacts.emails import normalise_emails
from tasks.contacts.masking import mask_address, mask_text
from tasks.contacts.phones import normalise_phones
from tasks.contacts.spellings import Spellings
from tasks.datasets.readers import DatasetError
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.report import report_directory, write_report
from tasks.store import erasure, runs
from tasks.store.erasure import Person
from tasks.store.mentions import MENTIONS, Page, Texts, rewrite_page
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger


class AddressNotUnderstood(DatasetError):
    """Somebody is to be erased under an address that cannot be read. Nothing was erased."""


@dataclass(slots=True)
class Erased:
    """What an erasure came to; nothing in it tells of whom.

    Attributes:
        people: How many were erased.
        counts: Rows by what they are: messages (of which cancelled, under way), exclusions, events, replies,
            contacts, suppressions, texts.
        reports: Runs whose report was written anew.
        is_compact: No deleted byte is left in the database's files.
        troubles: What is left to do, for a person.
    """

    people: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reports: int = 0
    is_compact: bool = False
    troubles: list[str] = field(default_factory=list)


def read_addresses(texts: Iterable[SecretStr], default_country: str | None = None) -> list[SecretStr]:
    """Addresses as people write them, in the form of the ledger.

    Args:
        texts: Phone numbers, e-mail addresses, or `external:` and the list's own key.
        default_country: ISO 3166-1 alpha-2 of numbers without a country code.

    Raises:
        AddressNotUnderstood: One of them cannot be read; the message names none in full.
    """
    read = []
    for secret in texts:
        text = secret.get_secret_value().strip()
        if is_external(text):
            read.append(SecretStr(text))
            continue
        if text and set(text) == {"*"}:
            raise AddressNotUnderstood(
                "an address arrived as asterisks: Prefect hides secret parameters, also from a deployment's own "
                "run. Put the addresses into a file, and give its path as `list_file`."
            )
        cells = pd.Series([text], dtype="str")
        found = (
            normalise_emails(cells) if "@" in text else normalise_phones(cells, default_country, textable=False)
        )
        [address], [detail] = found["address"], found["detail"]
        if not address:
            why = mask_text(str(detail).partition(": set audience")[0])
            raise AddressNotUnderstood(
                f"this is no address that could be erased: {why}. "
                "Write a number with + and its country code, or say of which country they are (--default-country)."
            )
        read.append(SecretStr(str(address)))
    return read


def hide_addresses(parameters: Sequence[str] = ("addresses",)) -> None:
    """Put asterisks in the place of what Prefect keeps of these parameters of this flow run.

    It does so by itself with a `SecretStr`, and not with plain text: that of a form, or of a caller who did not
    know.
    """
    if flow_run.id is None:
        return
    run_id = UUID(flow_run.id)
    with get_client(sync_client=True) as client:
        kept = client.read_flow_run(run_id).parameters
        hidden = {name: ["*" * 10] * len(kept[name]) for name in parameters if kept.get(name)}
        if any(kept[name] != asterisks for name, asterisks in hidden.items()):
            client.update_flow_run(run_id, parameters=kept | hidden)


def read_list(path: str, channel: Channel, default_country: str | None) -> list[SecretStr]:
    """The addresses of a list of people, in the form of the ledger.

    Raises:
        DatasetError, ColumnError: It cannot be read, or a row of it has no address.
    """
    audience = Audience(path=path, suppressions=path, default_country=default_country)
    batches = read_suppressed_addresses(audience, channel)
    return [SecretStr(address) for addresses in batches for address in addresses.unique().tolist()]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be erased.

    Attributes:
        people: Addresses that were given, each once.
        further: Masked addresses that the registry has of the same contacts.
        messages: Of these people, by status.
    """

    people: int
    further: tuple[str, ...]
    messages: Counter[MessageStatus]


def preview(addresses: Sequence[SecretStr]) -> Preview:
    """Look at what an erasure would do, and do nothing."""
    given = _distinct(addresses)
    with Ledger() as ledger, ledger.reading() as connection:
        people = [erasure.find_person(connection, address) for address in given]
        messages = erasure.count_messages(connection, people)
    further = {address for person in people for address in person.addresses}.difference(given)
    return Preview(len(given), tuple(sorted(map(mask_address, further))), messages)


@task(name="erase people", task_run_name="erase people", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def erase_people(addresses: Sequence[SecretStr], *, keep_suppressed: bool = True) -> Erased:
    """Take people out of the ledger, its storage and the reports.

    Args:
        addresses: In the form of the ledger. Secret, so that neither Prefect nor a log shows them.
        keep_suppressed: They get nothing any more, although nobody knows who they are.

    Raises:
        ErasureKeyError: The key of the hashes is missing or another one. Nothing was erased.
    """
    given = _distinct(addresses)
    done = Erased(people=len(given))
    if not given:
        return done
    with Ledger() as ledger:
        _begin(ledger, len(given), keep_suppressed=keep_suppressed)
        everything: set[str] = set()
        run_ids: set[int] = set()
        for address in given:
            # Before, and apart: once a commit whose answer was lost has erased him, nothing leads to his others.
            everything |= _find_person(ledger, address).addresses
        for address in given:
            person, counts, concerned = _erase_person(ledger, address, keep_suppressed=keep_suppressed)
            everything |= person.addresses
            run_ids |= concerned
            done.counts += counts
        spellings = Spellings(everything)
        for texts in MENTIONS:
            run_ids |= _rewrite(ledger, texts, spellings, done)
        _compact(ledger, done)
        _write_reports(ledger, run_ids, done)
    return done


def _distinct(addresses: Iterable[SecretStr]) -> list[str]:
    return sorted({address.get_secret_value() for address in addresses})


@again_while_busy
def _begin(ledger: Ledger, people: int, *, keep_suppressed: bool) -> None:
    with ledger.writing() as connection:
        erasure.begin_erasure(connection, people, keep_suppressed=keep_suppressed)


@again_while_busy
def _find_person(ledger: Ledger, address: str) -> Person:
    with ledger.reading() as connection:
        return erasure.find_person(connection, address)


@again_while_busy
def _erase_person(ledger: Ledger, address: str, *, keep_suppressed: bool) -> tuple[Person, Counter[str], set[int]]:
    with ledger.writing() as connection:
        person = erasure.find_person(connection, address)
        return person, *erasure.erase_person(connection, person, keep_suppressed=keep_suppressed)


def _rewrite(ledger: Ledger, texts: Texts, spellings: Spellings, done: Erased) -> set[int]:
    run_ids: set[int] = set()
    last_id: int | None = 0
    while last_id is not None:
        page = _rewrite_page(ledger, texts, spellings, last_id)
        done.counts[texts.what] += page.rewritten
        run_ids |= page.run_ids
        last_id = page.last_id
    return run_ids


@again_while_busy
def _rewrite_page(ledger: Ledger, texts: Texts, spellings: Spellings, after_id: int) -> Page:
    with ledger.writing() as connection:
        return rewrite_page(connection, texts, spellings, after_id)


def _compact(ledger: Ledger, done: Erased) -> None:
    try:
        done.is_compact = ledger.compact()
    except OperationalError:  # others write all the time, or the disk has no room for a copy
        done.troubles.append(
            "The database file could not be written anew, and may still hold deleted bytes: erase the same people "
            "again when nothing else uses it."
        )


def _write_reports(ledger: Ledger, run_ids: Iterable[int], done: Erased) -> None:
    """Write the reports anew that name these people: those that were written, and lie where they are written."""
    for run_id in sorted(run_ids):
        with ledger.reading() as connection:
            run = runs.get_run(connection, run_id)
        if not report_directory(run.name, run.run_key).exists():
            continue
        try:
            write_report(run_id)
        except OSError as error:
            done.troubles.append(
                f"The report of {run.key} could not be written anew ({error.strerror}), and may still name them."
            )
        else:
            done.reports += 1
