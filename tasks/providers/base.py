"""The one interface that every provider's adapter has.

An adapter is built for one run: credentials, the run's content and the provider's options go in; `send` then
takes messages. Class constants (`name`, `capabilities`, the pydantic models) can be read without credentials.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import ClassVar, Self

import httpx

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.messaging.strict_model import StrictModel
from tasks.providers.capabilities import Capabilities
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.pace import Turns


class ProviderOptions(StrictModel):
    """Base of `options.<provider>`: the provider's own request fields, in snake_case, unknown names refused."""


class ProviderCredentials(StrictModel):
    """Base of a provider's connection data. Secrets are `SecretStr`."""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message, ready to hand over.

    Attributes:
        reference: Ours, unique in the ledger; told to the provider where it accepts one.
        address: E.164 phone number or e-mail address.
        country: ISO 3166-1 alpha-2 of a phone number, None where it has none or is unknown.
        text: Rendered for this recipient; None when the content is a provider's template.
        external_code: The client's own key of the contact, where the list has one.
        placeholder_values: Value of each placeholder of `Batch.text`.
        template_fields: Rendered values of `content.template.fields`.
    """

    reference: str
    address: str
    country: str | None = None
    text: str | None = None
    external_code: str | None = None
    placeholder_values: Mapping[str, str] = field(default_factory=dict)
    template_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the messages of one request share, for providers that take many recipients a request.

    Attributes:
        reference: Unique in the ledger; the provider echoes it where it can.
        text: The text of all, with the provider's placeholders in it; None when the content lives at the provider.
    """

    reference: str
    text: str | None


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """What a provider says about one request with many recipients.

    Attributes:
        ticket: The provider's id of the whole request.
        accepted_count: How many recipients it took; fewer than were sent means that it dropped some unnamed.
        total_cost: In the account's currency.
        residual_credit: What is left, in the provider's unit.
        parts_count: How many SMS parts it counted, of all recipients or of one: not every provider says which.
        note: The provider's own text, shortened, addresses masked.
    """

    ticket: str
    accepted_count: int | None = None
    total_cost: Decimal | None = None
    residual_credit: Decimal | None = None
    parts_count: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What became of handing over one message.

    Attributes:
        status: accepted, scheduled, sent, rejected, failed; never a guess.
        provider_message_id: The provider's id (of the message, or of the request it went in).
        raw_status: The provider's own word.
        reason: One lower_snake_case word where the status is not a success.
        cost: In the account's currency, where the provider tells it.
    """

    reference: str
    status: MessageStatus
    provider_message_id: str | None = None
    raw_status: str | None = None
    reason: str | None = None
    cost: Decimal | None = None
    batch: BatchReceipt | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left in an account.

    Attributes:
        amount: In `unit`.
        unit: The provider's word: a currency, credits, or messages of a kind.
    """

    amount: Decimal
    unit: str


class Connected:
    """What has a provider's HTTP client: an async context manager that opens and closes it."""

    _client: HttpClient

    def use_pace(self, pace: Turns) -> None:
        """Let requests begin when this says so, instead of at a pace of this process alone."""
        self._client.use_pace(pace)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(exc_type, exc, traceback)


class Provider(Connected, ABC):
    """Base of the adapters. Use as an async context manager; `send` may be called concurrently.

    Args of the constructor:
        credentials: An instance of the adapter's `Credentials`.
        content: What the messages of the run share.
        options: An instance of the adapter's `Options`.
        transport: Replaces the network, for tests.
        retry: Bounds of the retries inside one `send`.
    """

    name: ClassVar[str]
    documentation_url: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    Options: ClassVar[type[ProviderOptions]]
    Credentials: ClassVar[type[ProviderCredentials]]
    receipt_window: ClassVar[timedelta] = timedelta(hours=72)
    """How long after its sending an accepted message without a receipt is closed as `unconfirmed`."""

    @abstractmethod
    def __init__(
        self,
        credentials: ProviderCredentials,
        content: Content,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None: ...

    @classmethod
    def capabilities_for(cls, content: Content, options: ProviderOptions) -> Capabilities:
        """The limits that hold for such a campaign, where they depend on the channel or on an option."""
        del content, options
        return cls.capabilities

    @classmethod
    @abstractmethod
    def find_problems(
        cls, content: Content, options: ProviderOptions, countries: frozenset[str] = frozenset()
    ) -> list[str]:
        """What this provider would refuse, or silently change, in such a campaign; one sentence each.

        Args:
            content: What is to be sent.
            options: The provider's options.
            countries: Countries in the audience (ISO 3166-1 alpha-2), empty while they are not known.
        """

    @classmethod
    def find_warnings(cls, content: Content, options: ProviderOptions) -> list[str]:
        """What this provider would do otherwise than a reader of such a campaign expects; one sentence each.

        Unlike a problem, a warning keeps nothing from being sent.
        """
        del content, options
        return []

    @classmethod
    def gives_receipts(cls, content: Content, options: ProviderOptions) -> bool:
        """Whether anything will ever be said of an accepted message of such a campaign.

        Where not, it is closed as `unconfirmed` with the reason `no_receipts` at once.
        """
        del content, options
        return True

    @abstractmethod
    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over the messages of one request.

        Returns:
            One outcome per message, in the same order.

        Raises:
            ProviderError: The request as a whole got no accepting answer; the class says whether it was sent.
        """

    def use_stop_check(self, is_stopped: Callable[[], bool]) -> None:
        """Let no further request begin once this says so; one that has begun is waited for."""
        self._client.use_stop_check(is_stopped)

    async def read_balance(self) -> Balance | None:
        """What is left in the account; None where the provider cannot say."""
        return None
