"""Which column of a contact list holds what."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise

from tasks.contacts.column_map import CONSENT_MEANINGS, ColumnMap, Source
from tasks.contacts.column_names import KnownName, Meaning, known_name, label_column, normal_name

__all__ = ["ColumnError", "ColumnMap", "Meaning", "recognise_columns", "variable_name"]

_FIRST_FILLED_MEANINGS = frozenset({Meaning.PHONE, Meaning.EMAIL, Meaning.COUNTRY})
"""Several columns may hold these; each row gives its first filled one, best column first."""

_NAMES_BESIDE_WHICH_NAME_IS_THE_LAST_NAME = frozenset({"vorname", "prenom", "fornamn", "voornaam"})


_LONGEST_SHOWN_CHARS = 60


class ColumnError(Exception):
    """The columns of a list cannot be used as they are; the message says what to write in the campaign file."""


def variable_name(column: str) -> str:
    """A column's name in a template: `Company Name` is `company_name`, `Prénom` is `prenom`, `2nd` is `_2nd`."""
    name = re.sub(r"\W+", "_", normal_name(column)).strip("_")
    return f"_{name}" if not name or name[0].isdigit() else name


def recognise_columns(header: Sequence[str], *, overrides: Mapping[str, str], needed: Meaning) -> ColumnMap:
    """Find out what each column of a list holds.

    Names are recognised in any letter case and with any separators, in English, French, German, Spanish and
    Swedish, and in unmodified exports of Google Contacts, Outlook, HubSpot, Mailchimp, Salesforce and listmonk.

    * Several phone columns: one for texts wins over mobile, mobile over general, general over home and work. Each
      row gives its first filled one.
    * Every column about consent or status counts, except those that speak of the other channel only: "Email Opt
      Out" excludes nobody from an SMS list. `describe()` shows such columns as not used; an override makes them
      count.

    Args:
        header: The columns, each name once.
        overrides: `audience.columns` of the campaign file: a meaning -> the column that holds it (instead of any
            recognised), or a template variable -> its column. `attributes.KEY` names a key of a JSON column
            `attributes`.
        needed: What the campaign cannot do without: Meaning.PHONE or Meaning.EMAIL.

    Raises:
        ColumnError: The needed column is not there, an override names a column that is not there, or two columns
            are equally good.
    """
    columns = [column for column in header if column.strip()]
    chosen = {key: _find_column(key, column, columns) for key, column in overrides.items()}
    meanings = {Meaning(key): source for key, source in chosen.items() if key in set(Meaning)}
    names = frozenset(map(normal_name, columns))
    known = {column: found for column in columns if (found := _in_context(column, names))}
    sources: dict[Meaning, tuple[Source, ...]] = {}
    unused: list[tuple[Meaning, str, str]] = []
    for meaning in Meaning:
        if meaning in meanings:
            sources[meaning] = (meanings[meaning],)
            continue
        named = {column: name for column, name in known.items() if name.meaning is meaning}
        if meaning in CONSENT_MEANINGS:
            sources[meaning] = tuple(
                Source(column, name.why) for column, name in named.items() if name.channel in {None, needed}
            )
            unused += [
                (meaning, column, f"{name.why}: does not count for this channel")
                for column, name in named.items()
                if name.channel not in {None, needed}
            ]
        else:
            sources[meaning] = _by_rank(meaning, named, columns, is_needed=meaning is needed, needed=needed)
    for meaning in _FIRST_FILLED_MEANINGS | {Meaning.FIRST_NAME, Meaning.LAST_NAME, Meaning.TIMEZONE}:
        if meaning not in meanings:
            sources[meaning] += tuple(
                Source(json.column, "a key of the JSON object", key="*") for json in sources[Meaning.ATTRIBUTES]
            )
    if not sources[needed]:
        raise ColumnError(_not_found(needed, columns))
    return ColumnMap(sources, _variables(columns, sources, chosen), unused, needed=needed, header=columns)


def _in_context(column: str, others: frozenset[str]) -> KnownName | None:
    """What a name says beside the others: French `Nom` and German `Name` are last names beside a first name."""
    name = normal_name(column)
    if name in {"nom", "name"} and others & _NAMES_BESIDE_WHICH_NAME_IS_THE_LAST_NAME:
        return KnownName(Meaning.LAST_NAME, 200, "a last name, beside a first name")
    if name == "nombre" and others & {"apellido", "apellidos", "primer apellido"}:
        return KnownName(Meaning.FIRST_NAME, 100, "a first name, beside a last name")
    if name in {"nom", "nombre"}:
        return KnownName(Meaning.FULL_NAME, 100, "a whole name")
    return known_name(column)


def _by_rank(
    meaning: Meaning, found: Mapping[str, KnownName], columns: Sequence[str], *, is_needed: bool, needed: Meaning
) -> tuple[Source, ...]:
    ranked = sorted(found, key=lambda column: found[column].rank)
    matters = is_needed or meaning in {Meaning.FIRST_NAME, Meaning.LAST_NAME, Meaning.TIMEZONE}
    matters |= meaning is Meaning.COUNTRY and needed is Meaning.PHONE
    for one, other in pairwise(ranked):
        if found[one].rank == found[other].rank and matters:
            raise ColumnError(
                f"columns '{one}' and '{other}' both look like {found[one].why}: choose one in the campaign file, "
                f'under audience:  columns: {{{meaning}: "{one}"}}'
            )
    labels = {normal_name(column): column for column in columns}
    sources = [
        Source(
            column,
            found[column].why,
            label_column=next(
                (
                    labels[label]
                    for kind in ("label", "type")
                    if (label := f"{label_column(column)} {kind}") in labels
                ),
                "",
            ),
        )
        for column in ranked
    ]
    return tuple(sources if meaning in _FIRST_FILLED_MEANINGS else sources[:1])


def _find_column(key: str, wanted: str, columns: Sequence[str]) -> Source:
    why = "chosen in the campaign file"
    if wanted in columns:
        return Source(wanted, why)
    same = [column for column in columns if normal_name(column) == normal_name(wanted)]
    if len(same) == 1:
        return Source(same[0], why)
    column, dot, json_key = wanted.partition(".")
    if dot and column in columns:
        return Source(column, why, key=json_key)
    by_normal_name = {normal_name(column): column for column in columns}
    near = get_close_matches(normal_name(wanted), by_normal_name, n=1, cutoff=0.5)
    hint = f"; the nearest is '{by_normal_name[near[0]]}'" if near else ""
    raise ColumnError(
        f'columns: {{{key}: "{wanted}"}} names a column that is not in the file{hint}. It has: {_listed(columns)}'
    )


def _not_found(needed: Meaning, columns: Sequence[str]) -> str:
    what = "a phone number" if needed is Meaning.PHONE else "an e-mail address"
    return (
        f"no column is recognised as {what}. The file has: {_listed(columns)}. If one of them is, say so in the "
        f'campaign file, under audience:  columns: {{{needed}: "its header"}}'
    )


def _listed(columns: Sequence[str]) -> str:
    most = 40
    shown = ", ".join(f"'{column[:_LONGEST_SHOWN_CHARS]}'" for column in columns[:most]) or "no named columns"
    return f"{shown} and {len(columns) - most} more" if len(columns) > most else shown


def _variables(
    columns: Sequence[str], sources: Mapping[Meaning, tuple[Source, ...]], chosen: Mapping[str, Source]
) -> dict[str, tuple[Source, ...]]:
    variables: dict[str, tuple[Source, ...]] = {key: (source,) for key, source in chosen.items()}
    for meaning, found in sources.items():
        if found and meaning not in CONSENT_MEANINGS and meaning is not Meaning.ATTRIBUTES:
            variables.setdefault(str(meaning), found)
    next_numbers: dict[str, int] = {}
    for column in columns:
        name = base = variable_name(column)
        while name in variables and variables[name] != (Source(column, "its name"),):
            if any(source.column == column for source in variables[name]):
                break  # `first_name` already is this column
            number = next_numbers.get(base, 2)
            name, next_numbers[base] = f"{base}_{number}", number + 1
        variables.setdefault(name, (Source(column, "its name"),))
    return variables
