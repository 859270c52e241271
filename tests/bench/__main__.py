"""`python -m tests.bench [--quick]`: Rollcall against a floor in the same minutes on the same machine.

The ratios are the result. Works in a temporary directory, and leaves nothing behind but the results that it is
told to write. It ends with exit code 1, and writes nothing, if a ratio is worse by more than a quarter than in the
results that are there; `--accept` writes them all the same.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.bench import (
    callback_rate,
    dispatch_rate,
    flow_clock,
    orchestration,
    prepare_rate,
    receipt_rate,
    worker_rate,
)
from tests.bench.chart import draw_chart
from tests.bench.measurement import (
    Measurement,
    as_json,
    as_markdown,
    as_table,
    describe_floors,
    describe_machine,
    find_regressions,
    put_between_marks,
)

_WIDTH = 150  # of a table in a file


def measure_quickly(directory: Path) -> Iterator[list[Measurement]]:
    """One turn of the smaller things: under a minute, and only a hint."""
    yield prepare_rate.measure(directory, rows=10_000, times=1)
    yield dispatch_rate.measure_bird(directory, people=500, times=1)
    yield dispatch_rate.measure_octopush(directory, people=5_000, times=1)
    yield callback_rate.measure(directory, events=5_000, steady_seconds=3)
    yield receipt_rate.measure(directory, messages=5_000)
    yield flow_clock.measure_with_server(directory, times=1, campaigns=(flow_clock.OCTOPUSH,))


def measure_all(directory: Path) -> Iterator[list[Measurement]]:
    """Medians of three turns: some ten minutes."""
    yield prepare_rate.measure(directory, rows=1_000_000, times=3)
    yield dispatch_rate.measure_bird(directory, people=5_000, times=3)
    yield dispatch_rate.measure_octopush(directory, people=30_000, times=3)
    yield dispatch_rate.measure_million(directory, people=200_000, times=3)
    yield callback_rate.measure(directory, events=100_000)
    yield receipt_rate.measure(directory, messages=200_000)
    yield [worker_rate.measure(directory, people=12_000, times=1)]
    yield [orchestration.measure(directory, chunks=200, times=3)]
    yield flow_clock.measure_with_server(directory, times=3)
    yield flow_clock.measure_embedded(directory, times=3)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--page", type=Path, help="write the table into this page, between its marks")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--chart", type=Path, help="draw the ratios into this file (SVG)")
    parser.add_argument("--accept", action="store_true", help="write the results even if some are worse")
    parser.add_argument("--quick", action="store_true", help="under a minute instead of ten")
    options = parser.parse_args(arguments)
    logging.getLogger("prefect").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    machine = describe_machine()
    console.print(machine, soft_wrap=True)
    done: list[Measurement] = []
    with TemporaryDirectory(prefix="rollcall-bench-") as directory, console.status("measuring ...") as status:
        for measured in (measure_quickly if options.quick else measure_all)(Path(directory)):
            done += measured
            status.update(f"measuring ... {done[-1].what}: ratio {done[-1].ratio:.2f}")
    console.print(as_table(done))
    console.print(describe_floors(done), soft_wrap=True)
    if options.json is not None and options.json.exists() and not options.accept:
        worse = find_regressions(done, options.json.read_text("utf-8"))
        if worse:
            console.print(
                "\n".join(["Worse than in the last run, so nothing is written:", *worse]), soft_wrap=True
            )
            return 1
    if options.chart is not None:
        draw_chart(done, options.chart)
    if options.page is not None:
        text = options.page.read_text("utf-8")
        options.page.write_text(put_between_marks(text, as_markdown(done, machine)), encoding="utf-8")
    if options.json is not None:
        options.json.write_text(as_json(done, machine), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
