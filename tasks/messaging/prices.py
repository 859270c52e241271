"""What a message costs: a table of prices by provider, country and channel, as somebody keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tasks.messaging.statuses import Channel

EVERY_COUNTRY = "*"
"""Stands for every country of a provider that has no row of its own, and for messages that have no country."""

PriceKey = tuple[str, str, Channel]
"""Provider, country (ISO 3166-1 alpha-2, or `EVERY_COUNTRY`), channel."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one part costs: an SMS segment, or a message where the channel knows no parts.

    Attributes:
        currency: ISO 4217.
        note: Whatever stands beside it in the table, such as its source.
    """

    amount: Decimal
    currency: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices, and where they come from.

    Attributes:
        source: The file, for people.
    """

    source: str
    prices: Mapping[PriceKey, Price]

    def price_of(self, provider: str, country: str, channel: Channel) -> Price | None:
        """What a part costs there; the provider's row for every country where that country has none.

        Args:
            provider: The provider's name.
            country: ISO 3166-1 alpha-2; empty where a message has none.
            channel: SMS, MMS or e-mail.
        """
        own = self.prices.get((provider, country, channel)) if country else None
        return own or self.prices.get((provider, EVERY_COUNTRY, channel))
