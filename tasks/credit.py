"""Asking for an account's credit before the first request of a run."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.concealment import concealed_errors
from tasks.connection import connect
from tasks.providers.base import Balance, Provider
from tasks.providers.errors import ProviderError
from tasks.running import run_to_end
from tasks.store import runs
from tasks.store.session import Ledger


@task(name="check credit", task_run_name="check credit", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def check_credit(run_id: int, provider: str) -> str | None:
    """Whether the account at one of the run's providers can pay for anything at all.

    Returns:
        Why nothing must be handed over there: no credit left, credentials refused, provider down. None where there
        is credit, or where the provider cannot say: it will refuse the first request if there is none.
    """
    with Ledger() as ledger:
        with ledger.reading() as connection:
            run = runs.get_run(connection, run_id)
        connected = connect(ledger, run, provider)
        if not connected.capabilities.can_tell_balance:
            return None
        try:
            balance = run_to_end(lambda: _read(connected.provider))
        except ProviderError as error:
            return str(error) if error.stops_run else None
    if balance is not None and balance.amount <= 0:
        return f"{provider} says that no credit is left ({balance.amount:f} {balance.unit}): top the account up"
    return None


async def _read(provider: Provider) -> Balance | None:
    async with provider:
        return await provider.read_balance()
