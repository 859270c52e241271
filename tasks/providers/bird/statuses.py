"""Bird's status words and failure codes, in our words."""

import re
from collections.abc import Mapping
from typing import Any

from tasks.messaging.statuses import MessageStatus

STATUSES: dict[str, tuple[MessageStatus, str | None]] = {
    "accepted": (MessageStatus.ACCEPTED, None),
    "processing": (MessageStatus.ACCEPTED, None),
    "pending": (MessageStatus.ACCEPTED, None),  # seen by clients, not documented
    "scheduled": (MessageStatus.SCHEDULED, None),
    "sent": (MessageStatus.SENT, None),
    "delivered": (MessageStatus.DELIVERED, None),
    "read": (MessageStatus.DELIVERED, "read"),  # seen by clients, not documented
    "rejected": (MessageStatus.REJECTED, None),
    "skipped": (MessageStatus.REJECTED, "skipped"),  # seen by clients, not documented
    "sending_failed": (MessageStatus.FAILED, None),
    "delivery_failed": (MessageStatus.UNDELIVERED, None),
    "deleted": (MessageStatus.CANCELLED, "deleted"),  # documented word, likely meaning
}
"""Bird's status words: what they mean, and the reason where the word itself is one."""

_FAILED = frozenset({MessageStatus.REJECTED, MessageStatus.FAILED, MessageStatus.UNDELIVERED})

_FAILURE_REASONS = {
    11001: "bad_request",  # channel configuration, or several receivers
    11002: "bad_input",
    12001: "dependency",
    12002: "unsupported_type",
    12003: "unsupported_destination",
    15001: "network_error",
}
_BAD_DESTINATION_CODE = 15005
_BAD_DESTINATION_SOURCE_CODES = frozenset({"1", "2", "3", "5"})
_ACCOUNTING = "accounting"  # likely: no money

_FAMILIES = {11: "validation", 12: "service", 14: "account_or_policy", 15: "platform"}
_CUSTOMER_FAMILY = 14

# The code of an opt-out is not documented: any of the customer family whose text says so.
_OPT_OUT = re.compile(r"(?<![a-z])(?:stop|unsubscri|suppress|opt(?:ed|s|ing)?(?:[ _-]?(?:out|in))?(?![a-z]))")
_EXPIRED = re.compile(r"expired|dlr not received")


def read_word(message: Mapping[str, Any]) -> tuple[MessageStatus | None, str | None]:
    """What the status word of a message object means, and why, where it is not a success.

    Returns:
        (None, None) for a word that is not in the table.
    """
    word = str(message.get("status"))
    status, reason = STATUSES.get(word, (None, None))
    if status in _FAILED and reason is None:
        reason = failure_reason(message) or word
    return status, reason


def failure_reason(message: Mapping[str, Any]) -> str | None:
    """The reason that a message object gives for its failure, as one word; None where it gives none."""
    failure = message.get("failure")
    failure = failure if isinstance(failure, dict) else {}
    source = failure.get("source")
    source = source if isinstance(source, dict) else {}
    code = failure.get("code")
    code = code if isinstance(code, int) else 0
    family = code // 1000
    text = " ".join(
        str(part) for part in (message.get("reason"), message.get("details"), failure.get("description"))
    )
    text = text.lower()
    if family == _CUSTOMER_FAMILY:
        if _OPT_OUT.search(text):
            return "opted_out"
        return "no_credit" if source.get("name") == _ACCOUNTING else _FAMILIES[family]
    if _EXPIRED.search(text):
        return "expired"
    if code == _BAD_DESTINATION_CODE and str(source.get("code")) in _BAD_DESTINATION_SOURCE_CODES:
        return "bad_destination"
    return _FAILURE_REASONS.get(code) or _FAMILIES.get(family)
