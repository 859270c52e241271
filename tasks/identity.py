"""What a run is planned as: its name, its provider, and everything that makes it the same run."""

from dataclasses import dataclass
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.hours_rules import SendingHours
from tasks.providers.base import Provider, ProviderOptions
from tasks.providers.capabilities import Capabilities
from tasks.providers.registry import load_provider
from tasks.store.runs import RunRecord, run_key_of


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a run is planned as.

    Attributes:
        campaign: The campaign's document, which later runs under the same key are compared with.
        options: `options.<provider>` of the campaign, as JSON data.
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
