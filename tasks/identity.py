"""What a run is planned as: its name, its providers, and everything that makes it the same run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.hours_rules import SendingHours
from tasks.messaging.prices import PriceTable
from tasks.providers.base import Provider, ProviderOptions
from tasks.providers.capabilities import Capabilities
from tasks.providers.registry import load_provider
from tasks.routes import Route, RouteChoice, Routing, common_limits, find_route_problems
from tasks.store.runs import RunRecord, run_key_of


@dataclass(frozen=True, slots=True)
class ProviderPart:
    """What one provider is told of a run.

    Attributes:
        content: With the sender of its route.
        options: `options.<provider>` of the campaign, as JSON data.
    """

    provider: str
    content: Content
    options: dict[str, Any]

    @property
    def adapter(self) -> type[Provider]:
        """The provider's adapter."""
        return load_provider(self.provider)

    @property
    def provider_options(self) -> ProviderOptions:
        """The options as the adapter takes them."""
        return self.adapter.Options.model_validate(self.options)

    @property
    def capabilities(self) -> Capabilities:
        """The provider's limits for this campaign."""
        return self.adapter.capabilities_for(self.content, self.provider_options)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a run is planned as.

    Attributes:
        provider: The only one, or that of the first route.
        campaign: The campaign's document, which later runs under the same key are compared with.
        options: `options.<provider>` of the campaign, as JSON data; by provider, where there are routes.
    """

    name: str
    run_key: str
    provider: str
    content: Content
    options: dict[str, Any]
    campaign: dict[str, Any]

    @property
    def key(self) -> str:
        """The run's key in the ledger."""
        return run_key_of(self.name, self.run_key)

    @property
    def frequency_cap(self) -> FrequencyCap | None:
        """The campaign's own limit of marketing messages per person."""
        cap = self.campaign.get("frequency_cap")
        return None if cap is None else FrequencyCap.model_validate(cap)

    @property
    def price_file(self) -> str | None:
        """The campaign's table of prices."""
        return self.campaign.get("prices")

    @property
    def hours(self) -> SendingHours | None:
        """The campaign's own rules of when people may be written to."""
        hours = self.campaign.get("hours")
        return None if hours is None else SendingHours.model_validate(hours)

    @property
    def routes(self) -> Sequence[Route]:
        """The campaign's routes; none where everything goes through one provider."""
        return [Route.model_validate(route) for route in self.campaign.get("routes") or ()]

    @property
    def providers(self) -> tuple[str, ...]:
        """Everybody whom messages may be handed over to."""
        return tuple(route.name for route in self.routes) or (self.provider,)

    def through(self, provider: str) -> ProviderPart:
        """What one of its providers is told."""
        route = next((route for route in self.routes if route.name == provider), None)
        if route is None:
            return ProviderPart(provider, self.content, self.options)
        content = (
            self.content if route.sender is None else self.content.model_copy(update={"sender": route.sender})
        )
        return ProviderPart(provider, content, self.options[provider])

    def routing(self, prices: PriceTable | None) -> Routing:
        """Who takes a message to a country."""
        if not self.routes:
            return Routing.through(self.provider, self.content.channel)
        choice = RouteChoice(self.campaign.get("choose", RouteChoice.LISTED))
        return Routing(self.routes, self.content.channel, choice, prices)

    def find_problems(self, countries: frozenset[str] = frozenset()) -> list[str]:
        """What its providers would refuse, or silently change; one sentence each.

        Args:
            countries: Countries in the audience, empty while they are not known.
        """
        problems = find_route_problems(self.routes, self.content.channel, self.limits)
        for provider in self.providers:
            part = self.through(provider)
            own = next((route.countries for route in self.routes if route.name == provider), [])
            theirs = countries & frozenset(own) if own else countries
            problems += part.adapter.find_problems(part.content, part.provider_options, theirs)
        return list(dict.fromkeys(problems))

    @property
    def limits(self) -> list[Capabilities]:
        """The limits of each provider for this campaign."""
        return [self.through(provider).capabilities for provider in self.providers]

    @property
    def capabilities(self) -> Capabilities:
        """The limits that all of its providers share."""
        return common_limits(self.limits)

    @property
    def groups_equal_texts(self) -> bool:
        """Whether messages with equal texts can share a request, at one of its providers at least."""
        return any(can.max_recipients_per_request > 1 and not can.batches_own_texts for can in self.limits)


def identity_of(run: RunRecord) -> RunIdentity:
    """What a run in the ledger was planned as."""
    return RunIdentity(
        name=run.name,
        run_key=run.run_key,
        provider=run.provider,
        content=Content.model_validate(run.content),
        options=run.options,
        campaign=run.campaign,
    )
