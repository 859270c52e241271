"""Dripcel: SMS one recipient a request, e-mail by the list; fifty requests a minute for the whole organisation."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.providers.base import (
    Balance,
    Batch,
    OutboundMessage,
    Provider,
    ProviderCredentials,
    ProviderOptions,
    SendOutcome,
)
from tasks.providers.capabilities import Capabilities, find_unsupported
from tasks.providers.dripcel.answers import (
    classify_dripcel,
    classify_email,
    classify_sms,
    cost_of,
    credits_of,
    customer_id_of,
)
from tasks.providers.dripcel.options import (
    EMAIL_ADDRESS,
    TEMPLATE_MARK,
    DeliveryMethod,
    DripcelCredentials,
    DripcelOptions,
    find_dripcel_problems,
    find_dripcel_warnings,
    has_dripcel_template,
)
from tasks.providers.errors import ConfigurationError
from tasks.providers.http import HttpClient, RetryPolicy

_SMS_PATH = "/send/sms"
_EMAIL_PATH = "/send/email/bulk"
_BALANCE_PATH = "/balance"
_BALANCE_UNIT = "credits"

_DELIVERY_METHODS = {
    # By the words alone, as nothing more is documented. Never `reverse` by itself: in the trade, reverse billing
    # makes the recipient pay.
    Purpose.TRANSACTIONAL: DeliveryMethod.TRANSACTIONAL,
    Purpose.MARKETING: DeliveryMethod.STANDARD,
}

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")

_SMS = Capabilities(
    channels=frozenset({Channel.SMS}),
    contents=frozenset({ContentKind.TEXT}),
    max_recipients_per_request=1,
    recommended_recipients_per_request=(1, 1),
    # A request begins every 1.26 s, so four keep up with answers that take 5 s; and each one that is open is a
    # message of unknown fate after a crash, whose look-up costs another of the fifty requests.
    max_requests_in_flight=4,
    max_requests_per_second=50 / 60,  # per organisation, all keys, sends and look-ups together
    rate_window_seconds=60,
    can_simulate=True,
    can_mark_purpose=True,
    can_receive_replies=True,
    can_poll_status=True,
    can_look_up=True,
    can_tell_balance=True,
    reports_cost=True,
)
_EMAIL_RECIPIENTS = 500
"""Addresses of one request. No limit is documented: 25,000 addresses a minute are enough, and a lost answer, which
nothing can clear up, leaves no more than these unknown."""
_EMAIL = replace(
    _SMS,
    channels=frozenset({Channel.EMAIL}),
    contents=frozenset({ContentKind.TEMPLATE}),
    max_recipients_per_request=_EMAIL_RECIPIENTS,
    recommended_recipients_per_request=(1, _EMAIL_RECIPIENTS),
    can_schedule=True,
    can_set_sender=True,
    # The answer is empty: no id, no cost, and no status of any address, ever.
    can_simulate=False,
    can_mark_purpose=False,
    can_receive_replies=False,
    can_poll_status=False,
    can_look_up=False,
    reports_cost=False,
)
_BY_CHANNEL = {Channel.SMS: _SMS, Channel.EMAIL: _EMAIL}


class Dripcel(Provider):
    """Adapter of Dripcel's two send calls. See `Provider` for the interface.

    `capabilities` has the limits of SMS, and what either channel can do; what holds for a campaign is told by
    `capabilities_for`.
    """

    name: ClassVar[str] = "dripcel"
    documentation_url: ClassVar[str] = "https://docs.dripcel.com/API/overview"
    capabilities: ClassVar[Capabilities] = replace(
        _SMS,
        channels=_SMS.channels | _EMAIL.channels,
        contents=_SMS.contents | _EMAIL.contents,
        can_schedule=True,
        can_set_sender=True,
    )
    Options: ClassVar[type[ProviderOptions]] = DripcelOptions
    Credentials: ClassVar[type[ProviderCredentials]] = DripcelCredentials

    def __init__(
        self,
        credentials: ProviderCredentials,
        content: Content,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not isinstance(credentials, DripcelCredentials) or not isinstance(options, DripcelOptions):
            raise TypeError("credentials and options must be Dripcel.Credentials and Dripcel.Options")
        if problems := self.find_problems(content, options):
            raise ConfigurationError("; ".join(problems))
        self._content = content
        self._options = options
        # Only what the author wrote is for Dripcel to fill in, never what stands in somebody's name.
        self._may_hold_template = options.skip_non_contacts and has_dripcel_template(content.text)
        can = self.capabilities_for(content, options)
        self._client = HttpClient(
            credentials.base_url,
            headers={"Authorization": f"Bearer {credentials.api_key.get_secret_value()}"},
            max_requests_in_flight=can.max_requests_in_flight,
            max_requests_per_second=can.max_requests_per_second,
            transport=transport,
            retry=retry,
        )

    @classmethod
    def capabilities_for(cls, content: Content, options: ProviderOptions) -> Capabilities:
        del options
        return _BY_CHANNEL.get(content.channel, cls.capabilities)

    @classmethod
    def find_problems(
        cls, content: Content, options: ProviderOptions, countries: frozenset[str] = frozenset()
    ) -> list[str]:
        del countries
        if not isinstance(options, DripcelOptions):
            raise TypeError("options must be Dripcel.Options")
        # "dripcel has no sender" would be wrong: its e-mails have one.
        name = f"{cls.name} ({content.channel})" if content.channel in _BY_CHANNEL else cls.name
        return [
            *find_unsupported(name, content, cls.capabilities_for(content, options)),
            *find_dripcel_problems(content, options),
        ]

    @classmethod
    def find_warnings(cls, content: Content, options: ProviderOptions) -> list[str]:
        del content
        if not isinstance(options, DripcelOptions):
            raise TypeError("options must be Dripcel.Options")
        return find_dripcel_warnings(options)

    @classmethod
    def gives_receipts(cls, content: Content, options: ProviderOptions) -> bool:
        # "200 ok" is the last that is heard of an e-mail: no id, and no call that would tell of an address.
        del options
        return content.channel is not Channel.EMAIL

    async def send(self, messages: Sequence[OutboundMessage], batch: Batch | None = None) -> list[SendOutcome]:
        """Hand over one SMS, or one template to some e-mail addresses.

        There is no idempotency key and no reference of ours. After a lost answer, an SMS can be looked for by its
        number; an e-mail cannot.

        A message that Dripcel would drop, misread or change is not handed over: its outcome is `failed`, with the
        reason `invalid_address` (also a number whose country is not known), `empty_text`, or `unfilled_template`
        (a `{{` that came from a contact's own cell, and that Dripcel would try to fill in).

        Args:
            messages: One with a text and a country; for e-mail, up to 500.
            batch: None for SMS. For e-mail it carries nothing that Dripcel could be told, and may be None.

        Raises:
            ValueError: The caller shaped a request that cannot be made.
            ProviderError: See `Provider.send`.
        """
        if self._content.channel is Channel.EMAIL:
            return await self._send_emails(messages, batch)
        if len(messages) != 1 or batch is not None:
            raise ValueError("dripcel takes one message a request, and no batch")
        return [await self._send_sms(messages[0])]

    async def read_balance(self) -> Balance | None:
        """The credits of the organisation. Counts as one of its fifty requests a minute."""
        answer = await self._client.request_json("GET", _BALANCE_PATH, classify=classify_dripcel, repeatable=True)
        amount = credits_of(answer)
        return None if amount is None else Balance(amount, _BALANCE_UNIT)

    async def _send_sms(self, message: OutboundMessage) -> SendOutcome:
        if message.text is None:
            raise ValueError(f"message {message.reference} has no text")
        if reason := self._find_refusal(message, message.text):
            return SendOutcome(message.reference, MessageStatus.FAILED, reason=reason)
        answer = await self._client.request_json(
            "POST", _SMS_PATH, json=self._sms_body(message), classify=classify_sms
        )
        return SendOutcome(
            message.reference,
            MessageStatus.ACCEPTED,
            provider_message_id=customer_id_of(answer),
            cost=cost_of(answer),
        )

    def _find_refusal(self, message: OutboundMessage, text: str) -> str | None:
        # Without its country, the digits of a number may be read as a local number of some other one.
        if not _E164.fullmatch(message.address) or not message.country:
            return "invalid_address"
        if not text.strip():
            return "empty_text"
        if TEMPLATE_MARK in text and not self._may_hold_template:
            return "unfilled_template"
        return None

    def _sms_body(self, message: OutboundMessage) -> dict[str, Any]:
        content, options = self._content, self._options
        body: dict[str, Any] = {
            "content": message.text,
            "cell": message.address.removeprefix("+"),
            "skipNonContacts": options.skip_non_contacts,
            "country": message.country,
            "deliveryMethod": (options.delivery_method or _DELIVERY_METHODS[content.purpose]).value,
        }
        if options.campaign_id is not None:
            body["campaign_id"] = options.campaign_id
        if content.test_mode or (options.send_options and options.send_options.test_mode is not None):
            body["sendOptions"] = {"testMode": content.test_mode}
        return body

    async def _send_emails(self, messages: Sequence[OutboundMessage], batch: Batch | None) -> list[SendOutcome]:
        if not 1 <= len(messages) <= _EMAIL_RECIPIENTS:
            raise ValueError(f"{len(messages)} messages in one request")
        if batch is not None and batch.text is not None:
            raise ValueError("dripcel sends templates by email, and the batch has a text")
        is_sendable = [EMAIL_ADDRESS.fullmatch(message.address) is not None for message in messages]
        addresses = [message.address for message, sendable in zip(messages, is_sendable, strict=True) if sendable]
        status = await self._send_template(addresses) if addresses else MessageStatus.FAILED
        return [
            SendOutcome(message.reference, status)
            if sendable
            else SendOutcome(message.reference, MessageStatus.FAILED, reason="invalid_address")
            for message, sendable in zip(messages, is_sendable, strict=True)
        ]

    async def _send_template(self, addresses: Sequence[str]) -> MessageStatus:
        """What all these addresses become; the answer names none of them."""
        content = self._content
        if content.template is None:
            raise ValueError("the content of the messages is no template")
        body: dict[str, Any] = {
            "from": content.sender,
            "template_id": content.template.id,
            "destinations": addresses,
            "filter_non_contacts": self._options.filter_non_contacts,
        }
        # "Schedule to send for a future time": what a time that has passed does is not said.
        send_at = content.send_at if content.send_at and content.send_at > datetime.now(UTC) else None
        if send_at is not None:
            body["to_start_at"] = f"{send_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        await self._client.request_json("POST", _EMAIL_PATH, json=body, classify=classify_email)
        return MessageStatus.SCHEDULED if send_at else MessageStatus.ACCEPTED
