"""Webhook subscriptions: who wants to be told what, where, and signed with which key."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from deployments.sandbox.bird.checks import Problems, array, members, not_empty, note, string
from deployments.sandbox.clock import rfc3339

_REAL_URL = re.compile(r"https://([a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}(/[^\s]*)?")
_LOCAL_URL = re.compile(r"https?://[^\s/]+(/\S*)?")
_EVENT = re.compile(r"[a-z]+\.(inbound|outbound|interaction)")
_FILTERS = {"channelId": "channelId", "messageStatus": "status", "interactionType": "type"}
"""The keys that a subscription can filter by, and the members of the payload that they are compared with."""

_subscription = members(
    {
        "service": string(allowed=("channels",)),
        "event": string(accepts=_EVENT.fullmatch, expected="not an event"),
        "url": not_empty,
        "signingKey": not_empty,
        "eventFilters": array(
            members({"key": string(allowed=tuple(_FILTERS)), "value": not_empty}, required=("key", "value"))
        ),
    },
    required=("service", "event", "url"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription. Without a signing key its pushes are not signed."""

    id: str
    workspace: str
    event: str
    url: str
    signing_key: str | None
    event_filters: tuple[tuple[str, str], ...]
    created_at: float

    def wants(self, workspace: str, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether it is to be told; all its filters must match."""
        return (self.workspace, self.event) == (workspace, event) and all(
            payload.get(_FILTERS[key]) == value for key, value in self.event_filters
        )

    def as_json(self) -> dict[str, Any]:
        """As Bird shows it: without the key."""
        return {
            "id": self.id,
            "service": "channels",
            "event": self.event,
            "eventFilters": [{"key": key, "value": value} for key, value in self.event_filters],
            "url": self.url,
            "status": "active",
            "createdAt": rfc3339(self.created_at),
            "updatedAt": rfc3339(self.created_at),
        }


class Subscriptions:
    """The subscriptions of all workspaces."""

    def __init__(self) -> None:
        self._by_id: dict[str, Subscription] = {}

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def add(self, workspace: str, body: Mapping[str, Any], now: float) -> Subscription:
        """Make one of a body that `find_subscription_problems` has nothing against."""
        made = Subscription(
            id=str(uuid4()),
            workspace=workspace,
            event=body["event"],
            url=body["url"],
            signing_key=body.get("signingKey"),
            event_filters=tuple((one["key"], one["value"]) for one in body.get("eventFilters", [])),
            created_at=now,
        )
        self._by_id[made.id] = made
        return made

    def of(self, workspace: str) -> list[Subscription]:
        """Those of one workspace, in the order in which they were made."""
        return [one for one in self._by_id.values() if one.workspace == workspace]

    def get(self, workspace: str, subscription_id: str) -> Subscription | None:
        """The one with this id in this workspace."""
        found = self._by_id.get(subscription_id)
        return found if found is not None and found.workspace == workspace else None

    def remove(self, subscription: Subscription) -> None:
        """End one; what is under way to it still arrives."""
        del self._by_id[subscription.id]

    def that_want(self, workspace: str, event: str, payload: Mapping[str, Any]) -> Iterator[Subscription]:
        """Those that are to be told of this."""
        return (one for one in self._by_id.values() if one.wants(workspace, event, payload))


def find_subscription_problems(body: Any, *, allows_local_urls: bool) -> Problems:
    """What is wrong with a request for a subscription; empty when it is right."""
    problems: Problems = {}
    _subscription(body, "", problems)
    pattern = _LOCAL_URL if allows_local_urls else _REAL_URL
    if not problems and pattern.fullmatch(body["url"]) is None:
        note(problems, ".url", f"string doesn't match the regular expression {pattern.pattern!r}")
    return problems
