"""Wall clock of sending a whole sample campaign, against an empty Prefect flow with the same settings.

Each one in a fresh process, imports included, once with the server that Prefect embeds when there is none (on a
PREFECT_HOME where it has run before), and once against a running server.
"""

from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path

from tests.bench.measurement import Measurement, Spent, in_turns, spent_on
from tests.bench.places import (
    prefect_server,
    prefect_variables,
    rollcall_variables,
    run_module,
    sandbox_process,
)

OCTOPUSH = "data/campaigns/octopush-spring-sale.yaml"
BIRD = "data/campaigns/bird-delivery-notice.yaml"

_ledgers = count(1)


def measure_embedded(
    directory: Path, *, times: int, campaigns: tuple[str, ...] = (OCTOPUSH, BIRD)
) -> list[Measurement]:
    """Everything ad hoc: Prefect starts and stops a server for each flow."""
    variables = prefect_variables(directory / "embedded")
    run_module("tests.bench.empty_flow", variables=variables)  # the first one makes Prefect's database
    return _measure(directory, variables, times, campaigns, "embedded server")


def measure_with_server(
    directory: Path, *, times: int, campaigns: tuple[str, ...] = (OCTOPUSH, BIRD)
) -> list[Measurement]:
    """Against one running server, as in production."""
    variables = prefect_variables(directory / "server")
    with prefect_server(variables) as url:
        variables["PREFECT_API_URL"] = url
        run_module("tests.bench.empty_flow", variables=variables)
        return _measure(directory, variables, times, campaigns, "running server")


def _measure(
    directory: Path, variables: Mapping[str, str], times: int, campaigns: tuple[str, ...], server: str
) -> list[Measurement]:
    with sandbox_process() as sandbox_url:
        empty, *sent = in_turns(
            times,
            partial(spent_on, partial(run_module, "tests.bench.empty_flow", variables=variables)),
            *(partial(_send, campaign, directory, sandbox_url, variables) for campaign in campaigns),
        )
    return [
        Measurement.of_turns(
            f"{Path(campaign).stem}, {server}",
            *([spent.wall_seconds for spent in turns] for turns in (of_campaign, empty)),
            "s",
            "an empty Prefect flow",
        )
        for campaign, of_campaign in zip(campaigns, sent, strict=True)
    ]


def _send(campaign: str, directory: Path, sandbox_url: str, variables: Mapping[str, str]) -> Spent:
    # An empty ledger each time: the same one would resume, and send nothing.
    ledger = directory / f"ledger_{next(_ledgers)}.db"
    send = partial(
        run_module,
        "flows.send_campaign",
        campaign,
        variables={**variables, **rollcall_variables(sandbox_url, ledger)},
    )
    return spent_on(send)
