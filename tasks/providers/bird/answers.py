"""What Bird's answers to a send mean, and its errors to anything."""

from typing import Any

from tasks.messaging.statuses import MessageStatus
from tasks.providers.answers import Answer, classify_by_status, describe, quote
from tasks.providers.base import SendOutcome
from tasks.providers.bird.statuses import read_word
from tasks.providers.errors import CredentialsRejected, OutcomeUnknown, ProviderError

_ID = "id"
_NOT_FOUND = 404


def classify_bird(answer: Answer) -> ProviderError | None:
    """What an answer to a send means; a 2xx without the message's id says nothing."""
    return None if answer.is_success and answer.get(_ID) else explain_refusal(answer, without="message_id")


def classify_batch(answer: Answer) -> ProviderError | None:
    """What an answer to a batch means; a 2xx without the batch's id says nothing."""
    return None if answer.is_success and read_batch_id(answer) else explain_refusal(answer, without="batch_id")


def read_batch_id(answer: Answer) -> str | None:
    """The id of a batch that was taken; its name is not documented."""
    batch_id = answer.get(_ID) or answer.get("batchId")
    return str(batch_id) if batch_id else None


def explain_refusal(answer: Answer, *, without: str) -> ProviderError:
    """What an answer means that is no success, or is one that lacks what it should hold.

    Args:
        answer: What Bird answered.
        without: What a 2xx lacks, in snake_case.
    """
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
    status, reason = read_word(answer.body)
    return SendOutcome(
        reference,
        status or MessageStatus.ACCEPTED,
        provider_message_id=str(answer.get(_ID)),
        raw_status=None if word is None else str(word),
        reason=reason,
    )


def _flatten(details: Any) -> str:
    """A map of paths to texts, `{".receiver": ["is missing"]}`, as `.receiver: is missing`."""
    if not isinstance(details, dict):
        return str(details)
    return "; ".join(
        f"{path}: {', '.join(map(str, texts)) if isinstance(texts, list) else texts}"
        for path, texts in details.items()
    )
