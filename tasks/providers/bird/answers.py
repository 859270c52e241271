"""What Bird's answers mean: its status words, its failure codes and its errors."""

import re
from typing import Any

from tasks.messaging.statuses import MessageStatus
from tasks.providers.answers import Answer, classify_by_status, describe, quote
from tasks.providers.base import SendOutcome
from tasks.providers.errors import CredentialsRejected, OutcomeUnknown, ProviderError

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

_ID = "id"
_NOT_FOUND = 404

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


def classify_bird(answer: Answer) -> ProviderError | None:
    """What an answer to a send means; a 2xx without the message's id says nothing."""
    return None if answer.is_success and answer.get(_ID) else _explain_refusal(answer, without="message_id")


def classify_batch(answer: Answer) -> ProviderError | None:
    """What an answer to a batch means; a 2xx without the batch's id says nothing."""
    return None if answer.is_success and read_batch_id(answer) else _explain_refusal(answer, without="batch_id")


def read_batch_id(answer: Answer) -> str | None:
    """The id of a batch that was taken; its name is not documented."""
    batch_id = answer.get(_ID) or answer.get("batchId")
    return str(batch_id) if batch_id else None


def _explain_refusal(answer: Answer, *, without: str) -> ProviderError:
    code = answer.get("code")
    raw_status = quote(str(code)) if code else None
    explanation = answer.get("message") or answer.get("detail") or answer.get("title")
    details = answer.get("details")
    if details:
        explanation = f"{explanation or ''} {_flatten(details)}".strip()
    message = describe(answer, raw_status=raw_status, explanation=explanation)
    if answer.status == _NOT_FOUND:
        # The page files it under "bad request", which means: never retry; nor is this retried. But what is not
        # found on this path is the workspace or the channel of the credentials. Nothing is wrong with the message,
        # every other one would fare alike, and what is `rejected` could not be sent once the ids are right.
        return CredentialsRejected(
            f"{message}: are workspace_id and channel_id right?",
            reason="wrong_workspace_or_channel",
            raw_status=raw_status or str(answer.status),
        )
    return classify_by_status(answer, raw_status=raw_status, explanation=explanation) or OutcomeUnknown(
        f"{message}: no {without.replace('_', ' ')}", reason=f"no_{without}", raw_status=str(answer.status)
    )


def read_outcome(answer: Answer, reference: str) -> SendOutcome:
    """What became of one message: a 202 may already say that it was rejected.

    A word that is not in the table is kept, and changes nothing: the message was taken.
    """
    word = answer.get("status")
    status, reason = STATUSES.get(str(word), (MessageStatus.ACCEPTED, None))
    if status in _FAILED and reason is None:
        reason = failure_reason(answer.body) or str(word)
    return SendOutcome(
        reference,
        status,
        provider_message_id=str(answer.get(_ID)),
        raw_status=None if word is None else str(word),
        reason=reason,
    )


def failure_reason(message: dict[str, Any]) -> str | None:
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


def _flatten(details: Any) -> str:
    """A map of paths to texts, `{".receiver": ["is missing"]}`, as `.receiver: is missing`."""
    if not isinstance(details, dict):
        return str(details)
    return "; ".join(
        f"{path}: {', '.join(map(str, texts)) if isinstance(texts, list) else texts}"
        for path, texts in details.items()
    )
