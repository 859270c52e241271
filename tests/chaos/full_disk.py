"""A disk that is full for a while, for one process: SQLite's own limit, or the operating system's."""

import resource
import threading
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

FULL_SECONDS = 0.7
_NO_LIMIT_PAGES = 1_073_741_823
_FILE_BYTES = 8_192


class FullDisk:
    """Lets the databases of this process grow no further, for a while."""

    def __init__(self) -> None:
        self._full_until = 0.0
        event.listen(Pool, "checkout", self._limit)

    def fill(self) -> None:
        """Let SQLite say from the next transaction on that the disk is full, if it needs more than there is."""
        self._full_until = time.monotonic() + FULL_SECONDS

    @staticmethod
    def limit_files() -> None:
        """Let the operating system refuse to make any file larger, the database's log for example."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, hard))
        lift = threading.Timer(FULL_SECONDS, resource.setrlimit, (resource.RLIMIT_FSIZE, (soft, hard)))
        lift.daemon = True
        lift.start()

    def _limit(self, dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
        if not self._full_until:
            return
        cursor = dbapi_connection.cursor()
        [pages] = cursor.execute("PRAGMA page_count").fetchone()
        most = pages if time.monotonic() < self._full_until else _NO_LIMIT_PAGES
        cursor.execute(f"PRAGMA max_page_count = {most}")
        cursor.close()
