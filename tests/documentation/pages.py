"""The pages of the documentation, and the fenced blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")))
"""What users read. Every block of these is run, or compared with what was printed."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>file|first): (?P<marked>[^\n]+) -->\n)?"
    r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        line: Where it stands in its page.
        file: The name under which a reader is told to save it: `<!-- file: NAME -->` before it.
        first: A command that prepares what the block needs and that no reader has to type:
            `<!-- first: COMMAND -->` before it.
    """

    page: str
    line: int
    language: str
    text: str
    file: str | None
    first: str | None


def blocks_of(page: str, text: str) -> list[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: A fence is not closed, or is indented, which would hide its block.
    """
    found = [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            match["marked"] if match["mark"] == "file" else None,
            match["marked"] if match["mark"] == "first" else None,
        )
        for match in _BLOCK.finditer(text)
    ]
    if len(re.findall(r"^\s*```", text, re.MULTILINE)) != 2 * len(found):
        raise ValueError(f"{page}: a fence is not closed, or is indented")
    return found
