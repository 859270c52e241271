"""The account of a run in numbers: what became of every row."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, exists, func, or_, select

from tasks.contacts.masking import mask_text
from tasks.messaging.statuses import (
    HANDED_OVER_STATUSES,
    Channel,
    ExclusionReason,
    MessageStatus,
    Purpose,
)
from tasks.store import runs
from tasks.store.registry import suppressed_channels
from tasks.store.rerouting import ReroutedMessages, read_reroutings
from tasks.store.retention import addresses_removed_at
from tasks.store.session import Ledger
from tasks.store.tables import (
    Chunk,
    Exclusion,
    Message,
    ProviderEvent,
    ProviderRequest,
    Reply,
    RunState,
    Suppression,
)
from tasks.store.timeline import Timeline, read_timeline
from tasks.store.windows import Held, find_held

_CHUNK = Chunk.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same
_EXCLUSION = Exclusion.__table__  # type: ignore[attr-defined]  # the same
_REQUEST = ProviderRequest.__table__  # type: ignore[attr-defined]  # the same
_REPLY = Reply.__table__  # type: ignore[attr-defined]  # the same
_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # the same
_EVENT = ProviderEvent.__table__  # type: ignore[attr-defined]  # the same

MOST_KINDS = 200
"""Most different reasons, words or errors that an account names. A provider that puts an id into each of a million
words must not make the account as long as the run."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Messages of one country, or of one provider, added up.

    Attributes:
        parts: SMS segments as counted before sending, of all of them, sent or not.
        cost: As far as the provider told it, in the account's currency; None where it told nothing.
    """

    messages: int
    delivered: int
    parts: int
    cost: Decimal | None

    def __add__(self, other: "Tally") -> "Tally":
        told = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Tally(
            self.messages + other.messages,
            self.delivered + other.delivered,
            self.parts + other.parts,
            sum(told, Decimal(0)) if told else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """Every row of a run's contact file, counted.

    Attributes:
        statuses: Messages by status.
        exclusions: Excluded rows by reason.
        troubles: Messages by (status, reason, the provider's own word), of those that have a reason; the most
            frequent `MOST_KINDS`.
        countries: By country of the number, "" where there is none; largest first.
        providers: By provider.
        statuses_by_provider: Messages by status, of each provider; `planned` ones are with whoever they are for
            now.
        reroutings: What went to another provider than planned.
        errors: What the provider said to requests that it did not accept, the first of each chunk.
        dropped_unnamed: Recipients that a provider left out of a request without saying which.
        residual_credit: What the provider said last.
        requests_cost: What the provider said that whole requests cost, where it says so.
        timeline: None while nothing was handed over.
        unknown_words: Messages by the provider's last word that no table explains; it changed nothing.
        replies: Answers to messages of the run.
        opt_outs: People with a message in the run who asked, after it was planned, not to be contacted.
        unreadable_events: Callbacks of the provider since the run was planned of which nothing could be made, by
            what is wrong with them. Which run they are about cannot be told.
        is_simulated: The provider's own test mode: nobody got a message.
        sent_by: The other process that is sending the run now; None when this one did, or nobody does.
        addresses_removed_at: When the addresses of the run were removed, because they were kept long enough; None
            while they are there.
        handed_over_before: Messages that earlier commands had handed over; None when that is not known.
        report_files: Where the report was written: the page, the excluded rows, the messages not delivered.
        report_problem: Why it could not be written.
        held: What its sending hours hold now; None where they hold nothing.
        waits_until: When it goes on by itself, where it stopped because of its sending hours alone.
    """

    run_id: int
    key: str
    name: str
    run_key: str
    channel: Channel
    purpose: Purpose
    provider: str
    state: RunState
    error: str | None
    digest: str
    created_at: datetime
    finished_at: datetime | None
    contact_file: str
    rows_read: int
    statuses: dict[MessageStatus, int]
    exclusions: dict[ExclusionReason, int]
    troubles: dict[tuple[MessageStatus, str, str | None], int]
    countries: dict[str, Tally]
    providers: dict[str, Tally]
    errors: list[str]
    dropped_unnamed: int
    residual_credit: Decimal | None
    requests_cost: Decimal | None = None
    statuses_by_provider: dict[str, dict[MessageStatus, int]] = field(default_factory=dict)
    reroutings: list[ReroutedMessages] = field(default_factory=list)
    timeline: Timeline | None = None
    unknown_words: dict[str, int] = field(default_factory=dict)
    replies: int = 0
    opt_outs: int = 0
    unreadable_events: dict[str, int] = field(default_factory=dict)
    is_simulated: bool = False
    sent_by: str | None = None
    addresses_removed_at: datetime | None = None
    handed_over_before: int | None = None
    report_files: tuple[str, ...] = ()
    report_problem: str | None = None
    held: Held | None = None
    waits_until: datetime | None = None

    @property
    def through(self) -> str:
        """Through whom it went; names with commas between, that of the first route first."""
        return ", ".join(dict.fromkeys([self.provider, *self.providers]))

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
        return self.count(*HANDED_OVER_STATUSES)

    @property
    def unsettled(self) -> int:
        """Messages of which more is expected."""
        return sum(count for status, count in self.statuses.items() if not status.is_final)

    @property
    def parts(self) -> int:
        """SMS segments of all messages, sent or not."""
        return sum(tally.parts for tally in self.countries.values())

    @property
    def cost(self) -> Decimal:
        """What the provider said that the messages cost; 0 where it said nothing."""
        return sum((tally.cost for tally in self.countries.values() if tally.cost is not None), Decimal(0))

    @property
    def what_then(self) -> str:
        """How a run that stopped goes on, for people; "" where nothing is left that could."""
        if self.waits_until is not None:
            return "`python -m flows.send_held` goes on with it then, as its deployment does every 5 minutes."
        held_for_good = sum(self.held.for_good.values()) if self.held else 0
        if held_for_good and held_for_good == self.count(MessageStatus.PLANNED):
            return ""
        return "The same command resumes."

    def count(self, *statuses: MessageStatus) -> int:
        """Messages that are in one of these statuses."""
        return sum(self.statuses.get(status, 0) for status in statuses)


@contextmanager
def reading_one_instant(ledger: Ledger) -> Iterator[Connection]:
    """A transaction that only reads, and sees the ledger as it was when it began.

    PostgreSQL shows each statement what was committed meanwhile, unless it is told otherwise; then a message that
    moves while a run is counted would be in two statuses, or in none.
    """
    with ledger.reading() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def read_account(connection: Connection, run_id: int) -> RunAccount:
    """Count everything of a run. The figures belong together in a transaction of `reading_one_instant`.

    Raises:
        LedgerError: There is no such run.
    """
    run = runs.get_run(connection, run_id)
    countries, providers, statuses_by_provider = _count_spending(connection, run_id)
    errors = connection.execute(
        select(_CHUNK.c.error)
        .where(_CHUNK.c.run_id == run_id, _CHUNK.c.error.is_not(None))
        .distinct()
        .limit(MOST_KINDS)
    ).scalars()
    dropped, requests_cost = connection.execute(
        select(func.sum(_REQUEST.c.size - _REQUEST.c.accepted_count), func.sum(_REQUEST.c.total_cost)).where(
            _REQUEST.c.run_id == run_id
        )
    ).one()
    credit = connection.execute(
        select(_REQUEST.c.residual_credit)
        .where(_REQUEST.c.run_id == run_id, _REQUEST.c.residual_credit.is_not(None))
        .order_by(_REQUEST.c.finished_at.desc(), _REQUEST.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return RunAccount(
        run_id=run.id,
        key=run.key,
        name=run.name,
        run_key=run.run_key,
        channel=run.channel,
        purpose=run.purpose,
        provider=run.provider,
        state=run.state,
        error=run.error,
        digest=run.digest,
        created_at=run.created_at,
        finished_at=run.finished_at,
        contact_file=str((run.campaign.get("audience") or {}).get("path") or ""),
        rows_read=run.rows_read,
        statuses=_in_order(runs.count_statuses(connection, run_id)),
        exclusions=_count_exclusions(connection, run_id),
        troubles=_count_troubles(connection, run_id),
        countries=countries,
        providers=providers,
        statuses_by_provider=statuses_by_provider,
        reroutings=read_reroutings(connection, run_id),
        errors=[error for error in errors if error != run.error],
        dropped_unnamed=int(dropped or 0),
        residual_credit=credit,
        requests_cost=requests_cost,
        timeline=read_timeline(connection, run_id, run.created_at),
        unknown_words=_count_unknown_words(connection, run_id),
        replies=_count_replies(connection, run_id),
        opt_outs=_count_opt_outs(connection, run),
        unreadable_events=_count_unreadable_events(connection, run),
        is_simulated=bool(run.content.get("test_mode")),
        addresses_removed_at=addresses_removed_at(connection, run_id),
        held=find_held(connection, run_id),
        waits_until=run.waits_until,
    )


def _in_order(statuses: dict[MessageStatus, int]) -> dict[MessageStatus, int]:
    return {status: statuses[status] for status in MessageStatus if status in statuses}


def _count_exclusions(connection: Connection, run_id: int) -> dict[ExclusionReason, int]:
    counted = connection.execute(
        select(_EXCLUSION.c.reason, func.count())
        .where(_EXCLUSION.c.run_id == run_id)
        .group_by(_EXCLUSION.c.reason)
    )
    return dict(sorted(((reason, count) for reason, count in counted), key=lambda pair: (-pair[1], pair[0])))


def _count_troubles(connection: Connection, run_id: int) -> dict[tuple[MessageStatus, str, str | None], int]:
    kind = (_MESSAGE.c.status, _MESSAGE.c.reason, _MESSAGE.c.raw_status)
    counted = connection.execute(
        select(*kind, func.count())
        .where(_MESSAGE.c.run_id == run_id, _MESSAGE.c.reason.is_not(None))
        .group_by(*kind)
        .order_by(func.count().desc(), *kind)
        .limit(MOST_KINDS)
    )
    troubles: Counter[tuple[MessageStatus, str, str | None]] = Counter()
    for status, reason, raw, count in counted:
        troubles[status, reason, None if raw is None else mask_text(raw)] += count
    return dict(troubles)


def _count_spending(
    connection: Connection, run_id: int
) -> tuple[dict[str, Tally], dict[str, Tally], dict[str, dict[MessageStatus, int]]]:
    """By country, by provider, and the statuses of each provider; in one pass over the messages."""
    kind = (_MESSAGE.c.country, _MESSAGE.c.provider, _MESSAGE.c.status)
    countries: dict[str, Tally] = {}
    providers: dict[str, Tally] = {}
    statuses: dict[str, dict[MessageStatus, int]] = {}
    for country, provider, status, count, parts, cost in connection.execute(
        select(*kind, func.count(), func.sum(_MESSAGE.c.parts), func.sum(_MESSAGE.c.cost))
        .where(_MESSAGE.c.run_id == run_id)
        .group_by(*kind)
    ):
        tally = Tally(count, count if status is MessageStatus.DELIVERED else 0, int(parts or 0), cost)
        for tallies, key in ((countries, country or ""), (providers, provider)):
            tallies[key] = tallies[key] + tally if key in tallies else tally
        of_provider = statuses.setdefault(provider, {})
        of_provider[status] = of_provider.get(status, 0) + count
    by_provider = {provider: _in_order(statuses[provider]) for provider in sorted(statuses)}
    return _largest_first(countries.items()), _largest_first(providers.items()), by_provider


def _largest_first(tallies: Iterable[tuple[str, Tally]]) -> dict[str, Tally]:
    return dict(sorted(tallies, key=lambda pair: (-pair[1].messages, pair[0])))


def _count_unknown_words(connection: Connection, run_id: int) -> dict[str, int]:
    word = _MESSAGE.c.unknown_word
    counted = connection.execute(
        select(word, func.count())
        .where(_MESSAGE.c.run_id == run_id, word.is_not(None))
        .group_by(word)
        .order_by(func.count().desc(), word)
        .limit(MOST_KINDS)
    )
    return _masked(counted)


def _count_replies(connection: Connection, run_id: int) -> int:
    # EXISTS, not a join: there are far fewer replies than messages, and this begins with the replies.
    of_run = exists().where(_MESSAGE.c.id == _REPLY.c.message_id, _MESSAGE.c.run_id == run_id)
    return int(connection.execute(select(func.count()).select_from(_REPLY).where(of_run)).scalar_one())


def _count_opt_outs(connection: Connection, run: runs.RunRecord) -> int:
    address = _SUPPRESSION.c.address
    return int(
        connection.execute(
            select(func.count(address.distinct())).where(
                _SUPPRESSION.c.effective_at > run.created_at,
                _SUPPRESSION.c.channel.in_(suppressed_channels(run.channel)),
                exists().where(_MESSAGE.c.run_id == run.id, _MESSAGE.c.address == address),
            )
        ).scalar_one()
    )


def _count_unreadable_events(connection: Connection, run: runs.RunRecord) -> dict[str, int]:
    counted = connection.execute(
        select(_EVENT.c.error, func.count())
        .where(
            _EVENT.c.provider.in_(run.providers),
            _EVENT.c.error.is_not(None),
            _EVENT.c.received_at >= run.created_at,
        )
        .group_by(_EVENT.c.error)
        .order_by(func.count().desc(), _EVENT.c.error)
        .limit(MOST_KINDS)
    )
    return _masked(counted)


def _masked(counted: Iterable[Any]) -> dict[str, int]:
    """What providers said, and how often, as it may be shown: a word of theirs may be a number that they echo."""
    words: Counter[str] = Counter()
    for word, count in counted:
        words[mask_text(word)] += count
    return dict(words)


def message_statuses(connection: Connection, run_id: int) -> dict[str, MessageStatus]:
    """The status of every message of a run, by address."""
    found = connection.execute(select(_MESSAGE.c.address, _MESSAGE.c.status).where(_MESSAGE.c.run_id == run_id))
    return {address: status for address, status in found}  # noqa: C416  # rows are not pairs to dict()


def handed_over_addresses(connection: Connection, run_id: int) -> set[str]:
    """The addresses of a run whose message the provider surely has, or had.

    That includes messages that it took and then refused, or failed to send: those have its id.
    """
    return set(
        connection.execute(
            select(_MESSAGE.c.address).where(
                _MESSAGE.c.run_id == run_id,
                or_(_MESSAGE.c.status.in_(HANDED_OVER_STATUSES), _MESSAGE.c.provider_message_id.is_not(None)),
            )
        ).scalars()
    )
