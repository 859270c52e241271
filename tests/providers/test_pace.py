import bisect

import pytest

from tasks.providers.pace import Pace

pytestmark = pytest.mark.anyio

LIMIT = 500


class Timer:
    """A clock that only sleeping moves, and that wakes late."""

    def __init__(self, late_seconds: float) -> None:
        self.seconds = 1000.0
        self._late_seconds = late_seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds + self._late_seconds

    def clock(self) -> float:
        return self.seconds


async def turns(timer: Timer, count: int, stalls: dict[int, float]) -> list[float]:
    """When each of that many requests may begin; before some of them, nothing happens for a while."""
    pace = Pace(LIMIT, sleep=timer.sleep, clock=timer.clock)
    begun = []
    for n in range(count):
        timer.seconds += stalls.get(n, 0)
        await pace.wait_for_turn()
        begun.append(timer.seconds)
    return begun


def most_in_a_second(begun: list[float]) -> int:
    return max(bisect.bisect_left(begun, at + 1) - n for n, at in enumerate(begun))


@pytest.mark.parametrize("late_seconds", [0, 0.001, 0.03])
async def test_no_second_holds_more_than_the_limit_and_late_timers_cost_no_speed(late_seconds: float) -> None:
    begun = await turns(Timer(late_seconds), 2000, stalls={})
    assert most_in_a_second(begun) <= LIMIT
    assert 2000 / (begun[-1] - begun[0]) > 0.9 * LIMIT


async def test_a_stall_is_not_made_up_for() -> None:
    begun = await turns(Timer(0.001), 2000, stalls={500: 0.3, 900: 2, 901: 0.5})
    assert most_in_a_second(begun) <= LIMIT


async def test_the_rarest_limit_still_lets_requests_through() -> None:
    timer = Timer(0)
    pace = Pace(0.5, sleep=timer.sleep, clock=timer.clock)
    began = timer.seconds
    for _ in range(3):
        await pace.wait_for_turn()
    assert 4 <= timer.seconds - began < 4.5
