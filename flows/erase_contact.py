"""Erase people: from every table of the ledger, from its storage, and from the reports.

From the command line `python -m flows.erase_contact ADDRESS`; as a Prefect deployment
`flows.erase_contact.erase_contact` with `list_file`, because a deployment never gets a secret parameter's value.
"""

import sys
from typing import Annotated, cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field, SecretStr

from flows.parameters import CampaignError
from tasks.contacts.file_references import FileReference
from tasks.erasure import Erased, erase_people, hide_addresses, read_addresses, read_list
from tasks.messaging.statuses import Channel
from tasks.reconcile import EVENTS_PER_TASK, drain_inbox
from tasks.store.erasure_key import require_key_for_erasure

NOT_REACHED = (
    "Not reached from here: contact files and other lists, the providers' own records, backups of the database "
    "and of the reports, and copies of reports that were made elsewhere."
)
"""What the operator has to do himself."""


@flow(name="erase-contact", flow_run_name="erase people", persist_result=False)
def erase_contact(
    addresses: Annotated[
        list[SecretStr], Field(description="Only from Python, wrapped in SecretStr. Deployments use `list_file`.")
    ] = [],  # noqa: B006  # Prefect copies it, and a form shows a list
    *,
    list_file: FileReference | None = None,
    channel: Channel = Channel.SMS,
    default_country: str | None = None,
    forget_entirely: bool = False,
) -> Erased:
    """Erase people.

    Args:
        addresses: Phone numbers, e-mail addresses, or `external:` and the list's own key.
        list_file: A contact file (CSV, Excel, Parquet; a path or URL) of further people.
        channel: What the list has: e-mail addresses for `email`, phone numbers else.
        default_country: ISO 3166-1 alpha-2 of numbers without a country code.
        forget_entirely: Do not keep those suppressed who never opted out. Else everybody who is erased stays
            suppressed, as a keyed hash: who asks to be erased does not wish to be written to.

    Returns:
        What was done, in counts. The final state is `Completed`, or `Incomplete` when a report could not be
        written.

    Raises:
        CampaignError: Nobody was named.
        DatasetError, ColumnError: An address or the list cannot be read. Nothing was erased.
        ErasureKeyError: `ROLLCALL_ERASURE_KEY` is missing, or another one. Nothing was erased.
    """
    hide_addresses()
    if not addresses and list_file is None:
        raise CampaignError("erase_contact", ["nobody is named: give addresses, or a list"])
    given = read_addresses(addresses, default_country)
    if list_file is not None:
        given += read_list(list_file, channel, default_country)
    require_key_for_erasure(needs_one=not forget_entirely)
    # What providers told already is put into the ledger first: an event that is emptied tells nothing any more.
    while drain_inbox().taken >= EVENTS_PER_TASK:
        pass
    done = erase_people(given, keep_suppressed=not forget_entirely)
    for sentence in describe(done):
        get_run_logger().info(sentence)
    final: State[Erased] = (
        Completed(name="Incomplete", message="; ".join(done.troubles), data=done)
        if done.troubles
        else Completed(message=f"{done.people} people erased", data=done)
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("Erased", final)


def describe(done: Erased) -> list[str]:
    """What was done and what is left to do, as sentences."""
    count = done.counts
    storage = (
        "The database file was written anew: nothing deleted is left in it."
        if done.is_compact
        else "The database keeps old versions of rows until it cleans up after itself (PostgreSQL: autovacuum, or "
        "VACUUM FULL at once; SQLite: once no other process reads)."
    )
    return [
        f"{done.people:,} people erased.",
        (
            f"{count['messages']:,} messages lost their address: {count['cancelled']:,} were cancelled before "
            f"they were sent, {count['under way']:,} are under way and stay in their status."
        ),
        (
            f"Emptied: {count['exclusions']:,} excluded rows, {count['replies']:,} replies, "
            f"{count['events']:,} callbacks, {count['texts']:,} other texts. "
            f"Deleted: {count['contacts']:,} contacts."
            + (
                f" {count['contacts without it']:,} contacts share an address with others: they lost it, and stay."
                if count["contacts without it"]
                else ""
            )
        ),
        f"{count['suppressions']:,} suppressions became keyed hashes. {done.reports:,} reports were written anew.",
        storage,
        *done.troubles,
        NOT_REACHED,
    ]


if __name__ == "__main__":
    from flows.privacy_command import main_erase_contact

    sys.exit(main_erase_contact())
