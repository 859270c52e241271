"""What a person's reply says, whether it was asked for or came through a hook."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.messaging.statuses import Channel
from tasks.providers.callbacks import digest_of
from tasks.providers.reports import ConsentReport, ReplyReport

OPT_IN, OPT_OUT = "optin", "optout"

_OPT_OUT_WORD = re.compile(r"(?<!\w)(?:stop|delete|remove|no|opt-out|out)(?!\w)", re.IGNORECASE)
_OPT_IN_WORD = re.compile(r"(?<!\w)yes(?!\w)", re.IGNORECASE)
_NO_LETTER = re.compile(r"[^a-z]")
_NO_DIGIT = re.compile(r"[^0-9]")
_SUBSCRIBER_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_TRUNK_PREFIX, _INTERNATIONAL_PREFIX = "0", "00"
_HOME_CALLING_CODE = "27"
_KEY_MAX_CHARS = 100
_PLAUSIBLE_YEARS = range(2000, 2100)
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply to an SMS.

    Attributes:
        address: E.164.
        kind: Dripcel's word, however it is spelled; where it is missing, the text is read instead.
        at: None when it is not told.
        dedupe_key: Equal for the same reply through whichever door it comes.
    """

    address: str
    text: str
    kind: str | None
    at: datetime | None
    dedupe_key: str

    def reports(self, source: str) -> list[ConsentReport | ReplyReport]:
        """The reply, and whether the person opts out or in.

        `UserReference`, the send that was answered, is left out: nothing says that it is the `customerId` by which
        the ledger knows a message.
        """
        reply = ReplyReport(
            channel=Channel.SMS,
            address=self.address,
            text=self.text,
            at=self.at,
            dedupe_key=self.dedupe_key,
        )
        consent = self.consent
        if consent is None:
            return [reply]
        opts_in = consent == OPT_IN
        at = self.at
        if at is not None and not opts_in:
            # One reply can be told as an opt-in and then, put into another class, as an opt-out, both at the time
            # at which it came; and the opt-out has to hold.
            at += _A_MOMENT
        return [
            reply,
            ConsentReport(channel=Channel.SMS, address=self.address, is_opt_in=opts_in, at=at, source=source),
        ]

    @property
    def consent(self) -> str | None:
        """`optin`, `optout`, or None: by Dripcel's word, or by its rule where the word is missing."""
        if self.kind is None:
            return classify(self.text)
        kind = _NO_LETTER.sub("", self.kind.lower())
        return kind if kind in {OPT_IN, OPT_OUT} else None


def classify(text: str) -> str | None:
    """What a text says by Dripcel's documented words; those that stop win, because Dripcel does not say which do.

    Whole words only: "contains no" would take "I know" for an opt-out. Words that an organisation added are not
    known here; Dripcel's own verdict comes with `replies/search`.
    """
    if _OPT_OUT_WORD.search(text):
        return OPT_OUT
    return OPT_IN if _OPT_IN_WORD.search(text) else None


def name_of(kind: str, key: str) -> str:
    """A dedupe key: of a reply whose id is known, or of an attempt to tell of it."""
    return f"{kind}:{key if len(key) <= _KEY_MAX_CHARS else digest_of(key)}"


def clean_text(text: str) -> str:
    """A text as every database can keep it: no NUL, no half of a surrogate pair, as a torn emoji leaves one."""
    return text.replace("\0", "\ufffd").encode("utf-8", errors="replace").decode()


def read_number(msisdn: str) -> str | None:
    """The number in E.164 form; None where it is none.

    Args:
        msisdn: Digits with the calling code (`27710000123`). A local one is South African, as those in Dripcel's
            examples: an opt-out must not be lost for its spelling.
    """
    digits = _NO_DIGIT.sub("", msisdn)
    if digits.startswith(_INTERNATIONAL_PREFIX):
        digits = digits.removeprefix(_INTERNATIONAL_PREFIX)
    elif digits.startswith(_TRUNK_PREFIX):
        digits = _HOME_CALLING_CODE + digits.removeprefix(_TRUNK_PREFIX)
    return f"+{digits}" if _SUBSCRIBER_NUMBER.fullmatch(digits) else None


def read_time(value: str | None) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone; None where it is something else."""
    try:
        at = datetime.fromisoformat((value or "").strip())
    except ValueError:
        return None
    if at.year not in _PLAUSIBLE_YEARS:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
