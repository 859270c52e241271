"""What Octopush tells by itself: the life of every message, STOPs and replies, to one URL for all of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any, TypeVar, overload
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from deployments.sandbox.clock import Clock
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.octopush.switches import CallbackWord, OctopushSettings
from deployments.sandbox.pushing import Push, Pusher

BLACKLISTED = "BLACKLISTED_NUMBER"

WordT = TypeVar("WordT", bound=str)

_FIRST_WORD = "ACK"
_SIM_CARD_NUMBER = "12345"
_NOT_IN_OLD_FORM = frozenset({"list_name", "unit_price"})
_JSON_HEADERS = MappingProxyType({"content-type": "application/json"})
_FORM_HEADERS = MappingProxyType({"content-type": "application/x-www-form-urlencoded"})


@dataclass(frozen=True, slots=True)
class Life:
    """What the messages of one ticket have in common.

    Attributes:
        settings: The switches when the campaign was taken: turning them later does not rewrite the past.
        begins_at: Unix time of the sending.
    """

    settings: OctopushSettings
    begins_at: float

    def words(self, recipient: Recipient) -> Sequence[str]:
        """The statuses that the message goes through."""
        if recipient.status == BLACKLISTED:
            return (BLACKLISTED,)
        scripted = self.settings.delivery_statuses.get(recipient.address)
        if scripted is not None:
            return scripted
        outcomes = self.settings.outcomes
        drawn = _draw(self.settings, recipient.address)[0] * sum(outcomes.values())
        return (_FIRST_WORD, _pick(outcomes, drawn, otherwise=next(reversed(outcomes))))

    def reached_at(self, step: int) -> float:
        """When the message comes to the status of that number, counted from 0; Unix time."""
        return self.begins_at + (step + 1) * self.settings.callback_delay_seconds

    def word_at(self, recipient: Recipient, now_seconds: float) -> str:
        """Where the message stands, whether or not anybody was told; when nothing came yet, as it was taken."""
        reached = [word for step, word in enumerate(self.words(recipient)) if self.reached_at(step) <= now_seconds]
        return reached[-1] if reached else recipient.status


class Callbacks:
    """The callbacks of one account, and the truth that they tell or fail to tell.

    Args:
        pusher: Makes them.
        clock: Where the time is read.
    """

    def __init__(self, pusher: Pusher, clock: Clock) -> None:
        self._pusher = pusher
        self._clock = clock
        self._lives: dict[str, Life] = {}

    async def follow(self, recipients: Sequence[Recipient], settings: OctopushSettings, begins_at: float) -> None:
        """Tell of the messages of one campaign, from now on.

        Ends when the callbacks that are to arrive before the send's own answer were answered.

        Args:
            recipients: All with the same ticket.
            settings: The switches in force.
            begins_at: Unix time of the sending.
        """
        url = settings.callback_url
        if not recipients or url is None:
            return
        life = self._lives[recipients[0].id] = Life(settings, begins_at)
        wait_seconds = begins_at - self._clock.now()
        early: list[list[Recipient]] = []
        later: list[list[Recipient]] = []
        for recipient in recipients:
            mode = _mode(settings, recipient.address)
            rounds = early if mode == "before_response" and wait_seconds <= 0 else later
            steps_count = len(life.words(recipient))
            while len(rounds) < steps_count:
                rounds.append([])
            for number, waiting in enumerate(rounds[:steps_count]):
                if _step(mode, steps_count, number) is not None:
                    waiting.extend([recipient] * (2 if mode == "duplicate" else 1))
        delay_seconds = settings.callback_delay_seconds
        self._pusher.push_in_rounds(
            [_Deliveries(url, life, number, waiting) for number, waiting in enumerate(later)],
            max(wait_seconds, 0.0) + delay_seconds,
            delay_seconds,
        )
        await self._pusher.push_in_rounds_now(
            [_Deliveries(url, life, number, waiting) for number, waiting in enumerate(early)]
        )

    def word_for(self, recipient: Recipient) -> str:
        """Where a message stands: the word of its last callback by now, whether it was made, lost or is late."""
        life = self._lives.get(recipient.id)
        return life.word_at(recipient, self._clock.now()) if life else recipient.status

    def tell_stop(self, settings: OctopushSettings, number: str, ticket: str | None, text: str) -> None:
        """Tell that a person opted out."""
        fields = {"text": text, "stop_date": self._local_now(settings)}
        self._tell(settings, {"message_id": ticket or "", "number": number, **fields})

    def tell_reply(self, settings: OctopushSettings, number: str, ticket: str | None, text: str) -> None:
        """Tell what a person answered."""
        fields = {
            "text": text,
            "sim_card_number": _SIM_CARD_NUMBER,
            settings.reply_date_name: self._local_now(settings),
        }
        self._tell(settings, {**({"message_id": ticket} if ticket else {}), "number": number, **fields})

    def _tell(self, settings: OctopushSettings, fields: Mapping[str, Any]) -> None:
        if settings.callback_url is None:
            return
        is_doubled = _mode(settings, fields["number"]) == "duplicate"
        for _ in range(2 if is_doubled else 1):
            self._pusher.push(_push(settings.callback_url, settings, fields))

    def _local_now(self, settings: OctopushSettings) -> str:
        return _local(self._clock.now(), settings)


class _Deliveries(Sequence[Push]):
    """The delivery callbacks of one round, each made when it leaves: only its recipient waits in memory."""

    def __init__(self, url: str, life: Life, number: int, recipients: Sequence[Recipient]) -> None:
        self._url = url
        self._life = life
        self._number = number
        self._recipients = recipients

    def __len__(self) -> int:
        return len(self._recipients)

    @overload
    def __getitem__(self, position: int) -> Push: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Push]: ...
    def __getitem__(self, position: int | slice) -> Push | Sequence[Push]:
        if isinstance(position, slice):
            return _Deliveries(self._url, self._life, self._number, self._recipients[position])
        recipient, life = self._recipients[position], self._life
        words = life.words(recipient)
        step = _step(_mode(life.settings, recipient.address), len(words), self._number)
        assert step is not None  # noqa: S101  # `follow` put only those into the round that are told of in it
        fields: dict[str, Any] = {
            "channel": "sms",
            "message_id": recipient.id,
            "list_name": recipient.reference,
            "number": recipient.address,
            "status": words[step],
            "unit_price": float(recipient.cost),
            # When it happened, not when it is told: repeated or late, it is the same event.
            "delivery_date": _local(life.reached_at(step), life.settings),
            "meta_data": {},
        }
        if life.settings.callback_body == "old_json":
            fields = {name: value for name, value in fields.items() if name not in _NOT_IN_OLD_FORM}
        return _push(self._url, life.settings, fields)


def _push(url: str, settings: OctopushSettings, fields: Mapping[str, Any]) -> Push:
    if settings.callback_body == "form":
        body = urlencode({name: value for name, value in fields.items() if value not in (None, {})})
    else:
        body = json.dumps(fields)
    return Push(
        url,
        body.encode(),
        _FORM_HEADERS if settings.callback_body == "form" else _JSON_HEADERS,
        attempts=1 if settings.callback_retry == "none" else 1 + settings.callback_retry,
        retry_seconds=settings.callback_retry_seconds,
        timeout_seconds=settings.callback_timeout_seconds,
    )


def _step(mode: CallbackWord, steps_count: int, number: int) -> int | None:
    """Which step of a message the round of that number tells of; None when it is silent about the message."""
    if mode == "lost" or (mode == "final_only" and number != steps_count - 1):
        return None
    return steps_count - 1 - number if mode == "reorder" else number


def _mode(settings: OctopushSettings, number: str) -> CallbackWord:
    if isinstance(settings.callbacks, str):
        return settings.callbacks
    return _pick(settings.callbacks, _draw(settings, number)[1], otherwise="once")


def _draw(settings: OctopushSettings, number: str) -> tuple[float, float]:
    """Two dice from 0 to 1; the same number always throws the same ones."""
    digest = hashlib.blake2b(f"{settings.faults.seed}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4]) / 2**32, int.from_bytes(digest[4:]) / 2**32


def _pick(shares: Mapping[WordT, float], drawn: float, *, otherwise: WordT) -> WordT:
    for word, share in shares.items():
        if drawn < share:
            return word
        drawn -= share
    return otherwise


def _local(unix_seconds: float, settings: OctopushSettings) -> str:
    zone: tzinfo = UTC if settings.date_zone == "UTC" else ZoneInfo(settings.date_zone)
    return datetime.fromtimestamp(unix_seconds, zone).strftime("%Y-%m-%d %H:%M:%S")
