"""Adapters and readers of providers, put together from the ledger and the configuration."""

from dataclasses import dataclass

from tasks.blocks import load_credentials
from tasks.identity import identity_of
from tasks.messaging.rendering import RunTexts
from tasks.pacing import pace_of, pace_of_reading
from tasks.patience import read_patience
from tasks.providers.base import Provider
from tasks.providers.capabilities import Capabilities
from tasks.providers.reader import ProviderReader
from tasks.providers.registry import load_provider, load_reader
from tasks.store.runs import RunRecord
from tasks.store.session import Ledger


@dataclass(frozen=True, slots=True)
class RunConnection:
    """One of a run's providers, its limits for this run, and the run's texts as it takes them."""

    provider: Provider
    capabilities: Capabilities
    texts: RunTexts


def connect(ledger: Ledger, run: RunRecord, name: str) -> RunConnection:
    """Make an adapter for a run; nothing is sent yet.

    Args:
        ledger: Stays open while the adapter is used: its pace reserves turns there.
        run: The run.
        name: One of its providers.

    Raises:
        ConfigurationError: Credentials are missing or malformed.
    """
    part = identity_of(run).through(name)
    capabilities = part.capabilities
    credentials = load_credentials(name)
    provider = part.adapter(credentials, part.content, part.provider_options, retry=read_patience().of_requests)
    if pace := pace_of(ledger, name, credentials, capabilities):
        provider.use_pace(pace)
    texts = RunTexts(part.content, capabilities.placeholders, capabilities.placeholder_max_chars)
    return RunConnection(provider, capabilities, texts)


def connect_reader(ledger: Ledger, provider: str) -> ProviderReader | None:
    """Make what asks a provider; None where there is nothing to ask. Nothing is asked yet.

    Args:
        ledger: Stays open while the reader is used: its pace reserves turns there.
        provider: The provider's name.

    Raises:
        ConfigurationError: Credentials are missing or malformed.
    """
    reader_class = load_reader(provider)
    if reader_class is None:
        return None
    credentials = load_credentials(provider)
    reader = reader_class(credentials, retry=read_patience().of_requests)
    if reader_class.shares_sending_rate:
        pace = pace_of(ledger, provider, credentials, load_provider(provider).capabilities)
    else:
        pace = pace_of_reading(ledger, provider, credentials, reader_class)
    if pace is not None:
        reader.use_pace(pace)
    return reader
