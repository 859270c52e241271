"""Where a secret or an address may have gone: a search of everything that a run leaves behind."""

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote


class Canaries:
    """Values that stand nowhere but where they belong.

    Args:
        secrets: Searched for as they are, as part of a URL, of JSON, and in base64.
        numbers: E.164; found with anything that people put between digits, and without the country code.
        words: Names and e-mail addresses, in any case.
    """

    def __init__(
        self, *, secrets: Iterable[str] = (), numbers: Iterable[str] = (), words: Iterable[str] = ()
    ) -> None:
        self._patterns = {value: re.compile(b"|".join(map(re.escape, _spellings(value)))) for value in secrets}
        for number in numbers:
            digits = number.removeprefix("+1").encode()
            self._patterns[number] = re.compile(rb"[^0-9A-Za-z]{0,4}".join(re.escape(bytes([d])) for d in digits))
        for word in words:
            spellings = {word.encode(), quote(word, safe="").encode()}
            self._patterns[word] = re.compile(b"|".join(map(re.escape, spellings)), re.IGNORECASE)

    def found_in(self, where: str, content: bytes | str) -> Iterator[str]:
        """A line for each that is there, with what stands before it."""
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        for value, pattern in self._patterns.items():
            if found := pattern.search(raw):
                around = raw[max(0, found.start() - 150) : found.end() + 40].decode("utf-8", "replace")
                yield f"{value} in {where}: ...{around!r}..."

    def found_below(self, *directories: Path, since: float = 0) -> Iterator[str]:
        """Names and bytes of all files that were written since."""
        for directory in directories:
            for path in sorted(directory.rglob("*")):
                if path.is_file() and path.stat().st_mtime >= since:
                    yield from self.found_in(str(path), str(path))
                    yield from self.found_in(str(path), path.read_bytes())
                    yield from self.found_in(f"what is pickled in {path}", _decoded(path.read_bytes()))


def _decoded(content: bytes) -> bytes:
    """What Prefect's result storage holds of a result: base64 in JSON."""
    try:
        return base64.b64decode(json.loads(content)["result"])
    except (ValueError, TypeError, KeyError):
        return b""


def _spellings(secret: str) -> set[bytes]:
    spellings = {secret.encode(), quote(secret, safe="").encode(), secret.replace("/", "\\/").encode()}
    for before in range(3):  # base64 of a text in which it begins at any place
        encoded = base64.b64encode(b"\0" * before + secret.encode())
        spellings.add(encoded[4 if before else 0 : -4])
    return spellings


def rows_of(database: Path) -> Iterator[tuple[str, str]]:
    """Every row of a SQLite file, by the name of its table: in the file's bytes, a long text is in pieces."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # a name of its own
                yield table, repr(row)
    finally:
        connection.close()
