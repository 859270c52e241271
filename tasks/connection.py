"""Everything that sending for a run needs, put together from the ledger and the configuration."""

from dataclasses import dataclass

from tasks.blocks import load_credentials
from tasks.identity import identity_of
from tasks.messaging.rendering import RunTexts
from tasks.pacing import pace_of
from tasks.patience import read_patience
from tasks.providers.base import Provider
from tasks.providers.capabilities import Capabilities
from tasks.store.runs import RunRecord
from tasks.store.session import Ledger


@dataclass(frozen=True, slots=True)
class RunConnection:
    """A run's provider, its limits for this run, and the run's texts."""

    provider: Provider
    capabilities: Capabilities
    texts: RunTexts


def connect(ledger: Ledger, run: RunRecord) -> RunConnection:
    """Make the adapter for a run; nothing is sent yet.

    Args:
        ledger: Stays open while the adapter is used: its pace reserves turns there.
        run: The run.

    Raises:
        ConfigurationError: Credentials are missing or malformed.
    """
    identity = identity_of(run)
    capabilities = identity.capabilities
    credentials = load_credentials(run.provider)
    provider = identity.adapter(
        credentials, identity.content, identity.provider_options, retry=read_patience().of_requests
    )
    if pace := pace_of(ledger, run.provider, credentials, capabilities):
        provider.use_pace(pace)
    texts = RunTexts(identity.content, capabilities.placeholders, capabilities.placeholder_max_chars)
    return RunConnection(provider, capabilities, texts)
