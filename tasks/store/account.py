"""The account of a run in numbers: what became of every row."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select

from tasks.messaging.statuses import HANDED_OVER_STATUSES, ExclusionReason, MessageStatus
from tasks.store import runs
from tasks.store.tables import Chunk, Exclusion, Message, ProviderRequest, RunState

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Every row of a run's contact file, counted.

    Attributes:
        statuses: Messages by status.
        exclusions: Excluded rows by reason.
        troubles: Messages by (status, reason, the provider's own word), of those that have a reason.
        countries: By country of the number: messages, parts, and cost as far as the provider told it.
        errors: What the provider said to requests that it did not accept, the first of each chunk.
        dropped_unnamed: Recipients that a provider left out of a request without saying which.
        residual_credit: What the provider said last.
        is_simulated: The provider's own test mode: nobody got a message.
        handed_over_before: Messages that earlier commands had handed over; None when that is not known.
    """

    run_id: int
    key: str
    provider: str
    state: RunState
    error: str | None
    digest: str
    created_at: datetime
    rows_read: int
    statuses: dict[MessageStatus, int]
    exclusions: dict[ExclusionReason, int]
    troubles: dict[tuple[MessageStatus, str, str | None], int]
    countries: dict[str, tuple[int, int, Decimal]]
    errors: list[str]
    dropped_unnamed: int
    residual_credit: Decimal | None
    is_simulated: bool = False
    handed_over_before: int | None = None

    @property
    def messages(self) -> int:
        """Rows that became a message."""
        return sum(self.statuses.values())

    @property
    def excluded(self) -> int:
        """Rows that became an exclusion."""
        return sum(self.exclusions.values())

    @property
    def is_balanced(self) -> bool:
        """Whether every row that was read is a message or an exclusion."""
        return self.rows_read == self.messages + self.excluded

    @property
    def handed_over(self) -> int:
        """Messages that the provider surely has, or had."""
        return sum(count for status, count in self.statuses.items() if status.is_handed_over)

    @property
    def parts(self) -> int:
        """SMS segments of all messages, sent or not."""
        return sum(parts for _, parts, _ in self.countries.values())

    @property
    def cost(self) -> Decimal:
        """What the provider said that the messages cost."""
        return sum((cost for _, _, cost in self.countries.values()), Decimal(0))


def read_account(connection: Connection, run_id: int) -> RunAccount:
    """Count everything of a run."""
    run = runs.get_run(connection, run_id)
    of_run = _MESSAGE.c.run_id == run_id
    exclusions = connection.execute(
        select(_EXCLUSION.c.reason, func.count())
        .where(_EXCLUSION.c.run_id == run_id)
        .group_by(_EXCLUSION.c.reason)
    )
    troubles = connection.execute(
        select(_MESSAGE.c.status, _MESSAGE.c.reason, _MESSAGE.c.raw_status, func.count())
        .where(of_run, _MESSAGE.c.reason.is_not(None))
        .group_by(_MESSAGE.c.status, _MESSAGE.c.reason, _MESSAGE.c.raw_status)
        .order_by(func.count().desc())
    )
    countries = connection.execute(
        select(_MESSAGE.c.country, func.count(), func.sum(_MESSAGE.c.parts), func.sum(_MESSAGE.c.cost))
        .where(of_run)
        .group_by(_MESSAGE.c.country)
        .order_by(func.count().desc())
    )
    errors = connection.execute(
        select(_CHUNK.c.error).where(_CHUNK.c.run_id == run_id, _CHUNK.c.error.is_not(None)).distinct()
    ).scalars()
    dropped = connection.execute(
        select(func.sum(_REQUEST.c.size - _REQUEST.c.accepted_count)).where(_REQUEST.c.run_id == run_id)
    ).scalar_one()
    credit = connection.execute(
        select(_REQUEST.c.residual_credit)
        .where(_REQUEST.c.run_id == run_id, _REQUEST.c.residual_credit.is_not(None))
        .order_by(_REQUEST.c.finished_at.desc(), _REQUEST.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return RunAccount(
        run_id=run.id,
        key=run.key,
        provider=run.provider,
        state=run.state,
        error=run.error,
        digest=run.digest,
        created_at=run.created_at,
        rows_read=run.rows_read,
        statuses=runs.count_statuses(connection, run_id),
        exclusions=dict(sorted(((row[0], row[1]) for row in exclusions), key=lambda pair: -pair[1])),
        troubles={(status, reason, raw): count for status, reason, raw, count in troubles},
        countries={
            country or "": (count, int(parts or 0), Decimal(cost or 0))
            for country, count, parts, cost in countries
        },
        errors=[error for error in errors if error != run.error],
        dropped_unnamed=int(dropped or 0),
        residual_credit=credit,
        is_simulated=bool(run.content.get("test_mode")),
    )


def handed_over_addresses(connection: Connection, run_id: int) -> set[str]:
    """The addresses of a run whose message the provider surely has, or had."""
    return set(
        connection.execute(
            select(_MESSAGE.c.address).where(
                _MESSAGE.c.run_id == run_id, _MESSAGE.c.status.in_(HANDED_OVER_STATUSES)
            )
        ).scalars()
    )
