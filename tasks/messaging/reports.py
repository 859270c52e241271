"""What somebody else says about messages and people, and what they can be asked about: plain data.

Providers make these, the ledger takes them, and neither knows the other.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tasks.messaging.statuses import Channel, MessageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """What a provider says of one message; or, with nothing but a `ticket`, of all messages of one request.

    The message is looked for by the first of these that is given: `reference`; `address` together with `ticket`,
    and failing that with `request_reference`; `provider_message_id`; `ticket` alone.

    Attributes:
        status: None when the word is not in the adapter's table: it is kept, counted, and changes nothing.
        raw_status: The provider's own word.
        reason: One lower_snake_case word; `opted_out` also makes a suppression.
        at: When it came to be so, as the provider says; None when it does not say.
        reference: Ours, of the message.
        request_reference: Ours, of the request with many recipients.
        provider_message_id: The provider's id of the message.
        ticket: The provider's id of the request with many recipients.
        address: E.164 or e-mail.
        cost: In the account's currency.
    """

    status: MessageStatus | None
    raw_status: str
    reason: str | None = None
    at: datetime | None = None
    reference: str | None = None
    request_reference: str | None = None
    provider_message_id: str | None = None
    ticket: str | None = None
    address: str | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReport:
    """A person asked not to be contacted any more, or to be contacted again.

    Attributes:
        address: E.164 or e-mail.
        is_opt_in: They take an earlier opt-out back.
        at: When, as the provider says; None when it does not say.
        source: Where we have it from, without an address: `STOP callback`.
    """

    channel: Channel
    address: str
    is_opt_in: bool = False
    at: datetime | None = None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReport:
    """What a person answered.

    Attributes:
        address: E.164 or e-mail of the person.
        text: As they wrote it.
        at: When, as the provider says; None when it does not say.
        dedupe_key: Equal for the same reply however often, and through whichever door, it comes.
        reference: Ours, of the message that it answers, where the provider tells it.
        provider_message_id: The provider's id of that message.
        ticket: The provider's id of the request that message went in.
    """

    channel: Channel
    address: str
    text: str
    at: datetime | None = None
    dedupe_key: str
    reference: str | None = None
    provider_message_id: str | None = None
    ticket: str | None = None


Report = StatusReport | ConsentReport | ReplyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A message that was, or may have been, handed over: what a provider can be asked about.

    Attributes:
        reference: Ours.
        address: E.164 or e-mail; `external:` and a code where only the provider knows it.
        claimed_at: When its request was about to leave: it did not leave earlier.
        provider_message_id: The provider's id, None where it never told one.
        ticket: The provider's id of the request with many recipients that it went in.
        request_reference: Ours, of that request.
        request_size: How many recipients that request had.
        template_id: The provider's id of the content, where it lives there.
        rivals: How many messages to this address through this provider, over all runs, are `sending` or `unknown`
            now, this one included.
        open_requests: How many requests with this `template_id` through this provider, over all runs, have
            messages that are `sending` or `unknown` now, this one's included; None where nobody counted.
    """

    reference: str
    address: str
    claimed_at: datetime
    channel: Channel
    provider_message_id: str | None = None
    ticket: str | None = None
    request_reference: str | None = None
    request_size: int | None = None
    template_id: str | None = None
    rivals: int = 1
    open_requests: int | None = None
