"""Remove personal data that was kept long enough: addresses, callbacks, replies, report files. Counts stay.

From the command line `python -m flows.prune_personal_data`; as a Prefect deployment on a daily schedule
`flows.prune_personal_data.prune_personal_data`. It may run while campaigns are being sent and reconciled.
"""

import sys
from typing import cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.retention import Pruned, prune


@flow(name="prune-personal-data", persist_result=False)
def prune_personal_data(*, dry_run: bool = False) -> Pruned:
    """Remove what was kept longer than `ROLLCALL_RETENTION_DAYS_...` allows.

    Args:
        dry_run: Only count what would be removed.

    Returns:
        What was removed, counted. The final state is `Completed`, or `Incomplete` when a report could not be
        written.

    Raises:
        ConfigurationError: A setting is no number of days. Nothing was removed.
    """
    done = prune(dry_run=dry_run)
    for sentence in done.sentences():
        get_run_logger().info(sentence)
    final: State[Pruned] = (
        Completed(name="Incomplete", message="; ".join(done.troubles), data=done)
        if done.troubles
        else Completed(message=done.sentences()[0], data=done)
    )
    # A flow that returns a state ends in it, and its caller gets the state's data.
    return cast("Pruned", final)


if __name__ == "__main__":
    from flows.privacy_command import main_prune_personal_data

    sys.exit(main_prune_personal_data())
