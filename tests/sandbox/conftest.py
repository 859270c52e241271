from collections.abc import Callable

import pytest

from tests.sandbox.wire import Wire


@pytest.fixture
def wire() -> Callable[..., Wire]:
    """`wire(octopush={...}, bird={...})`: a sandbox with these switches."""
    return lambda **settings: Wire(settings)
