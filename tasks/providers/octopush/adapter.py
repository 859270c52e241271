"""Octopush: many recipients a request, one ticket for all of them, receipts only by callback."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.providers.base import (
    Batch,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.errors import ConfigurationError
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.octopush.answers import classify_octopush, mean_cost, read_receipt
from tasks.providers.octopush.options import (
    PLACEHOLDER,
    PLACEHOLDERS,
    TEXT_MAX_CHARS,
    OctopushCredentials,
    OctopushOptions,
    find_octopush_problems,
    sender_of,
    wants_replies,
)

_SEND_PATH = "/sms-campaign/send"

_PURPOSES = {Purpose.MARKETING: "wholesale", Purpose.TRANSACTIONAL: "alert"}

_LIST_NAME_MAX_CHARS = 30
_PLACEHOLDER_MAX_CHARS = 50
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Octopush(Provider):
    """Adapter of Octopush's direct send. See `Provider` for the interface."""

    name: ClassVar[str] = "octopush"
    capabilities: ClassVar[Capabilities] = Capabilities(
        channels=frozenset({Channel.SMS}),
        contents=frozenset({ContentKind.TEXT}),
        max_recipients_per_request=100_001,
        # "< 200: you multiply calls; > 500: the frame becomes heavy and the risk of data loss increases."
        recommended_recipients_per_request=(200, 500),
        # No limit is documented and no 429 was ever seen. Four requests of 500 already are thousands of messages a
        # second, and each one whose answer is lost leaves 500 messages unknown.
        max_requests_in_flight=4,
        max_requests_per_second=None,
        placeholders=PLACEHOLDERS,
        placeholder_max_chars=_PLACEHOLDER_MAX_CHARS,
        max_text_chars=TEXT_MAX_CHARS,
        can_schedule=True,
        can_simulate=True,
        can_mark_purpose=True,
        can_set_sender=True,
        can_receive_replies=True,
        pushes_status=True,
        reports_cost=True,
    )
    Options: ClassVar[type[ProviderOptions]] = OctopushOptions
    Credentials: ClassVar[type[ProviderCredentials]] = OctopushCredentials

    def __init__(
        self,
        credentials: ProviderCredentials,
        content: Content,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, OctopushCredentials) or not isinstance(options, OctopushOptions):
            raise TypeError("credentials and options must be Octopush.Credentials and Octopush.Options")
        if problems := self.find_problems(content, options):
            raise ConfigurationError("; ".join(problems))
        self._content = content
        self._options = options
        self._client = HttpClient(
            credentials.base_url,
            headers={"api-login": credentials.api_login, "api-key": credentials.api_key.get_secret_value()},
            max_requests_in_flight=self.capabilities.max_requests_in_flight,
            transport=transport,
            retry=retry,
        )

    @classmethod
    def find_problems(
        cls, content: Content, options: ProviderOptions, countries: frozenset[str] = frozenset()
    ) -> list[str]:
        if not isinstance(options, OctopushOptions):
            raise TypeError("options must be Octopush.Options")
        return [
            *find_unsupported(cls.name, content, cls.capabilities),
            *find_octopush_problems(content, options, countries),
        ]

    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over the messages of one request.

        A message that Octopush would silently drop or change is not handed over: its outcome is `failed`, with the
        reason `invalid_address`, `missing_value`, `empty_text` or `too_long`.

        Args:
            messages: Recipients, each with a value for every placeholder of the batch's text.
            batch: Text and name of the request; may be None for a single message, which then has its own text.

        Returns:
            One outcome per message, in the same order; all accepted ones share one ticket. The cost is the mean of
            the request, and only told where Octopush took every recipient: it does not say which ones it dropped.

        Raises:
            ValueError: The caller shaped a request that cannot be made.
            ProviderError: See `Provider.send`.
        """
        batch = batch or _single(messages)
        if not 1 <= len(messages) <= self.capabilities.max_recipients_per_request:
            raise ValueError(f"{len(messages)} messages in one request")
        if not 1 <= len(batch.reference) <= _LIST_NAME_MAX_CHARS:
            raise ValueError(
                f"the batch reference {batch.reference!r} is longer than {_LIST_NAME_MAX_CHARS} characters"
            )
        if batch.text is None:
            raise ValueError("octopush sends texts, and the request has none")
        refusals = [_find_refusal(message, batch.text) for message in messages]
        sendable = [message for message, reason in zip(messages, refusals, strict=True) if reason is None]
        accepted = await self._send_batch(sendable, batch) if sendable else None
        return [
            replace(accepted, reference=message.reference)
            if accepted and reason is None
            else SendOutcome(message.reference, MessageStatus.FAILED, reason=reason)
            for message, reason in zip(messages, refusals, strict=True)
        ]

    async def _send_batch(self, messages: Sequence[OutboundMessage], batch: Batch) -> SendOutcome:
        """The outcome that all of them share, with an empty reference."""
        content = self._content
        # A time that has passed is not sent: Octopush replaces values it does not like by ones of its own.
        send_at = content.send_at if content.send_at and content.send_at > datetime.now(UTC) else None
        answer = await self._client.request_json(
            "POST",
            _SEND_PATH,
            json=self._request_body(messages, batch, send_at),
            classify=classify_octopush,
        )
        receipt = read_receipt(answer)
        return SendOutcome(
            "",
            MessageStatus.SCHEDULED if send_at else MessageStatus.ACCEPTED,
            provider_message_id=receipt.ticket,
            cost=None if content.test_mode else mean_cost(receipt, len(messages)),
            batch=receipt,
        )

    def _request_body(
        self, messages: Sequence[OutboundMessage], batch: Batch, send_at: datetime | None
    ) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {
            "text": batch.text,
            "recipients": [
                {"phone_number": message.address, **message.placeholder_values} for message in messages
            ],
            "type": options.type.value,
            "purpose": _PURPOSES[self._content.purpose],
            # Creates a contact list of that name, and comes back in every callback: the only way to learn the
            # ticket of a request whose answer was lost.
            "list_name": batch.reference,
            "with_replies": wants_replies(self._content, options),
            "simulation_mode": self._content.test_mode,
            "auto_delete_optout_contacts": options.auto_delete_optout_contacts,
            "auto_optimize_text": options.auto_optimize_text,
        }
        optional = {
            "sender": sender_of(self._content, options),
            "send_at": send_at.isoformat(timespec="seconds") if send_at else None,
            "recipient_tracking": options.recipient_tracking,
            "request_id": batch.reference if options.send_request_id else None,
        }
        return body | {key: value for key, value in optional.items() if value is not None}


def _single(messages: Sequence[OutboundMessage]) -> Batch:
    if len(messages) != 1 or messages[0].text is None:
        raise ValueError("without a batch, octopush sends one message with a text of its own")
    return Batch(messages[0].reference, messages[0].text)


def _find_refusal(message: OutboundMessage, text: str) -> str | None:
    """Why this message must not be handed over; the server would drop or change it without a word."""
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
    if len(rendered) > TEXT_MAX_CHARS or any(len(value) > _PLACEHOLDER_MAX_CHARS for value in values.values()):
        return "too_long"
    return None
