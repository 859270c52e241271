"""The Octopush account: credit, lists, tickets, drafts; and the handing over of a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from deployments.sandbox.ledger import Ledger, Recipient
from deployments.sandbox.octopush.callbacks import BLACKLISTED
from deployments.sandbox.octopush.campaigns import Campaign, Delivery, is_scheduled, price_per_part, sender_for
from deployments.sandbox.octopush.contacts import Contact
from deployments.sandbox.octopush.parameters import OctopushError, Warn
from deployments.sandbox.octopush.switches import OctopushSettings

REQUEST_ID_SECONDS = 24 * 3600
_FIRST_TICKET = 0x5F3FBCE600000


@dataclass(slots=True)
class Draft:
    """A two-phase campaign: nothing is sent before it is confirmed."""

    ticket: str
    group_name: str
    campaign: Campaign
    deliveries: Sequence[Delivery]
    created_at: float
    is_confirmed: bool = False


@dataclass(slots=True)
class Account:
    """What Octopush keeps about a customer."""

    credit: Decimal
    groups: dict[str, dict[str, dict[str, Contact]]] = field(default_factory=lambda: {"list": {}, "tag": {}})
    drafts: dict[str, Draft] = field(default_factory=dict)
    request_ids: dict[str, float] = field(default_factory=dict)
    tickets_given: int = 0

    def new_ticket(self) -> str:
        """A ticket that was never given before."""
        self.tickets_given += 1
        return f"sms_{_FIRST_TICKET + self.tickets_given:013x}"

    def check_request_id(self, request_id: str, now_seconds: float) -> None:
        """Remember a `request_id` for 24 hours.

        Raises:
            OctopushError: 120, it was used within that time.
        """
        used_at = self.request_ids.get(request_id)
        if used_at is not None and now_seconds - used_at < REQUEST_ID_SECONDS:
            raise OctopushError(120, "A campaign with the same request_id was already submitted.")

    def fill_group(
        self,
        kind: str,
        name: str,
        contacts: Sequence[Contact],
        settings: OctopushSettings,
        warn: Warn,
        *,
        is_new: bool,
    ) -> None:
        """Put contacts into a list or tag, which is created if need be.

        Raises:
            OctopushError: 302, it should be new and exists (by switch; otherwise a warning).
        """
        groups = self.groups[kind]
        if is_new and name in groups:
            if settings.list_reuse == "error_302":
                raise OctopushError(302, f"The {kind} name exists already.")
            warn(f"{kind}_name", f"this {kind} exists already; the contacts are added to it")
        group = groups.setdefault(name, {})
        for contact in contacts:
            group[contact.phone] = contact

    def check_credit(self, cost: Decimal) -> None:
        """Whether a campaign can be paid for.

        Raises:
            OctopushError: 104 nothing left, 105 not enough left.
        """
        if not self.credit:
            raise OctopushError(104, "You have run out of credit.")
        if cost > self.credit:
            raise OctopushError(105, "You do not have enough credit.")


@dataclass(frozen=True, slots=True)
class Quote:
    """What a campaign needs."""

    contacts: int
    parts: int
    parts_of_one: int
    cost: Decimal


def quote(campaign: Campaign, deliveries: Sequence[Delivery], settings: OctopushSettings) -> Quote:
    """Count and price a campaign."""
    parts = sum(delivery.parts for delivery in deliveries)
    return Quote(
        contacts=len(deliveries),
        parts=parts,
        parts_of_one=max(delivery.parts for delivery in deliveries),
        cost=parts * price_per_part(campaign, settings),
    )


def residual_credit(account: Account, campaign: Campaign, settings: OctopushSettings) -> float:
    """What is left, in the unit that the switch says."""
    if settings.credit_unit == "euro":
        return float(account.credit)
    return float(account.credit // price_per_part(campaign, settings))


def hand_over(
    ledger: Ledger,
    campaign: Campaign,
    deliveries: Sequence[Delivery],
    settings: OctopushSettings,
    *,
    ticket: str,
    reference: str | None,
    now_seconds: float,
    simulated: bool = False,
) -> list[Recipient]:
    """Write every recipient of a campaign into the ledger; returns what stands there."""
    price = price_per_part(campaign, settings)
    costs: dict[int, Decimal] = {}
    status = "scheduled" if is_scheduled(campaign, now_seconds) else "accepted"
    recipients = []
    for delivery in deliveries:
        phone = delivery.contact.phone
        is_opted_out = phone in settings.opted_out
        recipient = Recipient(
            address=phone,
            text=delivery.text,
            sender=sender_for(campaign, phone),
            reference=reference,
            id=ticket,
            status=BLACKLISTED if is_opted_out else status,
            cost=costs.setdefault(delivery.parts, delivery.parts * price),
            received_at=now_seconds,
            simulated=simulated,
        )
        ledger.record(recipient, reaches_person=not is_opted_out)
        recipients.append(recipient)
    return recipients


def status_answer(draft: Draft, settings: OctopushSettings, now_seconds: float) -> dict[str, Any]:
    """What the status call says about a draft.

    Raises:
        OctopushError: 130 not ready, 132 already sent (both by switch).
    """
    totals = quote(draft.campaign, draft.deliveries, settings)
    answer = {"number_of_contacts": totals.contacts, "cost": float(totals.cost), "status": settings.ready_word}
    if draft.is_confirmed:
        if settings.status_after == "error_132":
            raise OctopushError(132, "This campaign was already sent.")
        return answer
    if is_computing(draft, settings, now_seconds):
        if settings.not_ready == "error_130":
            raise OctopushError(130, "The campaign is not ready yet.")
        return {**answer, "status": "under_computation"}
    return answer


def is_computing(draft: Draft, settings: OctopushSettings, now_seconds: float) -> bool:
    """Whether the provider is still counting."""
    return now_seconds - draft.created_at < settings.computation_seconds
