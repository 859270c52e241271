"""Octopush's words for where a message stands.

The published list is incomplete; a word that is not here is kept, counted, and changes nothing.
"""

from tasks.messaging.statuses import MessageStatus

BLACKLISTED = "BLACKLISTED_NUMBER"
"""The person is on the account's blacklist: the only trace of a STOP whose callback was lost."""

STATUSES: dict[str, tuple[MessageStatus, str | None]] = {
    "PROCESSED": (MessageStatus.ACCEPTED, None),
    "ACK": (MessageStatus.SENT, None),  # "acknowledged by the first carrier"
    "TRANSMITTED": (MessageStatus.SENT, None),
    "ISP_SEND": (MessageStatus.SENT, None),
    "DELIVERED": (MessageStatus.DELIVERED, None),
    # Of other channels; whoever read it has got it.
    "READ": (MessageStatus.DELIVERED, "read"),
    "OPENED": (MessageStatus.DELIVERED, "opened"),
    "CLICKED": (MessageStatus.DELIVERED, "clicked"),
    "NOT_DELIVERED": (MessageStatus.UNDELIVERED, "not_delivered"),
    "BAD_DESTINATION": (MessageStatus.UNDELIVERED, "bad_destination"),
    "NOT_ALLOWED": (MessageStatus.REJECTED, "not_allowed"),
    BLACKLISTED: (MessageStatus.REJECTED, "opted_out"),
    "SPAM_PRESUMPTION": (MessageStatus.REJECTED, "spam_suspected"),
    # The carrier never told, and never will.
    "UNKNOWN_DELIVERY": (MessageStatus.UNCONFIRMED, "no_receipt"),
    "UNDEFINED": (MessageStatus.UNCONFIRMED, "no_receipt"),
}
"""Our status and reason, by native word."""
