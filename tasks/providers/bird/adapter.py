"""Bird's Channels API: one recipient a message, many requests a second, status by poll and by signed push."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.base import (
    Batch,
    BatchReceipt,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.bird.answers import classify_batch, classify_bird, read_batch_id, read_outcome
from tasks.providers.bird.options import BirdCredentials, BirdOptions
from tasks.providers.bird.problems import (
    MAX_MEDIA,
    MAX_SCHEDULE_AHEAD,
    MEDIA_COUNTRIES,
    find_bird_problems,
    find_bird_warnings,
)
from tasks.providers.bird.request import (
    CONTACT_ID,
    MAX_MESSAGES_PER_BATCH,
    MAX_REQUEST_BYTES,
    BirdRequests,
    count_bytes,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.errors import ConfigurationError, RequestRejected
from tasks.providers.http import HttpClient, RetryPolicy

_BATCHES_IN_FLIGHT = 8
"""Of up to 100 messages each: thousands of messages a second, and a crash leaves only hundreds unknown."""


class Bird(Provider):
    """Adapter of Bird's message and batch endpoints. See `Provider` for the interface."""

    name: ClassVar[str] = "bird"
    documentation_url: ClassVar[str] = "https://docs.bird.com/api/channels-api"
    capabilities: ClassVar[Capabilities] = Capabilities(
        channels=frozenset({Channel.SMS, Channel.MMS}),
        contents=frozenset({ContentKind.TEXT, ContentKind.MEDIA, ContentKind.TEMPLATE}),
        max_recipients_per_request=1,  # several receivers end in failure 11001
        recommended_recipients_per_request=(1, 1),
        # Enough for 500 a second at 250 ms an answer.
        max_requests_in_flight=128,
        max_requests_per_second=500,  # per workspace, all channels and programs together
        max_media=MAX_MEDIA,
        media_countries=MEDIA_COUNTRIES,
        max_schedule_ahead=MAX_SCHEDULE_AHEAD,
        can_schedule=True,
        can_mark_purpose=True,
        can_set_sender=True,
        can_set_validity=True,
        can_tag=True,
        can_receive_replies=True,
        can_track_links=True,
        can_title=True,
        can_poll_status=True,
        pushes_status=True,
        accepts_reference=True,
        can_look_up=True,
    )
    Options: ClassVar[type[ProviderOptions]] = BirdOptions
    Credentials: ClassVar[type[ProviderCredentials]] = BirdCredentials

    def __init__(
        self,
        credentials: ProviderCredentials,
        content: Content,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, BirdCredentials) or not isinstance(options, BirdOptions):
            raise TypeError("credentials and options must be Bird.Credentials and Bird.Options")
        if problems := self.find_problems(content, options):
            raise ConfigurationError("; ".join(problems))
        can = self.capabilities_for(content, options)
        self._is_batch = options.batch
        self._max_messages = can.max_recipients_per_request
        self._requests = BirdRequests(content, options)
        self._channel_path = f"/workspaces/{credentials.workspace_id}/channels/{credentials.channel_id}"
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"AccessKey {credentials.access_key.get_secret_value()}"},
            max_requests_in_flight=can.max_requests_in_flight,
            max_requests_per_second=can.max_requests_per_second,
            transport=transport,
            retry=retry,
        )

    @classmethod
    def capabilities_for(cls, content: Content, options: ProviderOptions) -> Capabilities:
        if not isinstance(options, BirdOptions):
            raise TypeError("options must be Bird.Options")
        by_contact_id = options.receiver.identifier_key == CONTACT_ID
        can = replace(
            cls.capabilities, addresses_external_codes=by_contact_id, sends_to_external_codes=by_contact_id
        )
        if not options.batch:
            return can
        return replace(
            can,
            max_recipients_per_request=MAX_MESSAGES_PER_BATCH,
            recommended_recipients_per_request=(1, BirdRequests(content, options).count_per_batch()),
            max_requests_in_flight=_BATCHES_IN_FLIGHT,
            batches_own_texts=True,
        )

    @classmethod
    def find_problems(
        cls, content: Content, options: ProviderOptions, countries: frozenset[str] = frozenset()
    ) -> list[str]:
        if not isinstance(options, BirdOptions):
            raise TypeError("options must be Bird.Options")
        return [
            *find_unsupported(cls.name, content, cls.capabilities),
            *find_bird_problems(content, options, countries),
        ]

    @classmethod
    def find_warnings(cls, content: Content, options: ProviderOptions) -> list[str]:
        if not isinstance(options, BirdOptions):
            raise TypeError("options must be Bird.Options")
        return find_bird_warnings(content, options)

    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over one message; with the option `batch`, up to 100.

        There is no idempotency key: the same request twice makes two messages. After a lost answer, each message
        can be found by its `reference`, which every message object and push carries. So is each message of a
        batch, whose answer tells no ids but the batch's own.

        A message to a contact whose id is missing or no UUID is not handed over: its outcome is `failed`, with the
        reason `missing_contact_id` or `invalid_contact_id`.

        Raises:
            ValueError: More messages than a request takes, or none; or a text for all.
            RequestRejected: The batch is larger than Bird takes; it was not sent.
            ProviderError: See `Provider.send`.
        """
        if not 1 <= len(messages) <= self._max_messages:
            raise ValueError(f"bird takes 1 to {self._max_messages} messages a request, not {len(messages)}")
        if batch is not None and (batch.text is not None or not self._is_batch):
            raise ValueError("every message of bird has its own text")
        refusals = [self._requests.find_refusal(message) for message in messages]
        sendable = [message for message, reason in zip(messages, refusals, strict=True) if reason is None]
        sent = iter(await self._hand_over(sendable) if sendable else [])
        return [
            next(sent) if reason is None else SendOutcome(message.reference, MessageStatus.FAILED, reason=reason)
            for message, reason in zip(messages, refusals, strict=True)
        ]

    async def _hand_over(self, messages: Sequence[OutboundMessage]) -> list[SendOutcome]:
        if self._is_batch:
            return await self._send_batch(messages)
        [message] = messages
        answer = await self._client.request_json(
            "POST",
            f"{self._channel_path}/messages",
            json=self._requests.for_message(message),
            classify=classify_bird,
        )
        return [read_outcome(answer, message.reference)]

    async def _send_batch(self, messages: Sequence[OutboundMessage]) -> list[SendOutcome]:
        body = self._requests.for_batch(messages)
        size_bytes = count_bytes(body)
        if size_bytes > MAX_REQUEST_BYTES:
            raise RequestRejected(
                f"{len(messages)} messages are {size_bytes:,} bytes, bird takes {MAX_REQUEST_BYTES:,} a request: "
                "not sent; without options.bird.batch each goes alone",
                reason="request_too_large",
            )
        answer = await self._client.request_json(
            "POST", f"{self._channel_path}/batch/messages", json=body, classify=classify_batch
        )
        # Their validation is still to come, so the answer has no word for each.
        receipt = BatchReceipt(ticket=str(read_batch_id(answer)))
        return [SendOutcome(message.reference, MessageStatus.ACCEPTED, batch=receipt) for message in messages]
