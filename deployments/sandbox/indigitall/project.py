"""The project that the sandbox's key belongs to, and what becomes of a send request in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from deployments.sandbox.indigitall.contacts import Contact, Contacts
from deployments.sandbox.indigitall.fate import drawn_outcome
from deployments.sandbox.indigitall.members import IndigitallError, Warn
from deployments.sandbox.indigitall.personal_text import personal_text
from deployments.sandbox.indigitall.request import Channel, ContactEntry, SendRequest
from deployments.sandbox.indigitall.sendings import NOT_RECEIVED, IndigitallMessage, Sending
from deployments.sandbox.indigitall.switches import Campaign, IndigitallSettings
from deployments.sandbox.ledger import Ledger
from deployments.sandbox.sms_parts import count_parts

FIRST_SENDING_ID = 5001
HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Occasion:
    """One send request and its circumstances. `warn` is told the field and the objection."""

    request: SendRequest
    channel: Channel
    settings: IndigitallSettings
    warn: Warn
    now_seconds: float


@dataclass(frozen=True, slots=True)
class _Delivery:
    entry: ContactEntry
    contact: Contact
    text: str
    parts: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a send request came to.

    Attributes:
        sending_id: The (first) sending; None when nothing was sent.
        errors: Contacts that were refused one by one.
    """

    sending_id: int | None
    errors: list[Mapping[str, Any]]


@dataclass(slots=True)
class Project:
    """What indigitall keeps about a customer's project."""

    ledger: Ledger
    credit: Decimal | None
    contacts: dict[Channel, Contacts] = field(
        default_factory=lambda: {"sms": Contacts(first_id=1), "email": Contacts(first_id=500_000_001)}
    )
    sendings: list[Sending] = field(default_factory=list)
    _references: set[str] = field(default_factory=set)
    _sent_at: dict[int, float] = field(default_factory=dict)

    def send(self, occasion: Occasion) -> Outcome:
        """Send a campaign to the contacts of a request.

        Raises:
            IndigitallError: 400, 402 or 404; nothing is sent.
        """
        settings, request = occasion.settings, occasion.request
        campaign = settings.campaigns.get(request.campaign_id)
        if campaign is None or campaign.channel != occasion.channel:
            return _without_campaign(occasion)
        if not campaign.enabled:
            occasion.warn(settings.name("campaign_id"), "disabled campaign")
            if settings.campaign_disabled == "nothing_sent":
                return Outcome(None, [])
            raise IndigitallError(400, "Campaign is disabled")
        sent_at = _start(occasion)
        self._watch_request(occasion)
        errors: list[Mapping[str, Any]] = []
        deliveries = [
            _delivery(occasion, campaign, entry, contact)
            for entry, contact in self._found(occasion, errors)
            if self._may_have(occasion, entry, contact, errors)
        ]
        if not deliveries and settings.empty_after_filter == "error_400":
            raise IndigitallError(400, "There are no contacts to send to")
        self._pay(sum((delivery.cost for delivery in deliveries), Decimal(0)))
        self._references.update(entry.custom_data for entry in request.contacts if entry.custom_data is not None)

        first = sending = self._new_sending(occasion, campaign, sent_at)
        for delivery in deliveries:
            if settings.sending_unit == "contact" and sending.messages:
                sending = self._new_sending(occasion, campaign, sent_at)
            self._record(sending, delivery, occasion)
        return Outcome(first.id, errors)

    def _found(
        self, occasion: Occasion, errors: list[Mapping[str, Any]]
    ) -> Iterator[tuple[ContactEntry, Contact]]:
        """The contacts that a request names, found or created, each once."""
        settings, seen = occasion.settings, set[int]()
        contacts, knows_all_codes = self.contacts[occasion.channel], settings.external_codes == "all"
        for entry in occasion.request.contacts:
            contact = contacts.resolve(entry, occasion.now_seconds, knows_all_codes=knows_all_codes)
            if contact is None:
                occasion.warn("contacts[]", "can be neither found nor created")
                if settings.contact_incomplete == "error_400":
                    raise IndigitallError(400, "Contact not found")
                if settings.contact_incomplete == "errors_entry":
                    errors.append({**entry.identifiers, "message": "Contact not found"})
            elif contact.id in seen:
                occasion.warn("contacts[]", "repeated in the request, removed")
            else:
                seen.add(contact.id)
                yield entry, contact

    def _may_have(
        self, occasion: Occasion, entry: ContactEntry, contact: Contact, errors: list[Mapping[str, Any]]
    ) -> bool:
        """Whether a contact is left after the removals, which are silent but for `contact_errors`."""
        settings, address = occasion.settings, contact.address or _named_by_client(entry)
        if address in settings.contact_errors:
            errors.append({**entry.identifiers, "message": settings.contact_errors[address]})
            return False
        excluded = any(address in settings.audiences.get(key, ()) for key in occasion.request.blacklist)
        if excluded or not contact.enabled:
            return False
        sent_at = self._sent_at.get(contact.id)
        return (
            settings.repeat_across == "send"
            or sent_at is None
            or occasion.now_seconds - sent_at >= settings.repeat_across * HOUR_SECONDS
        )

    def _watch_request(self, occasion: Occasion) -> None:
        """Object to audiences that do not exist, and to references that were given before."""
        for audience in occasion.request.blacklist:
            if audience not in occasion.settings.audiences:
                occasion.warn("blacklist", "no such audience")
        seen = set[str]()
        for entry in occasion.request.contacts:
            if entry.custom_data is not None:
                if entry.custom_data in seen or entry.custom_data in self._references:
                    occasion.warn(f"contacts[].{occasion.settings.name('custom_data')}", "used before")
                seen.add(entry.custom_data)

    def _pay(self, cost: Decimal) -> None:
        if self.credit is not None:
            if cost > self.credit:
                raise IndigitallError(402, "Insufficient balance")
            self.credit -= cost

    def _new_sending(self, occasion: Occasion, campaign: Campaign, sent_at: float) -> Sending:
        request = occasion.request
        sending = Sending(
            id=FIRST_SENDING_ID + len(self.sendings),
            channel=occasion.channel,
            application_id=occasion.settings.application_id,
            campaign_id=request.campaign_id,
            campaign=campaign,
            created_at=occasion.now_seconds,
            sent_at=sent_at,
            mode=request.send_type,
            is_flash=request.is_flash,
        )
        self.sendings.append(sending)
        return sending

    def _record(self, sending: Sending, delivery: _Delivery, occasion: Occasion) -> None:
        entry, contact, settings = delivery.entry, delivery.contact, occasion.settings
        address = _named_by_client(entry)
        script = (
            settings.delivery_scripts.get(contact.address or address)
            or settings.delivery_script
            or drawn_outcome(settings.outcomes, sending.campaign_id, contact.address or address)
        )
        word, _, error = script.partition(":")
        message = IndigitallMessage(
            address=address,
            text=delivery.text,
            sender=sending.campaign.sender,
            reference=entry.custom_data,
            id=str(sending.id),
            status=word,
            cost=delivery.cost,
            received_at=occasion.now_seconds,
            sending=sending,
            contact=contact,
            parts=delivery.parts,
            error=error,
            delivery_seconds=settings.delivery_seconds,
        )
        sending.messages.append(message)
        self._sent_at[contact.id] = occasion.now_seconds
        self.ledger.record(message, reaches_person=word not in NOT_RECEIVED)


def _named_by_client(entry: ContactEntry) -> str:
    """The address of the truth: a client that gave only a code knows no number to compare with."""
    return entry.address or f"external:{entry.external_code}"


def _without_campaign(occasion: Occasion) -> Outcome:
    settings = occasion.settings
    occasion.warn(settings.name("campaign_id"), "no such campaign on this channel")
    match settings.campaign_missing:
        case "http_404":
            raise IndigitallError(404, "not found")
        case "http_400":
            raise IndigitallError(400, "Campaign not found")
        case "nothing_sent":
            return Outcome(None, [])


def _start(occasion: Occasion) -> float:
    settings, request = occasion.settings, occasion.request
    if request.schedule_at is None or request.schedule_at >= occasion.now_seconds:
        return request.schedule_at or occasion.now_seconds
    name = settings.name("schedule_at")
    occasion.warn(name, "in the past")
    if settings.past_schedule == "error_400":
        raise IndigitallError(400, f"{name} must be in the future")
    return occasion.now_seconds


def _delivery(occasion: Occasion, campaign: Campaign, entry: ContactEntry, contact: Contact) -> _Delivery:
    settings = occasion.settings
    text = personal_text(campaign.text, entry.custom_fields, settings.custom_missing, occasion.warn)
    is_sms = occasion.channel == "sms"
    parts = count_parts(text) if is_sms else 1
    price = settings.price if is_sms else settings.price_email
    return _Delivery(entry, contact, text, parts, parts * Decimal(str(price)))
