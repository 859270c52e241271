"""Small runs in a ledger, planned from a contact file and settled as told."""

import json

from sqlalchemy import update

from tasks.datasets.locations import sha256_of
from tasks.messaging.statuses import Channel, Purpose
from tasks.store import runs
from tasks.store.tables import Message
from tests.rows import columns_of

MESSAGE = Message.__table__


def add_run(
    ledger,
    contact_file,
    messages,
    exclusions=(),
    *,
    name="spring",
    channel=Channel.SMS,
    purpose=Purpose.MARKETING,
    content=None,
):
    """Plan a run and settle it.

    Args:
        messages: Dictionaries of columns of `message`, `variables` as a dictionary.
        exclusions: Dictionaries of columns of `exclusion`.
    """
    with ledger.writing() as connection:
        run, chunk_ids = runs.create_run(
            connection,
            name=name,
            run_key="1",
            channel=channel,
            provider="octopush",
            purpose=purpose,
            rows_read=len(messages) + len(exclusions),
            digest="d",
            campaign={"name": name, "audience": {"path": str(contact_file)}},
            content=content or {},
            options={},
            source_sha256=sha256_of(str(contact_file)),
            chunk_sizes=[len(messages)],
        )
        planned = ("row_number", "address", "country", "external_code", "parts", "variables")
        rows = [dict.fromkeys(planned) | {"chunk_id": chunk_ids[0]} | message for message in messages]
        runs.add_messages(
            connection,
            run,
            columns_of(
                [
                    {key: row[key] for key in (*planned, "chunk_id")}
                    | {"variables": row["variables"] and json.dumps(row["variables"], ensure_ascii=False)}
                    for row in rows
                ]
            ),
        )
        runs.add_exclusions(connection, run, columns_of(exclusions))
        for message in messages:
            if settled := {key: value for key, value in message.items() if key not in planned}:
                where = MESSAGE.c.reference == f"{run.token}-{message['row_number']}"
                connection.execute(update(MESSAGE).where(where).values(**settled))
        runs.check_balance(connection, run)
    return run
