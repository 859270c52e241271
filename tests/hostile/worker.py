"""A process in which hostile input is tried: `SURFACE <tab> PATH` a line in, a line of JSON out.

Its memory is limited, so that a bomb ends this process and nothing else.
"""

import faulthandler
import json
import logging
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

from tests.hostile.message_texts import VALUES
from tests.hostile.surfaces import FILE_SURFACES, call_back, judge, render

_MOST_ADDRESS_SPACE_BYTES = 6 << 30


def peak_bytes() -> int:
    """The most memory that this process had since `forget_peak`; 0 where the system does not tell."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def forget_peak() -> None:
    """Begin to measure anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def attempt(surface: str, argument: str) -> dict[str, object]:
    """Try one input."""
    forget_peak()
    before, began = peak_bytes(), time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if surface == "text":
            is_fine, what = judge(lambda: render(json.loads(argument), VALUES))
        elif surface == "callbacks":
            is_fine, what = judge(lambda: call_back(int(argument)))
        else:
            is_fine, what = judge(lambda: FILE_SURFACES[surface](Path(argument)))
    return {
        "is_fine": is_fine,
        "what": what,
        "seconds": time.monotonic() - began,
        "peak_bytes": peak_bytes() - before,
    }


def main() -> None:
    """Until there is no more input."""
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_SPACE_BYTES, resource.RLIM_INFINITY))
    for line in sys.stdin:
        surface, _, argument = line.rstrip("\n").partition("\t")
        try:
            answer = attempt(surface, argument)
        except BaseException:  # noqa: BLE001  # MemoryError, too
            answer = {"is_fine": False, "what": traceback.format_exc()[-300:], "seconds": 0.0, "peak_bytes": 0}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
