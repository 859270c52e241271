"""From a prepared audience to the ledger: the run, its chunks, messages and exclusions, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.concealment import concealed_errors
from tasks.contacts.chunks import assign_chunks
from tasks.costs import CostEstimate
from tasks.datasets.spool import Spool
from tasks.estimate import Estimate
from tasks.identity import RunIdentity
from tasks.messaging.content import Content
from tasks.prepare import PreparedAudience
from tasks.providers.capabilities import Capabilities
from tasks.sending_windows import WindowBook
from tasks.store import consent, registry, runs
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


def usual_chunk_size(capabilities: Capabilities) -> int:
    """How many messages a chunk has at most, through a provider with these limits."""
    return CHUNK_SIZE if capabilities.max_recipients_per_request == 1 else BULK_CHUNK_SIZE


@task(name="plan run", cache_policy=NO_CACHE, persist_result=False)
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
    chunk_of_message = assign_chunks(spool.text_keys(), chunk_size)
    with Ledger() as ledger, ledger.writing() as connection:
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
        )
        chunk_id_of_message = np.array(chunk_ids, dtype=np.int64)[chunk_of_message]
        hours = identity.hours
        book = None if hours is None else WindowBook(connection, run.id, identity, hours)
        position = 0
        for batch in spool.messages():
            columns = batch.select(_MESSAGE_COLUMNS).to_pydict()
            columns["chunk_id"] = chunk_id_of_message[position : position + len(batch)].tolist()
            position += len(batch)
            if book is not None:
                where = batch.select(["hours_country", "zones"]).to_pydict()
                columns["window_id"] = book.ids(where["hours_country"], where["zones"])
            runs.add_messages(connection, run, columns)
            new = batch.filter(batch["is_new"]).select(_CONTACT_COLUMNS)
            registry.add_contacts(connection, new.to_pydict())
        for excluded in spool.exclusions():
            runs.add_exclusions(connection, run, excluded)
        for addresses in spool.suppressions():
            consent.add_suppressions(
                connection, identity.content.channel, addresses, reason="opted_out", source=f"file of {run.key}"
            )
        runs.check_balance(connection, run)
    return run.id


def count_requests(text_keys: npt.NDArray[np.int64], chunk_size: int, capabilities: Capabilities) -> int:
    """How many requests it takes to hand these messages over.

    Args:
        text_keys: Messages with equal keys can share a request.
        chunk_size: Most messages of one chunk; a request never spans two chunks.
        capabilities: The provider's limits.
    """
    if capabilities.max_recipients_per_request == 1:
        return len(text_keys)
    sizes = pd.DataFrame({"chunk": assign_chunks(text_keys, chunk_size), "text": text_keys}).value_counts()
    most = capabilities.recommended_recipients_per_request[1]
    return int(np.ceil(sizes.to_numpy() / most).sum())
