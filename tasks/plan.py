"""From a prepared audience to the ledger: the run, its chunks, messages and exclusions, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Connection

from tasks.concealment import concealed_errors
from tasks.contacts.chunks import assign_chunks
from tasks.costs import CostEstimate
from tasks.datasets.spool import Spool
from tasks.estimate import Estimate
from tasks.identity import RunIdentity
from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel
from tasks.prepare import PreparedAudience
from tasks.providers.capabilities import Capabilities
from tasks.routes import Routing
from tasks.sending_windows import WindowBook
from tasks.store import consent, contacts, registry, runs
from tasks.store.session import Ledger

CHUNK_SIZE, BULK_CHUNK_SIZE = 5_000, 20_000
"""Messages of one task run, unless somebody says otherwise. A task run costs 20 to 30 ms of server work, so chunks
are large; a run can be watched and stopped within a chunk as well. Where a request has hundreds of recipients,
5,000 are ten requests: all are under way at once, and the next chunk begins only when the slowest is back."""

_MESSAGE_COLUMNS = ["row_number", "address", "country", "external_code", "parts", "variables"]
_CONTACT_COLUMNS = [
    "external_code",
    "phone",
    "email",
    "first_name",
    "last_name",
    "country",
    "timezone",
    "fields",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dry run found: nothing was sent, nothing was written.

    Attributes:
        key: The run's key.
        provider: Through whom it would go; names with commas between.
        requests: How many requests it would take.
        estimate: How long handing over would take.
        warnings: What the provider would do otherwise than one might expect, and what the text should have.
        planned_at: When this campaign was planned for real; None when it was not.
        costs: What it would cost; None where the campaign names no table of prices.
    """

    key: str
    provider: str
    content: Content
    prepared: PreparedAudience
    requests: int
    estimate: Estimate
    planned_at: datetime | None = None
    warnings: Sequence[str] = ()
    costs: CostEstimate | None = None


@dataclass(frozen=True, slots=True)
class Chunks:
    """How messages are cut into chunks.

    Attributes:
        chunk_of_message: Chunk ordinal (from 0) of each message.
        candidates: For each chunk who takes it: its provider, and after that who comes next.
    """

    chunk_of_message: npt.NDArray[np.int64]
    candidates: list[tuple[str, ...]]


def cut_into_chunks(spool: Spool, routing: Routing, chunk_size: int) -> Chunks:
    """Cut the messages of a spool into chunks; those of one chunk have the same providers in the same order."""
    text_keys = spool.text_keys()
    if len(routing.routes) == 1 and not routing.routes[0].countries:
        of_message = assign_chunks(text_keys, chunk_size)
        return Chunks(of_message, [(routing.routes[0].name,)] * (int(of_message.max(initial=-1)) + 1))
    of_country, countries = pd.factorize(spool.countries())
    candidates_of_country = [routing.candidates(country) for country in countries]
    lists = list(dict.fromkeys(candidates_of_country))
    list_of_country = np.array([lists.index(candidates) for candidates in candidates_of_country], dtype=np.int64)
    list_of_message = list_of_country[of_country]
    of_message = np.empty(len(text_keys), dtype=np.int64)
    of_chunk: list[tuple[str, ...]] = []
    for number, candidates in enumerate(lists):
        members = list_of_message == number
        within = assign_chunks(text_keys[members], chunk_size)
        of_message[members] = within + len(of_chunk)
        of_chunk += [candidates] * (int(within.max()) + 1)
    return Chunks(of_message, of_chunk)


def usual_chunk_size(capabilities: Capabilities) -> int:
    """How many messages a chunk has at most, through a provider with these limits."""
    return CHUNK_SIZE if capabilities.max_recipients_per_request == 1 else BULK_CHUNK_SIZE


@task(name="plan run", task_run_name="plan run", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def plan_run(identity: RunIdentity, prepared: PreparedAudience, chunk_size: int) -> int:
    """Write a prepared audience into the ledger.

    One transaction: either every row of the file is accounted for, or nothing is.

    Args:
        identity: Name, run key and what they stand for.
        prepared: The audience.
        chunk_size: Most messages of one chunk.

    Returns:
        The run's id.

    Raises:
        LedgerError: The account does not close.
        RunExists: Another process planned this run meanwhile.
    """
    spool = Spool(Path(prepared.directory))
    cut = cut_into_chunks(spool, identity.routing(prepared.prices), chunk_size)
    chunk_of_message = cut.chunk_of_message
    with Ledger() as ledger, ledger.writing() as connection:
        if prepared.new_contacts:  # others may plan at the same time where nobody is added
            # Before any other lock: an import takes this one first, too.
            contacts.hold_back_other_imports(connection)
        is_registry_unchanged = contacts.newest_id(connection) == prepared.newest_contact_id
        run, chunk_ids = runs.create_run(
            connection,
            name=identity.name,
            run_key=identity.run_key,
            channel=identity.content.channel,
            provider=identity.provider,
            purpose=identity.content.purpose,
            rows_read=prepared.rows_read,
            digest=prepared.digest,
            campaign=identity.campaign,
            content=identity.content.model_dump(mode="json"),
            options=identity.options,
            source_sha256=prepared.source_sha256,
            chunk_sizes=np.bincount(chunk_of_message).tolist(),
            chunk_routes=cut.candidates,
        )
        first_providers = np.array([first for first, *_ in cut.candidates], dtype=object)
        chunk_id_of_message = np.array(chunk_ids, dtype=np.int64)[chunk_of_message]
        hours = identity.hours
        book = None if hours is None else WindowBook(connection, run.id, identity, hours)
        position = 0
        for batch in spool.messages():
            columns = batch.select(_MESSAGE_COLUMNS).to_pydict()
            columns["chunk_id"] = chunk_id_of_message[position : position + len(batch)].tolist()
            if identity.routes:
                columns["provider"] = first_providers[chunk_of_message[position : position + len(batch)]].tolist()
            position += len(batch)
            if book is not None:
                where = batch.select(["hours_country", "zones"]).to_pydict()
                columns["window_id"] = book.ids(where["hours_country"], where["zones"])
            runs.add_messages(connection, run, columns)
            new = batch.filter(batch["is_new"])
            if not is_registry_unchanged:
                new = _still_new(connection, identity.content.channel, new)
            registry.add_contacts(connection, new.select(_CONTACT_COLUMNS).to_pydict())
        for excluded in spool.exclusions():
            runs.add_exclusions(connection, run, excluded)
        for addresses in spool.suppressions():
            consent.add_suppressions(
                connection, identity.content.channel, addresses, reason="opted_out", source=f"file of {run.key}"
            )
        runs.check_balance(connection, run)
    return run.id


def _still_new(connection: Connection, channel: Channel, new: pa.RecordBatch) -> pa.RecordBatch:
    """Those whom nobody else has added to the registry since the file was read: nobody may be there twice."""
    known = registry.find_contacts(connection, channel, new["address"].to_pylist())
    return new.filter(pc.invert(pc.is_in(new["address"], value_set=pa.array(list(known), pa.string()))))


def count_requests(identity: RunIdentity, prepared: PreparedAudience, chunk_size: int) -> dict[str, int]:
    """How many requests it takes to hand a prepared audience over, by provider.

    Args:
        identity: Through whom it goes.
        prepared: The audience.
        chunk_size: Most messages of one chunk; a request never spans two chunks.
    """
    spool = Spool(Path(prepared.directory))
    cut = cut_into_chunks(spool, identity.routing(prepared.prices), chunk_size)
    first = [candidates[0] for candidates in cut.candidates]
    sizes = (
        pd.DataFrame({"chunk": cut.chunk_of_message, "text": spool.text_keys()}).value_counts().to_frame("size")
    )
    sizes["provider"] = [first[chunk] for chunk in sizes.index.get_level_values("chunk")]
    requests = {}
    for provider in identity.providers:
        of_provider = sizes.loc[sizes["provider"] == provider, "size"].to_numpy()
        can = identity.through(provider).capabilities
        most = can.recommended_recipients_per_request[1] if can.max_recipients_per_request > 1 else 1
        requests[provider] = int(np.ceil(of_provider / most).sum())
    return requests
