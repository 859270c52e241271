"""`python -m tests.bench.empty_flow [TASKS]`: the floor of everything that runs on Prefect."""

import sys

from prefect import flow, task
from prefect.cache_policies import NO_CACHE


@task(cache_policy=NO_CACHE, persist_result=False)
def empty_task() -> None:
    """Do nothing."""


@flow
def empty_flow(tasks: int = 0) -> None:
    """Do nothing, or do nothing so many times."""
    for _ in range(tasks):
        empty_task()


if __name__ == "__main__":
    empty_flow(*map(int, sys.argv[1:]))
