"""Reading a delivery report that somebody exported from a provider's console."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.absorb import Absorbed, absorb
from tasks.concealment import concealed_errors
from tasks.datasets.readers import ContactFile, DatasetError, open_contacts
from tasks.messaging.reports import StatusReport
from tasks.providers.reader import UnreadableReport
from tasks.providers.registry import PROVIDER_NAMES, load_reader
from tasks.reconcile import Findings
from tasks.store.retries import again_while_busy
from tasks.store.session import Ledger
from tasks.store.tables import utc_now

_ROWS_PER_TRANSACTION = 5_000


@dataclass(slots=True)
class ImportedReport:
    """What a report file came to.

    Attributes:
        rows: Rows with a status.
        unmatched: Those that fit no message of the ledger.
    """

    path: str
    rows: int = 0
    unmatched: int = 0


def providers_with_reports() -> list[str]:
    """The providers whose console exports a report that can be read."""
    return [name for name in PROVIDER_NAMES if (reader := load_reader(name)) and reader.imports_report]


@task(name="import report", task_run_name="import report", cache_policy=NO_CACHE, persist_result=False)
@concealed_errors()
def import_report(
    provider: str, path: str, columns: Mapping[str, str] | None = None
) -> tuple[ImportedReport, Findings]:
    """Put a report that a person exported from the provider's console into the ledger.

    A row finds its message by our reference, else by the sending and the number. Reading a report twice changes
    nothing.

    Args:
        provider: Whose console it is from.
        path: The file: CSV, Excel or Parquet, or a URL.
        columns: Header by meaning, where a header is not recognised.

    Raises:
        DatasetError: The file cannot be read, or lacks a column that is needed; nothing was changed then.
    """
    imported = ImportedReport(path)
    findings = Findings()
    reader = load_reader(provider)
    if reader is None or not reader.imports_report:
        able = ", ".join(providers_with_reports())
        raise DatasetError(f"{path}: {provider} exports no report that can be read; those of {able} can")
    with Ledger() as ledger, open_contacts(path) as file:
        try:
            reports = iter(reader.read_report(_rows(file), columns))
            while page := list(islice(reports, _ROWS_PER_TRANSACTION)):
                absorbed = _keep(ledger, provider, page)
                imported.rows += len(page)
                imported.unmatched += absorbed.fits.count(False)
                findings.note(absorbed)
        except UnreadableReport as error:
            raise DatasetError(f"{path}: {error}") from None
    findings.taken = imported.rows
    return imported, findings


def _rows(file: ContactFile) -> Iterator[Mapping[str, str]]:
    for batch in file.batches():
        columns: Iterable[Sequence[str]] = (batch.frame[name].tolist() for name in batch.frame.columns)
        names = list(batch.frame.columns)
        for cells in zip(*columns, strict=True):
            yield dict(zip(names, cells, strict=True))


@again_while_busy
def _keep(ledger: Ledger, provider: str, reports: Sequence[StatusReport]) -> Absorbed:
    now = utc_now()
    with ledger.writing() as connection:
        return absorb(connection, provider, [(report, now) for report in reports])
