"""Bird's Channels API: one recipient a request, many requests a second, status by poll and by signed push."""

from collections.abc import Sequence
from typing import ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel
from tasks.providers.base import (
    Batch,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.bird.answers import classify_bird, read_outcome
from tasks.providers.bird.options import BirdCredentials, BirdOptions
from tasks.providers.bird.request import (
    MAX_MEDIA,
    MAX_SCHEDULE_AHEAD,
    MEDIA_COUNTRIES,
    BirdRequests,
    find_bird_problems,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.errors import ConfigurationError
from tasks.providers.http import HttpClient, RetryPolicy


class Bird(Provider):
    """Adapter of Bird's message endpoint. See `Provider` for the interface."""

    name: ClassVar[str] = "bird"
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
        self._requests = BirdRequests(content, options)
        self._path = f"/workspaces/{credentials.workspace_id}/channels/{credentials.channel_id}/messages"
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"AccessKey {credentials.access_key.get_secret_value()}"},
            max_requests_in_flight=self.capabilities.max_requests_in_flight,
            max_requests_per_second=self.capabilities.max_requests_per_second,
            transport=transport,
            retry=retry,
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

    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over one message.

        There is no idempotency key: the same request twice makes two messages. After a lost answer, the message
        can be found by its `reference`, which every message object and push carries.

        Raises:
            ValueError: Not exactly one message, or a batch.
            ProviderError: See `Provider.send`.
        """
        if len(messages) != 1 or batch is not None:
            raise ValueError("bird takes one message a request, and no batch")
        [message] = messages
        answer = await self._client.request_json(
            "POST", self._path, json=self._requests.for_message(message), classify=classify_bird
        )
        return [read_outcome(answer, message.reference)]
