"""What indigitall's answers mean: its envelope, its refusals of single contacts, and its errors."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.providers.answers import Answer, classify_by_status, describe, quote
from tasks.providers.base import OutboundMessage
from tasks.providers.errors import (
    CredentialsRejected,
    CreditExhausted,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    RequestRejected,
)
from tasks.providers.indigitall.names import ERRORS_NAME, SENDING_ID_NAMES, Name

_STATUS_CODE = "statusCode"
_MESSAGE = "message"
_DATA = "data"

NOT_FOUND = "not_found"
"""The reason of a refusal: indigitall has no such object."""

_FIRST_PAUSE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Rule:
    """What an answer means when its message has these words.

    Attributes:
        hint: What the message leaves out, for a person.
    """

    statuses: frozenset[int]
    words: re.Pattern[str]
    error: type[ProviderError]
    reason: str
    hint: str = ""


_RULES = (
    # No answer about money was ever seen. Not the name of a field that a schema check quotes, or has in a path.
    _Rule(
        frozenset({400, 402, 403, 409, 422}),
        re.compile(r"(?<![\w'\"/.])(?:balance|saldo|funds|credits?)(?![\w'\"/]|\.\w)", re.IGNORECASE),
        CreditExhausted,
        "no_credit",
    ),
    _Rule(
        frozenset({401}),
        re.compile(""),
        CredentialsRejected,
        "auth",
        hint="the server key is wrong, or the base URL is of another region",
    ),
    # "Operation forbidden, ..." is said of a span of dates that is too large.
    _Rule(frozenset({403}), re.compile(r"\bdays?\b", re.IGNORECASE), RequestRejected, "bad_request"),
    # indigitall's own word of an object that does not exist: of a send, the campaign.
    _Rule(
        frozenset({404}),
        re.compile(r"^(?!Route )."),
        RequestRejected,
        NOT_FOUND,
        hint="is there such a campaign?",
    ),
    # Any other 404 ("Route POST:/... not found", or not indigitall's): the API is not at this address. Nothing was
    # processed, and every request of the run would fare alike.
    _Rule(
        frozenset({404}),
        re.compile(""),
        CredentialsRejected,
        "no_such_path",
        hint="is the base URL right?",
    ),
)
"""The first one that fits counts; where none does, the HTTP status alone (400, 409: `bad_request`; 402: no credit;
403: `auth`; 429: told to wait; 5xx: perhaps accepted)."""


def classify_indigitall(answer: Answer) -> ProviderError | None:
    """What an answer means.

    Every 2xx with the envelope was taken: what else stands in a good answer is not documented.
    """
    if answer.is_success:
        return _find_doubt(answer)
    message = answer.get(_MESSAGE)
    for rule in _RULES:
        if answer.status in rule.statuses and rule.words.search(str(message or "")):
            explanation = "; ".join(str(part) for part in (message, rule.hint) if part) or None
            return rule.error(
                describe(answer, explanation=explanation), reason=rule.reason, raw_status=str(answer.status)
            )
    return classify_by_status(answer, explanation=message)


class PatientClassifier:
    """`classify_indigitall`, where a throttle that names no pause asks for 15 s, and twice as long each time."""

    def __init__(self) -> None:
        self._throttled_in_a_row = 0

    def __call__(self, answer: Answer) -> ProviderError | None:
        error = classify_indigitall(answer)
        if not isinstance(error, ProviderThrottled):
            self._throttled_in_a_row = 0
            return error
        if error.retry_after_seconds is None:
            pause_seconds = _FIRST_PAUSE_SECONDS * 2.0**self._throttled_in_a_row
            error.retry_after_seconds = min(pause_seconds, _LONGEST_PAUSE_SECONDS)
        self._throttled_in_a_row += 1
        return error


def _find_doubt(answer: Answer) -> OutcomeUnknown | None:
    raw_status = str(answer.status)
    said = answer.get(_STATUS_CODE)
    if said is None and answer.get(_DATA) is None:
        message = f"{describe(answer, explanation=answer.get(_MESSAGE))}: not indigitall's envelope"
        return OutcomeUnknown(message, reason="no_envelope", raw_status=raw_status)
    if isinstance(said, int) and not 200 <= said < 300:  # noqa: PLR2004  # HTTP's own classes
        message = f"{describe(answer, explanation=answer.get(_MESSAGE))}: the body says {said}"
        return OutcomeUnknown(message, reason="contradictory_answer", raw_status=str(said))
    return None


def read_sending_id(answer: Answer) -> str | None:
    """The id of the sending that a request became; None where the answer does not tell, which is no error."""
    data = answer.get(_DATA)
    if not isinstance(data, dict):
        return None
    ids = (data.get(name) for name in SENDING_ID_NAMES)
    return next((str(found) for found in ids if found and type(found) in {int, str}), None)


@dataclass(frozen=True, slots=True)
class Refusals:
    """Contacts that an accepting answer says were refused. The words are safe to show.

    Attributes:
        named: What was said, by the message's reference.
        unnamed: What was said in entries that name none of the contacts.
    """

    named: Mapping[str, str]
    unnamed: Sequence[str] = ()

    @property
    def count(self) -> int:
        """How many contacts were refused, as far as can be told."""
        return len(self.named) + len(self.unnamed)


def read_refusals(
    answer: Answer, messages: Sequence[OutboundMessage], contacts: Sequence[dict[str, Any]]
) -> Refusals:
    """Who was refused.

    The form of an entry is not documented, so it is searched for what the request said of its contacts. An entry
    that names none of them makes nobody refused: one of them was, and it is not known which.

    Args:
        answer: A 2xx.
        messages: What was sent.
        contacts: The same as members of the request.
    """
    data = answer.get(_DATA)
    entries = data.get(ERRORS_NAME) if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        return Refusals({})
    if len(messages) == 1:
        return Refusals({messages[0].reference: _words_of(entries[0])})
    index = _ContactIndex(messages, contacts)
    named: dict[str, str] = {}
    unnamed: list[str] = []
    for entry in entries:
        references = index.find(entry)
        named |= dict.fromkeys(references, _words_of(entry))
        if not references:
            unnamed.append(_words_of(entry))
    return Refusals(named, unnamed)


class _ContactIndex:
    """Finds the messages that an entry of `data.errors` is about."""

    def __init__(self, messages: Sequence[OutboundMessage], contacts: Sequence[dict[str, Any]]) -> None:
        self._by_reference = {message.reference: message.reference for message in messages}
        self._by_address = {
            message.address.lstrip("+"): message.reference for message in messages if message.address
        }
        # Not unique: many countries have the same national digits, and an external code may stand twice.
        self._by_member: dict[tuple[str, str], list[str]] = {}
        for message, contact in zip(messages, contacts, strict=True):
            for name in (Name.PHONE_NUMBER, Name.EXTERNAL_CODE):
                if name in contact:
                    self._by_member.setdefault((name, contact[name]), []).append(message.reference)

    def find(self, entry: Any) -> set[str]:
        """References of the messages, by what names them most surely."""
        leaves = list(_leaves(entry))
        words = {word.lstrip("+") for _, text in leaves for word in (text, *_WORD.findall(text))}
        for references in (self._by_reference, self._by_address):
            if named := {references[word] for word in words & references.keys()}:
                return named
        candidates = [self._by_member.get(leaf, []) for leaf in leaves]
        return {found[0] for found in candidates if len(found) == 1}


_WORD = re.compile(r"[^\s,;:'\"()\[\]{}]+")


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text or number in a JSON value, each with the name of the member that it stands in."""
    if isinstance(value, dict):
        for member_name, member in value.items():
            yield from _leaves(member, member_name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value is not None and not isinstance(value, bool):
        yield name, str(value)


def _words_of(entry: Any) -> str:
    said = entry.get(_MESSAGE) if isinstance(entry, dict) else entry
    return quote(str(entry if said is None else said))
