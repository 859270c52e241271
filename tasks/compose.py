"""Writing the text of every row: what its recipient reads, its SMS parts, and which request it can share."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from json.encoder import encode_basestring

import pandas as pd

from tasks.messaging.parts import Charset, Encoding, Ucs2Cause, count_parts, explain_ucs2
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import ExclusionReason
from tasks.messaging.templates import RenderError

SHARED_TEXT_KEY = 0
"""`text_key` of the messages that can share the text with the provider's placeholders."""

_SAMPLE_TEXTS = 3
_MOST_ADVICE = 5


class _DoesNotFit(Exception):
    """A row that cannot get this content."""

    def __init__(self, reason: ExclusionReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Composer:
    """Writes texts, and keeps what people want to know about them.

    Args:
        texts: The content, compiled.
        sources: For each variable the column it comes from.
        counts_parts: Whether these are SMS.
        max_chars: Longest text that the provider takes.
        placeholders: Names that the provider fills in, written `{name}`.
        is_bulk: Whether a request takes many recipients, so that equal texts can share one.
        charset: The SMS alphabet that the provider is asked to use.

    Attributes:
        names: The variables that the texts use.
        sample_texts: The first few texts.
        encodings: Texts by SMS encoding.
    """

    def __init__(
        self,
        texts: RunTexts,
        sources: Mapping[str, str],
        *,
        counts_parts: bool,
        max_chars: int | None,
        is_bulk: bool,
        placeholders: Sequence[str] = (),
        charset: Charset = Charset.AUTO,
    ) -> None:
        self._texts = texts
        self._sources = sources
        self._counts_parts = counts_parts
        self._max_chars = max_chars
        self._is_bulk = is_bulk
        self._charset = charset
        names = "|".join(map(re.escape, placeholders))
        self._own_placeholder = re.compile(rf"\{{({names})\}}" if names else r"(?!)")
        self._costly_characters: dict[str, str] = {}
        self._explained: set[str] = set()
        self.names: Sequence[str] = texts.variables
        self._json_keys = [f"{encode_basestring(name)}: " for name in self.names]
        self.sample_texts: list[str] = []
        self.encodings: Counter[str] = Counter()

    @property
    def advice(self) -> list[str]:
        """Characters that make messages longer than they need be, each with a replacement."""
        return list(self._costly_characters.values())

    def compose(self, values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write the texts of some rows.

        Args:
            values: One str column per variable; the index is the row number.

        Returns:
            `variables (JSON object), parts, text_key` of the rows that can be written, and `reason, detail` of
            the others; both have the row number as index.
        """
        # A list each: a million small tuples would be a million things for the garbage collector to look at.
        rows: list[int] = []
        variables: list[str | None] = []
        parts: list[int | None] = []
        text_keys: list[int] = []
        refused: dict[int, tuple[str, str]] = {}
        columns = [values[name].to_numpy(dtype=object) for name in self.names]
        cells_of_rows = zip(*columns, strict=True) if columns else [()] * len(values)
        for row, cells in zip(values.index.tolist(), cells_of_rows, strict=True):
            try:
                written, its_parts, text_key = self._compose_row(cells)
            except _DoesNotFit as error:
                refused[row] = error.reason.value, str(error)
            else:
                rows.append(row)
                variables.append(written)
                parts.append(its_parts)
                text_keys.append(text_key)
        composed = pd.DataFrame(
            {
                "variables": pd.array(variables, dtype=object),
                "parts": pd.array(parts, dtype="Int16"),
                "text_key": pd.array(text_keys, dtype="int64"),
            },
            index=pd.Index(rows, dtype="int64"),
        )
        return composed, pd.DataFrame.from_dict(refused, orient="index", columns=["reason", "detail"])

    def _compose_row(self, cells: Sequence[str]) -> tuple[str | None, int | None, int]:
        values = dict(zip(self.names, cells, strict=True))
        is_complete = all(cell and not cell.isspace() for cell in cells)
        if not is_complete and (missing := self._texts.missing(values)):
            raise _DoesNotFit(ExclusionReason.MISSING_VALUE, _say_missing(missing, self._sources))
        text, fits_shared = self._write(values)
        if self._texts.is_text and not (text or "").strip():
            raise _DoesNotFit(ExclusionReason.MISSING_VALUE, "the text is empty for this row")
        if text is not None and not fits_shared and (found := self._own_placeholder.search(text)):
            raise _DoesNotFit(
                ExclusionReason.MISSING_VALUE,
                f"the text has {found[0]} in it, which the provider would take for a placeholder and fill in",
            )
        variables = self._as_json(cells) if values else None
        if text is None:
            return variables, None, SHARED_TEXT_KEY
        if self._max_chars is not None and len(text) > self._max_chars:
            raise _DoesNotFit(
                ExclusionReason.TOO_LONG,
                f"the text has {len(text):,} characters, and the provider takes at most {self._max_chars:,}",
            )
        if len(self.sample_texts) < _SAMPLE_TEXTS:
            self.sample_texts.append(text)
        parts = self._count_parts(text) if self._counts_parts else None
        return variables, parts, SHARED_TEXT_KEY if fits_shared else self._text_key(text)

    def _write(self, values: Mapping[str, str]) -> tuple[str | None, bool]:
        """The text of one row, and whether the provider can make it of the shared one."""
        shared = self._texts.shared
        if shared is not None:
            with suppress(RenderError):  # which says below, in the author's words, where it fails
                if (filled := shared.values(values)) is not None:
                    return shared.fill(filled), True
        try:
            return self._texts.render(values).text, False
        except RenderError as error:
            raise _DoesNotFit(
                ExclusionReason.MISSING_VALUE, f"the text cannot be written for this row: {error}"
            ) from None

    def _as_json(self, cells: Sequence[str]) -> str:
        """What `json.dumps(values, ensure_ascii=False)` writes."""
        return (
            "{" + ", ".join(map("".join, zip(self._json_keys, map(encode_basestring, cells), strict=True))) + "}"
        )

    def _text_key(self, text: str) -> int:
        if not self._is_bulk:
            return SHARED_TEXT_KEY
        key = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
        return key if key != SHARED_TEXT_KEY else 1

    def _count_parts(self, text: str) -> int:
        counted = count_parts(text, charset=self._charset)
        self.encodings[counted.encoding] += 1
        is_costly = counted.encoding is Encoding.UCS2 and len(self._costly_characters) < _MOST_ADVICE
        if is_costly and not self._explained.issuperset(text):
            self._explained.update(text)
            for cause in explain_ucs2(text, charset=self._charset):
                self._costly_characters.setdefault(cause.char, _advise(cause))
        return counted.parts


def _advise(cause: Ucs2Cause) -> str:
    remedy = f"write {cause.suggestion!r} instead" if cause.suggestion else "leave it out"
    return f"{cause.char!r} ({cause.name}) forces UCS-2, which makes the message longer: {remedy}"


def _say_missing(names: Sequence[str], sources: Mapping[str, str]) -> str:
    cells = ", ".join(f"{name} (column {sources.get(name, name)!r})" for name in names)
    return f"the text needs {cells}, which is empty in this row; fill it in, or give a default in the text"
