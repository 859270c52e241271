"""What the words of indigitall's report mean: the SMPP message states, as carriers give them."""

import re

from tasks.contacts.truth_words import fold
from tasks.messaging.statuses import MessageStatus

_STATUSES: dict[str, tuple[MessageStatus, str | None]] = {
    # Seen in reports.
    "DELIVRD": (MessageStatus.DELIVERED, None),
    "UNDELIV": (MessageStatus.UNDELIVERED, "not_delivered"),
    "REJECTD": (MessageStatus.REJECTED, "refused_by_carrier"),
    # The other states of the same list (SMPP 3.4, appendix B).
    "EXPIRED": (MessageStatus.UNDELIVERED, "expired"),
    "DELETED": (MessageStatus.CANCELLED, "deleted"),
    "ACCEPTD": (MessageStatus.SENT, None),
    "ENROUTE": (MessageStatus.SENT, None),
}
"""Status and reason by word. `UNKNOWN` is in that list of states too, and says nothing: it is not here."""

_OPTED_OUT = re.compile(
    r"\b(?:black ?list(?:ed)?|block ?listed|opt(?:ed)? ?out|unsubscribed?|do not (?:call|contact|disturb)|dnd"
    r"|lista negra|lista robinson|desuscrit[oa]|suscripcion cancelada)\b"
)
_NOT_ABOUT_THE_PERSON = re.compile(
    r"\b(?:sender|source|originator|route|url|link|domain|content|text|word|keyword|template|ip"
    r"|remitente|emisor|ruta|enlace|dominio|contenido|texto|palabra|plantilla)s?\b"
)
_NUMBER = re.compile(r"\d{4,}")
_REASON_MAX_WORDS = 5


def read_word(word: str, description: str = "") -> tuple[MessageStatus | None, str | None]:
    """What a status word says.

    Args:
        word: As in the report.
        description: The report's error description.

    Returns:
        The status, None for a word that is not in the table; and the reason, None where there is none. A refusal
        is explained by its description: `opted_out` where that says so of the person, else its first words.
    """
    status, reason = _STATUSES.get(word.strip().upper(), (None, None))
    if status not in {MessageStatus.REJECTED, MessageStatus.UNDELIVERED}:
        return status, reason
    said = fold(description)
    # A suppression follows from this reason. That a sender or a link is on a black list is not about the person.
    if _OPTED_OUT.search(said) and not _NOT_ABOUT_THE_PERSON.search(said):
        return status, "opted_out"
    if status is MessageStatus.REJECTED:
        return status, _as_reason(said) or reason
    return status, reason


def _as_reason(said: str) -> str:
    """The first words, without numbers: they would be somebody's, or make a reason of its own of each message."""
    return "_".join(_NUMBER.sub(" ", said).split()[:_REASON_MAX_WORDS])
