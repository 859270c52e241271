"""Writing the text of every row: what its recipient reads, its SMS parts, and which request it can share."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from json.encoder import encode_basestring

import numpy as np
import pandas as pd

from tasks.messaging.parts import Charset, Encoding, Ucs2Cause, count_parts, explain_ucs2
from tasks.messaging.parts_of_many import count_gsm7_parts
from tasks.messaging.rendering import RunTexts
from tasks.messaging.statuses import ExclusionReason
from tasks.messaging.templates import RenderError

SHARED_TEXT_KEY = 0
"""`text_key` of the messages that can share the text with the provider's placeholders."""

_SAMPLE_TEXTS = 3
_KEPT_SAMPLES = 30
"""More than are shown: of some, a later row of the file opts the recipient out."""
_ROWS_AT_A_TIME = 5_000
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
        self._samples: list[str] = []
        self._is_taking_back = False
        self.encodings: Counter[str] = Counter()

    @property
    def advice(self) -> list[str]:
        """Characters that make messages longer than they need be, each with a replacement."""
        return list(self._costly_characters.values()) if self.encodings[Encoding.UCS2] else []

    @property
    def sample_texts(self) -> list[str]:
        """The first few texts."""
        return self._samples[:_SAMPLE_TEXTS]

    def compose(self, values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write the texts of some rows.

        Args:
            values: One str column per variable; the index is the row number.

        Returns:
            `variables (JSON object), parts, text_key` of the rows that can be written, and `reason, detail` of
            the others; both have the row number as index.
        """
        # Some rows at a time: their texts are all held, and each may have ten thousand characters.
        pieces = [
            self._compose_some(values.iloc[start : start + _ROWS_AT_A_TIME])
            for start in range(0, max(len(values), 1), _ROWS_AT_A_TIME)
        ]
        composed, refused = zip(*pieces, strict=True)
        return pd.concat(composed), pd.concat(refused)

    def take_back(self, variables: Iterable[object]) -> None:
        """Count texts out that were written, and whose rows get no message after all.

        Args:
            variables: As `compose` returned them; anything else than a text where the texts use no column.
        """
        rows = [json.loads(row) if isinstance(row, str) else {} for row in variables]
        values = pd.DataFrame(rows, index=range(len(rows)), columns=list(self.names))
        before, self.encodings = self.encodings, Counter()
        self._is_taking_back = True
        self.compose(values)
        self._is_taking_back = False
        self.encodings = before - self.encodings

    def _compose_some(self, values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        columns = {name: values[name].to_numpy(dtype=object).tolist() for name in self.names}
        written = self._write_plain(columns, len(values))
        refused: dict[int, tuple[str, str]] = {}
        rows = values.index.to_numpy()
        for place in [place for place, one in enumerate(written.texts) if one is None]:
            try:
                self._write_row({name: cells[place] for name, cells in columns.items()}, written, place)
            except _DoesNotFit as error:
                written.is_refused[place] = True
                refused[int(rows[place])] = error.reason.value, str(error)
        counted = self._count_parts(written.texts) if self._counts_parts else [None] * len(rows)
        composed = pd.DataFrame(
            {
                "variables": pd.array(self._as_json(columns, len(rows)), dtype=object),
                "parts": pd.array(counted, dtype="Int16"),
                "text_key": written.text_keys,
            }
        ).set_index(values.index)
        self._take_samples(written.texts)
        return (
            composed.loc[~written.is_refused],
            pd.DataFrame(
                list(refused.values()), columns=["reason", "detail"], index=pd.Index(list(refused), dtype="int64")
            ),
        )

    def _write_plain(self, columns: Mapping[str, Sequence[str]], rows: int) -> "_Written":
        """All rows that need no template engine."""
        written = _Written(rows)
        plain, shared = self._texts.plain, self._texts.shared
        if plain is None:
            return written
        texts = plain.write(columns, rows, None if shared is None else shared.takes)
        most = sys.maxsize if self._max_chars is None else self._max_chars
        written.texts = [text if text and len(text) <= most and not text.isspace() else None for text in texts]
        if shared is None and self._is_bulk:
            written.text_keys = np.array([self._text_key(text) if text else 0 for text in written.texts], np.int64)
        return written

    def _write_row(self, values: Mapping[str, str], written: "_Written", place: int) -> None:
        if missing := self._texts.missing(values):
            raise _DoesNotFit(ExclusionReason.MISSING_VALUE, _say_missing(missing, self._sources))
        text, fits_shared = self._write(values)
        if self._texts.is_text and not (text or "").strip():
            raise _DoesNotFit(ExclusionReason.MISSING_VALUE, "the text is empty for this row")
        if text is not None and not fits_shared and (found := self._own_placeholder.search(text)):
            raise _DoesNotFit(
                ExclusionReason.MISSING_VALUE,
                f"the text has {found[0]} in it, which the provider would take for a placeholder and fill in",
            )
        if text is None:
            return
        if self._max_chars is not None and len(text) > self._max_chars:
            raise _DoesNotFit(
                ExclusionReason.TOO_LONG,
                f"the text has {len(text):,} characters, and the provider takes at most {self._max_chars:,}",
            )
        written.texts[place] = text
        written.text_keys[place] = SHARED_TEXT_KEY if fits_shared else self._text_key(text)

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

    def _as_json(self, columns: Mapping[str, Sequence[str]], rows: int) -> list[str | None]:
        """What `json.dumps(values, ensure_ascii=False)` writes of each row; None where the texts use no column."""
        if not columns:
            return [None] * rows
        pattern = ", ".join(encode_basestring(name).replace("%", "%%") + ": %s" for name in columns)
        cells = zip(*(map(encode_basestring, cells) for cells in columns.values()), strict=True)
        return [f"{{{pattern % row}}}" for row in cells]

    def _text_key(self, text: str) -> int:
        if not self._is_bulk:
            return SHARED_TEXT_KEY
        key = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
        return key if key != SHARED_TEXT_KEY else 1

    def _count_parts(self, texts: Sequence[str | None]) -> list[int | None]:
        found = count_gsm7_parts([text or "" for text in texts]).tolist()
        counted: list[int | None] = [
            None if text is None else parts for text, parts in zip(texts, found, strict=True)
        ]
        self.encodings += Counter({Encoding.GSM7: len(counted) - counted.count(None) - counted.count(0)})
        for place in [place for place, parts in enumerate(counted) if parts == 0]:
            text = texts[place] or ""
            one = count_parts(text, charset=self._charset)
            counted[place] = one.parts
            self.encodings[one.encoding] += 1
            if one.encoding is Encoding.UCS2:
                self._explain(text)
        return counted

    def _explain(self, text: str) -> None:
        if len(self._costly_characters) < _MOST_ADVICE and not self._explained.issuperset(text):
            self._explained.update(text)
            for cause in explain_ucs2(text, charset=self._charset):
                self._costly_characters.setdefault(cause.char, _advise(cause))

    def _take_samples(self, texts: Sequence[str | None]) -> None:
        if self._is_taking_back:
            for text in texts:
                if text in self._samples:
                    self._samples.remove(text)
        else:
            wanted = _KEPT_SAMPLES - len(self._samples)
            self._samples += islice((text for text in texts if text is not None), wanted)


class _Written:
    """The texts of some rows, as far as they are written.

    Attributes:
        texts: None where there is none yet, or none at all.
        text_keys: See `SHARED_TEXT_KEY`.
        is_refused: Rows that cannot get this content.
    """

    def __init__(self, rows: int) -> None:
        self.texts: list[str | None] = [None] * rows
        self.text_keys = np.full(rows, SHARED_TEXT_KEY, dtype=np.int64)
        self.is_refused = np.zeros(rows, dtype=bool)


def _advise(cause: Ucs2Cause) -> str:
    remedy = f"write {cause.suggestion!r} instead" if cause.suggestion else "leave it out"
    return f"{cause.char!r} ({cause.name}) forces UCS-2, which makes the message longer: {remedy}"


def _say_missing(names: Sequence[str], sources: Mapping[str, str]) -> str:
    cells = ", ".join(f"{name} (column {sources.get(name, name)!r})" for name in names)
    return f"the text needs {cells}, which is empty in this row; fill it in, or give a default in the text"
