"""Commands as processes that are forked from one that has imported everything heavy.

A start takes tenths of a second instead of seconds, and several start at the same instant.
"""

import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path

FORKSERVER = multiprocessing.get_context("forkserver")

_IMPORTED_BEFORE = (
    "alembic.command",
    "fastapi",
    "graphviz",
    "prefect.flow_engine",
    "prefect.task_engine",
    "psycopg",
    "pyarrow.dataset",
    "rich.progress",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "tasks.closing",
    "tasks.dispatch",
    "tasks.plan",
    "tasks.providers.bird.adapter",
    "tasks.providers.bird.reader",
    "tasks.providers.dripcel.adapter",
    "tasks.providers.dripcel.reader",
    "tasks.providers.indigitall.adapter",
    "tasks.providers.indigitall.reader",
    "tasks.providers.octopush.adapter",
    "tasks.questions",
    "tasks.report",
)
"""All but `flows`: `python -m` imports the flow's module itself."""


def get_ready(prefect_api_url: str, prefect_home: Path, *, imported_before: tuple[str, ...] = ()) -> None:
    """Start the process that the others are forked from; only the first call in a process has an effect.

    Args:
        prefect_api_url: The Prefect server that all of them use. Prefect reads its settings when it is imported.
        prefect_home: A directory for Prefect, so that the user's own profile has no say.
        imported_before: More modules that every process has imported when it begins.
    """
    FORKSERVER.set_forkserver_preload([*_IMPORTED_BEFORE, *imported_before])
    settings = {
        "PREFECT_API_URL": prefect_api_url,
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "COLUMNS": "400",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
