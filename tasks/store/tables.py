"""The ledger's tables. Fixed column names are those of the design; integer keys throughout.

`campaign_run` 1-n `chunk` 1-n `provider_request`, and `campaign_run` 1-n `message` and `exclusion`: one row of one
of the two for every row that was read. Instants are UTC.
"""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from tasks.messaging.statuses import Channel, EventKind, ExclusionReason, MessageStatus, Purpose
from tasks.store.columns import Money, UtcDateTime, Word

_BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is an alias of SQLite's row id


def utc_now() -> datetime:
    """The current instant, in UTC."""
    return datetime.now(UTC)


def _index_of_filled(name: str, column: str) -> Index:
    """An index without the rows in which the column is NULL: those cost nothing when they are inserted."""
    is_filled = text(f"{column} IS NOT NULL")
    return Index(name, column, sqlite_where=is_filled, postgresql_where=is_filled)


class RunState(StrEnum):
    """Where a run of a campaign stands."""

    PLANNED = "planned"
    """Every row is in the ledger; nothing was handed over."""
    SENDING = "sending"
    """Chunks are being handed over."""
    STOPPED = "stopped"
    """Stopped midway; the same command resumes."""
    HANDED_OVER = "handed_over"
    """Nothing is left to hand over."""
    FINISHED = "finished"
    """Every message is in a final state."""


class RunControl(StrEnum):
    """What an operator decided about a run. Every process that sends it obeys within seconds."""

    PAUSE = "pause"
    """Nothing of it is handed over until it is resumed."""
    CANCEL = "cancel"
    """Nothing of it is ever handed over any more."""


class ChunkState(StrEnum):
    """Where a chunk stands."""

    PLANNED = "planned"
    """Has messages to hand over, and nobody works on it."""
    CLAIMED = "claimed"
    """Somebody works on it."""
    DONE = "done"
    """None of its messages is left to hand over."""


class RequestState(StrEnum):
    """Where a request with many recipients stands."""

    OPEN = "open"
    """Committed before it left; no answer recorded yet."""
    ACCEPTED = "accepted"
    """The provider took it and gave a ticket."""
    REFUSED = "refused"
    """Surely not sent."""
    UNKNOWN = "unknown"
    """Sent or not: cannot be known yet."""


class SuppressionScope(StrEnum):
    """What a suppression forbids."""

    ALL = "all"
    """Any message."""
    MARKETING = "marketing"
    """Marketing only."""


class CampaignRun(SQLModel, table=True):
    """One sending of one campaign file."""

    __tablename__ = "campaign_run"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=300, description="name/run_key: what makes a run the same run.")
    name: str = Field(max_length=200)
    run_key: str = Field(max_length=100)
    token: str = Field(unique=True, max_length=16, description="Prefix of this run's references.")
    channel: Channel = Field(sa_type=Word(Channel))
    provider: str = Field(max_length=50)
    purpose: Purpose = Field(sa_type=Word(Purpose))
    state: RunState = Field(sa_type=Word(RunState))
    rows_read: int
    digest: str = Field(max_length=64, description="Of all that would be sent; --approve compares it.")
    campaign: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="The campaign file.")
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="What is said.")
    options: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="The provider's options.")
    source_sha256: str = Field(max_length=64, description="Of the contact file's bytes.")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = Field(
        default=None, max_length=200, description="host:pid:nonce of the process that leads the sending."
    )
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    control: RunControl | None = Field(default=None, sa_type=Word(RunControl), description="Pause or cancel it.")
    control_by: str | None = Field(default=None, max_length=200, description="Who decided that.")
    control_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, description="Why it stopped.")
    waits_until: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        description="When its next sending window opens, if that is all it waits for. NULL: a person resumes it.",
    )
    addresses_removed_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="When the time was over that its addresses are kept."
    )


class Chunk(SQLModel, table=True):
    """A part of a run that one task run hands over."""

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="campaign_run.id", index=True)
    state: ChunkState = Field(sa_type=Word(ChunkState))
    size: int
    provider: str = Field(max_length=50, description="Whom its messages are handed over to now.")
    fallbacks: str | None = Field(
        default=None, description="Who comes next when that one is down: names with commas between."
    )
    handled: int = Field(default=0, description="Messages with a recorded outcome: what the progress bar shows.")
    claimed_by: str | None = Field(default=None, max_length=200, description="host:pid:nonce of its sender.")
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lease_until: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="Its sender counts as dead after this."
    )
    attempts: int = 0
    provider_ticket: str | None = Field(default=None, description="Tickets of its requests, separated by spaces.")
    error: str | None = None


class ProviderRequest(SQLModel, table=True):
    """One request with many recipients, committed before it leaves.

    Where a provider gives one ticket for many recipients, a lost answer can only be settled through `reference`,
    which the provider echoes in its callbacks.
    """

    __tablename__ = "provider_request"

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    run_id: int = Field(foreign_key="campaign_run.id", index=True)
    chunk_id: int = Field(foreign_key="chunk.id", index=True)
    provider: str = Field(max_length=50)
    reference: str = Field(unique=True, max_length=30)
    state: RequestState = Field(sa_type=Word(RequestState))
    size: int
    ticket: str | None = Field(default=None, index=True)
    accepted_count: int | None = Field(default=None, sa_type=BigInteger)
    total_cost: Decimal | None = Field(default=None, sa_type=Money)
    residual_credit: Decimal | None = Field(default=None, sa_type=Money)
    parts: int | None = Field(
        default=None, sa_type=BigInteger, description="SMS segments, as the provider counts."
    )
    note: str | None = Field(default=None, description="What else the provider said.")
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None


class Rerouting(SQLModel, table=True):
    """Messages of a run that went to the next provider, because the one they were for was out of order."""

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="campaign_run.id", index=True)
    from_provider: str = Field(max_length=50)
    to_provider: str = Field(max_length=50)
    messages: int = Field(description="How many: those that surely were not handed over.")
    why: str = Field(sa_column=Column(Text, nullable=False), description="What was wrong, for people.")
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SendingWindow(SQLModel, table=True):
    """When messages of a run may be handed over that go to one country and one set of time zones.

    One row for many messages: the window moves from day to day, and they need not be written for that.
    """

    __tablename__ = "sending_window"
    __table_args__ = (UniqueConstraint("run_id", "country", "zones", name="uq_sending_window_place"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="campaign_run.id")
    country: str = Field(max_length=2, description="ISO 3166-1 alpha-2; empty where it is not known.")
    zones: str = Field(
        sa_column=Column(Text, nullable=False),
        description="IANA names in order, commas between: every zone that the recipient may be in.",
    )
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime, description="NULL: held, never due.")
    not_after: datetime | None = Field(default=None, sa_type=UtcDateTime, description="That instant is too late.")
    held_because: str | None = Field(default=None, description="Why there is no window, for people.")


class Message(SQLModel, table=True):
    """One message to one address in one run."""

    __table_args__ = (
        # The address first: it is looked for over all runs as well, and a second index would cost a third of the
        # time that a message takes to insert.
        UniqueConstraint("address", "run_id", name="uq_message_address_run"),
        # What reconciliation asks for: by the provider's id, by request, and what is still open. Messages that are
        # only planned have neither id nor request.
        _index_of_filled("ix_message_provider_message_id", "provider_message_id"),
        _index_of_filled("ix_message_request_id", "request_id"),
        Index("ix_message_status", "run_id", "status"),
    )

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    run_id: int = Field(foreign_key="campaign_run.id")
    reference: str = Field(unique=True, max_length=40, description="What the provider is told.")
    row_number: int = Field(sa_column=Column(BigInteger, nullable=False), description="The header is row 1.")
    address: str = Field(
        description="E.164 or e-mail; `external:` and a code where only the provider knows it; `erased:` or "
        "`pruned:` and the row's id where it was removed."
    )
    country: str | None = Field(default=None, max_length=2, description="ISO 3166-1 alpha-2 of a phone number.")
    status: MessageStatus = Field(sa_type=Word(MessageStatus))
    reason: str | None = None
    raw_status: str | None = Field(default=None, description="The provider's own word.")
    provider: str = Field(max_length=50)
    provider_message_id: str | None = None
    external_code: str | None = Field(default=None, description="The list's own key of the contact.")
    parts: int | None = Field(default=None, description="SMS segments, counted before sending.")
    cost: Decimal | None = Field(default=None, sa_type=Money)
    chunk_id: int = Field(foreign_key="chunk.id", index=True)
    claimed_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="When its last request was about to leave."
    )
    next_poll_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="When the provider is next asked about it."
    )
    unknown_word: str | None = Field(
        default=None, description="The provider's last word that no table explains; it changed nothing."
    )
    request_id: int | None = Field(default=None, sa_column=Column(_BigId, ForeignKey("provider_request.id")))
    not_before: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="Not due before that, whatever its window says."
    )
    window_id: int | None = Field(
        default=None, foreign_key="sending_window.id", description="When it may be handed over; NULL: at any time."
    )
    attempts: int = 0
    variables: str | None = Field(
        default=None, sa_column=Column(Text), description="JSON object: the row's values that the content uses."
    )
    status_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Exclusion(SQLModel, table=True):
    """One row of the list that gets no message, and why."""

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    run_id: int = Field(foreign_key="campaign_run.id", index=True)
    row_number: int = Field(sa_column=Column(BigInteger, nullable=False), description="The header is row 1.")
    address: str | None = Field(default=None, description="Normalised where possible, else as in the file.")
    reason: ExclusionReason = Field(sa_type=Word(ExclusionReason))
    detail: str


class Contact(SQLModel, table=True):
    """The registry of known contacts."""

    __table_args__ = (
        _index_of_filled("ix_contact_external_code", "external_code"),
        _index_of_filled("ix_contact_phone", "phone"),
        _index_of_filled("ix_contact_email", "email"),
    )

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    external_code: str | None = None
    phone: str | None = Field(default=None, max_length=20, description="E.164.")
    email: str | None = Field(default=None, max_length=320)
    first_name: str | None = None
    last_name: str | None = None
    country: str | None = Field(default=None, max_length=2)
    timezone: str | None = Field(default=None, description="IANA name.")
    enabled: bool = True
    fields: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Suppression(SQLModel, table=True):
    """An address that must not be contacted. A re-import never clears one; an opt-in lifts it."""

    __table_args__ = (
        UniqueConstraint("address", "channel", "scope", name="uq_suppression_address"),
        # Those of erased people are few beside all others, and every sending looks at them.
        Index(
            "ix_suppression_hashed",
            "address",
            sqlite_where=text("address LIKE 'hmac:%'"),
            postgresql_where=text("address LIKE 'hmac:%'"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    channel: Channel = Field(sa_type=Word(Channel))
    address: str = Field(
        max_length=320, description="E.164 or e-mail; of an erased person `hmac:` and a keyed hash."
    )
    scope: SuppressionScope = Field(sa_type=Word(SuppressionScope))
    reason: str = Field(max_length=200)
    source: str = Field(description="Where it came from: a file, a callback, a person.")
    effective_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="When the person opted in again; it forbids nothing since."
    )
    lifted_source: str | None = None


class Erasure(SQLModel, table=True):
    """One erasure of people: that it was done, and not of whom."""

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    erased_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    people: int
    key_check: str | None = Field(
        default=None,
        max_length=64,
        description="By which the key of the hashed suppressions is recognised; None where it keeps none.",
    )


class ProviderEvent(SQLModel, table=True):
    """A provider's callback as it came, kept before anything is made of it."""

    __tablename__ = "provider_event"

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    provider: str = Field(max_length=50)
    kind: EventKind = Field(sa_type=Word(EventKind))
    dedupe_key: str = Field(unique=True, max_length=200)
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    processed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_try_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="It fits no message yet: looked at again then."
    )
    error: str | None = None

    __table_args__ = (
        Index("ix_provider_event_unprocessed", "processed_at", "next_try_at", "id"),
        # Those that could not be read are few, and every report counts them.
        Index(
            "ix_provider_event_unreadable",
            "provider",
            "received_at",
            sqlite_where=text("error IS NOT NULL"),
            postgresql_where=text("error IS NOT NULL"),
        ),
    )


class Reply(SQLModel, table=True):
    """What a recipient answered."""

    __table_args__ = (UniqueConstraint("dedupe_key", name="uq_reply_dedupe_key"),)

    id: int | None = Field(default=None, sa_column=Column(_BigId, primary_key=True))
    provider: str = Field(max_length=50)
    address: str = Field(max_length=320, index=True)
    text: str
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    message_id: int | None = Field(
        default=None,
        sa_column=Column(_BigId, ForeignKey("message.id"), index=True),
        description="What it answers.",
    )
    dedupe_key: str | None = Field(
        default=None, max_length=200, description="Provider and reply: it is kept once."
    )


class RateLimit(SQLModel, table=True):
    """When the next request under a provider's rate limit may begin."""

    __tablename__ = "rate_limit"

    name: str = Field(primary_key=True, max_length=100, description="Provider and a hash of the credentials.")
    next_at: float = Field(sa_column=Column(Double, nullable=False), description="Unix time in seconds.")


class SyncPoint(SQLModel, table=True):
    """How far a provider was read."""

    __tablename__ = "sync_point"

    name: str = Field(primary_key=True, max_length=100, description="What was read: provider, account, subject.")
    read_until: datetime = Field(sa_type=UtcDateTime)
