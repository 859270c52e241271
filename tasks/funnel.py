"""The way from a row of the list to a message that arrived, and what fell out at each step."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.messaging.statuses import MessageStatus
from tasks.store.account import RunAccount

EXCLUDED = "excluded"
"""The one thing that a row can become besides a message."""


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """How many came this far.

    Attributes:
        fell_out: Of the step before, what did not come this far: (word, count), counts above 0 only.
            `rows read` comes first, so nothing fell out before it.
    """

    name: str
    count: int
    meaning: str
    fell_out: tuple[tuple[str, int], ...] = ()


_NOT_HANDED_OVER = (
    MessageStatus.PLANNED,
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.CANCELLED,
    MessageStatus.FAILED,
    MessageStatus.REJECTED,
)
_NOT_SENT = (MessageStatus.ACCEPTED, MessageStatus.SCHEDULED, MessageStatus.UNCONFIRMED)
_NOT_DELIVERED = (MessageStatus.SENT, MessageStatus.UNDELIVERED)


def funnel_of(account: RunAccount) -> list[FunnelStep]:
    """Rows read -> messages -> handed over -> sent -> delivered.

    Every row is counted where it fell out, once, by where it stands now: a message without any receipt has come as
    far as `handed over`, because nobody said that it went further.
    """
    return [
        FunnelStep("rows read", account.rows_read, "rows of the contact file, without its header"),
        FunnelStep(
            "messages",
            account.messages,
            "rows with somebody to write to",
            ((EXCLUDED, account.excluded),) if account.excluded else (),
        ),
        _step(account, "handed over", "the provider took them", _NOT_HANDED_OVER),
        _step(account, "sent", "the provider says that they left for the handset or mailbox", _NOT_SENT),
        _step(account, "delivered", "the provider says that they arrived", _NOT_DELIVERED),
    ]


_FURTHER = {
    "handed over": (*_NOT_SENT, *_NOT_DELIVERED, MessageStatus.DELIVERED),
    "sent": (*_NOT_DELIVERED, MessageStatus.DELIVERED),
    "delivered": (MessageStatus.DELIVERED,),
}


def _step(account: RunAccount, name: str, meaning: str, lost: Sequence[MessageStatus]) -> FunnelStep:
    fell_out = tuple((str(status), count) for status in lost if (count := account.count(status)))
    return FunnelStep(name, account.count(*_FURTHER[name]), meaning, fell_out)
