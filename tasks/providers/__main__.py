"""`python -m tasks.providers`: the feature matrix; `--markdown` prints it as docs/campaigns.md has it.

`--fields NAME` prints a provider's credentials and options, as its page in docs/providers has them.
"""

import argparse
import sys
from collections.abc import Sequence

from tasks.providers.field_tables import credential_rows, option_rows
from tasks.providers.matrix import feature_rows, matrix_as_markdown
from tasks.providers.registry import PROVIDER_NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix, or the fields of one provider."""
    parser = argparse.ArgumentParser(prog="python -m tasks.providers", description="What each provider can do.")
    parser.add_argument("--markdown", action="store_true", help="as a markdown table")
    parser.add_argument("--fields", choices=PROVIDER_NAMES, help="credentials and options of one, in markdown")
    options = parser.parse_args(arguments)
    if options.fields:
        tables = (credential_rows(options.fields), option_rows(options.fields))
        sys.stdout.write("\n\n".join(map(matrix_as_markdown, tables)) + "\n")
        return 0
    rows = feature_rows()
    if options.markdown:
        sys.stdout.write(matrix_as_markdown(rows) + "\n")
        return 0
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
