"""Cutting the messages of a chunk into requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tasks.contacts.chunks import cut_evenly
from tasks.messaging.rendering import RunTexts
from tasks.providers.capabilities import Capabilities
from tasks.store.outbox import PlannedMessage


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request, before its messages are claimed.

    Attributes:
        reference: Of the message, or of the request when it has many recipients.
        is_bulk: Whether it is a request with many recipients, that the ledger keeps a row for.
        batch_text: The text that all its messages share; None where each has its own, or none.
    """

    reference: str
    messages: Sequence[PlannedMessage]
    is_bulk: bool = False
    batch_text: str | None = None


def shape_requests(
    token: str, messages: Sequence[PlannedMessage], texts: RunTexts, capabilities: Capabilities
) -> Iterator[PlannedRequest]:
    """Cut the messages of a chunk into requests.

    One recipient a request where the provider takes no more. Else as few requests as possible, of even size. Where
    their texts have to be equal, one text each: that with placeholders for everybody whose values fit into it, and
    for the rest one request per distinct text.

    Args:
        token: The run's, first part of each request's reference.
        messages: What is left of the chunk.
        texts: The run's texts.
        capabilities: The provider's limits.
    """
    if capabilities.max_recipients_per_request == 1:
        for message in messages:
            yield PlannedRequest(message.reference, [message])
        return
    by_text: dict[str | None, list[PlannedMessage]] = {}
    for message in messages:
        by_text.setdefault(_batch_text(message, texts, capabilities), []).append(message)
    most = capabilities.recommended_recipients_per_request[1]
    for text, group in by_text.items():
        rest = iter(group)
        for size in cut_evenly(len(group), most):
            members = list(islice(rest, size))
            first = members[0]
            # Row and attempt make it unique: a request that was surely not sent goes again under another name.
            reference = f"{token}-{first.row_number}-{first.attempts + 1}"
            yield PlannedRequest(reference, members, is_bulk=True, batch_text=text)


def _batch_text(message: PlannedMessage, texts: RunTexts, capabilities: Capabilities) -> str | None:
    if capabilities.batches_own_texts:
        return None
    if texts.shared is not None and texts.shared.values(message.variables) is not None:
        return texts.shared.text
    return texts.render(message.variables).text
