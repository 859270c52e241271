"""What a plan would cost, by country and provider, as far as a table of prices tells it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tasks.messaging.prices import Price, PriceTable
from tasks.messaging.statuses import Channel

COST_COLUMNS = ("country", "provider", "messages", "parts", "price per part", "estimated cost")
"""Of the table that `CostEstimate.cells` fills."""

_CENTS = Decimal("0.01")
_FINER = Decimal("0.0001")
_HARDLY_ANY = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Share:
    """The messages that go to one country through one provider.

    Attributes:
        country: ISO 3166-1 alpha-2; empty where the messages have none.
        provider: Whom they are handed over to first.
        parts: SMS segments; 0 where the channel knows none.
    """

    country: str
    provider: str
    messages: int
    parts: int


@dataclass(frozen=True, slots=True)
class CostLine:
    """A share of a plan, and its price; None where the table has none."""

    share: Share
    price: Price | None

    @property
    def cost(self) -> Decimal | None:
        """Parts times price; messages times price where there are no parts."""
        return None if self.price is None else self.price.amount * (self.share.parts or self.share.messages)


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a plan would cost.

    Attributes:
        lines: One for each country and provider, those with most messages first.
        source: The table of prices; None when there is none.
        is_least: These are SMS whose text only the provider knows: each counts as one part, and may have more.
    """

    lines: Sequence[CostLine]
    source: str | None
    is_least: bool = False

    @property
    def totals(self) -> dict[str, Decimal]:
        """By currency, of what has a price: sums in different currencies are never added up."""
        totals: dict[str, Decimal] = {}
        for line in self.lines:
            if line.price is not None and line.cost is not None:
                totals[line.price.currency] = totals.get(line.price.currency, Decimal(0)) + line.cost
        return totals

    @property
    def unpriced(self) -> list[Share]:
        """What the table has no price for."""
        return [line.share for line in self.lines if line.price is None]

    def cells(self) -> list[tuple[str, ...]]:
        """The lines as text, under `COST_COLUMNS`."""
        return [
            (
                line.share.country or "unknown",
                line.share.provider,
                f"{line.share.messages:,}",
                "not known" if self.is_least else f"{line.share.parts:,}",
                "no price" if line.price is None else f"{line.price.amount:f} {line.price.currency}",
                "" if line.price is None or line.cost is None else _money(line.cost, line.price.currency),
            )
            for line in self.lines
        ]

    def sentences(self) -> list[str]:
        """The totals, and what is not in them, for people."""
        if self.source is None:
            return ["What it costs is not known: the campaign names no table of `prices`."]
        sums = " and ".join(_money(total, currency) for currency, total in sorted(self.totals.items()))
        said = [f"Estimated cost: {sums}, by the prices in {self.source}."] if sums else []
        if sums and self.is_least:
            said.append(
                "At least: only the provider knows the text, so each message counts as one part; it may have more."
            )
        if self.unpriced:
            named = ", ".join(
                f"{share.country or 'no country'} through {share.provider}" for share in self.unpriced
            )
            messages = sum(share.messages for share in self.unpriced)
            said.append(f"{self.source} has no price for {messages:,} messages, which are not in it: {named}.")
        return said


def estimate_cost(shares: Iterable[Share], channel: Channel, prices: PriceTable | None) -> CostEstimate:
    """What these messages would cost."""
    lines = [
        CostLine(share, None if prices is None else prices.price_of(share.provider, share.country, channel))
        for share in shares
    ]
    lines.sort(key=lambda line: (-line.share.messages, line.share.country, line.share.provider))
    is_least = channel is Channel.SMS and not any(line.share.parts for line in lines)
    return CostEstimate(lines, None if prices is None else prices.source, is_least=is_least)


def _money(amount: Decimal, currency: str) -> str:
    """In cents, and in finer steps where a sum has hardly any."""
    return f"{amount.quantize(_CENTS if not amount or amount >= _HARDLY_ANY else _FINER):,} {currency}"
