"""`python -m tests.browser.pictures FROM TO`: screenshots, made small enough for a repository."""

import sys
from pathlib import Path

from PIL import Image

PICTURES = ("form", "plan", "report")
"""Those that the documentation shows."""

MOST_BYTES = 150_000
_MOST_HEIGHT_PX = 1250
_WIDTH_PX = 960
_COLOURS = (256, 128, 64, 32, 16)


def main(source: Path, target: Path) -> int:
    """Write the small ones.

    Returns:
        0, or 1 when one cannot be made small enough.
    """
    target.mkdir(parents=True, exist_ok=True)
    return max(_shrink(source / f"{name}.png", target / f"{name}.png") for name in PICTURES)


def _shrink(source: Path, target: Path) -> int:
    with Image.open(source) as full:
        top = full.convert("RGB").crop((0, 0, full.width, min(full.height, _MOST_HEIGHT_PX)))
    small = top.resize((_WIDTH_PX, top.height * _WIDTH_PX // top.width), Image.Resampling.LANCZOS)
    for colours in _COLOURS:
        small.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
