"""The state of the one organisation that the sandbox's key belongs to."""

from dataclasses import dataclass, field
from decimal import Decimal

from deployments.sandbox.dripcel.errors import DripcelError
from deployments.sandbox.dripcel.people import ALL_CAMPAIGNS, People
from deployments.sandbox.dripcel.replies import Reply
from deployments.sandbox.dripcel.sends import Sends
from deployments.sandbox.dripcel.switches import DripcelSettings
from deployments.sandbox.ledger import Ledger


@dataclass(slots=True)
class Organisation:
    """What Dripcel keeps about a customer."""

    ledger: Ledger
    credit: Decimal
    people: People = field(default_factory=People)
    sends: Sends = field(default_factory=Sends)
    replies: list[Reply] = field(default_factory=list)
    ids_given: int = 0

    def new_id(self, now_seconds: float) -> str:
        """24 hexadecimal digits that were never given before; like MongoDB's, they begin with the time."""
        self.ids_given += 1
        return f"{int(now_seconds):08x}{0x5D1C:08x}{self.ids_given:08x}"

    def heed(self, reply: Reply) -> None:
        """Do what a reply asks for: in the campaign that it answers, or everywhere where it answers none."""
        phone, campaign_id = f"+{reply.members['Msisdn']}", reply.members["campaign_id"]
        if reply.kind == "optOut":
            self.people.opt_out(phone, [campaign_id or ALL_CAMPAIGNS])
        elif reply.kind == "optIn":
            self.people.opt_in(phone, campaign_id)

    def check_credit(self, cost: Decimal, settings: DripcelSettings) -> None:
        """Whether a send can be paid for.

        Raises:
            DripcelError: 402, or 400 by switch.
        """
        if cost > self.credit:
            raise DripcelError(402 if settings.no_credit == "http_402" else 400, "Insufficient balance")
