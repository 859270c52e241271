"""Contacts of the organisation and what they want no more: who may get a message, and how it reads for them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.dripcel.cells import digits_of
from deployments.sandbox.dripcel.fields import Warn
from deployments.sandbox.dripcel.switches import DripcelSettings

ALL_CAMPAIGNS = "*"
"""Among the campaigns of an opt-out: a global one."""

_PLACEHOLDER = re.compile(r"{{\s*(?:contact\.)?([^{}]*?)\s*}}")


def has_placeholders(text: str) -> bool:
    """Whether the text holds `{{...}}`."""
    return _PLACEHOLDER.search(text) is not None


@dataclass(slots=True)
class Contact:
    """A person. `members` is what was sent, `cell` included."""

    id: str
    phone: str
    members: dict[str, Any]
    updated_at: float

    def as_json(self) -> dict[str, Any]:
        """The contact as it is read back: under its international digits."""
        return {
            "_id": self.id,
            **self.members,
            "cell": digits_of(self.phone),
            "updatedAt": rfc3339(self.updated_at),
        }


@dataclass(slots=True)
class People:
    """Contacts by number, and opt-outs: campaigns by number."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    opt_outs: dict[str, set[str]] = field(default_factory=dict)

    def is_contact(self, address: str, settings: DripcelSettings) -> bool:
        """Whether a number or e-mail address belongs to a contact."""
        return (
            settings.contacts == "all"
            or address in settings.listed_contacts
            or address in self.contacts
            or ("@" in address and self._with_email(address) is not None)
        )

    def has_opted_out(self, address: str, campaign_id: str | None, settings: DripcelSettings) -> bool:
        """Whether they opted out of everything, or of this campaign."""
        campaigns = self.opt_outs.get(address, set())
        return address in settings.opted_out_numbers or ALL_CAMPAIGNS in campaigns or campaign_id in campaigns

    def opt_out(self, phone: str, campaigns: Iterable[str]) -> bool:
        """Note an opt-out; returns whether it is news."""
        known = self.opt_outs.setdefault(phone, set())
        before = len(known)
        known.update(campaigns)
        return len(known) > before

    def opt_in(self, phone: str, campaign_id: str | None) -> None:
        """Forget an opt-out of one campaign, or the global one."""
        self.opt_outs.get(phone, set()).discard(campaign_id or ALL_CAMPAIGNS)

    def find(self, phone: str, settings: DripcelSettings, now_seconds: float) -> Contact | None:
        """The contact with this number; where everybody is one, made when asked for."""
        if phone not in self.contacts and self.is_contact(phone, settings):
            self.put(phone, {}, now_seconds)
        return self.contacts.get(phone)

    def put(self, phone: str, members: Mapping[str, Any], now_seconds: float) -> None:
        """Make a contact, or change the members that are given."""
        known = self.contacts.get(phone)
        if known is None:
            contact_id = f"{0xC0:016x}{len(self.contacts) + 1:08x}"
            self.contacts[phone] = Contact(contact_id, phone, dict(members), now_seconds)
        else:
            known.members.update(members)
            known.updated_at = now_seconds

    def personal_text(self, text: str, address: str, warn: Warn, name: str) -> str:
        """The text as this person reads it; a placeholder that nothing is known for stays as it is.

        The documentation does not name the placeholders: here they are the members of the contact.
        """
        if not has_placeholders(text):
            return text
        contact = self.contacts.get(address) or self._with_email(address)
        members: Mapping[str, Any] = {} if contact is None else contact.members

        def value(match: re.Match[str]) -> str:
            if match[1] in members:
                return str(members[match[1]])
            warn(name, f"the contact has no {match[1]!r}: the person reads {match[0]}")
            return match[0]

        return _PLACEHOLDER.sub(value, text)

    def _with_email(self, address: str) -> Contact | None:
        return next((known for known in self.contacts.values() if known.members.get("email") == address), None)
