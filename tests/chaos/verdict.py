"""What a life came to: the ledger beside the sandbox's truth, and the counters of many lives."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import text

from tasks.messaging.statuses import MessageStatus
from tasks.store.session import Ledger
from tests.chaos.combinations import EXCLUDED, Combination, addresses
from tests.flows.reconciling import OURS
from tests.flows.truth import compare


@dataclass(slots=True)
class Verdict:
    """What is wrong, address by address; nothing, if all is well.

    Attributes:
        twice: Received more than once.
        lost: The ledger says handed over and nobody received it, or the ledger knows nothing of the address.
        contradictions: Anything else that the ledger is wrong about.
        unbalanced: Runs with a row that is neither a message nor an exclusion, or both.
    """

    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.twice or self.lost or self.contradictions or self.unbalanced)

    def add(self, other: "Verdict") -> None:
        """Let what another one found wrong be wrong here too."""
        for name, found in asdict(other).items():
            mine: list[str] = getattr(self, name)
            mine += [one for one in found if one not in mine]

    def sentences(self) -> list[str]:
        """What is wrong, for people."""
        return [f"{name}: {', '.join(found)}" for name, found in asdict(self).items() if found]


def judge(
    ledger: Ledger, combination: Combination, truth: list[dict[str, Any]], *, is_settled: bool = False
) -> Verdict:
    """Compare a ledger with the truth; nobody may be sending meanwhile.

    Args:
        ledger: Of one life.
        combination: Of that life.
        truth: What the provider's sandbox took.
        is_settled: Everybody must be in the ledger by now, and final states must be the provider's.
    """
    received = Counter(recipient["address"] for recipient in truth)
    comparison = compare(ledger, received)
    verdict = Verdict(unbalanced=list(comparison.unbalanced))
    verdict.twice = sorted(address for address, times in received.items() if times > 1)
    words = OURS[combination.provider]
    ends = {recipient["address"]: words.get(recipient["status"]) for recipient in truth}
    for address, status, times in comparison.contradictions:
        if times == 0:
            verdict.lost.append(address)
        elif times == 1 and status != ends[address]:  # a receipt may say that one that was taken is rejected
            verdict.contradictions.append(f"{address} is {status}, and was received")
    verdict.contradictions += [f"{address} is in no run" for address in sorted(comparison.strangers)]
    if is_settled:
        statuses, excluded = _read(ledger)
        verdict.lost += sorted(set(addresses(combination.people)) - statuses.keys())
        if excluded != EXCLUDED:
            verdict.contradictions.append(f"{excluded} exclusions instead of {EXCLUDED}")
        for address, end in ends.items():
            status = statuses.get(address)
            if status is None or not MessageStatus(status).is_final or status == MessageStatus.UNCONFIRMED:
                continue
            if end is not None and status != end:
                verdict.contradictions.append(f"{address} is {status}, and became {end}")
    return verdict


def _read(ledger: Ledger) -> tuple[dict[str, str], int]:
    with ledger.reading() as connection:
        statuses = dict(map(tuple, connection.execute(text("SELECT address, status FROM message"))))
        return statuses, int(connection.execute(text("SELECT count(*) FROM exclusion")).scalar_one())


@dataclass(slots=True)
class Tally:
    """Counters of lives, under these names in the table and in the file."""

    lives: int = 0
    killed_at_commits: int = 0
    killed_at_requests: int = 0
    killed_anywhere: int = 0
    other_deaths: int = 0
    database_cuts: int = 0
    disk_full: int = 0
    provider_down: int = 0
    recipients: int = 0
    twice: int = 0
    lost: int = 0
    unbalanced: int = 0
    contradictions: int = 0
    not_settled: int = 0
    unknown_left: int = 0
    left_to_operator: int = 0
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        return self.killed_at_commits + self.killed_at_requests + self.killed_anywhere

    def __add__(self, other: "Tally") -> "Tally":
        mine, others = asdict(self), asdict(other)
        return Tally(**{name: mine[name] + others[name] for name in mine})

    def goals_missed(self, *, can_settle_all: bool) -> list[str]:
        """Names of the counters that ought to be 0 and are not."""
        goals = ["twice", "lost", "unbalanced", "contradictions", "not_settled"]
        if can_settle_all:
            goals.append("unknown_left")
        return [name for name in goals if getattr(self, name)]
