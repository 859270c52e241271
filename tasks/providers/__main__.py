"""`python -m tasks.providers`: the feature matrix; `--markdown` prints it as docs/campaigns.md has it."""

import argparse
import sys
from collections.abc import Sequence

from tasks.providers.matrix import feature_rows, matrix_as_markdown


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix."""
    parser = argparse.ArgumentParser(prog="python -m tasks.providers", description="What each provider can do.")
    parser.add_argument("--markdown", action="store_true", help="as a markdown table")
    rows = feature_rows()
    if parser.parse_args(arguments).markdown:
        sys.stdout.write(matrix_as_markdown(rows) + "\n")
        return 0
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
