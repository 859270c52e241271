"""What can become of a row: the vocabularies of the ledger, and the moves that a message may make.

Two rules stand here and nowhere else. *Moves* are what Rollcall itself does to a message (claim it, record an
outcome). *Receipts* are what somebody else says about it, late, twice or in the wrong order.
"""

from enum import StrEnum


class MessageStatus(StrEnum):
    """Where one message stands. Every message is in exactly one status."""

    PLANNED = "planned"
    """In the ledger, not handed over."""
    SENDING = "sending"
    """Claimed: the request may be on the wire."""
    UNKNOWN = "unknown"
    """Handed over or not: cannot be known yet. Never resent blindly."""
    ACCEPTED = "accepted"
    """The provider took it."""
    SCHEDULED = "scheduled"
    """The provider holds it until its time."""
    SENT = "sent"
    """On its way to the handset or mailbox."""
    DELIVERED = "delivered"
    """Arrived."""
    UNDELIVERED = "undelivered"
    """The carrier could not deliver it."""
    REJECTED = "rejected"
    """The provider refused this recipient or message."""
    FAILED = "failed"
    """Could not be handed over."""
    CANCELLED = "cancelled"
    """Withdrawn before it was sent."""
    UNCONFIRMED = "unconfirmed"
    """Accepted, and no receipt came within the reporting window."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected (a late receipt still corrects `unconfirmed`)."""
        return self in FINAL_STATUSES

    @property
    def is_handed_over(self) -> bool:
        """Whether the provider surely has, or had, the message."""
        return self in HANDED_OVER_STATUSES


FINAL_STATUSES = frozenset(
    {
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.REJECTED,
        MessageStatus.FAILED,
        MessageStatus.CANCELLED,
        MessageStatus.UNCONFIRMED,
    }
)

HANDED_OVER_STATUSES = frozenset(
    {
        MessageStatus.ACCEPTED,
        MessageStatus.SCHEDULED,
        MessageStatus.SENT,
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.UNCONFIRMED,
    }
)

_OUTCOMES = HANDED_OVER_STATUSES | {MessageStatus.REJECTED, MessageStatus.FAILED}

ALLOWED_MOVES: dict[MessageStatus, frozenset[MessageStatus]] = {
    MessageStatus.PLANNED: frozenset({MessageStatus.SENDING, MessageStatus.FAILED, MessageStatus.CANCELLED}),
    # Back to planned only when the request surely did not reach the provider.
    MessageStatus.SENDING: _OUTCOMES | {MessageStatus.UNKNOWN, MessageStatus.PLANNED, MessageStatus.CANCELLED},
    # Back to planned only when the provider was asked and provably has no such message, or the operator says so.
    MessageStatus.UNKNOWN: _OUTCOMES | {MessageStatus.PLANNED, MessageStatus.CANCELLED},
    MessageStatus.ACCEPTED: (_OUTCOMES | {MessageStatus.CANCELLED}) - {MessageStatus.ACCEPTED},
    MessageStatus.SCHEDULED: (_OUTCOMES | {MessageStatus.CANCELLED})
    - {MessageStatus.ACCEPTED, MessageStatus.SCHEDULED},
    MessageStatus.SENT: FINAL_STATUSES - {MessageStatus.CANCELLED},
    MessageStatus.UNCONFIRMED: FINAL_STATUSES - {MessageStatus.UNCONFIRMED},
    MessageStatus.DELIVERED: frozenset(),
    MessageStatus.UNDELIVERED: frozenset(),
    MessageStatus.REJECTED: frozenset(),
    MessageStatus.FAILED: frozenset(),
    MessageStatus.CANCELLED: frozenset(),
}
"""Which statuses Rollcall may move a message to, by the status it is in."""


def may_move(current: MessageStatus, to: MessageStatus) -> bool:
    """Whether Rollcall may move a message from one status to another."""
    return to in ALLOWED_MOVES[current]


_RECEIPT_ORDER = (
    MessageStatus.PLANNED,
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.ACCEPTED,
    MessageStatus.SCHEDULED,
    MessageStatus.SENT,
    MessageStatus.UNCONFIRMED,
    MessageStatus.DELIVERED,
    MessageStatus.CANCELLED,
    MessageStatus.FAILED,
    MessageStatus.REJECTED,
    MessageStatus.UNDELIVERED,
)
_RECEIPT_RANK = {status: rank for rank, status in enumerate(_RECEIPT_ORDER)}


def receipt_rank(status: MessageStatus) -> int:
    """The place of a status on the one scale of receipts, on which a message only goes up.

    Receipts therefore commute, repeat without effect, and never reopen a final state; `unconfirmed` stands below
    what a late receipt may still correct it to. Among final states the worst one is the highest: a message of
    several parts of which one was not delivered was not delivered.
    """
    return _RECEIPT_RANK[status]


def after_receipt(current: MessageStatus, reported: MessageStatus) -> MessageStatus:
    """The status after a receipt: the higher of the two."""
    return max(current, reported, key=receipt_rank)


class ExclusionReason(StrEnum):
    """Why a row of the list got no message."""

    MISSING_ADDRESS = "missing_address"
    """The row has no phone number (or e-mail address)."""
    INVALID_ADDRESS = "invalid_address"
    """What stands there is not an address."""
    DAMAGED_ADDRESS = "damaged_address"
    """A spreadsheet or float artefact, or a torn row, that cannot be undone without loss."""
    NOT_TEXTABLE = "not_textable"
    """A landline or premium number: no SMS arrives there."""
    DUPLICATE = "duplicate"
    """The same address as an earlier row."""
    DISABLED = "disabled"
    """The contact is switched off in the list or in the registry."""
    OPTED_OUT = "opted_out"
    """The person asked not to be contacted."""
    NOT_A_CONTACT = "not_a_contact"
    """Not in the registry, and the campaign skips unknown contacts."""
    FREQUENCY_CAPPED = "frequency_capped"
    """Has had as many messages as the cap allows."""
    MISSING_VALUE = "missing_value"
    """A value that the text needs is empty in this row."""
    TOO_LONG = "too_long"
    """The rendered text is longer than the provider takes."""
    UNSUPPORTED_COUNTRY = "unsupported_country"
    """The provider does not send this kind of message to that country."""


class Channel(StrEnum):
    """The kind of message."""

    SMS = "sms"
    """A text message."""
    MMS = "mms"
    """A text message with media."""
    EMAIL = "email"
    """An e-mail."""


class Purpose(StrEnum):
    """Why the message is sent; the law treats the two differently."""

    MARKETING = "marketing"
    """Advertising: needs consent, and a way out."""
    TRANSACTIONAL = "transactional"
    """Asked for by the recipient: an order, an alert, a code."""


class EventKind(StrEnum):
    """What a provider's callback is about."""

    DELIVERY = "delivery"
    """The status of a message."""
    OPT_OUT = "opt_out"
    """A person asked not to be contacted."""
    REPLY = "reply"
    """A person answered."""
    UNKNOWN = "unknown"
    """Not to be told: kept with an error."""
