"""The interface of asking a provider: what became of messages, whether it has one, who opted out.

Reading needs no campaign, so a reader is built from credentials alone; what it has no answer to, its class says.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import httpx

from tasks.providers.base import Connected, ProviderCredentials
from tasks.providers.http import RetryPolicy
from tasks.providers.reports import ConsentReport, Finding, HandedOver, ReplyReport, StatusReport


class ProviderReader(Connected, ABC):
    """Base of the readers. Use as an async context manager.

    Every method that asks is an async iterator: what one page said is yielded before the next one is asked for, so
    the caller can keep it. A `ProviderError` ends the asking; what was yielded before it holds.

    Args of the constructor:
        credentials: An instance of the adapter's `Credentials`.
        transport: Replaces the network, for tests.
        retry: Bounds of the retries inside one request.

    Attributes:
        can_poll_status: `fetch_statuses` has answers.
        can_look_up: `find` has answers.
        finds_by_elimination: `find` knows a message only as one that no other message of the ledger accounts for.
        lookup_grace: Only after this time is a message that `find` does not see provably absent.
        can_list_opt_outs: `fetch_opt_outs` has answers.
        opt_out_overlap: How far back before the last asking the next one reaches: what is told late, or told
            again differently, is not missed.
        imports_report: `read_report` can read a file that somebody exported from the provider's console.
        poll_after: How old a message is when it is first asked about.
        poll_pause: The longest pause between two questions about one message; it grows with the message's age.
        questions_at_once: How many messages are asked about in one go, of which a stop loses nothing but time.
        max_requests_per_second: Documented limit of reading requests, None where none is documented.
        rate_window_seconds: In which that limit is counted.
        shares_sending_rate: Reading and sending draw on one limit.
    """

    can_poll_status: ClassVar[bool] = False
    can_look_up: ClassVar[bool] = False
    finds_by_elimination: ClassVar[bool] = False
    lookup_grace: ClassVar[timedelta] = timedelta(minutes=2)
    can_list_opt_outs: ClassVar[bool] = False
    opt_out_overlap: ClassVar[timedelta] = timedelta(days=1)
    imports_report: ClassVar[bool] = False
    poll_after: ClassVar[timedelta] = timedelta(seconds=30)
    poll_pause: ClassVar[timedelta] = timedelta(hours=6)
    questions_at_once: ClassVar[int] = 2000
    max_requests_per_second: ClassVar[float | None] = None
    rate_window_seconds: ClassVar[float] = 1.0
    shares_sending_rate: ClassVar[bool] = True

    @abstractmethod
    def __init__(
        self,
        credentials: ProviderCredentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None: ...

    def fetch_statuses(self, messages: Sequence[HandedOver]) -> AsyncIterator[Sequence[StatusReport]]:
        """Ask what became of messages, the cheapest way first; reports about other messages may be among them.

        Args:
            messages: At most some thousands, in the order in which they were handed over.

        Raises:
            ProviderError: Asking failed.
        """
        del messages
        raise NotImplementedError

    def find(self, messages: Sequence[HandedOver], known_ids: frozenset[str]) -> AsyncIterator[Sequence[Finding]]:
        """Search for messages whose answer was lost; one finding for each of them.

        Args:
            messages: They are `unknown`, and older than `lookup_grace`.
            known_ids: The provider's ids, of messages and requests, that belong to other messages of the ledger.

        Raises:
            ProviderError: Asking failed.
        """
        del messages, known_ids
        raise NotImplementedError

    def fetch_opt_outs(self, since: datetime) -> AsyncIterator[Sequence[ConsentReport | ReplyReport]]:
        """Ask who opted out or in, or answered, since then (`opt_out_overlap` is already part of it).

        Raises:
            ProviderError: Asking failed.
        """
        del since
        raise NotImplementedError

    @classmethod
    def read_report(
        cls, rows: Iterable[Mapping[str, str]], columns: Mapping[str, str] | None = None
    ) -> Iterable[StatusReport]:
        """Read a report that somebody exported from the provider's console.

        Args:
            rows: Cells by header, as text.
            columns: Header by meaning, where the header is not recognised.

        Raises:
            UnreadableReport: A column that is needed is not there.
        """
        del rows, columns
        raise NotImplementedError


class UnreadableReport(Exception):
    """A report file lacks a column that is needed. Its text names it, and what would be recognised."""
