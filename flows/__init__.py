"""The flows, one file each."""

import os
import sys

from flows.arguments import answer_help

# Prefect's client sends usage data to its makers from interactive terminals, unless it is told not to before it is
# imported. Campaigns are nobody's business; who wants it sets the variable himself.
os.environ.setdefault("DO_NOT_TRACK", "1")

answer_help(sys.orig_argv)
