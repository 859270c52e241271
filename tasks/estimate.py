"""How long it takes to hand messages over, before it is tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tasks.pacing import USED_SHARE
from tasks.providers.capabilities import Capabilities

_ASSUMED_ANSWER = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long handing over takes, and what that follows from.

    Attributes:
        because: For a person.
    """

    duration: timedelta
    because: str

    def __str__(self) -> str:
        seconds = round(self.duration.total_seconds())
        hours, minutes = divmod(seconds // 60, 60)
        said = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{max(1, seconds)} s"
        return f"about {said} to hand over: {self.because}"


def add_up(estimates: Mapping[str, Estimate]) -> Estimate:
    """One after the other, as one process hands them over.

    Args:
        estimates: By provider.
    """
    if len(estimates) == 1:
        return next(iter(estimates.values()))
    duration = sum((estimate.duration for estimate in estimates.values()), timedelta(0))
    return Estimate(duration, "; ".join(f"{name}: {estimate.because}" for name, estimate in estimates.items()))


def estimate_handing_over(requests: int, capabilities: Capabilities) -> Estimate:
    """From the first request to the last answer, if nothing holds it up.

    Where a rate is documented, it is that, as far as Rollcall uses it; else as many requests at once as Rollcall
    keeps open, each answered in half a second: an assumption, which the sentence names.

    Args:
        requests: How many it takes.
        capabilities: The provider's limits.
    """
    rate = capabilities.max_requests_per_second
    in_flight = capabilities.max_requests_in_flight
    if rate is None:
        answers = -(-requests // in_flight)
        return Estimate(answers * _ASSUMED_ANSWER, f"{in_flight} requests at once, if each takes half a second")
    shown = f"{rate:g} requests a second"
    return Estimate(timedelta(seconds=requests / (rate * USED_SHARE)), f"the provider allows {shown}")
