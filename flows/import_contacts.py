"""Load the contact registry from a contact file.

From the command line `python -m flows.import_contacts FILE`; as a Prefect deployment
`flows.import_contacts.import_contacts`.
"""

import sys
from functools import partial
from typing import cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.contact_import import (
    ContactImport,
    Imported,
    import_rows,
    publish_import,
    refused_file_of,
)
from tasks.contact_rows import RowOutcome
from tasks.contacts.audience import Audience
from tasks.contacts.file_references import FileReference
from tasks.corrections import replacing
from tasks.datasets.readers import DatasetError, RowBatch, open_contacts
from tasks.messaging.statuses import Channel


@flow(name="import-contacts", flow_run_name="import contacts", persist_result=False)
def import_contacts(
    path: FileReference, *, channel: Channel = Channel.SMS, default_country: str | None = None
) -> Imported:
    """Bring a contact file into the registry; importing it again changes nothing.

    A contact is found by its external code, else its phone number, else its e-mail address. Empty cells delete
    nothing; a file switches a contact off, and on again only with a yes in a column such as `enabled`; opt-outs
    become suppressions, and none is ever cleared.

    Args:
        path: CSV, Excel or Parquet; a path or a URL. `${ROLLCALL_...}` in it is an environment variable.
        channel: Which address every row must have: an e-mail address for `email`, a phone number else.
        default_country: ISO 3166-1 alpha-2 of numbers without a country code.

    Returns:
        What became of every row. The final state is `Completed`, or `PartlyImported` when rows were refused.

    Raises:
        DatasetError, ColumnError: The file cannot be read. Batches before the damage are in the registry.
        ErasureKeyError: `ROLLCALL_ERASURE_KEY` is missing, or another one. Nothing was imported.
    """
    audience = Audience(path=path, default_country=default_country)
    with open_contacts(path) as contacts:
        work = ContactImport(audience, channel, contacts.header)
        refused_file = refused_file_of(path)
        with replacing(refused_file) as refused:
            try:
                for batch in contacts.batches():
                    import_rows(partial(_same, batch), work, refused)
            except DatasetError as error:
                rows = work.account.rows_read
                raise DatasetError(f"{error} ({rows:,} rows before that are in the registry)") from error
            if not work.account.rows_read:
                raise DatasetError(f"{path} has a header but no rows: there is nobody to import")
    account = work.account
    if account.outcomes[RowOutcome.REFUSED]:
        account.refused_file = str(refused_file)
    else:
        refused_file.unlink()
    publish_import(account)
    refused_rows = account.outcomes[RowOutcome.REFUSED]
    final: State[Imported] = (
        Completed(name="PartlyImported", message=f"{refused_rows} rows were refused", data=account)
        if refused_rows
        else Completed(message=f"{account.rows_read} rows imported", data=account)
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("Imported", final)


def _same(batch: RowBatch) -> RowBatch:
    return batch


if __name__ == "__main__":
    from flows.import_command import main_import_contacts

    sys.exit(main_import_contacts())
