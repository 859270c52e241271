"""Bird's list of a channel's messages: one query, and its pages.

Source: clients of the API; its page documents `limit` and `pageToken` alone. Over 7 days a window is refused.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tasks.providers.answers import Answer
from tasks.providers.bird.answers import explain_refusal
from tasks.providers.errors import ProviderError
from tasks.providers.http import HttpClient

PAGE_LIMIT = 100
"""The most that is documented; clients have seen 1000."""
MAX_WINDOW = timedelta(days=7)

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which messages to list: those made from `start_at` to `end_at`, at most 7 days; to or from one number."""

    start_at: datetime
    end_at: datetime
    phone_number: str | None = None

    def params(self) -> dict[str, str]:
        """The query parameters, without those of paging."""
        params = {
            "limit": str(PAGE_LIMIT),
            "startAt": _rfc3339(self.start_at),
            "endAt": _rfc3339(self.end_at),
        }
        return params if self.phone_number is None else {**params, "phonenumber": self.phone_number}


class MessageList:
    """Reads a channel's messages.

    Args:
        client: Where they are.
        channel_path: `/workspaces/{id}/channels/{id}`.
    """

    def __init__(self, client: HttpClient, channel_path: str) -> None:
        self._client = client
        self._path = f"{channel_path}/messages"

    async def pages(self, query: Query) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The message objects, a page at a time, in the order that Bird gives them.

        Raises:
            ProviderError: A page was not given, or is no list of message objects.
        """
        params, tokens = query.params(), set[str]()
        while True:
            answer = await self._client.request_json(
                "GET", self._path, params=params, classify=_classify_page, repeatable=True
            )
            yield answer.get("results")
            token = answer.get("nextPageToken")
            # A token that came before would lead in circles for ever.
            if not token or str(token) in tokens:
                return
            tokens.add(str(token))
            params = {**params, "pageToken": str(token)}

    async def read(self, message_id: str) -> Mapping[str, Any] | None:
        """One message object; None where Bird has no such message.

        Raises:
            ProviderError: It was not given.
        """
        answer = await self._client.request_json(
            "GET", f"{self._path}/{quote(message_id, safe='')}", classify=_classify_message, repeatable=True
        )
        found: Mapping[str, Any] | None = None if answer.status == _NOT_FOUND else answer.body
        return found


def windows(start_at: datetime, end_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time from `start_at` to `end_at` in pieces that a query may ask for, in order."""
    while start_at < end_at:
        until = min(start_at + MAX_WINDOW, end_at)
        yield start_at, until
        start_at = until


def _classify_page(answer: Answer) -> ProviderError | None:
    results = answer.get("results")
    is_page = isinstance(results, list) and all(isinstance(message, dict) for message in results)
    return None if answer.is_success and is_page else explain_refusal(answer, without="results")


def _classify_message(answer: Answer) -> ProviderError | None:
    if answer.status == _NOT_FOUND or (answer.is_success and isinstance(answer.body, dict)):
        return None
    return explain_refusal(answer, without="message_id")


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
