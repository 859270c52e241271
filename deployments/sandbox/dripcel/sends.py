"""What Dripcel keeps of a send: the delivery record that polls read, and the send log."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deployments.sandbox.clock import rfc3339
from deployments.sandbox.dripcel.cells import digits_of
from deployments.sandbox.dripcel.switches import DripcelSettings
from deployments.sandbox.ledger import Recipient

PAGINATION_KEYS = {
    # To be confirmed: no page of the provider shows them.
    "camel_case": ("hasNext", "limit", "nextCursor"),
    "snake_case": ("has_next", "limit", "next_cursor"),
}
CURSOR_PARAMETER = "cursor"
"""Ours: the documentation does not say how the next page is asked for."""


@dataclass(slots=True, kw_only=True)
class SmsSend(Recipient):
    """One SMS; `id` is the `customerId`.

    Attributes:
        delivery_id: `_id` of its delivery record.
        send_id: `_id` of the send, which replies and send logs name.
        campaign_id: The campaign that it belongs to.
        states: What it goes through.
        polls: How often its delivery record was shown.
    """

    delivery_id: str
    send_id: str
    campaign_id: str | None
    states: tuple[str, ...]
    polls: int = 0

    def word(self, settings: DripcelSettings, now_seconds: float) -> str:
        """Dripcel's word for where it stands: each poll, or each step of time, leads on; the last state stays."""
        if settings.delivery_steps == "by_poll":
            step = self.polls - 1
        else:
            step = int((now_seconds - self.received_at) / settings.delivery_step_seconds)
        state = self.states[min(max(step, 0), len(self.states) - 1)]
        return settings.status_words.get(state, state)


@dataclass(frozen=True, slots=True)
class SendLog:
    """Who was targeted, never the outcome."""

    id: str
    campaign_id: str | None
    message: str
    start_at: float
    destinations: tuple[str, ...]

    def as_json(self, destinations: Literal["count", "list"]) -> dict[str, Any]:
        """The send log with the number of its destinations, or with the destinations themselves."""
        return {
            "_id": self.id,
            "campaign_id": self.campaign_id,
            "message": self.message,
            "triggeredBy": "api",
            "startDeliveryAt": rfc3339(self.start_at),
            "destinations": list(self.destinations) if destinations == "list" else len(self.destinations),
        }


class Sends:
    """All sends that can be asked for again."""

    def __init__(self) -> None:
        self._by_customer_id: dict[str, SmsSend] = {}
        self._by_phone: defaultdict[str, list[SmsSend]] = defaultdict(list)
        self._recorded: set[str] = set()
        self.logs: dict[str, SendLog] = {}

    def add(self, send: SmsSend, *, has_record: bool) -> None:
        """Keep an SMS; without a record, only replies find it."""
        self._by_phone[send.address].append(send)
        if has_record:
            self._by_customer_id[send.id] = send
            self._recorded.add(send.id)

    def latest_to(self, phone: str) -> SmsSend | None:
        """The send that a reply from this number answers."""
        sends = self._by_phone.get(phone)
        return sends[-1] if sends else None

    def find(self, customer_id: str | None, phone: str | None) -> list[SmsSend]:
        """Sends with a delivery record, oldest first, by either or both."""
        if customer_id is None:
            sends = self._by_phone.get(phone or "", [])
            return [send for send in sends if send.id in self._recorded]
        send = self._by_customer_id.get(customer_id)
        return [send] if send is not None and phone in {None, send.address} else []

    def search_logs(self, campaigns: Collection[str], start_at: tuple[float, float]) -> list[SendLog]:
        """Send logs of any of some campaigns (of all when none is named) within a time, oldest first."""
        first, last = start_at
        return [
            log
            for log in self.logs.values()
            if (not campaigns or log.campaign_id in campaigns) and first <= log.start_at <= last
        ]


def delivery_page(
    sends: Sequence[SmsSend], cursor: int, settings: DripcelSettings, now_seconds: float
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The delivery records of one page, each one poll further on, and its `pagination`."""
    page_rows = len(sends) if settings.deliveries_page == "all" else settings.deliveries_page
    shown = sends[cursor : cursor + page_rows]
    records = []
    for send in shown:
        send.polls += 1
        records.append(
            {
                "_id": send.delivery_id,
                "cell": digits_of(send.address),
                "customerId": send.id,
                "status": send.word(settings, now_seconds),
            }
        )
    if settings.deliveries_page == "all":
        return records, None
    next_place = cursor + len(shown)
    has_next = next_place < len(sends)
    values = (has_next, page_rows, str(next_place) if has_next else None)
    return records, dict(zip(PAGINATION_KEYS[settings.pagination_keys], values, strict=True))
