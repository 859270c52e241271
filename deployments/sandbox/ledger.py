"""What really happened at a provider: the truth that a client's own account is compared with."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deployments.sandbox.clock import rfc3339

MAX_WARNINGS = 10_000


@dataclass(slots=True)
class Recipient:
    """One message for one person. Slots, and no nested objects: a sandbox holds a million of them.

    Attributes:
        address: As the provider understood it.
        text: As the person reads it: placeholders filled in.
        reference: The client's own name for it, where the provider has a field for one.
        id: The provider's id (of the message, or the ticket of the whole request).
        status: The provider's word when the message was taken.
        cost: In the account's currency.
        received_at: Unix time in seconds.
        simulated: Asked for as a simulation: nobody receives it.
    """

    address: str
    text: str
    sender: str | None
    reference: str | None
    id: str
    status: str
    cost: Decimal
    received_at: float
    simulated: bool = False


class Ledger:
    """Everything that one provider's sandbox has seen since it was started or reset."""

    def __init__(self) -> None:
        self.requests = 0
        self.answers: Counter[str] = Counter()
        self.recipients: list[Recipient] = []
        self.simulated = 0
        self.warnings: dict[tuple[int, str, str], int] = {}
        self.warnings_left_out = 0
        self.received_twice: dict[tuple[str, str], int] = {}
        # Hashes instead of the pairs themselves: an eighth of the memory, and a false alarm among a million
        # messages has a chance of one in thirty million.
        self._seen: set[int] = set()

    def begin_request(self) -> int:
        """Count a request, and return its number."""
        self.requests += 1
        return self.requests

    def warn(self, request: int, field: str, message: str) -> None:
        """Note what a strict reader of the documentation would object to; equal ones of a request are counted."""
        key = (request, field, message)
        if key in self.warnings or len(self.warnings) < MAX_WARNINGS:
            self.warnings[key] = self.warnings.get(key, 0) + 1
        else:
            self.warnings_left_out += 1

    def record(self, recipient: Recipient, *, reaches_person: bool) -> None:
        """Note a message that was taken; those that reach a person are watched for repetition."""
        self.recipients.append(recipient)
        if recipient.simulated:
            self.simulated += 1
        elif reaches_person:
            pair = (recipient.address, recipient.text)
            pair_hash = hash(pair)
            if pair_hash in self._seen:
                self.received_twice[pair] = self.received_twice.get(pair, 1) + 1
            else:
                self._seen.add(pair_hash)

    def rows(self, status_of: Callable[[Recipient], str], first: int = 0) -> Iterator[Mapping[str, Any]]:
        """The recipients as JSON objects, in the order of their arrival."""
        for recipient in self.recipients[first:]:
            yield {
                "address": recipient.address,
                "text": recipient.text,
                "sender": recipient.sender,
                "reference": recipient.reference,
                "id": recipient.id,
                "status": status_of(recipient),
                "cost": float(recipient.cost),
                "received_at": rfc3339(recipient.received_at),
                "simulated": recipient.simulated,
            }

    def totals(self) -> dict[str, Any]:
        """Everything but the recipients themselves."""
        return {
            "requests": self.requests,
            "answers": dict(sorted(self.answers.items())),
            "recipients_received": len(self.recipients),
            "recipients_simulated": self.simulated,
            "received_twice": [
                {"address": address, "text": text, "times": times}
                for (address, text), times in self.received_twice.items()
            ],
            "warnings": [
                {"request": request, "field": field, "message": message, "count": count}
                for (request, field, message), count in self.warnings.items()
            ],
            "warnings_left_out": self.warnings_left_out,
        }
