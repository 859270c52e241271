"""What a campaign becomes in Octopush's requests."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.statuses import Purpose
from tasks.providers.base import Batch, OutboundMessage
from tasks.providers.octopush.options import (
    PLACEHOLDER,
    PLACEHOLDERS,
    TEXT_MAX_CHARS,
    OctopushOptions,
    leaves_out_opted_out,
    opt_out_flags,
    sender_of,
    wants_replies,
)

PLACEHOLDER_MAX_CHARS = 50

_PURPOSES = {Purpose.MARKETING: "wholesale", Purpose.TRANSACTIONAL: "alert"}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class OctopushRequests:
    """The requests of one run.

    Args:
        content: What the messages share.
        options: Octopush's own fields.
    """

    def __init__(self, content: Content, options: OctopushOptions) -> None:
        self._content = content
        self._options = options

    def direct(
        self, messages: Sequence[OutboundMessage], batch: Batch, send_at: datetime | None
    ) -> dict[str, Any]:
        """The one request of the direct send."""
        options = self._options
        body = {
            **self._shared(batch, send_at),
            "recipients": _contacts(messages),
            "simulation_mode": self._content.test_mode,
            **opt_out_flags(options),
        }
        optional = {
            "recipient_tracking": options.recipient_tracking,
            "request_id": batch.reference if options.send_request_id else None,
        }
        return body | {key: value for key, value in optional.items() if value is not None}

    def contacts(self, messages: Sequence[OutboundMessage], batch: Batch) -> dict[str, Any]:
        """First of the two-phase send: the recipients, into a list of their own.

        `do_not_overwrite` is not sent: the pages disagree about what it does.
        """
        return {
            "contacts": _contacts(messages),
            "list_name": batch.reference,
            "auto_remove_blacklisted_numbers": leaves_out_opted_out(self._options),
        }

    def draft(self, batch: Batch, send_at: datetime | None) -> dict[str, Any]:
        """Second of the two-phase send: a campaign on that list, not yet confirmed."""
        return {
            **self._shared(batch, send_at),
            "auto_remove_blacklisted_numbers": leaves_out_opted_out(self._options),
        }

    def _shared(self, batch: Batch, send_at: datetime | None) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {
            "text": batch.text,
            "type": options.type.value,
            "purpose": _PURPOSES[self._content.purpose],
            # Creates (or, two-phase, names) a contact list, and comes back in every callback: the only way to
            # learn the ticket of a request whose answer was lost.
            "list_name": batch.reference,
            "with_replies": wants_replies(self._content, options),
            "auto_optimize_text": options.auto_optimize_text,
        }
        if sender := sender_of(self._content, options):
            body["sender"] = sender
        if send_at is not None:
            body["send_at"] = send_at.isoformat(timespec="seconds")
        return body


def _contacts(messages: Sequence[OutboundMessage]) -> list[dict[str, str]]:
    return [{"phone_number": message.address, **message.placeholder_values} for message in messages]


def find_refusal(message: OutboundMessage, text: str) -> str | None:
    """Why this message must not be handed over; the server would drop or change it without a word.

    Raises:
        ValueError: It has values for placeholders that Octopush does not have.
    """
    values = message.placeholder_values
    if unknown := set(values) - set(PLACEHOLDERS):
        raise ValueError(f"octopush has no placeholder {sorted(unknown)}")
    if not _E164.fullmatch(message.address):
        return "invalid_address"
    # What Octopush puts in place of a missing value is not documented.
    if any(not values.get(name) for name in PLACEHOLDER.findall(text)):
        return "missing_value"
    rendered = PLACEHOLDER.sub(lambda found: values[found[1]], text)
    if not rendered.strip():
        return "empty_text"
    if len(rendered) > TEXT_MAX_CHARS or any(len(value) > PLACEHOLDER_MAX_CHARS for value in values.values()):
        return "too_long"
    return None
