"""What the recognised columns of a list give for each row."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.contacts.column_names import Meaning, is_mobile_label, known_name, normal_name
from tasks.contacts.masking import mask_text
from tasks.contacts.truth_words import (
    Standing,
    read_standing,
    says_disabled,
    says_enabled,
    says_opted_in,
    says_opted_out,
)

_TEXT_MEANINGS = (
    Meaning.PHONE,
    Meaning.EMAIL,
    Meaning.FIRST_NAME,
    Meaning.LAST_NAME,
    Meaning.COUNTRY,
    Meaning.TIMEZONE,
    Meaning.EXTERNAL_CODE,
)
CONSENT_MEANINGS = frozenset(
    {Meaning.STATUS, Meaning.DISABLED, Meaning.ENABLED, Meaning.OPTED_OUT, Meaning.OPTED_IN}
)
_LONGEST_SHOWN_CHARS = 40
_NOTHINGS = np.array(["NULL", "null", "N/A", "n/a", "#N/A", "#REF!", "#VALUE!", "NaN", "nan"], dtype=object)
"""What databases and spreadsheets write for "nothing". Only in these spellings: there are people called Null."""

_Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from.

    Attributes:
        column: Name in the header.
        why: For a person.
        label_column: The column that says what kind of number this one holds (Google), or "".
        key: Key of the JSON object in the column; "*" for the best key of the meaning; "" when the cell is the
            value.
    """

    column: str
    why: str
    label_column: str = ""
    key: str = ""


class ColumnMap:
    """The columns of one list, by what they hold. Made by `recognise_columns`.

    Args:
        sources: For each meaning its columns, best first.
        variables: For each template variable its columns, best first.
        unused: Recognised columns that do not count, with the reason.
        needed: Meaning.PHONE or Meaning.EMAIL: the channel of the campaign.
        header: Every column.
    """

    def __init__(
        self,
        sources: Mapping[Meaning, tuple[Source, ...]],
        variables: Mapping[str, tuple[Source, ...]],
        unused: Sequence[tuple[Meaning, str, str]],
        *,
        needed: Meaning,
        header: Sequence[str],
    ) -> None:
        self._sources = dict(sources)
        self._variables = dict(variables)
        self._unused = list(unused)
        self._needed = needed
        recognised = {source.column for found in self._sources.values() for source in found}
        recognised |= {source.label_column for found in self._sources.values() for source in found}
        self.other_columns = [column for column in header if column not in recognised]
        """Columns without a meaning to Rollcall: what else the list knows about a contact."""

    def describe(self) -> list[tuple[str, str, str]]:
        """For people: meaning, column, why; in the order of use, columns that do not count last."""
        used = [
            (str(meaning), f"{source.column}.{source.key}" if source.key else source.column, source.why)
            for meaning, found in self._sources.items()
            for source in found
        ]
        return used + [(f"not used: {meaning}", column, why) for meaning, column, why in self._unused]

    @property
    def variables(self) -> dict[str, str]:
        """Template variable -> the column (or columns, first filled wins) that it takes its value from."""
        return {
            name: " or ".join(dict.fromkeys(source.column for source in found))
            for name, found in self._variables.items()
        }

    @property
    def contact_columns(self) -> frozenset[str]:
        """The columns that `extract` reads a contact's own data from; all others are the list's further fields."""
        return frozenset(
            source.column
            for meaning in _TEXT_MEANINGS
            for source in self._sources.get(meaning, ())
            if not source.key
        )

    @property
    def tells_consent(self) -> bool:
        """Whether a column says who may be written to: a status, an opt-out, an opt-in, a switch."""
        return any(self._sources.get(meaning) for meaning in CONSENT_MEANINGS)

    def columns_not_used(self, variables: Collection[str]) -> list[str]:
        """Columns that nothing is taken from.

        Args:
            variables: Names that the texts use.
        """
        used = {source.column for name in variables for source in self._variables.get(name, ())}
        told = {column for _, column, _ in self._unused}
        return [column for column in self.other_columns if column.strip() and column not in used | told]

    def supplies(self, variable: str) -> bool:
        """Whether rows can have a value for this template variable; a JSON column may hold any."""
        return variable in self._variables or bool(self._sources[Meaning.ATTRIBUTES])

    def extract(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the list says about each row, blanks at the ends of cells removed.

        Args:
            frame: Rows as `tasks.datasets.readers` gives them: all str.

        Returns:
            A frame with the same index. str, "" where absent: `phone`, `email`, `first_name`, `last_name`,
            `country` (as written), `timezone`, `external_code`, `phone_column` and `email_column` (which column
            the row's value came from), `eligibility_detail` (a sentence where the row is disabled or opted out).
            bool: `disabled`, `opted_out`.
        """
        result: dict[str, object] = {}
        for meaning in _TEXT_MEANINGS:
            values, origins = self._first_filled(frame, self._sources.get(meaning, ()), meaning)
            result[str(meaning)] = pd.array(values, dtype="str")
            if meaning in {Meaning.PHONE, Meaning.EMAIL}:
                result[f"{meaning}_column"] = pd.array(origins, dtype="str")
        eligibility = self._eligibility(frame)
        result |= {
            "disabled": eligibility.flags[Standing.DISABLED],
            "opted_out": eligibility.flags[Standing.OPTED_OUT],
            "eligibility_detail": pd.array(eligibility.details, dtype="str"),
        }
        return pd.DataFrame(result, index=frame.index)

    def says_enabled(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows say explicitly that the contact is switched on: a yes in a column named for that.

        A status such as "Customer", a "no" in a column `disabled` or the lack of any such column is not explicit.
        """
        explicit = np.zeros(len(frame), dtype=bool)
        for source in self._sources.get(Meaning.ENABLED, ()):
            cells = pd.Series(_cells(frame, source.column), dtype="str")
            explicit |= _judged(cells, says_enabled)
        return explicit

    def variable_values(self, frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        """The values of template variables for each row: str, "" where the row has none.

        Raises:
            KeyError: The list has no such variable (ask `supplies` before).
        """
        result = {}
        for name in names:
            found = self._variables.get(name)
            if found is None:
                found = tuple(
                    Source(json.column, json.why, key=name) for json in self._sources[Meaning.ATTRIBUTES]
                )
            if not found:
                raise KeyError(name)
            meaning = Meaning(name) if name in set(Meaning) else None
            values, _ = self._first_filled(frame, found, meaning)
            values[np.isin(values, _NOTHINGS)] = ""
            result[name] = pd.array(values, dtype="str")
        return pd.DataFrame(result, index=frame.index)

    def _first_filled(
        self, frame: pd.DataFrame, found: Sequence[Source], meaning: Meaning | None
    ) -> tuple[_Texts, _Texts]:
        values = np.full(len(frame), "", dtype=object)
        origins = np.full(len(frame), "", dtype=object)

        def fill(candidates: _Texts, origin: str, where: NDArray[np.bool_] | None = None) -> None:
            takes = (values == "") & (candidates != "")
            takes = takes if where is None else takes & where
            values[takes], origins[takes] = candidates[takes], origin

        labelled = [source for source in found if source.label_column]
        # Google numbers the phones of a contact in no useful order: the row's label says which one is a mobile.
        for source in labelled if meaning is Meaning.PHONE else ():
            fill(_cells(frame, source.column), source.column, _judged(frame[source.label_column], is_mobile_label))
        for source in found:
            if source.key:
                fill(_json_values(frame[source.column], source.key, meaning), f"{source.column} (JSON)")
            else:
                fill(_cells(frame, source.column), source.column)
        return values, origins

    def _eligibility(self, frame: pd.DataFrame) -> "_Eligibility":
        found = _Eligibility(len(frame))
        for meaning, verdicts in _VERDICTS.items():
            for source in self._sources.get(meaning, ()):
                cells = _cells(frame, source.column)
                if source.key:
                    cells = _json_values(frame[source.column], source.key, meaning)
                for standing, is_hit in verdicts.items():
                    found.mark(standing, _judged(pd.Series(cells, dtype="str"), is_hit), source.column, cells)
        for source in self._sources[Meaning.ATTRIBUTES]:
            for row, attributes in enumerate(map(_json_object, frame[source.column])):
                for key, value in attributes.items():
                    for standing in self._standings_of_key(key, value):
                        found.mark_row(standing, row, f"{source.column}.{key}", value)
        return found

    def _standings_of_key(self, key: str, value: str) -> list[Standing]:
        known = known_name(key)
        if known is None or known.channel not in {None, self._needed}:
            return []
        return [standing for standing, is_hit in _VERDICTS.get(known.meaning, {}).items() if is_hit(value)]


class _Eligibility:
    """Which rows the list itself excludes. The first reason found is the one that is told."""

    def __init__(self, rows: int) -> None:
        self.flags = {standing: np.zeros(rows, dtype=bool) for standing in (Standing.DISABLED, Standing.OPTED_OUT)}
        self.details = np.full(rows, "", dtype=object)

    def mark(self, standing: Standing, hits: NDArray[np.bool_], column: str, cells: _Texts) -> None:
        news = hits & (self.details == "")
        self.flags[standing] |= hits
        self.details[news] = [_says(column, cell) for cell in cells[news]]

    def mark_row(self, standing: Standing, row: int, column: str, cell: str) -> None:
        self.flags[standing][row] = True
        self.details[row] = self.details[row] or _says(column, cell)


_VERDICTS: dict[Meaning, dict[Standing, Callable[[str], bool]]] = {
    Meaning.OPTED_OUT: {Standing.OPTED_OUT: says_opted_out},
    Meaning.OPTED_IN: {Standing.OPTED_OUT: lambda cell: not says_opted_in(cell)},
    Meaning.STATUS: {
        Standing.OPTED_OUT: lambda cell: read_standing(cell) is Standing.OPTED_OUT,
        Standing.DISABLED: lambda cell: read_standing(cell) is Standing.DISABLED,
    },
    Meaning.DISABLED: {Standing.DISABLED: says_disabled},
    Meaning.ENABLED: {Standing.DISABLED: lambda cell: not says_enabled(cell)},
}
"""When a column of each meaning excludes a row."""


def _cells(frame: pd.DataFrame, column: str) -> _Texts:
    return frame[column].str.strip().to_numpy(dtype=object)


def _judged(cells: "pd.Series[str]", is_hit: Callable[[str], bool]) -> NDArray[np.bool_]:
    """The judgement of each cell, made once for each different text."""
    codes, unique = pd.factorize(cells, use_na_sentinel=False)
    return np.array([is_hit(str(cell)) for cell in unique], dtype=bool)[codes]


def _says(column: str, cell: str) -> str:
    return (
        f"column '{column}' says '{mask_text(cell[:_LONGEST_SHOWN_CHARS])}'"
        if cell
        else f"column '{column}' is empty"
    )


def _json_object(cell: str) -> dict[str, str]:
    """A JSON object as texts; numbers keep every digit. Anything else gives nothing."""
    if not cell.lstrip().startswith("{"):
        return {}
    try:
        parsed = json.loads(cell, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return {}
    return {key: _json_text(value) for key, value in parsed.items()}


def _json_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)


def _json_values(cells: "pd.Series[str]", key: str, meaning: Meaning | None) -> _Texts:
    values = np.full(len(cells), "", dtype=object)
    for row, attributes in enumerate(map(_json_object, cells)):
        values[row] = _best_key(attributes, meaning) if key == "*" else _by_key(attributes, key)
    return values


def _best_key(attributes: Mapping[str, str], meaning: Meaning | None) -> str:
    ranked = [
        (known.rank, value)
        for key, value in attributes.items()
        if value and (known := known_name(key)) and known.meaning is meaning
    ]
    return min(ranked)[1] if ranked else ""


def _by_key(attributes: Mapping[str, str], key: str) -> str:
    if key in attributes:
        return attributes[key]
    return next((value for name, value in attributes.items() if normal_name(name) == normal_name(key)), "")
