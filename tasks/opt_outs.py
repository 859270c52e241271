"""Learning who opted out: from providers that can be asked, and from lists that people keep."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.absorb import absorb
from tasks.address_files import read_suppressed_addresses
from tasks.blocks import load_credentials
from tasks.concealment import concealed_errors
from tasks.connection import connect_reader
from tasks.contacts.audience import Audience
from tasks.messaging.reports import Report
from tasks.messaging.statuses import Channel
from tasks.pacing import limit_name
from tasks.providers.errors import ConfigurationError, ProviderError
from tasks.providers.reader import ProviderReader
from tasks.providers.registry import PROVIDER_NAMES, load_reader
from tasks.reconcile import Findings
from tasks.running import run_to_end
from tasks.store import consent, sync_points
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

_FIRST_TIME = timedelta(days=90)
"""How far back a provider is asked the first time."""


def providers_with_credentials() -> list[str]:
    """The providers that can be asked who opted out, as far as there are credentials to ask them with."""
    return [
        name
        for name in PROVIDER_NAMES
        if (reader := load_reader(name)) and reader.can_list_opt_outs and _has_credentials(name)
    ]


def _has_credentials(provider: str) -> bool:
    try:
        load_credentials(provider)
    except ConfigurationError:
        return False
    return True


@task(
    name="ask for opt-outs",
    task_run_name="ask {provider} for opt-outs",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@concealed_errors()
def ask_for_opt_outs(provider: str) -> Findings:
    """Ask a provider who opted out, opted in or answered since the last time.

    Every page is committed before the next one is asked for; how far was read is noted at the end, so that a
    reading that stopped midway is done again from its beginning.
    """
    findings = Findings()
    with Ledger() as ledger:
        try:
            reader = connect_reader(ledger, provider)
            if reader is None or not reader.can_list_opt_outs:
                return findings
            run_to_end(lambda: _ask(ledger, provider, reader, findings))
        except (ProviderError, ConfigurationError) as error:
            findings.trouble = f"{provider} could not be asked for opt-outs: {error}"
        except Exception as error:  # noqa: BLE001  # what one provider says must not keep the others from being asked
            findings.trouble = f"what {provider} says of opt-outs could not be kept: {type(error).__name__}"
    return findings


async def _ask(ledger: Ledger, provider: str, reader: ProviderReader, findings: Findings) -> None:
    point = f"{limit_name(provider, load_credentials(provider))}:opt-outs"
    begun = utc_now()
    with ledger.reading() as connection:
        last = sync_points.read_until(connection, point)
    since = (last or begun - _FIRST_TIME) - reader.opt_out_overlap
    async with reader:
        async for page in reader.fetch_opt_outs(since):
            findings.taken += len(page)
            _keep(ledger, provider, page, findings)
    _advance(ledger, point, begun)


@again_while_busy
def _keep(ledger: Ledger, provider: str, reports: Sequence[Report], findings: Findings) -> None:
    now = utc_now()
    with ledger.writing() as connection:
        absorbed = absorb(connection, provider, [(report, now) for report in reports])
    findings.note(absorbed)


@again_while_busy
def _advance(ledger: Ledger, point: str, until: datetime) -> None:
    with ledger.writing() as connection:
        sync_points.advance(connection, point, until)


@task(
    name="read suppression list",
    task_run_name="read suppression list",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@concealed_errors()
def read_suppression_list(path: str, channel: Channel, default_country: str | None = None) -> int:
    """Put the addresses of a list of people who must not be contacted into the ledger.

    Args:
        path: CSV, Excel or Parquet; a path or a URL.
        channel: For which they must not be contacted; a number is forbidden for SMS and MMS.
        default_country: ISO 3166-1 alpha-2 of numbers without a country code.

    Returns:
        How many addresses it holds.

    Raises:
        DatasetError, ColumnError: It cannot be read, or a row of it has no address.
    """
    audience = Audience(path=path, suppressions=path, default_country=default_country)
    count = 0
    with Ledger() as ledger:
        # Of a list for all providers, some may know people by their codes alone.
        for addresses in read_suppressed_addresses(audience, channel, knows_codes=True):
            count += len(addresses)
            with ledger.writing() as connection:
                consent.add_suppressions(connection, channel, addresses, reason="opted_out", source=f"file {path}")
    return count
