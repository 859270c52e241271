"""`python -m tests.contacts.compare_phones [--cells N] [--seed S]`: whole columns against phonenumbers alone.

Both read the same cells of all regions, in all forms, whole and damaged. Any difference is a fault; run it after
every upgrade of phonenumbers. A million cells take some five minutes.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

import pandas as pd
import phonenumbers
from rich.console import Console

from tasks.contacts.phones import judge_cell, normalise_phones
from tests.contacts.phone_forms import phone_cells

_BATCH = 50_000


@dataclass(slots=True)
class Comparison:
    """What came of it.

    Attributes:
        cells: How many were read.
        accepted: How many are numbers that can be sent an SMS.
        differences: Cells that were not read alike: cell, region, by the column, by phonenumbers.
        column_seconds: CPU time of reading columns.
        library_seconds: CPU time of reading cell by cell.
    """

    cells: int = 0
    accepted: int = 0
    differences: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    column_seconds: float = 0.0
    library_seconds: float = 0.0


def compare(count: int, seed: int) -> Comparison:
    """Read so many cells both ways."""
    done = Comparison()
    cells = phone_cells(count, seed)
    # Sorted by country, because phonenumbers compiles its patterns anew when it has used many others meanwhile.
    while batch := sorted(islice(cells, _BATCH), key=itemgetter(1)):
        raw, regions = (pd.Series(column, dtype="str") for column in zip(*batch, strict=True))
        started = time.process_time()
        found = normalise_phones(raw, regions, textable=True)
        between = time.process_time()
        expected = [judge_cell(cell, region, textable=True) for cell, region in batch]
        done.library_seconds += time.process_time() - between
        done.column_seconds += between - started
        rows = found[["address", "country", "reason", "detail"]].itertuples(index=False, name=None)
        for (cell, region), ours, verdict in zip(batch, rows, expected, strict=True):
            theirs = (verdict.address, verdict.country, verdict.reason, verdict.detail)
            done.accepted += not verdict.reason
            if ours != theirs:
                done.differences.append((cell, region, ours, theirs))
        done.cells += len(batch)
    return done


def main(arguments: list[str] | None = None) -> int:
    """Compare, and print what came of it; exit code 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.contacts.compare_phones", description=__doc__)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    console = Console()
    done = compare(options.cells, options.seed)
    for cell, region, ours, theirs in done.differences[:20]:
        console.print(f"{cell!r} in {region!r}: {ours}, and phonenumbers alone says {theirs}", markup=False)
    console.print(
        f"phonenumbers {phonenumbers.__version__}, seed {options.seed}: {done.cells:,} cells of "
        f"{len(phonenumbers.SUPPORTED_REGIONS)} regions, {done.accepted:,} numbers, "
        f"{len(done.differences):,} differences; {done.column_seconds:.1f} s by columns, "
        f"{done.library_seconds:.1f} s cell by cell",
        soft_wrap=True,
    )
    return 1 if done.differences else 0


if __name__ == "__main__":
    sys.exit(main())
