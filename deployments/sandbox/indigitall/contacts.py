"""The project's contacts: found by number, address or external code, created when they are missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import phonenumbers

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.indigitall.request import ContactEntry

UNSUBSCRIBE_PATH = "/indigitall-control/unsubscribe"


@dataclass(slots=True)
class Contact:
    """A person on one channel; `address` is None where only a code is known."""

    id: int
    address: str | None
    external_code: str | None
    created_at: float
    updated_at: float
    enabled: bool = True

    def as_json(self, base_url: str) -> dict[str, Any]:
        """The contact as the console's API shows it."""
        country_code, national = split_number(self.address)
        return {
            "id": self.id,
            "phone": national,
            "countryCode": country_code,
            "externalCode": self.external_code,
            "enabled": self.enabled,
            "createdAt": rfc3339(self.created_at),
            "updatedAt": rfc3339(self.updated_at),
            "unsubscriptionUrl": f"{base_url}{UNSUBSCRIBE_PATH}/{self.id}",
        }


def split_number(e164: str | None) -> tuple[str | None, str | None]:
    """Country code and national digits; None for what is not known."""
    if e164 is None:
        return None, None
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None, e164.removeprefix("+")
    return str(number.country_code), phonenumbers.national_significant_number(number)


class Contacts:
    """The contacts of one channel.

    Args:
        first_id: The id of the first one.
    """

    def __init__(self, first_id: int) -> None:
        self._first_id = first_id
        self._all: list[Contact] = []
        self._by_address: dict[str, Contact] = {}
        self._by_code: dict[str, Contact] = {}

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def with_id(self, contact_id: int) -> Contact | None:
        """The contact with this id."""
        place = contact_id - self._first_id
        return self._all[place] if 0 <= place < len(self._all) else None

    def resolve(self, entry: ContactEntry, now_seconds: float, *, knows_all_codes: bool) -> Contact | None:
        """Whom an entry of a request means, by the three documented rules.

        An address decides, and the code beside it only serves to create the contact; a code alone means the
        contact that has it.

        Args:
            entry: With an address, a code, or both.
            now_seconds: Unix time at which a new contact is created.
            knows_all_codes: Whether every code belongs to a contact.

        Returns:
            None when the contact is missing and there is not enough to create it.
        """
        code = entry.external_code
        if entry.address is not None:
            return self._by_address.get(entry.address) or self._create(entry.address, code, now_seconds)
        if code is None:
            return None
        known = self._by_code.get(code)
        return self._create(None, code, now_seconds) if known is None and knows_all_codes else known

    def _create(self, address: str | None, code: str | None, now_seconds: float) -> Contact:
        known = None if code is None else self._by_code.get(code)
        if known is not None and known.address is None and address is not None:
            known.address, known.updated_at = address, now_seconds
            self._by_address[address] = known
            return known
        # A code that belongs to somebody else stays with them.
        code = None if known is not None else code
        contact = Contact(self._first_id + len(self._all), address, code, now_seconds, now_seconds)
        self._all.append(contact)
        if address is not None:
            self._by_address[address] = contact
        if code is not None:
            self._by_code[code] = contact
        return contact
