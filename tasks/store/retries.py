"""Repeating a transaction of the ledger that could not be carried out, or of which that is not known."""

from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

again_while_busy = retry(
    # Another transaction was in the way, or the database is away for a while. A commit whose answer was lost may
    # have been carried out: only for transactions that may be, twice.
    retry=retry_if_exception_type(OperationalError),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    stop=stop_after_delay(180),
    reraise=True,
)
"""Decorates a function that is one transaction."""
