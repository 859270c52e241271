"""Which provider takes which message: the routes of a campaign, and the limits that all of them share."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from tasks.contacts.countries import require_country_code
from tasks.messaging.prices import Price, PriceTable
from tasks.messaging.statuses import Channel
from tasks.messaging.strict_model import StrictModel, nearest
from tasks.providers.capabilities import Capabilities
from tasks.providers.errors import ConfigurationError
from tasks.providers.registry import PROVIDER_NAMES


def known_provider(name: str) -> str:
    """The name, if there is such a provider.

    Raises:
        ValueError: There is none; it names the one that was meant.
    """
    if name not in PROVIDER_NAMES:
        raise ValueError(f"there is no provider `{name}`; {nearest(name, PROVIDER_NAMES)}")
    return name


class Route(StrictModel):
    """One provider of several, and what it is for."""

    name: Annotated[str, AfterValidator(known_provider)] = Field(
        title="Provider", json_schema_extra={"enum": list(PROVIDER_NAMES)}
    )
    countries: list[Annotated[str, AfterValidator(require_country_code)]] = Field(
        default_factory=list,
        title="Countries",
        description="ISO 3166-1 alpha-2 codes, for example SE. Empty: every country, and whatever has none, after "
        "the routes that name the country.",
    )
    sender: str | None = Field(
        default=None, title="Sender", description="What recipients see there, instead of the campaign's sender."
    )

    @model_validator(mode="after")
    def _each_country_once(self) -> Self:
        if len(set(self.countries)) < len(self.countries):
            raise ValueError(f"countries: {self.name} has one of them twice")
        return self


def provider_list_as_routes(document: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign whose `provider` is a list, with `routes` instead, and the first one's name as its provider.

    Raises:
        ValueError: The list is empty, an item has no name, or there are `routes` beside it.
    """
    listed = document.get("provider")
    if not isinstance(listed, list):
        return dict(document)
    if document.get("routes"):
        raise ValueError("routes: `provider` is a list already; remove one of them")
    routes = [{"name": item} if isinstance(item, str) else item for item in listed]
    if not routes:
        raise ValueError(f"provider: the list is empty; known here: {', '.join(PROVIDER_NAMES)}")
    if not all(isinstance(route, Mapping) and isinstance(route.get("name"), str) for route in routes):
        raise ValueError("provider: each one of a list is a name, or has one: {name: NAME, countries: [FR, ES]}")
    return {**document, "provider": routes[0]["name"], "routes": routes}


class RouteChoice(StrEnum):
    """Which of the routes that take a country comes first."""

    LISTED = "listed"
    """Those that name it, and then those for every country; in the order of the campaign file."""
    CHEAPEST = "cheapest"
    """The one with the lowest price there, whether it names the country or not; those without a price last."""


class RouteError(ConfigurationError):
    """Nobody can say which provider comes first. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Who takes a message to a country, and who comes next when that one is out of order.

    Attributes:
        prices: Needed for the cheapest.
    """

    routes: Sequence[Route]
    channel: Channel
    choice: RouteChoice = RouteChoice.LISTED
    prices: PriceTable | None = None
    _by_country: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def through(cls, provider: str, channel: Channel) -> Self:
        """Everything through one provider."""
        return cls([Route(name=provider)], channel)

    def candidates(self, country: str | None) -> tuple[str, ...]:
        """The providers for a message, the first one first; empty where no route takes it.

        Args:
            country: ISO 3166-1 alpha-2; empty or None where the message has none.

        Raises:
            RouteError: The prices there are in different currencies, so none of them is the lowest.
        """
        code = country or ""
        if code not in self._by_country:
            self._by_country[code] = self._choose(code)
        return self._by_country[code]

    def _choose(self, country: str) -> tuple[str, ...]:
        own = [route.name for route in self.routes if country and country in route.countries]
        every = [route.name for route in self.routes if not route.countries]
        names = [*own, *every]
        if self.choice is RouteChoice.LISTED or self.prices is None:
            return tuple(names)
        prices = {name: self.prices.price_of(name, country, self.channel) for name in names}
        self._check_currencies(country, prices.values())
        ranked = [(price.amount, place, name) for place, (name, price) in enumerate(prices.items()) if price]
        return (*(name for *_, name in sorted(ranked)), *(name for name in names if prices[name] is None))

    def _check_currencies(self, country: str, prices: Collection[Price | None]) -> None:
        currencies = sorted({price.currency for price in prices if price is not None})
        if len(currencies) > 1:
            where = country or "messages without a country"
            raise RouteError(
                f"choose: the prices for {where} are in {' and '.join(currencies)}, so none of them is the "
                "lowest; write them in one currency, or choose `listed`"
            )

    def explain_no_route(self, country: str) -> str:
        """Why nobody takes a message to a country, for people: which routes there are."""
        routes = ", ".join(f"{route.name} ({', '.join(route.countries)})" for route in self.routes)
        return f"no route takes {country or 'messages whose country is not known'}; there are {routes}"

    def describe(self, countries: Collection[str]) -> list[tuple[str, str]]:
        """`country, providers in order` of these countries: what decides where every message goes."""
        return [(country, ",".join(self.candidates(country))) for country in sorted(countries)]


def find_route_problems(routes: Sequence[Route], channel: Channel, limits: Sequence[Capabilities]) -> list[str]:
    """What is wrong with routes as a whole; one sentence each, beginning with the key."""
    problems = []
    names = [route.name for route in routes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"provider: {twice[0]} is there twice; give it all of its countries in one route")
    if channel is Channel.EMAIL and routes and all(route.countries for route in routes):
        problems.append("provider: an e-mail address has no country; one route must be without `countries`")
    if len({can.placeholders for can in limits if can.placeholders}) > 1:
        problems.append(
            f"provider: {' and '.join(names)} fill in placeholders of their own, each other ones, so that no text "
            "is safe for all of them; choose one of them"
        )
    return problems


def common_limits(limits: Sequence[Capabilities]) -> Capabilities:
    """The limits within which a message may go through any of several providers: of each, the strictest.

    Placeholders are those that one of them fills in: what it would take for one must not stand in anybody's text.
    """
    first, *others = limits
    if not others:
        return first
    with_placeholders = next((can for can in limits if can.placeholders), first)
    longest = [can.max_text_chars for can in limits if can.max_text_chars is not None]
    media = [can.media_countries for can in limits if can.media_countries is not None]
    return replace(
        first,
        channels=frozenset.intersection(*(can.channels for can in limits)),
        contents=frozenset.intersection(*(can.contents for can in limits)),
        max_recipients_per_request=min(can.max_recipients_per_request for can in limits),
        placeholders=with_placeholders.placeholders,
        placeholder_max_chars=with_placeholders.placeholder_max_chars,
        max_text_chars=min(longest, default=None),
        media_countries=frozenset.intersection(*media) if media else None,
        addresses_external_codes=all(can.addresses_external_codes for can in limits),
        sends_to_external_codes=any(can.sends_to_external_codes for can in limits),
    )
