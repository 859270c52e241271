"""Octopush: many recipients a request, one ticket for all of them, receipts only by callback."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.base import (
    Balance,
    Batch,
    BatchReceipt,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.errors import ConfigurationError, OutcomeUnknown, ProviderUnreachable
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.octopush.answers import (
    classify_balance,
    classify_octopush,
    mean_cost,
    read_balance_answer,
    read_receipt,
)
from tasks.providers.octopush.options import (
    PLACEHOLDERS,
    TEXT_MAX_CHARS,
    OctopushCredentials,
    OctopushOptions,
    SmsType,
    find_octopush_problems,
)
from tasks.providers.octopush.request import PLACEHOLDER_MAX_CHARS, OctopushRequests, find_refusal
from tasks.providers.octopush.two_phase import TwoPhaseSend

_SEND_PATH = "/sms-campaign/send"
_BALANCE_PATH = "/wallet/check-balance"

_LIST_NAME_MAX_CHARS = 30


class Octopush(Provider):
    """Adapter of Octopush. See `Provider` for the interface.

    Args of the constructor, beside those of `Provider`:
        sleep: Waits that many seconds.
    """

    name: ClassVar[str] = "octopush"
    documentation_url: ClassVar[str] = "https://dev.octopush.com/en/"
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
        placeholder_max_chars=PLACEHOLDER_MAX_CHARS,
        max_text_chars=TEXT_MAX_CHARS,
        can_schedule=True,
        can_simulate=True,
        can_mark_purpose=True,
        can_set_sender=True,
        can_receive_replies=True,
        pushes_status=True,
        can_tell_balance=True,
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not isinstance(credentials, OctopushCredentials) or not isinstance(options, OctopushOptions):
            raise TypeError("credentials and options must be Octopush.Credentials and Octopush.Options")
        if problems := self.find_problems(content, options):
            raise ConfigurationError("; ".join(problems))
        self._content = content
        self._options = options
        self._requests = OctopushRequests(content, options)
        self._client = HttpClient(
            credentials.base_url,
            headers={"api-login": credentials.api_login, "api-key": credentials.api_key.get_secret_value()},
            max_requests_in_flight=self.capabilities.max_requests_in_flight,
            transport=transport,
            retry=retry,
            sleep=sleep,
        )
        self._two_phase = TwoPhaseSend(self._client, retry=retry or RetryPolicy(), sleep=sleep)

    @classmethod
    def capabilities_for(cls, content: Content, options: ProviderOptions) -> Capabilities:
        del content
        is_two_phase = isinstance(options, OctopushOptions) and options.two_phase
        return replace(cls.capabilities, can_simulate=False) if is_two_phase else cls.capabilities

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

    @classmethod
    def gives_receipts(cls, content: Content, options: ProviderOptions) -> bool:
        """Not of low-cost SMS ("receipts exist for premium SMS only"), nor of a simulation, as far as is known."""
        is_low_cost = isinstance(options, OctopushOptions) and options.type is SmsType.LOW_COST
        return not (is_low_cost or content.test_mode)

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
        refusals = [find_refusal(message, batch.text) for message in messages]
        sendable = [message for message, reason in zip(messages, refusals, strict=True) if reason is None]
        accepted = await self._send_batch(sendable, batch) if sendable else None
        return [
            SendOutcome(
                message.reference,
                accepted.status,
                provider_message_id=accepted.provider_message_id,
                cost=accepted.cost,
                batch=accepted.batch,
            )
            if accepted and reason is None
            else SendOutcome(message.reference, MessageStatus.FAILED, reason=reason)
            for message, reason in zip(messages, refusals, strict=True)
        ]

    async def _send_batch(self, messages: Sequence[OutboundMessage], batch: Batch) -> SendOutcome:
        """The outcome that all of them share, with an empty reference."""
        content = self._content
        # A time that has passed is not sent: Octopush replaces values it does not like by ones of its own.
        send_at = content.send_at if content.send_at and content.send_at > datetime.now(UTC) else None
        receipt = await self._hand_over(messages, batch, send_at)
        return SendOutcome(
            "",
            MessageStatus.SCHEDULED if send_at else MessageStatus.ACCEPTED,
            provider_message_id=receipt.ticket,
            cost=None if content.test_mode else mean_cost(receipt, len(messages)),
            batch=receipt,
        )

    async def _hand_over(
        self, messages: Sequence[OutboundMessage], batch: Batch, send_at: datetime | None
    ) -> BatchReceipt:
        requests = self._requests
        if self._options.two_phase:
            return await self._two_phase.send(requests.contacts(messages, batch), requests.draft(batch, send_at))
        answer = await self._client.request_json(
            "POST", _SEND_PATH, json=requests.direct(messages, batch, send_at), classify=classify_octopush
        )
        return read_receipt(answer)

    async def read_balance(self) -> Balance | None:
        """How many messages of the campaign's type to `balance_country` are paid for.

        Raises:
            ProviderError: The wallet could not be read. Never `OutcomeUnknown`: to read sends nothing.
        """
        try:
            answer = await self._client.request_json(
                "GET",
                _BALANCE_PATH,
                params={"product_name": self._options.type.value, "country_code": self._options.balance_country},
                classify=classify_balance,
                repeatable=True,
            )
        except OutcomeUnknown as lost:
            error = ProviderUnreachable(str(lost), reason=lost.reason, raw_status=lost.raw_status)
        else:
            return read_balance_answer(answer)
        raise error  # outside the handler, so that it has no context


def _single(messages: Sequence[OutboundMessage]) -> Batch:
    if len(messages) != 1 or messages[0].text is None:
        raise ValueError("without a batch, octopush sends one message with a text of its own")
    return Batch(messages[0].reference, messages[0].text)
