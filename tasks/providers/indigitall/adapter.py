"""indigitall: campaigns that live at the provider, sent to a list of contacts with values of their own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.providers.answers import quote
from tasks.providers.base import (
    Batch,
    BatchReceipt,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.errors import ConfigurationError
from tasks.providers.http import HttpClient, RetryPolicy
from tasks.providers.indigitall.answers import PatientClassifier, read_refusals, read_sending_id
from tasks.providers.indigitall.options import (
    IndigitallCredentials,
    IndigitallOptions,
    find_indigitall_problems,
    find_indigitall_warnings,
)
from tasks.providers.indigitall.request import IndigitallRequests, NotAddressable


class Indigitall(Provider):
    """Adapter of indigitall's transactional campaign send. See `Provider` for the interface.

    Contacts that are disabled at indigitall are dropped without a word, and contacts that it does not know are
    created. Per contact, only the report that a person exports from the console tells what became of it.
    """

    name: ClassVar[str] = "indigitall"
    documentation_url: ClassVar[str] = "https://documentation.indigitall.com/reference/smssendlist"
    capabilities: ClassVar[Capabilities] = Capabilities(
        channels=frozenset({Channel.SMS, Channel.EMAIL}),
        contents=frozenset({ContentKind.TEMPLATE}),
        # No limit is documented. Ours: a request whose answer is lost leaves all of its messages unknown, and only
        # a report from the console can settle them.
        max_recipients_per_request=1000,
        recommended_recipients_per_request=(1, 500),
        # A sending names its campaign and its time, and no contact. So a request whose answer was lost is only
        # found in the list of sendings if no other one of the campaign can have been meant.
        max_requests_in_flight=1,
        max_requests_per_second=None,
        batches_own_texts=True,
        can_schedule=True,
        can_mark_purpose=True,
        can_flash=True,
        addresses_external_codes=True,
        can_poll_status=True,
        accepts_reference=True,
        can_look_up=True,
    )
    Options: ClassVar[type[ProviderOptions]] = IndigitallOptions
    Credentials: ClassVar[type[ProviderCredentials]] = IndigitallCredentials

    def __init__(
        self,
        credentials: ProviderCredentials,
        content: Content,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, IndigitallCredentials) or not isinstance(options, IndigitallOptions):
            raise TypeError("credentials and options must be Indigitall.Credentials and Indigitall.Options")
        if problems := self.find_problems(content, options):
            raise ConfigurationError("; ".join(problems))
        self._send_at = content.send_at
        self._requests = IndigitallRequests(content, options)
        self._classify = PatientClassifier()
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"ServerKey {credentials.server_key.get_secret_value()}"},
            max_requests_in_flight=self.capabilities.max_requests_in_flight,
            transport=transport,
            retry=retry,
        )

    @classmethod
    def capabilities_for(cls, content: Content, options: ProviderOptions) -> Capabilities:
        """The e-mail call has neither flash nor a type of sending, and what became of an e-mail cannot be read."""
        del options
        if content.channel is not Channel.EMAIL:
            return cls.capabilities
        return replace(
            cls.capabilities, can_flash=False, can_mark_purpose=False, can_poll_status=False, can_look_up=False
        )

    @classmethod
    def find_problems(
        cls, content: Content, options: ProviderOptions, countries: frozenset[str] = frozenset()
    ) -> list[str]:
        del countries
        if not isinstance(options, IndigitallOptions):
            raise TypeError("options must be Indigitall.Options")
        return [
            *find_unsupported(cls.name, content, cls.capabilities_for(content, options)),
            *find_indigitall_problems(content, options),
        ]

    @classmethod
    def find_warnings(cls, content: Content, options: ProviderOptions) -> list[str]:
        if not isinstance(options, IndigitallOptions):
            raise TypeError("options must be Indigitall.Options")
        return find_indigitall_warnings(content, options)

    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over the messages of one request.

        A message that indigitall would silently drop is not handed over: its outcome is `failed`, with the reason
        `missing_address`, `invalid_address`, or `duplicate` (it has only an external code, and another message of
        the request has that code and an address).

        Args:
            messages: Recipients, each with a value for every field of the campaign.
            batch: Needed for more than one message. Its reference is not told: the call has no field for one.

        Returns:
            One outcome per message, in the same order; all accepted ones share one sending.

        Raises:
            ValueError: The caller shaped a request that cannot be made.
            ProviderError: See `Provider.send`.
        """
        self._check_shape(messages, batch)
        contacts: dict[str, dict[str, Any]] = {}
        reasons: dict[str, str] = {}
        codes_with_address = {message.external_code for message in messages if message.address}
        for message in messages:
            if not message.address and message.external_code and message.external_code in codes_with_address:
                reasons[message.reference] = "duplicate"
                continue
            try:
                contacts[message.reference] = self._requests.contact(message)
            except NotAddressable as error:
                reasons[message.reference] = error.reason
        sent = [message for message in messages if message.reference in contacts]
        outcomes = await self._send_contacts(sent, list(contacts.values())) if sent else {}
        return [
            outcomes[message.reference]
            if message.reference in contacts
            else SendOutcome(message.reference, MessageStatus.FAILED, reason=reasons[message.reference])
            for message in messages
        ]

    def _check_shape(self, messages: Sequence[OutboundMessage], batch: Batch | None) -> None:
        if batch is None and len(messages) != 1:
            raise ValueError("without a batch, indigitall sends one message")
        if not 1 <= len(messages) <= self.capabilities.max_recipients_per_request:
            raise ValueError(f"{len(messages)} messages in one request")
        if len({message.reference for message in messages}) < len(messages):
            raise ValueError("two messages of one request have the same reference")
        # indigitall would drop all but one of them, and not say so.
        recipients = [
            message.address or ("code", message.external_code)
            for message in messages
            if message.address or message.external_code
        ]
        if len(set(recipients)) < len(recipients):
            raise ValueError("two messages of one request have the same recipient")

    async def _send_contacts(
        self, messages: Sequence[OutboundMessage], contacts: Sequence[dict[str, Any]]
    ) -> dict[str, SendOutcome]:
        """The outcomes of the messages of one request, by reference."""
        # A time that has passed means now; whether indigitall would refuse it is not documented.
        send_at = self._send_at if self._send_at and self._send_at > datetime.now(UTC) else None
        answer = await self._client.request_json(
            "POST", self._requests.path, json=self._requests.body(contacts, send_at), classify=self._classify
        )
        sending_id = read_sending_id(answer)
        refusals = read_refusals(answer, messages, contacts)
        receipt = None
        if sending_id is not None:
            receipt = BatchReceipt(
                sending_id,
                # Nothing says how many were taken, unless it says that some were not.
                accepted_count=max(0, len(messages) - refusals.count) if refusals.count else None,
                note=quote("; ".join(refusals.unnamed)) if refusals.unnamed else None,
            )
        taken = SendOutcome(
            "",
            MessageStatus.SCHEDULED if send_at else MessageStatus.ACCEPTED,
            provider_message_id=sending_id,
            batch=receipt,
        )
        refused = SendOutcome("", MessageStatus.REJECTED, reason="refused_by_provider", batch=receipt)
        return {
            message.reference: replace(refused, reference=message.reference, raw_status=words)
            if (words := refusals.named.get(message.reference)) is not None
            else replace(taken, reference=message.reference)
            for message in messages
        }
