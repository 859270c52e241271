"""Points of a process at which something can be made to happen: around every commit that wrote, and every request.

They are installed into the process of a command before the command runs, through what SQLAlchemy and httpx offer;
the product has no hook for it. The points are counted as they are passed, and written down: the trace of a life
that nothing disturbs is the list of places where others can die.
"""

import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect


class Moment(StrEnum):
    """On which side of what."""

    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    BEFORE_REQUEST = "before request"
    AFTER_REQUEST = "after request"


class Action(StrEnum):
    """What happens at a point."""

    KILL = "kill"
    """SIGKILL: no handler, no `finally`."""
    TERMINATE = "terminate"
    """SIGTERM, as a service manager sends it."""
    STALL = "stall"
    """SIGSTOP; who started the process lets it go on after a while."""
    CUT = "cut"
    """The connection to the database is lost: before a commit it fails, after it the answer is lost."""
    FILL_DISK = "fill disk"
    """From here on, and for a while, the database file cannot grow."""
    LIMIT_FILES = "limit files"
    """From here on, and for a while, no file of the process can grow."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point that was passed.

    Attributes:
        moment: On which side of a commit or a request.
        where: The function of the product that commits (`tasks.sender:_claim`), or the request's method.
    """

    moment: Moment
    where: str

    def __str__(self) -> str:
        return f"{self.moment} {self.where}"

    def is_like(self, other: "Point") -> bool:
        """Whether it is on that side of that; the other's place may be the beginning of a name."""
        return self.moment is other.moment and self.where.startswith(other.where)


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Where what is to happen: at the point with a number, or at the so manieth passing of a certain point.

    Attributes:
        action: What happens.
        number: Of all points, from 1; counts when `point` is None.
        point: A certain point.
        passing: Which passing of it, from 1.
    """

    action: Action
    number: int = 0
    point: Point | None = None
    passing: int = 1

    def __str__(self) -> str:
        return (
            f"{self.action} at {self.point} ({self.passing})" if self.point else f"{self.action} at {self.number}"
        )


class PassedPoints:
    """Counts and writes down the points that a process passes, and acts at one of them.

    Args:
        trace: File to which every passed point is appended; the one at which something happened is marked.
        failpoint: None: nothing happens.
        actions: What the actions are that concern more than the process itself.
    """

    def __init__(
        self, trace: Path, failpoint: Failpoint | None, actions: dict[Action, Callable[[], None]] | None = None
    ) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._failpoint = failpoint
        self._actions = actions or {}
        self._lock = threading.Lock()
        self._passed: Counter[Point] = Counter()

    def is_hit(self, moment: Moment, where: str) -> Action | None:
        """Note that a point is passed; returns what is to happen there and has not been done here."""
        point = Point(moment, where)
        with self._lock:
            self._passed[point] += 1
            hit = self._is_the_one(point)
            os.write(self._trace, f"{moment}\t{where}{_MARK if hit else ''}\n".encode())
            if not hit or self._failpoint is None:
                return None
            action = self._failpoint.action
            if (number := _SIGNALS.get(action)) is not None:
                os.kill(os.getpid(), number)
            elif action in self._actions:
                self._actions[action]()
            else:
                return action
        return None

    def _is_the_one(self, point: Point) -> bool:
        wanted = self._failpoint
        if wanted is None:
            return False
        if wanted.point is None:
            return self._passed.total() == wanted.number
        passings = sum(times for passed, times in self._passed.items() if passed.is_like(wanted.point))
        return point.is_like(wanted.point) and passings == wanted.passing


_SIGNALS = {
    Action.KILL: signal.SIGKILL,
    Action.TERMINATE: signal.SIGTERM,
    Action.STALL: signal.SIGSTOP,
}
_MARK = "\there"


def read_trace(path: Path) -> tuple[list[Point], Point | None]:
    """The points that a process passed, in order, and the one at which something was made to happen."""
    points: list[Point] = []
    hit = None
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        moment, where, *mark = line.split("\t")
        points.append(Point(Moment(moment), where))
        if mark:
            hit = points[-1]
    return points, hit


def watch_commits(passed: PassedPoints, lost_at: str | None = None) -> None:
    """Let every commit of a transaction that wrote be a point.

    Args:
        passed: Told of them.
        lost_at: A fault to be found by the suite: what functions with a name that begins so commit is rolled
            back instead.
    """
    committing = threading.local()
    commit = DefaultDialect.do_commit

    @event.listens_for(Engine, "before_cursor_execute")
    def note_writing(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}:
            connection.info[_WROTE] = True

    @event.listens_for(Engine, "rollback")
    def forget(connection: Connection) -> None:
        connection.info.pop(_WROTE, None)

    @event.listens_for(Engine, "commit")
    def name(connection: Connection) -> None:
        wrote = connection.info.pop(_WROTE, False)
        committing.where = _product_function(sys._getframe()) if wrote else None  # noqa: SLF001  # no other way

    def do_commit(dialect: DefaultDialect, dbapi_connection: Any) -> None:
        where, committing.where = getattr(committing, "where", None), None
        if where is None:
            commit(dialect, dbapi_connection)
            return
        if passed.is_hit(Moment.BEFORE_COMMIT, where) is Action.CUT:
            _cut(dbapi_connection)
        if lost_at is not None and where.startswith(lost_at):
            dialect.do_rollback(dbapi_connection)
        else:
            commit(dialect, dbapi_connection)
        if passed.is_hit(Moment.AFTER_COMMIT, where) is Action.CUT:
            _cut(dbapi_connection)
            dbapi_connection.execute("SELECT 1")  # raises what the driver raises for a lost connection

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]  # the dialect's own hook for it


_WROTE = "chaos: wrote"


def watch_requests(passed: PassedPoints, base_url: str) -> None:
    """Let every request to a server be a point; Prefect's own requests are none."""
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if not str(request.url).startswith(base_url):
            return await send(transport, request)
        passed.is_hit(Moment.BEFORE_REQUEST, request.method)
        try:
            return await send(transport, request)
        finally:
            passed.is_hit(Moment.AFTER_REQUEST, request.method)

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]  # a library's, not ours


def _product_function(frame: FrameType | None) -> str:
    """The innermost function of the product that is running, but for those that open and close transactions."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == "__main__":
            module = getattr(frame.f_globals.get("__spec__"), "name", module)
        if module.startswith(("tasks.", "flows.")) and module != "tasks.store.session":
            return f"{module}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"


def _cut(dbapi_connection: Any) -> None:
    """Lose the connection to a database server; one to a file cannot be lost."""
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if hasattr(driver, "fileno"):
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
