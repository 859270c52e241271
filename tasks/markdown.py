"""Markdown of artifacts: what comes from files and providers is shown as it stands."""

from collections.abc import Iterable, Sequence

_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def plain(text: str) -> str:
    """Text of a contact file or a campaign, which markdown must show as it stands."""
    return " ".join(text.translate(_MARKUP).split())


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; its cells are plain text."""
    lines = ["| " + " | ".join(plain(str(cell)) for cell in line) + " |" for line in (header, *rows)]
    return "\n".join([lines[0], "|" + " --- |" * len(header), *lines[1:]])
