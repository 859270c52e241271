"""Rows a second from a contact file to the committed ledger, against a floor and against a plain script."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pandas as pd
import phonenumbers
from phonenumbers import NumberParseException

from tasks.contacts.phones import normalise_phones
from tests.bench.crowd import Crowd, write_crowd
from tests.bench.measurement import Measurement
from tests.bench.places import new_database, postgresql_server, run_module

_SUPPRESSED_A_ROW = 5
_FILES = count(1)
_FLOOR = "pandas reads the same CSV as text, SQLAlchemy Core inserts its rows into a table without indexes"
_PLAIN = "a script with pandas, phonenumbers, Jinja and SQLModel as in their tutorials, for a tenth of the rows"


@dataclass(frozen=True, slots=True)
class _Once:
    seconds: float
    peak_mb: float


def measure(directory: Path, *, rows: int, times: int) -> list[Measurement]:
    """On SQLite and on PostgreSQL, each program in a process of its own, in turns."""
    crowd, small = (
        write_crowd(directory, size, suppressed=size // _SUPPRESSED_A_ROW) for size in (rows, rows // 10)
    )
    done = _measure_on(
        "SQLite", lambda: f"sqlite:///{directory / f'crowd-{next(_FILES)}.db'}", crowd, small, times
    )
    with postgresql_server(directory) as server:
        done += _measure_on("PostgreSQL", lambda: new_database(server), crowd, small, times)
    return [*done, measure_phones(crowd, times=times)]


def _measure_on(
    database: str, new_url: Callable[[], str], crowd: Crowd, small: Crowd, times: int
) -> list[Measurement]:
    turns = [
        (
            _prepare("rollcall", crowd, new_url()),
            _prepare("floor", crowd, new_url()),
            _prepare("plain", small, new_url()),
        )
        for _ in range(times)
    ]
    ours, floors, plains = zip(*turns, strict=True)
    what = f"prepare {crowd.rows:,} rows, {database}"
    rates = [crowd.rows / one.seconds for one in ours]
    return [
        Measurement.of_turns(what, rates, [crowd.rows / one.seconds for one in floors], "rows/s", _FLOOR),
        Measurement.of_turns(
            f"{what}, plain script", rates, [small.rows / one.seconds for one in plains], "rows/s", _PLAIN
        ),
        Measurement(
            f"{what}, memory",
            max(one.peak_mb for one in ours),
            max(one.peak_mb for one in floors),
            "MB",
            "the same, which holds the whole file",
        ),
    ]


def _prepare(way: str, crowd: Crowd, database_url: str) -> _Once:
    suppressed = crowd.contacts.with_suffix(".suppressed")
    suppressed.write_text("\n".join(crowd.suppressed), encoding="ascii")
    variables = {**os.environ, "ROLLCALL_DATABASE_URL": database_url}
    printed = run_module(
        "tests.bench.preparations", way, str(crowd.contacts), str(suppressed), variables=variables
    )
    return _Once(**json.loads(printed))


def measure_phones(crowd: Crowd, *, times: int) -> Measurement:
    """Reading the list's numbers, against phonenumbers' parsing, validating and formatting."""
    frame = pd.read_csv(
        crowd.contacts, dtype="str", keep_default_na=False, usecols=["Mobile", "Country"], nrows=200_000
    )
    ours, theirs = [], []
    for _ in range(times):
        started = time.process_time()
        normalise_phones(frame["Mobile"], frame["Country"], textable=True)
        between = time.process_time()
        for cell, country in zip(frame["Mobile"], frame["Country"], strict=True):
            _as_phonenumbers_has_it(cell, country)
        ours.append(between - started)
        theirs.append(time.process_time() - between)
    return Measurement.of_turns(
        f"read {len(frame):,} phone cells",
        [len(frame) / seconds for seconds in ours],
        [len(frame) / seconds for seconds in theirs],
        "cells/s",
        "phonenumbers: parse, is_valid_number, number_type, format_number",
    )


def _as_phonenumbers_has_it(cell: str, country: str) -> str:
    try:
        number = phonenumbers.parse(cell, country)
    except NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number) or not phonenumbers.number_type(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
