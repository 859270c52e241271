"""Which rows of a list are one recipient, for providers that know people by the list's own key of them.

Where a message goes to the contact with the code, whatever else its row has, all rows of a code are one recipient.
Where the number goes first and the code stands in for a missing one, a row that has only the code may mean any
number of its contact, so it is one recipient with each of them; two numbers under one code are two (two devices of
a household). Opt-outs follow the same lines.
"""

import pandas as pd

from tasks.contacts.addresses import external_address, is_external, reachable_address
from tasks.contacts.deduplicate import AddressIndex
from tasks.messaging.statuses import ExclusionReason
from tasks.providers.capabilities import Capabilities
from tasks.verdicts import Verdicts

Refusals = dict[str, tuple[ExclusionReason, str]]
"""Reason and detail, by who says no."""


class SameContacts:
    """The external codes of one contact file. Batches must come in the order of the file.

    Args:
        capabilities: Of the providers; without external codes there is nothing to find.

    Attributes:
        is_needed: Whether anybody is known by a code.
        refused_codes: Codes, as `keys` has them, that a row says no for: no message may go to them.
        refused_addresses: The same of ledger addresses.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        self._always_by_code = capabilities.sends_to_external_codes
        self.is_needed = capabilities.sends_to_external_codes or capabilities.addresses_external_codes
        self._seen = AddressIndex()
        self._led_by_code = AddressIndex()
        self.refused_codes: Refusals = {}
        self.refused_addresses: Refusals = {}

    @property
    def ignores_case(self) -> bool:
        """Whether codes that differ in nothing but capitals are one.

        Where all messages go to codes, these are UUIDs. Elsewhere there are customer numbers that differ by
        nothing but a capital.
        """
        return self._always_by_code

    def keys(self, codes: "pd.Series[str]") -> "pd.Series[str]":
        """Codes as they are compared."""
        return codes.str.lower() if self.ignores_case else codes

    def exclude_repeats(self, cells: pd.DataFrame, addresses: "pd.Series[str]", verdicts: Verdicts) -> None:
        """Exclude rows that go to the recipient of an earlier row, and remember who says no in them.

        Args:
            cells: As `ColumnMap.extract` gives them.
            addresses: Of the ledger, "" where a row has none.
            verdicts: What is wrong with these addresses, duplicates included.
        """
        codes = self.keys(cells["external_code"])
        open_rows = verdicts.open_rows
        if self._always_by_code:
            rows, is_alone = open_rows, pd.Series(data=True, index=codes.index)
        else:
            # Also one that repeats the number of another code: its contact gets the message by this number.
            rows, is_alone = addresses.index[addresses != ""], addresses.map(is_external)
        earlier = self._seen.first_rows(codes.loc[rows]).dropna()
        leading = rows.difference(earlier.index, sort=False)
        self._led_by_code.first_rows(codes.loc[leading[is_alone.loc[leading]]])
        repeats = earlier[is_alone.loc[earlier.index] | self._led_by_code.contains(codes.loc[earlier.index])]
        verdicts.exclude(
            repeats.index,
            ExclusionReason.DUPLICATE,
            "the same contact as row " + repeats.astype("int64").astype(str),
        )
        # The first one stands for its contact. Any other one may say no for it, also one without a usable address.
        others = codes.index.difference(open_rows, sort=False).union(repeats.index, sort=False)
        self._remember_refusals(cells.loc[others[codes.loc[others] != ""]], addresses)

    def _remember_refusals(self, cells: pd.DataFrame, addresses: "pd.Series[str]") -> None:
        codes = self.keys(cells["external_code"])
        for flag, reason in (("opted_out", ExclusionReason.OPTED_OUT), ("disabled", ExclusionReason.DISABLED)):
            for row in cells.index[cells[flag]]:
                said = (reason, f"row {row} is the same contact, and there {cells.loc[row, 'eligibility_detail']}")
                if self._always_by_code or not reachable_address(addresses[row]):
                    self.refused_codes.setdefault(codes[row], said)
                else:  # the other numbers of this code are other recipients
                    self.refused_addresses.setdefault(external_address(codes[row]), said)
