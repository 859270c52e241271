"""`python -m tests.bench.empty_flow`: the floor of everything that runs on Prefect."""

from prefect import flow


@flow
def empty_flow() -> None:
    """Do nothing."""


if __name__ == "__main__":
    empty_flow()
