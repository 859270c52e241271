"""A place for lives, and a Prefect server."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL

from tests.chaos.life import Life, Lived
from tests.chaos.mutants import Mutant
from tests.chaos.places import Place
from tests.chaos.plans import LifePlan
from tests.forked_commands import get_ready


@pytest.fixture(scope="session")
def place(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    get_ready(PREFECT_API_URL.value() or "", tmp_path_factory.mktemp("prefect"))
    with Place() as shared:
        yield shared


@pytest.fixture
def live(place, tmp_path):
    """Live a plan."""

    def living(plan: LifePlan, mutant: Mutant | None = None) -> Lived:
        return Life(place, plan, tmp_path, mutant).live()

    return living
