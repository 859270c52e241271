"""What Dripcel's delivery words mean.

No page of Dripcel lists the values of `status`. The table is what such words say in the trade; an organisation
that sees others sets `DripcelCredentials.status_words`. A word in neither changes nothing: it is kept and counted,
and the message is asked about again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.messaging.statuses import MessageStatus
from tasks.messaging.strict_model import nearest


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word says of a message."""

    status: MessageStatus
    reason: str | None = None


_PENDING = Meaning(MessageStatus.ACCEPTED)
_SENT = Meaning(MessageStatus.SENT)
_UNDELIVERED = Meaning(MessageStatus.UNDELIVERED, "not_delivered")
_FAILED = Meaning(MessageStatus.FAILED, "provider_error")
_OPTED_OUT = Meaning(MessageStatus.REJECTED, "opted_out")
_CANCELLED = Meaning(MessageStatus.CANCELLED)

_MEANINGS: Mapping[str, Meaning] = {
    "pending": _PENDING,
    "queued": _PENDING,
    "scheduled": Meaning(MessageStatus.SCHEDULED),
    "sent": _SENT,
    "submitted": _SENT,
    "delivered": Meaning(MessageStatus.DELIVERED),
    "undelivered": _UNDELIVERED,
    "undeliverable": _UNDELIVERED,
    "expired": Meaning(MessageStatus.UNDELIVERED, "expired"),
    "failed": _FAILED,
    "error": _FAILED,
    "rejected": Meaning(MessageStatus.REJECTED, "refused"),
    "opted_out": _OPTED_OUT,
    "optout": _OPTED_OUT,
    "skipped": Meaning(MessageStatus.REJECTED, "not_a_contact"),
    "cancelled": _CANCELLED,
    "canceled": _CANCELLED,
}

_REPORTABLE = {
    meaning.status.value: meaning
    for meaning in (
        _PENDING,
        Meaning(MessageStatus.SCHEDULED),
        _SENT,
        Meaning(MessageStatus.DELIVERED),
        _UNDELIVERED,
        _FAILED,
        Meaning(MessageStatus.REJECTED, "refused"),
        _CANCELLED,
    )
}
"""The statuses that a provider can report, with the reason where the word itself gives none."""


def check_status_words(words: Mapping[str, str]) -> dict[str, str]:
    """Words of an organisation's own, in the form in which they are looked up.

    Args:
        words: Dripcel's word to the value of a `MessageStatus` that a provider can report.

    Raises:
        ValueError: A word is empty or given twice, or a status is none that a provider reports; it names them.
    """
    checked: dict[str, str] = {}
    for word, status in words.items():
        key = _normalise(word)
        if not key or key in checked:
            raise ValueError(f"the word {word!r} is {'given twice' if key else 'empty'}")
        if status not in _REPORTABLE:
            raise ValueError(
                f"{word!r} stands for {status!r}, which no provider reports; {nearest(status, _REPORTABLE)}"
            )
        checked[key] = status
    return checked


def meanings_with(status_words: Mapping[str, str] | None) -> Mapping[str, Meaning]:
    """The table, with an organisation's own words (from `check_status_words`) added or put in its place.

    A word that keeps its status keeps its reason: whoever writes down the table as it is changes nothing.
    """
    own = {
        word: _MEANINGS[word] if word in _MEANINGS and _MEANINGS[word].status == status else _REPORTABLE[status]
        for word, status in (status_words or {}).items()
    }
    return {**_MEANINGS, **own}


def read_word(word: str, meanings: Mapping[str, Meaning]) -> Meaning | None:
    """What a word says, capitals or not; None where it is in no table."""
    return meanings.get(_normalise(word))


def _normalise(word: str) -> str:
    return word.strip().casefold()
