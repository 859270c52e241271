"""One process that hands a planned run over as a campaign's flow does: `python -m tests.bench.one_sender RUN_ID`.

Prints the seconds that it took, by the wall clock and of CPU, as a JSON array.
"""

import json
import sys

from prefect import flow

from tasks.dispatch import lead_sending
from tasks.ownership import owned_run
from tests.bench.measurement import Spent, spent_on


@flow(name="one-sender")
def hand_over(run_id: int) -> Spent:
    """Lead the sending of a run until nothing of it is left.

    Raises:
        RuntimeError: Something of it is left.
    """
    stopped: list[str | None] = []
    with owned_run(run_id) as ownership:
        spent = spent_on(lambda: stopped.append(lead_sending(run_id, ownership.owner)))
    if stopped != [None]:
        raise RuntimeError(f"stopped: {stopped}")
    return spent


if __name__ == "__main__":
    spent = hand_over(int(sys.argv[1]))
    print(json.dumps([spent.wall_seconds, spent.cpu_seconds]))  # noqa: T201
