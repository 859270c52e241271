"""Reading the list of a channel's messages: its query, as Bird understands it."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.datastructures import QueryParams

from deployments.sandbox.bird.checks import parse_rfc_3339
from deployments.sandbox.bird.fate import STATUSES
from deployments.sandbox.bird.switches import BirdSettings

DEFAULT_LIMIT = 10
DOCUMENTED_MAX_LIMIT = 100
OBSERVED_MAX_LIMIT = 1000
MAX_WINDOW = timedelta(days=7)

_KNOWN = frozenset({"limit", "pageToken", "phonenumber", "status", "startAt", "endAt"})


class BadQuery(Exception):
    """The list cannot be read like this."""

    def __init__(self, status: int, field: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which messages are asked for.

    Times are Unix seconds; `before` is where the last page ended: the places of the last message and of the last
    reply that it had gone past.
    """

    limit: int
    before: tuple[int, int] | None
    address: str | None
    reference: str | None
    status: str | None
    start_at: float
    end_at: float


def read_query(
    query: QueryParams, settings: BirdSettings, now_seconds: float, warn: Callable[[str, str], None]
) -> ListQuery:
    """Understand a query.

    Raises:
        BadQuery: 400 for the time window or the page token, 422 for the limit.
    """
    filters_by_reference = settings.filter_reference == "works"
    for name in query:
        if name not in _KNOWN and not (name == "reference" and filters_by_reference):
            warn(name, "unknown query parameter, ignored")
    address, status = query.get("phonenumber"), query.get("status")
    if address is not None and address.startswith(" "):
        warn("phonenumber", "begins with a space: the plus sign must be written %2B")
    if status is not None and status not in STATUSES:
        warn("status", "not a status: nothing is found")
    start_at, end_at = _read_window(query, now_seconds)
    return ListQuery(
        limit=_read_limit(query.get("limit"), settings),
        before=_read_token(query.get("pageToken")),
        address=address,
        reference=query.get("reference") if filters_by_reference else None,
        status=status,
        start_at=start_at,
        end_at=end_at,
    )


def page_token(place: int, reply_place: int) -> str:
    """The token of the page after these."""
    return base64.urlsafe_b64encode(f"before:{place}:{reply_place}".encode()).decode()


def _read_token(token: str | None) -> tuple[int, int] | None:
    if token is None:
        return None
    try:
        word, place, reply_place = base64.urlsafe_b64decode(token).decode().split(":")
        if word == "before":
            return int(place), int(reply_place)
    except ValueError:
        pass
    raise BadQuery(400, ".pageToken", "not a page token")


def _read_limit(raw: str | None, settings: BirdSettings) -> int:
    if raw is None:
        return DEFAULT_LIMIT
    if not raw.isdecimal() or int(raw) < 1:
        raise BadQuery(422, ".limit", "value must be an integer of at least 1")
    limit = int(raw)
    if limit <= DOCUMENTED_MAX_LIMIT:
        return limit
    if settings.big_limit == "error_422":
        raise BadQuery(422, ".limit", f"number must be at most {DOCUMENTED_MAX_LIMIT}")
    return min(limit, OBSERVED_MAX_LIMIT if settings.big_limit == "accept" else DOCUMENTED_MAX_LIMIT)


def _read_window(query: QueryParams, now_seconds: float) -> tuple[float, float]:
    """The time window: open when neither end is given; an end alone reaches back as far as is allowed."""
    times = {}
    for name in ("startAt", "endAt"):
        if name in query:
            moment = parse_rfc_3339(query[name].replace(" ", "+"))
            if moment is None:
                raise BadQuery(400, f".{name}", "must be an RFC 3339 date and time with an offset")
            times[name] = moment.timestamp()
    if not times:
        return 0, float("inf")
    end_at = times.get("endAt", now_seconds)
    start_at = times.get("startAt", end_at - MAX_WINDOW.total_seconds())
    if end_at - start_at > MAX_WINDOW.total_seconds():
        raise BadQuery(400, ".startAt", "the time range must not exceed 7 days")
    return start_at, end_at
