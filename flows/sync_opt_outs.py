"""Learn who must not be contacted: from providers that can be asked, from what they sent, and from lists.

From the command line `python -m flows.sync_opt_outs`; as a Prefect deployment on a schedule
`flows.sync_opt_outs.sync_opt_outs`.
"""

import sys
from dataclasses import dataclass, field
from typing import Annotated, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from tasks.contacts.file_references import FileReference
from tasks.messaging.statuses import Channel
from tasks.opt_outs import ask_for_opt_outs, providers_with_credentials, read_suppression_list
from tasks.reconcile import EVENTS_PER_TASK, Findings, drain_inbox


@dataclass(slots=True)
class SyncedOptOuts:
    """What was learnt.

    Attributes:
        findings: From providers, counted.
        listed: Addresses by the list that holds them.
        asked: Providers that were asked.
        troubles: What could not be done, for a person.
    """

    findings: Findings = field(default_factory=Findings)
    listed: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@flow(name="sync-opt-outs", persist_result=False)
def sync_opt_outs(
    suppressions: Annotated[
        list[FileReference], Field(description="Contact files with addresses that must not be contacted.")
    ] = [],  # noqa: B006  # Prefect copies it, and a form shows a list
    *,
    channel: Channel = Channel.SMS,
    default_country: str | None = None,
    providers: Annotated[
        list[str] | None, Field(description="Ask these; all that have credentials when empty.")
    ] = None,
) -> SyncedOptOuts:
    """Keep consent true.

    Args:
        suppressions: Lists of people who must not be contacted: CSV, Excel or Parquet, paths or URLs;
            `${ROLLCALL_...}` in them is an environment variable.
        channel: For which those lists hold.
        default_country: ISO 3166-1 alpha-2 of numbers without a country code in those lists.
        providers: Ask these; all that can be asked and have credentials when empty.

    Returns:
        What was learnt. The final state is `Completed`, or `Incomplete` when a provider could not be asked.

    Raises:
        DatasetError, ColumnError: A list cannot be read, or a row of it has no address.
    """
    done = SyncedOptOuts()
    for path in suppressions:
        done.listed[path] = read_suppression_list(path, channel, default_country)
    while (drained := drain_inbox()).taken:
        done.findings += drained
        if drained.taken < EVENTS_PER_TASK:
            break
    for provider in providers_with_credentials() if providers is None else providers:
        asked = ask_for_opt_outs(provider)
        done.findings += asked
        done.asked.append(provider)
        if asked.trouble:
            done.troubles.append(asked.trouble)
    final: State[SyncedOptOuts] = (
        Completed(name="Incomplete", message="; ".join(done.troubles), data=done)
        if done.troubles
        else Completed(message=f"{len(done.asked)} providers asked", data=done)
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("SyncedOptOuts", final)


if __name__ == "__main__":
    from flows.reconcile_command import main_sync_opt_outs

    sys.exit(main_sync_opt_outs())
